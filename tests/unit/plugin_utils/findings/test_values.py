# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A value that its image does not take is found before anybody wonders, in the names of that image."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import NotKnown, Passed, Proof, findings

from tests.unit.plugin_utils.findings.scene import NO_BACKEND, case
from tests.unit.plugin_utils.findings.test_unread import ON, A, C, E, G, K, M, U, of, proven, said

RULE = "config.value_invalid"


@pytest.mark.parametrize(
    ("family", "name", "wrong", "right", "words"),
    [
        # the mistakes of mixing families
        (K, "IBC_JAVA_HEAP_SIZE", "1024", "1024m", "bytes"),
        (C, "TWS_COLD_RESTART", "21:00", "yes", "there is no restart at that time"),
        (C, "BYPASS_WARNING", "yes", "Yes,Continue", "a button of that name"),
        (A, "IB_LOGINTYPE", "paper", "Paper Trading", "stays as it was"),
        (A, "IB_REGION", "europe", "Europe", "stays as it was"),
        # a YAML that makes of yes and no what it likes
        (G, "READ_ONLY_API", "0", "False", "refuses every order"),
        (A, "IB_READONLY", "1", "True", "the API takes orders"),
        (G, "DUAL_MODE", "True", "yes", "only the one trading mode runs"),
        (G, "CUSTOM_CONFIG", "true", "NO", "over the one of your own"),
        (G, "BYPASS_WARNING", "True", "yes", "exit code 81"),
        # times
        (G, "AUTO_RESTART_TIME", "23:59", "11:59 PM", "keeps the time that it had"),
        (G, "AUTO_RESTART_TIME", '"11:59 PM"', "12:00 AM", "keeps the time that it had"),
        (K, "IBC_AUTO_RESTART_TIME", "5:00 PM", "05:00 PM", "keeps the time that it had"),
        (C, "AUTO_RESTART_TIME", "05:00 AM", "05:00 PM", "keeps the time that it had"),
        (A, "IB_LOGOFF", "23:55", "11:55 pm", "keeps the time that it had"),
        (G, "TWS_COLD_RESTART", "9:00 PM", "21:00", "exit code 81"),
        (E, "IBC_ClosedownAt", "Someday 22:00", "Friday 22:00", "exit code 81"),
        (G, "TIME_ZONE", "New York", "America/New_York", "jts.ini"),
        (G, "TZ", "America/NewYork", "Europe/Zurich", "stays on UTC"),
        # choices
        (G, "TWOFA_TIMEOUT_ACTION", "none", "Restart", "exit code 3"),
        (C, "TWOFA_TIMEOUT_ACTION", "relogin", "none", "counts as none"),
        (G, "EXISTING_SESSION_DETECTED_ACTION", "override", "primaryoverride", "gives way"),
        (K, "IBC_EXISTING_SESSION_ACTION", "override", "primary", "exit code 78"),
        (E, "GATEWAY_OR_TWS", "ibgateway", "gateway", "exit code 1"),
        (E, "IBC_TradingMode", "demo", "live", "exit code 80"),
        (U, "TRADING_MODE", "demo", "live", "exit code 80"),
        (M, "IBGW_PORT", "http", "4002", "exit code 1"),
        (C, "USE_IBG_CONTROLLER", "true", "yes", "runs IBC"),
    ],
)
def test_a_value_that_is_not_taken_is_named_with_what_is(
    family: str, name: str, wrong: str, right: str, words: str
) -> None:
    switch = ON if family == C and name not in ON else {}
    proof = proven(RULE, of(family, {**switch, name: wrong}))
    assert proof is not None
    assert f"{name}={wrong}" in said(proof)
    assert words in said(proof)
    assert f"Correct {name} where the container is defined; allowed is " in proof.fix[0]
    answer = findings()[RULE].prove(of(family, {**switch, name: right}))
    assert isinstance(answer, Passed), answer


STOPPED: dict[str, Any] = {"status": "exited", "exit_code": 3}


@pytest.mark.parametrize(
    ("family", "environment", "container", "severity"),
    [
        (G, {"TWOFA_TIMEOUT_ACTION": "none"}, STOPPED, None),  # down: that ended it
        (G, {"TWOFA_TIMEOUT_ACTION": "none"}, {}, "degraded"),  # it runs; the next start will tell
        (G, {"AUTO_RESTART_TIME": "23:59"}, {}, "degraded"),
        (G, {"AUTO_RESTART_TIME": "23:59"}, {"status": "exited", "exit_code": 143}, "degraded"),
        (A, {"IB_LOGINTYPE": "paper"}, {}, "degraded"),  # the account that it serves is of the mode that is meant
    ],
)
def test_what_it_costs_decides_how_grave_it_is(
    family: str, environment: dict[str, str], container: dict[str, Any], severity: str | None
) -> None:
    ended = {"run": {"state": "ended"}} if container else {}
    proof = proven(RULE, of(family, environment, container=container, **ended))
    assert proof is not None
    assert proof.severity == severity


def test_it_is_grave_where_nobody_knows_in_which_mode_it_logs_in() -> None:
    for unknown in ({"declared": {"trading_mode": None}}, {"api": NO_BACKEND}):
        proof = proven(RULE, of(A, {"IB_LOGINTYPE": "paper"}, **unknown))
        assert proof is not None
        assert proof.severity is None


def test_what_ibc_says_that_it_goes_by_counts_before_the_environment() -> None:
    told = {"settings": {"AutoRestartTime": "11:59 PM"}, "controller": {"name": "IBC", "version": "3.24.1"}}
    assert proven(RULE, of(G, {"AUTO_RESTART_TIME": "23:59"}, log=told)) is None
    wrong = {**told, "settings": {"AutoRestartTime": "23:59", "ClosedownAt": "", "IbLoginId": "***"}}
    proof = proven(RULE, of(G, {"AUTO_RESTART_TIME": "23:59"}, log=wrong))
    assert proof is not None
    assert [each.source for each in proof.evidence] == ["log"]
    assert proof.evidence[0].quote.startswith("AUTO_RESTART_TIME=23:59")  # where it was set
    own = proven(RULE, of(G, {"CUSTOM_CONFIG": "yes"}, log=wrong))
    assert own is not None
    assert own.evidence[0].quote.startswith("AutoRestartTime=23:59")  # in a config.ini of the operator's own


def test_what_is_not_read_has_no_wrong_value() -> None:
    assert proven(RULE, of(G, {"CUSTOM_CONFIG": "yes", "READ_ONLY_API": "0"})) is None
    assert proven(RULE, of(K, {"READ_ONLY_API": "0"})) is None


def test_a_secret_is_never_judged_by_its_form() -> None:
    assert proven(RULE, of(C, {**ON, "TWOFACTOR_CODE": "<set>"})) is None


def test_a_start_that_was_refused_is_said_once() -> None:
    refused = of(G, {"JAVA_HEAP_SIZE": "1024m"}, container={"status": "exited", "exit_code": 1})
    assert isinstance(findings()["config.heap_invalid"].prove(refused), Proof)
    assert proven(RULE, refused) is None
    mode = of(G, {"TRADING_MODE": "Paper"}, container={"status": "exited", "exit_code": 1})
    assert isinstance(findings()["config.trading_mode_invalid"].prove(mode), Proof)
    assert proven(RULE, mode) is None


def test_what_was_not_seen_is_not_known() -> None:
    assert isinstance(findings()[RULE].prove(case(gateway={"family": {"name": None}}, log={"family": None})), NotKnown)
    unseen = case(container={"id": None, "environment": {}}, log={"settings": None})
    assert isinstance(findings()[RULE].prove(unseen), NotKnown)
