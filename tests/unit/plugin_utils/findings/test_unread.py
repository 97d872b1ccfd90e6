# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was meant for another image is found, with the name that this one wants; the right words for the right image are not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    findings,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import judge

from tests.unit.plugin_utils.findings.scene import NO_BACKEND, case

G, K, C, A, E, M, U = (
    "gnzsnz-ibc",
    "gnzsnz-ibcontroller",
    "ibg-controller",
    "ibga",
    "extrange",
    "manhinhang",
    "unusualalpha",
)
ON = {"USE_IBG_CONTROLLER": "yes"}
SET = "<set>"

#: Who logs in, by family; a mistake beside them costs no login.
LOGIN = {
    G: {"TWS_USERID": SET, "TWS_PASSWORD_FILE": "/run/p", "TRADING_MODE": "paper"},
    K: {"IBC_USERID": SET, "IBC_PASSWORD_FILE": "/run/p", "IBC_TRADING_MODE": "paper"},
    C: {"TWS_USERID": SET, "TWS_PASSWORD_FILE": "/run/p", "TRADING_MODE": "paper", **ON},
    A: {"IB_USERNAME": SET, "IB_PASSWORD": SET, "IB_LOGINTYPE": "Paper Trading"},
    E: {"USERNAME": SET, "PASSWORD": SET, "IBC_TradingMode": "paper", "GATEWAY_OR_TWS": "gateway"},
    M: {"IB_ACCOUNT": SET, "IB_PASSWORD": SET, "TRADING_MODE": "paper"},
    U: {"TWS_USERID": SET, "TWS_PASSWORD": SET, "TRADING_MODE": "paper"},
}

#: A gateway that came nowhere: nobody is logged in, and no log tells a state.
IDLE = {"api": NO_BACKEND, "run": {"state": None, "problem": None, "evidence": []}}


def of(family: str, environment: dict[str, str], **changes: Any) -> Case:
    """A container of a family with these variables, all of them set by its operator."""
    controller = family if family in (K, C, A) else "ibc"
    nothing = dict.fromkeys(("TRADING_MODE", "TWS_USERID", "TWS_PASSWORD_FILE", "JAVA_HEAP_SIZE"))
    told: dict[str, Any] = {"settings": {}, "controller": {"name": controller, "version": None}, "family": family}
    return case(
        **{
            "gateway": {"family": {"name": family, "controller": controller}},
            "container": {
                "environment": {**nothing, **environment},
                "environment_given": list(environment),
                **changes.pop("container", {}),
            },
            "log": {**told, "settings": None, **changes.pop("log", {})},
            **changes,
        }
    )


def proven(code: str, seen: Case) -> Proof | None:
    answer = findings()[code].prove(seen)
    return answer if isinstance(answer, Proof) else None


def said(proof: Proof) -> str:
    return "\n".join((proof.summary, *(each.quote for each in proof.evidence), *proof.fix))


#: The number of the mistake, the image, what is set beside the login, what is to be read, and what is right in its place.
MISTAKES: list[tuple[str, str, dict[str, str], str, dict[str, str]]] = [
    ("1 user", K, {"TWS_USERID": SET}, "Rename TWS_USERID to IBC_USERID", {"IBC_USERID": SET}),
    ("1 file", K, {"TWS_PASSWORD_FILE": "/p"}, "Rename TWS_PASSWORD_FILE to IBC_PASSWORD_FILE", {}),
    ("2", K, {"TRADING_MODE": "paper"}, "Rename TRADING_MODE to IBC_TRADING_MODE", {"IBC_TRADING_MODE": "paper"}),
    ("3", G, {"IBC_USERID": SET}, "Rename IBC_USERID to TWS_USERID", {"TWS_USERID": SET}),
    ("3 file", G, {"IBC_USERID_FILE": "/u"}, "Rename IBC_USERID_FILE to TWS_USERID", {}),
    ("4 gnzsnz", E, {"TRADING_MODE": "paper"}, "Rename TRADING_MODE to IBC_TradingMode", {"IBC_TradingMode": "paper"}),
    ("4 capitals", E, {"IBC_TRADING_MODE": "paper"}, "Rename IBC_TRADING_MODE to IBC_TradingMode", {}),
    ("4 the other way", K, {"IBC_TradingMode": "paper"}, "Rename IBC_TradingMode to IBC_TRADING_MODE", {}),
    ("4 on gnzsnz", G, {"IBC_ReadOnlyApi": "no"}, "Rename IBC_ReadOnlyApi to READ_ONLY_API", {"READ_ONLY_API": "no"}),
    ("4 precautions", E, {"BYPASS_WARNING": "yes"}, "Rename BYPASS_WARNING to IBC_BypassOrderPrecautions", {}),
    (
        "4 no word",
        E,
        {"IBC_CLOSEDOWN_AT": "22:00"},
        "Rename IBC_CLOSEDOWN_AT to IBC_ClosedownAt",
        {"IBC_ClosedownAt": "22:00"},
    ),
    ("5", E, {"TWS_USERID": SET}, "Rename TWS_USERID to USERNAME", {"USERNAME": SET}),
    (
        "6 gnzsnz",
        G,
        {"TWOFACTOR_CODE": SET},
        "Remove TWOFACTOR_CODE: it is a variable of ibg-controller, and here IBC never types a code",
        {},
    ),
    ("6 ibcontroller", K, {"TOTP_KEY": SET}, "Remove TOTP_KEY", {}),
    ("6 extrange", E, {"TOTP_KEY": SET}, "Remove TOTP_KEY", {}),
    ("6 manhinhang", M, {"TWOFACTOR_CODE_FILE": "/t"}, "Remove TWOFACTOR_CODE_FILE", {}),
    ("7 ibga", A, {"TWOFACTOR_CODE": SET}, "Rename TWOFACTOR_CODE to TOTP_KEY", {"TOTP_KEY": SET}),
    ("7 ibg-controller", C, {"TOTP_KEY": SET}, "Rename TOTP_KEY to TWOFACTOR_CODE", {"TWOFACTOR_CODE": SET}),
    ("9", G, {"USE_IBG_CONTROLLER": "yes"}, "Remove USE_IBG_CONTROLLER: it is a variable of ibg-controller", {}),
    (
        "13 name",
        K,
        {"JAVA_HEAP_SIZE": "1024"},
        "Rename JAVA_HEAP_SIZE to IBC_JAVA_HEAP_SIZE (allowed is a size with its unit",
        {"IBC_JAVA_HEAP_SIZE": "1024m"},
    ),
    (
        "16",
        K,
        {"TWOFA_TIMEOUT_ACTION": "restart"},
        "Rename TWOFA_TIMEOUT_ACTION to IBC_MFA_TIMEOUT_ACTION",
        {"IBC_MFA_TIMEOUT_ACTION": "restart"},
    ),
    (
        "17",
        K,
        {"EXISTING_SESSION_DETECTED_ACTION": "primary"},
        "to IBC_EXISTING_SESSION_ACTION",
        {"IBC_EXISTING_SESSION_ACTION": "primary"},
    ),
    ("19 ibga", A, {"IB_ACCOUNT": SET}, "Rename IB_ACCOUNT to IB_USERNAME", {"IB_USERNAME": SET}),
    ("19 manhinhang", M, {"IB_USERNAME": SET}, "Rename IB_USERNAME to IB_ACCOUNT", {"IB_ACCOUNT": SET}),
    ("20 ibga", A, {"IB_PASSWORD_FILE": "/p"}, "Rename IB_PASSWORD_FILE to IB_PASSWORD", {"IB_PASSWORD": SET}),
    ("20 extrange", E, {"PASSWORD_FILE": "/p"}, "this one takes no file for it", {"PASSWORD": SET}),
    (
        "20 UnusualAlpha",
        U,
        {"TWS_PASSWORD_FILE": "/p"},
        "Rename TWS_PASSWORD_FILE to TWS_PASSWORD",
        {"TWS_PASSWORD": SET},
    ),
    ("21 ibcontroller", K, {"PASSWD": SET}, "Rename PASSWD to RDP_PASSWORD", {"RDP_PASSWORD": SET}),
    ("21 file", K, {"PASSWD_FILE": "/p"}, "Rename PASSWD_FILE to RDP_PASSWORD_FILE", {"RDP_PASSWORD_FILE": "/p"}),
    ("21 IBC", G, {"RDP_PASSWORD": SET}, "Rename RDP_PASSWORD to PASSWD", {"PASSWD": SET}),
    ("28 old", K, {"IBCONTROLLER_TRADING_MODE": SET}, "Rename IBCONTROLLER_TRADING_MODE to IBC_TRADING_MODE", {}),
    (
        "28 misspelt",
        G,
        {"AUTO_RESTART_TIMES": SET},
        "Rename AUTO_RESTART_TIMES to AUTO_RESTART_TIME",
        {"AUTO_RESTART_TIME": "11:59 PM"},
    ),
    ("28 by case", E, {"IBC_READONLYAPI": SET}, "Rename IBC_READONLYAPI to IBC_ReadOnlyApi", {"IBC_ReadOnlyApi": "no"}),
    ("one mode", G, {"TWS_USERID_PAPER": SET}, "Rename TWS_USERID_PAPER to TWS_USERID", {}),
    ("one mode, file", K, {"IBC_PASSWORD_PAPER_FILE": "/p"}, "Rename IBC_PASSWORD_PAPER_FILE to IBC_PASSWORD_FILE", {}),
    (
        "own file",
        G,
        {"CUSTOM_CONFIG": "yes", "AUTO_RESTART_TIME": "11:59 PM"},
        "AutoRestartTime in the config.ini of your own counts",
        {"CUSTOM_CONFIG": "NO", "AUTO_RESTART_TIME": "11:59 PM"},
    ),
    ("not honoured", C, {"ALLOW_BLIND_TRADING": "yes"}, "Remove ALLOW_BLIND_TRADING", {}),
    (
        "other name",
        K,
        {"TWOFA_EXIT_INTERVAL": "90"},
        "Rename TWOFA_EXIT_INTERVAL to IBC_MFA_EXIT_INTERVAL",
        {"IBC_MFA_EXIT_INTERVAL": "90"},
    ),
]


@pytest.mark.parametrize(("mistake", "family", "given", "words", "right"), MISTAKES, ids=[each[0] for each in MISTAKES])
def test_a_mistake_is_named_and_its_right_words_are_not(
    mistake: str, family: str, given: dict[str, str], words: str, right: dict[str, str]
) -> None:
    login = LOGIN[family]
    proof = proven("config.foreign_variable", of(family, {**login, **given}))
    assert proof is not None
    assert words in said(proof)
    assert proof.severity is None, proof.summary  # the login and the mode are given in its own words too
    assert "<set>" not in said(proof)
    answer = findings()["config.foreign_variable"].prove(of(family, {**login, **right}))
    assert isinstance(answer, Passed), answer


@pytest.mark.parametrize("family", LOGIN)
def test_its_own_words_are_all_read(family: str) -> None:
    assert isinstance(findings()["config.foreign_variable"].prove(of(family, LOGIN[family])), Passed)


@pytest.mark.parametrize("name", ["PATH", "HOME", "NO_PROXY", "LANG", "JAVA_TOOL_OPTIONS", "SERVER_PORT", "USER"])
def test_what_any_container_can_have_is_no_mistake(name: str) -> None:
    assert proven("config.foreign_variable", of(G, {**LOGIN[G], name: SET})) is None


def test_what_the_image_brought_is_not_its_operators() -> None:
    seen = of(G, {**LOGIN[G], "IBGW_PORT": "4002"}, container={"environment_given": list(LOGIN[G])})
    assert proven("config.foreign_variable", seen) is None


def test_an_empty_variable_is_no_mistake() -> None:
    assert proven("config.foreign_variable", of(G, {**LOGIN[G], "TWOFACTOR_CODE": "<empty>"})) is None


@pytest.mark.parametrize("mode", ["both", "paper"])
def test_the_paper_user_counts_with_both_modes(mode: str) -> None:
    seen = of(G, {**LOGIN[G], "TRADING_MODE": mode, "TWS_USERID_PAPER": SET})
    assert (proven("config.foreign_variable", seen) is None) is (mode == "both")


# What it costs


@pytest.mark.parametrize(
    ("family", "environment", "summary"),
    [
        # asked for live: the sample's own default is paper
        (
            K,
            {**LOGIN[K], "TRADING_MODE": "live"},
            "asked for live with TRADING_MODE, which gnzsnz-ibcontroller does not read: it runs PAPER",
        ),
        # asked for paper: without its own word that image runs live
        (E, {"USERNAME": SET, "PASSWORD": SET, "TRADING_MODE": "paper"}, "asked for paper with TRADING_MODE"),
        (E, {"USERNAME": SET, "PASSWORD": SET, "IBC_TRADING_MODE": "paper"}, "it runs LIVE"),
        (C, {"TWS_USERID": SET, "TWS_PASSWORD": SET, "IBC_TRADING_MODE": "live", **ON}, "it runs PAPER"),
    ],
)
def test_the_wrong_mode_is_overlooked_by_nobody(family: str, environment: dict[str, str], summary: str) -> None:
    seen = of(family, environment, declared={"trading_mode": None})
    proof = proven("config.foreign_variable", seen)
    assert proof is not None
    assert summary in proof.summary
    assert proof.severity == "down"
    assert proof.fix[0] == "Stop the programs that use this gateway, now."
    leading = judge(seen).leading
    assert leading is not None
    assert leading.finding.code == "config.foreign_variable"


@pytest.mark.parametrize(
    ("family", "environment"),
    [
        (K, {**LOGIN[K], "TRADING_MODE": "paper"}),
        (E, {**LOGIN[E], "TRADING_MODE": "paper"}),
        (K, {**LOGIN[K], "IBC_TRADING_MODE": "both", "TRADING_MODE": "live"}),
    ],
)
def test_the_mode_that_was_asked_for_all_the_same_is_only_advice(family: str, environment: dict[str, str]) -> None:
    proof = proven("config.foreign_variable", of(family, environment))
    assert proof is not None
    assert proof.severity is None


@pytest.mark.parametrize(
    ("family", "environment", "summary"),
    [
        (
            K,
            {"TWS_USERID": SET, "TWS_PASSWORD": SET, "IBC_TRADING_MODE": "paper"},
            "TWS_USERID and TWS_PASSWORD are not read",
        ),
        (
            G,
            {"IBC_USERID": SET, "IBC_PASSWORD_FILE": "/p", "TRADING_MODE": "paper"},
            "IBC_USERID and IBC_PASSWORD_FILE are not read",
        ),
        (G, {"TWS_USERID_PAPER": SET, "TWS_PASSWORD": SET, "TRADING_MODE": "paper"}, "TWS_USERID_PAPER is not read"),
        (A, {"IB_ACCOUNT": SET, "IB_PASSWORD": SET}, "IB_ACCOUNT is not read by ibga, and nothing else is set for it"),
        (A, {"IB_USERNAME": SET, "IB_PASSWORD_FILE": "/p"}, "IB_PASSWORD_FILE is not read by ibga"),
    ],
)
def test_credentials_in_other_words_explain_why_nobody_logs_in(
    family: str, environment: dict[str, str], summary: str
) -> None:
    proof = proven("config.foreign_variable", of(family, environment, **IDLE))
    assert proof is not None
    assert summary in proof.summary
    assert proof.severity == "down"
    logged_in = proven("config.foreign_variable", of(family, environment))
    assert logged_in is not None
    assert logged_in.severity is None  # it has them from elsewhere


def test_they_lead_before_what_they_cause() -> None:
    seen = of(
        K,
        {"TWS_USERID": SET, "TWS_PASSWORD": SET, "IBC_TRADING_MODE": "paper"},
        container={"status": "restarting", "exit_code": 78},
        run={"state": "ended", "problem": "config.credentials_missing"},
        api=NO_BACKEND,
    )
    judged = judge(seen)
    causes = {found.finding.code: found.consequence_of for found in judged.found}
    assert judged.leading is not None
    assert judged.leading.finding.code == "config.foreign_variable"
    assert causes["config.credentials_missing"] == "config.foreign_variable"


def test_without_its_own_user_extrange_logs_in_with_the_one_that_is_built_in() -> None:
    baked = {"USERNAME": SET, "PASSWORD": SET, "IBC_TradingMode": "paper", "TWS_USERID": SET}
    seen = of(E, baked, container={"environment_given": ["IBC_TradingMode", "TWS_USERID"]})
    proof = proven("config.foreign_variable", seen)
    assert proof is not None
    assert proof.severity == "down"


def test_a_mode_in_other_words_explains_why_none_is_set() -> None:
    seen = of(
        K,
        {"IBC_USERID": SET, "IBC_PASSWORD": SET, "TRADING_MODE": "live"},
        container={"status": "exited", "exit_code": 1},
        **IDLE,
    )
    proof = proven("config.foreign_variable", seen)
    assert proof is not None
    assert proof.summary == "TRADING_MODE is not read by gnzsnz-ibcontroller, which so has no trading mode"
    assert proof.severity == "down"


# What is a secret, the schema says


@pytest.mark.parametrize(
    ("family", "environment", "change"),
    [
        (G, {"TWS_PASSWORD": SET}, "TWS_PASSWORD_FILE=/run/secrets/tws_password in the place of TWS_PASSWORD"),
        (K, {"IBC_PASSWORD": SET}, "IBC_PASSWORD_FILE=/run/secrets/ibc_password in the place of IBC_PASSWORD"),
        (C, {"CONTROLLER_COMMAND_SERVER_AUTH_TOKEN": SET, **ON}, None),
        (A, {"TOTP_KEY": SET}, None),
        (G, {"TOTP_KEY": SET}, "no TOTP_KEY"),
        (E, {"PASSWORD": SET}, None),
    ],
)
def test_a_secret_belongs_in_a_file_where_the_image_takes_one(
    family: str, environment: dict[str, str], change: str | None
) -> None:
    proof = proven("config.secret_in_environment", of(family, environment))
    assert proof is not None
    assert (proof.change.defined if proof.change else None) == change
    assert any("This image takes no file" in step for step in proof.fix) is (change is None)


def test_how_an_image_that_nobody_knows_takes_a_file_is_not_made_up() -> None:
    unknown = {"gateway": {"family": {"name": None}}, "log": {"family": None}}
    proof = findings()["config.secret_in_environment"].prove(
        case(**unknown, container={"environment": {"MY_PASSWORD": SET}, "environment_given": ["MY_PASSWORD"]})
    )
    assert isinstance(proof, Proof)
    assert proof.change is None
    assert "its documentation says" in proof.fix[0]


@pytest.mark.parametrize("name", ["TWS_PASSWORD_FILE", "IBC_DismissPasswordExpiryWarning", "TWS_USERID", "TZ"])
def test_what_is_no_secret_may_stand_there(name: str) -> None:
    family = E if name.startswith("IBC_") else G
    assert isinstance(findings()["config.secret_in_environment"].prove(of(family, {name: "yes"})), Passed)


# The audit asks too


def test_what_was_not_seen_is_not_known() -> None:
    assert isinstance(findings()["config.foreign_variable"].prove(case(container={"id": None})), NotKnown)
    stranger = case(gateway={"family": {"name": None}}, log={"family": None})
    assert isinstance(findings()["config.foreign_variable"].prove(stranger), NotKnown)


# The controller of the image


def test_without_its_switch_the_image_runs_the_other_controller() -> None:
    off = {name: value for name, value in LOGIN[C].items() if name not in ON} | {"TWOFACTOR_CODE": SET}
    proof = proven("config.controller_off", of(C, off, log={"controller": {"name": "IBC", "version": "3.24.1"}}))
    assert proof is not None
    assert proof.summary == (
        "the image runs IBC in the place of its own controller, so that nobody types the code of the second factor"
    )
    assert [each.quote for each in proof.evidence] == ["USE_IBG_CONTROLLER is not set", "the log is one of IBC"]
    asked = of(
        C,
        off,
        log={"controller": {"name": "IBC", "version": "3.24.1"}},
        run={"state": "twofa_pending", "problem": "twofa.code_required"},
        api=NO_BACKEND,
    )
    leading = judge(asked).leading
    assert leading is not None
    assert leading.finding.code == "config.controller_off"
    assert isinstance(findings()["config.foreign_variable"].prove(asked), NotApplicable)


@pytest.mark.parametrize(
    ("family", "environment", "controller", "answer"),
    [
        (C, {**LOGIN[C]}, "ibg-controller", Passed),
        (C, {"USE_PYATSPI2_CONTROLLER": "yes"}, "ibg-controller", Passed),
        (C, {}, "ibg-controller", Passed),  # its log says so, whatever its variables
        (C, {"USE_IBG_CONTROLLER": "Yes"}, "IBC", Proof),
        (C, {"USE_IBG_CONTROLLER": "true"}, "IBC", Proof),
        (G, {}, "IBC", NotApplicable),
    ],
)
def test_the_switch_is_asked_for_by_its_one_word(
    family: str, environment: dict[str, str], controller: str, answer: type
) -> None:
    seen = of(family, environment, log={"controller": {"name": controller, "version": None}})
    assert isinstance(findings()["config.controller_off"].prove(seen), answer)


# Mounts


def mount(target: str, kind: str = "bind") -> dict[str, Any]:
    return {"source": "/srv/x", "target": target, "type": kind, "read_only": False}


RUN = {"/home/ibgateway/ibcontroller/run": "mode=1777"}


@pytest.mark.parametrize(
    ("family", "container", "words"),
    [
        (
            K,
            {"mounts": [mount("/home/ibgateway/ibc/config.ini")], "tmpfs": RUN},
            "ibcontroller never reads a config.ini",
        ),
        (K, {"mounts": [mount("/home/ibgateway/ibcontroller")], "tmpfs": RUN}, None),
        (
            K,
            {"mounts": [mount("/home/ibgateway/ibcontroller")], "tmpfs": {}},
            "/home/ibgateway/ibcontroller/run is no tmpfs",
        ),
        (K, {"mounts": [mount("/home/ibgateway/ibcontroller/run", "tmpfs")], "tmpfs": {}}, None),
        (G, {"mounts": [mount("/home/ibgateway/ibcontroller")]}, "this image runs IBC"),
        (G, {"mounts": [mount("/home/ibgateway/ibc/config.ini")]}, "writes over it without CUSTOM_CONFIG=yes"),
        (G, {"mounts": [mount("/home/ibgateway/tws_settings")]}, None),
        (A, {"mounts": [mount("/home/ibg_settings")]}, None),
    ],
)
def test_a_mount_of_another_generation_is_named(family: str, container: dict[str, Any], words: str | None) -> None:
    baked = {"IBC_INI": "/home/ibgateway/ibc/config.ini"} if family == G else {}
    proof = proven("config.foreign_mount", of(family, {**LOGIN[family], **baked}, container=container))
    assert (proof is not None and words in said(proof)) if words else proof is None


def test_with_a_configuration_of_ones_own_it_belongs_there() -> None:
    own = {"IBC_INI": "/home/ibgateway/ibc/config.ini", "CUSTOM_CONFIG": "yes", "TRADING_MODE": "paper"}
    seen = of(G, own, container={"mounts": [mount("/home/ibgateway/ibc/config.ini")]})
    assert isinstance(findings()["config.foreign_mount"].prove(seen), Passed)


def test_without_mounts_there_is_nothing_to_ask() -> None:
    assert isinstance(findings()["config.foreign_mount"].prove(of(G, LOGIN[G])), NotApplicable)
