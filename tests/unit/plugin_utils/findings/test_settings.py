# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is set for the login, and what that will mean one day: in every family's own names, by what is in effect, with what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    Answer,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    findings,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import completed

from tests.unit.plugin_utils.findings.rows import live
from tests.unit.plugin_utils.findings.scene import case, merged

IBC, IBCONTROLLER, IBG, IBGA, EXTRANGE = "gnzsnz-ibc", "gnzsnz-ibcontroller", "ibg-controller", "ibga", "extrange"
CONTROLLERS = {IBC: "ibc", EXTRANGE: "ibc", "manhinhang": "ibc", IBCONTROLLER: "ibcontroller"}


def of(family: str | None, endpoint: str | None = "live", **environment: str) -> dict[str, Any]:
    """A gateway of that family with that environment, of whose log nothing could be read."""
    bare = dict.fromkeys(("TRADING_MODE", "JAVA_HEAP_SIZE", "EXISTING_SESSION_DETECTED_ACTION", "TWS_USERID"))
    return {
        "gateway": {"family": {"name": family, "controller": CONTROLLERS.get(family or "", family)}},
        "container": {"environment": {**bare, **environment}},
        "logscan": {"gateways": []},
        "declared": {"trading_mode": endpoint},
        "api": {"endpoint": endpoint, "account_mode": endpoint},
    }


def ask(code: str, *changes: dict[str, Any]) -> Answer:
    together: dict[str, Any] = {}
    for each in changes:
        together = merged(together, each)
    return findings()[code].prove(case(**together))


def said(answer: Answer) -> str:
    """All that an answer says."""
    if isinstance(answer, (NotApplicable, NotKnown)):
        return answer.reason
    assert answer is not None
    change = answer.change if isinstance(answer, Proof) else None
    return " | ".join((answer.summary, *(each.quote for each in answer.evidence), change.defined if change else ""))


PAPER = {"log": {"settings": {"TradingMode": "paper"}}}

#: The rule, what is seen, the kind of its answer, and words of it.
ANSWERS: list[tuple[str, dict[str, Any], type, str]] = [
    # a push that nobody approves
    ("relogin_off", of(IBC, "paper"), NotApplicable, "no second factor"),
    ("relogin_off", of(IBC, None), NotKnown, "live or paper"),
    ("relogin_off", of(IBC), Proof, "RELOGIN_AFTER_TWOFA_TIMEOUT=yes"),
    ("relogin_off", of(IBC), Proof, "costs a push every few minutes"),
    ("relogin_off", of(IBC, TWOFA_TIMEOUT_ACTION="restart"), Proof, "restart alone does nothing"),
    ("relogin_off", of(IBC, RELOGIN_AFTER_TWOFA_TIMEOUT="yes"), Passed, "a push every few minutes"),
    ("relogin_off", of(EXTRANGE, None), Proof, "IBC_ReloginAfterSecondFactorAuthenticationTimeout=yes"),
    ("relogin_off", of("manhinhang"), NotKnown, "does not tell"),
    ("relogin_off", of(IBCONTROLLER), Passed, "Docker starts it again, with a new push each time"),
    (
        "relogin_off",
        merged(of(IBCONTROLLER), {"container": {"restart_policy": "no"}}),
        Proof,
        "IBC_RELOGIN_AFTER_MFA_TIMEOUT=true",
    ),
    (
        "relogin_off",
        merged(of(IBCONTROLLER, TWOFA_TIMEOUT_ACTION="restart"), {"container": {"restart_policy": "no"}}),
        Proof,
        "this image does not read it; here it is IBC_MFA_TIMEOUT_ACTION",
    ),
    ("relogin_off", of(IBCONTROLLER, IBC_MFA_TIMEOUT_ACTION="restart"), Passed, "asks again"),
    ("relogin_off", of(IBG), Proof, "RELOGIN_AFTER_TWOFA_TIMEOUT=yes"),
    ("relogin_off", of(IBG, TWOFA_TIMEOUT_ACTION="restart"), Passed, "asks again"),
    ("relogin_off", of(IBG, TWOFA_TIMEOUT_ACTION="exit"), Passed, "Docker starts it again"),
    ("relogin_off", of(IBG, TWOFACTOR_CODE_FILE="/run/key"), NotApplicable, "types the codes itself"),
    ("relogin_off", of(IBG, TWOFACTOR_CODE_FILE="/run/key", TWOFA_DEVICE="IB Key"), Proof, "logged out"),
    (
        "relogin_off",
        {
            **live(TWOFACTOR_CODE="***"),
            "gateway": {"family": {"name": IBG, "controller": IBG}},
            "container": {"environment": None},
        },
        NotApplicable,
        "types the codes itself",
    ),
    ("relogin_off", of(IBGA), Passed, "asks again by itself"),
    ("relogin_off", of(IBGA, TOTP_KEY="<set>"), NotApplicable, "types the codes itself"),
    # the second factor's device and times
    ("second_factor_device", of(IBC, "paper"), NotApplicable, "no second factor"),
    ("second_factor_device", of(IBC), NotKnown, "can not be seen"),
    ("second_factor_device", of(IBC, TWOFA_DEVICE="IB Key"), Passed, "chooses IB Key"),
    ("second_factor_device", of(IBC, TWOFA_DEVICE="Mobile Authenticator app"), Proof, "TWOFA_DEVICE=IB Key"),
    ("second_factor_device", of(EXTRANGE, IBC_SecondFactorDevice="SMS"), Proof, "IBC_SecondFactorDevice=IB Key"),
    (
        "second_factor_device",
        merged(
            live(), {"run": {"problem": "twofa.device_not_chosen", "state": "device_choice"}, "api": {"outcome": None}}
        ),
        Proof,
        "no device could be chosen",
    ),
    ("second_factor_device", merged(live(), {"log": {"history": {"twofa_prompts": 1}}}), Passed, "without a list"),
    ("second_factor_times", of(IBC, "paper"), NotApplicable, "no second factor"),
    ("second_factor_times", of(IBC), NotKnown, "does not tell"),
    ("second_factor_times", of(IBC, RELOGIN_AFTER_TWOFA_TIMEOUT="yes", TWOFA_EXIT_INTERVAL="30"), Proof, "INTERVAL=60"),
    ("second_factor_times", of(IBC, RELOGIN_AFTER_TWOFA_TIMEOUT="yes", TWOFA_EXIT_INTERVAL="60"), Passed, "below"),
    ("second_factor_times", of(IBC, RELOGIN_AFTER_TWOFA_TIMEOUT="no", TWOFA_EXIT_INTERVAL="30"), NotKnown, ""),
    ("second_factor_times", live(SecondFactorAuthenticationTimeout="90"), Proof, "Timeout=180 in its controller's"),
    ("second_factor_times", of(EXTRANGE, IBC_SecondFactorAuthenticationTimeout="90"), Proof, "IBC_SecondFactorAuthent"),
    ("second_factor_times", of(IBCONTROLLER, IBC_MFA_TIMEOUT="90"), Proof, "IBC_MFA_TIMEOUT=180"),
    ("second_factor_times", of(IBG, TWOFA_EXIT_INTERVAL="60"), Proof, "TWOFA_EXIT_INTERVAL=120"),
    ("second_factor_times", of(IBG), Passed, "nothing is below"),
    ("second_factor_times", of(IBGA), NotApplicable, "no such setting"),
    # the daily restart
    ("auto_restart_unset", of(IBC, "paper"), NotApplicable, "needs nobody"),
    ("auto_restart_unset", of(IBC), Proof, "AUTO_RESTART_TIME=10:30 PM"),
    ("auto_restart_unset", of(IBC, TZ="Mars/Olympus"), Proof, "AUTO_RESTART_TIME=10:30 PM"),
    ("auto_restart_unset", of(IBC, AUTO_LOGOFF_TIME="11:45 PM"), Proof, "logs off daily at 11:45 PM"),
    ("auto_restart_unset", of(IBC, AUTO_RESTART_TIME="23:30"), Proof, "ignored"),
    ("auto_restart_unset", of(IBC, AUTO_RESTART_TIME="11:30 PM"), Passed, "daily at 11:30 PM"),
    (
        "auto_restart_unset",
        of(IBC, AUTO_RESTART_TIME="11:30 PM", AUTO_LOGOFF_TIME="11:45 PM"),
        Passed,
        "the logoff at 11:45 PM beside it has no effect",
    ),
    (
        "auto_restart_unset",
        merged(live(), {"run": {"run_kind": "saved_session"}}),
        Passed,
        "its settings directory has",
    ),
    ("auto_restart_unset", of(IBCONTROLLER, AUTO_RESTART_TIME="11:30 PM"), Proof, "IBC_AUTO_RESTART_TIME=10:30 PM"),
    ("auto_restart_unset", of(EXTRANGE, IBC_AutoRestartTime="11:30 PM"), Passed, "daily at 11:30 PM"),
    ("auto_restart_unset", of("manhinhang", IBC_AUTO_RESTART_TIME="11:30 PM"), Passed, "daily at 11:30 PM"),
    ("auto_restart_unset", of(IBG, AUTO_RESTART_TIME="05:00 AM"), Proof, "a time from noon on"),
    ("auto_restart_unset", of(IBGA, IB_LOGOFF="11:55 PM"), Passed, "always restarts"),
    # the weekly cold restart
    ("cold_restart_early", of(IBC), NotApplicable, "none is set"),
    ("cold_restart_early", of(IBC, TWS_COLD_RESTART="05:59"), Proof, "in New York 00:59 or 01:59: before 01:00"),
    ("cold_restart_early", of(IBC, TWS_COLD_RESTART="06:00"), Passed, "in New York 01:00 or 02:00"),
    ("cold_restart_early", of(IBC, TWS_COLD_RESTART="14:00", TZ="Asia/Tokyo"), Proof, "TWS_COLD_RESTART=16:30"),
    ("cold_restart_early", of(IBC, TWS_COLD_RESTART="14:00", TZ="Mars/Olympus"), NotKnown, "does not know"),
    ("cold_restart_early", of(EXTRANGE, IBC_ColdRestartTime="01:00"), Proof, "IBC_ColdRestartTime=14:30"),
    (
        "cold_restart_early",
        merged(live(ColdRestartTime="14:00"), {"log": {"controller": {"version": "3.20.0"}}}),
        Proof,
        "does not come back",
    ),
    ("cold_restart_early", live(ColdRestartTime="14:00"), Passed, "after IBKR has ended"),
    ("cold_restart_early", of(IBG, TWS_COLD_RESTART="21:00"), Proof, "sets no hour"),
    ("cold_restart_early", of(IBG, TWS_COLD_RESTART="yes"), NotApplicable, "no weekly cold restart"),
    ("cold_restart_early", of(IBGA), NotApplicable, "none is set"),
    # the hours of New York
    ("timezone_mismatch", of(IBC), NotApplicable, "no restart"),
    ("timezone_mismatch", of(IBC, AUTO_RESTART_TIME="02:00 AM"), Passed, "is 21:00 or 22:00 in New York"),
    ("timezone_mismatch", of(IBC, AUTO_RESTART_TIME="02:30 PM"), Proof, "while the market is open"),
    ("timezone_mismatch", of(IBC, AUTO_RESTART_TIME="05:30 AM"), Proof, "in which IBKR resets its servers"),
    ("timezone_mismatch", of(IBC, AUTO_RESTART_TIME="10:30 PM", TZ="Asia/Tokyo"), Proof, "AUTO_RESTART_TIME=09:30 PM"),
    ("timezone_mismatch", of(IBC, AUTO_RESTART_TIME="10:30 PM", TZ="America/New_York"), Passed, "is 22:30"),
    ("timezone_mismatch", of(IBC, AUTO_LOGOFF_TIME="11:45 PM", TZ="America/New_York"), Proof, "the daily logoff"),
    ("timezone_mismatch", of(IBC, TWS_COLD_RESTART="01:30", TZ="America/New_York"), Proof, "TWS_COLD_RESTART=14:30"),
    ("timezone_mismatch", of(IBC, TWS_COLD_RESTART="10:00", TZ="America/New_York"), Passed, "is 10:00 in New York"),
    (
        "timezone_mismatch",
        of(IBC, AUTO_RESTART_TIME="10:30 PM", TIME_ZONE="America/New_York"),
        Proof,
        "TIME_ZONE=America/New_York is set, and the times count in Etc/UTC",
    ),
    (
        "timezone_mismatch",
        merged(of(IBC, AUTO_RESTART_TIME="10:30 PM"), {"container": {"mounts": [{"target": "/etc/localtime"}]}}),
        NotKnown,
        "time zone was not seen",
    ),
    (
        "timezone_mismatch",
        merged(live(AutoRestartTime="10:30 PM"), {"container": {"environment": {"TZ": "Asia/Tokyo"}}}),
        Proof,
        "TZ=Asia/Tokyo is set, and the times count in America/New_York",
    ),
    (
        "timezone_mismatch",
        merged(live(AutoRestartTime="10:30 PM"), {"container": {"environment": {"TZ": "US/Eastern"}}}),
        Passed,
        "is 22:30 in New York",
    ),
    ("timezone_mismatch", of(IBGA, IB_LOGOFF="11:55 PM", IB_TIMEZONE="America/New_York"), Proof, "IB_LOGOFF=10:30 PM"),
    ("timezone_mismatch", of(IBGA, IB_LOGOFF="11:55 PM", IB_TIMEZONE="America/New York"), Proof, "IB_LOGOFF=10:30 PM"),
    ("timezone_mismatch", of(IBGA, IB_LOGOFF="10:30 PM", IB_TIMEZONE="America/New York"), Passed, "is 22:30"),
    ("timezone_mismatch", of(IBG, AUTO_RESTART_TIME="10:30 PM", TZ="America/New_York"), Passed, "is 22:30"),
    # whose session it is
    ("session_action_yields", of(IBC), Proof, "manual, the default"),
    ("session_action_yields", of(IBC), Proof, "EXISTING_SESSION_DETECTED_ACTION=primary"),
    ("session_action_yields", of(IBC, EXISTING_SESSION_DETECTED_ACTION="primaryoverride"), Proof, "once it runs"),
    ("session_action_yields", of(IBC, EXISTING_SESSION_DETECTED_ACTION="secondary"), Proof, "gives way"),
    ("session_action_yields", of(IBC, EXISTING_SESSION_DETECTED_ACTION="always"), Proof, "counts as secondary"),
    ("session_action_yields", of(IBC, EXISTING_SESSION_DETECTED_ACTION="primary"), Passed, "keeps its session"),
    (
        "session_action_yields",
        of(IBCONTROLLER, EXISTING_SESSION_DETECTED_ACTION="primary"),
        Proof,
        "does not read it; here it is IBC_EXISTING_SESSION_ACTION",
    ),
    ("session_action_yields", of(IBG), Passed, "primary, the default"),
    ("session_action_yields", {**of(None), "log": {"family": None, "settings": None}}, NotKnown, "does not tell"),
    ("session_action_yields", of(IBGA), Passed, "always takes"),
    ("session_action_yields", of("manhinhang"), Passed, "always takes"),
    ("session_action_yields", of(EXTRANGE), Proof, "IBC_ExistingSessionDetectedAction=primary"),
    # whether orders are taken
    ("read_only_api", of(IBC), NotApplicable, "does not say"),
    # the kind of the account
    ("account_mode_mismatch", of(IBC), Passed, "is a live account"),
    ("account_mode_mismatch", of(IBC, None), NotKnown, "paper or live"),
    ("account_mode_mismatch", of(EXTRANGE, None), NotKnown, "of no account"),
    ("account_mode_mismatch", merged(of(EXTRANGE, None), {"api": {"account_mode": "paper"}}), NotKnown, "or live"),
    ("relogin_off", of(EXTRANGE, None, IBC_TradingMode="Live"), NotKnown, "is not known"),
    ("relogin_off", of(IBG, None), NotApplicable, "no second factor"),
    ("account_mode_mismatch", merged(of(IBC), {"api": {"account_mode": None}}), NotKnown, "has told of no account"),
]

ORDERS = {"declared": {"expect_orders": True}}
NEW = {"container": {"settings": [{"path": "/home/ibgateway/Jts", "mount": None}]}}
KEPT = {"container": {"settings": [{"path": "/home/ibgateway/Jts", "mount": "/home/ibgateway"}]}}
OF_ORDERS: list[tuple[dict[str, Any], type, str]] = [
    (of(IBC, READ_ONLY_API="yes"), Proof, "READ_ONLY_API=no"),
    (of(IBC, READ_ONLY_API="no"), Passed, "takes orders"),
    (of(IBC, READ_ONLY_API="False"), Passed, "takes orders"),
    (of(IBC, READ_ONLY_API="off"), Proof, "READ_ONLY_API=off"),
    (merged(of(IBC), NEW), Proof, "the settings of a new container are read-only"),
    (merged(of(IBC), KEPT), NotKnown, "its settings directory decides"),
    ({"run": {"read_only_api": False}, "log": {"settings": {"ReadOnlyApi": ""}}}, Passed, "takes orders"),
    (of(IBCONTROLLER, IBC_READ_ONLY_API="false"), Passed, "takes orders"),
    (of(IBCONTROLLER, IBC_READ_ONLY_API="true"), Proof, "IBC_READ_ONLY_API=false"),
    (of(IBGA), Passed, "takes orders"),
    (of(IBGA, IB_READONLY="y"), Proof, "IB_READONLY="),
    (of("manhinhang"), NotKnown, "does not tell"),
]


@pytest.mark.parametrize(("rule", "seen", "kind", "words"), ANSWERS)
def test_what_is_set_is_judged_by_what_it_means_to_its_image(
    rule: str, seen: dict[str, Any], kind: type, words: str
) -> None:
    answer = ask(f"config.{rule}", seen)
    assert isinstance(answer, kind), answer
    assert words in said(answer)


@pytest.mark.parametrize(("seen", "kind", "words"), OF_ORDERS)
def test_orders_are_taken_unless_something_refuses_them(seen: dict[str, Any], kind: type, words: str) -> None:
    answer = ask("config.read_only_api", seen, ORDERS)
    assert isinstance(answer, kind), answer
    assert words in said(answer)


CUSTOM = {"CUSTOM_CONFIG": "yes"}

#: The rule, the key of the controller and its value there, the variable that says otherwise, and how the setting is mended.
FILE_AGAINST_ENVIRONMENT = [
    (
        "relogin_off",
        {"ReloginAfterSecondFactorAuthenticationTimeout": "no"},
        {"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes"},
        "ReloginAfterSecondFactorAuthenticationTimeout=yes in",
    ),
    ("auto_restart_unset", {"AutoRestartTime": ""}, {"AUTO_RESTART_TIME": "11:30 PM"}, "AutoRestartTime=10:30 PM in"),
    (
        "session_action_yields",
        {"ExistingSessionDetectedAction": "manual"},
        {"EXISTING_SESSION_DETECTED_ACTION": "primary"},
        "ExistingSessionDetectedAction=primary in",
    ),
    ("cold_restart_early", {"ColdRestartTime": "00:30"}, {"TWS_COLD_RESTART": "14:00"}, "ColdRestartTime=14:30 in"),
    ("timezone_mismatch", {"AutoRestartTime": "12:30 AM"}, {"AUTO_RESTART_TIME": "10:30 PM"}, "AutoRestartTime=10:30"),
    ("second_factor_device", {"SecondFactorDevice": "SMS"}, {"TWOFA_DEVICE": "IB Key"}, "SecondFactorDevice=IB Key in"),
]


@pytest.mark.parametrize(("rule", "told", "environment", "mended"), FILE_AGAINST_ENVIRONMENT)
def test_with_a_configuration_of_ones_own_what_the_variables_say_does_not_count(
    rule: str, told: dict[str, str], environment: dict[str, str], mended: str
) -> None:
    own_file = {"container": {"environment": {**CUSTOM, **environment}}}
    answer = ask(f"config.{rule}", live(**told), own_file)
    assert isinstance(answer, Proof)
    assert answer.evidence[0].source == "log"
    assert answer.change is not None
    assert mended in answer.change.defined
    unread = ask(f"config.{rule}", of(IBC, **CUSTOM, **environment))
    assert isinstance(unread, NotKnown), "without the log nobody knows what the file says"


def test_the_evidence_names_where_a_setting_was_seen() -> None:
    by_log = ask("config.session_action_yields", {"log": {"settings": {"ExistingSessionDetectedAction": "manual"}}})
    by_variable = ask("config.session_action_yields", of(IBC, EXISTING_SESSION_DETECTED_ACTION="manual"))
    shown = [each.evidence[0] for each in (by_log, by_variable) if isinstance(each, Proof)]
    assert [(each.source, each.quote) for each in shown] == [
        ("log", "ExistingSessionDetectedAction=manual"),
        ("health", "EXISTING_SESSION_DETECTED_ACTION=manual"),
    ]


@pytest.mark.parametrize(
    ("family", "name"),
    [(IBC, "RELOGIN_AFTER_TWOFA_TIMEOUT=yes"), (EXTRANGE, "IBC_ReloginAfterSecondFactorAuthenticationTimeout=yes")],
)
def test_the_steps_name_the_variable_as_the_image_has_it(family: str, name: str) -> None:
    rule, seen = findings()["config.relogin_off"], case(**of(family))
    proof = rule.prove(seen)
    assert isinstance(proof, Proof)
    steps = " ".join(completed(rule, proof, seen).proof.fix)
    assert name in steps
    assert "the price" in steps


def test_each_half_of_both_has_its_own_answer() -> None:
    assert isinstance(ask("config.relogin_off", of(IBC)), Proof)
    paper = merged(of(IBC, "paper", TRADING_MODE="both"), {"declared": {"trading_mode": "both"}})
    assert isinstance(ask("config.relogin_off", paper), NotApplicable)


def test_whether_clients_retry_is_said_to_be_unknown() -> None:
    answer = ask("clients.retry_unknown", {})
    assert isinstance(answer, NotKnown)
    assert "docs/clients.md" in answer.reason
