# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers of other families, of whose logs nothing could be read: judged by what was seen, and by nothing that holds only for another family."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, findings
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import judge

from tests.unit.plugin_utils.findings.scene import NO_BACKEND, case

UNREAD = {
    "available": False,
    "problem": "probe.incomplete",
    "reason": "the log of ib-gateway can not be read: its logging driver none keeps nothing on this machine",
    "fix": "recreate the container with the logging driver local or json-file: what it writes now is lost",
    "settings": {},
    "window": {},
    "history": {},
}


def of_family(name: str, **container: Any) -> dict[str, Any]:
    own = {"USE_IBG_CONTROLLER": "yes"} if name == "ibg-controller" else {}
    return {
        "gateway": {"family": {"name": name, "controller": name}},
        "container": {"environment": {"TRADING_MODE": None, "JAVA_HEAP_SIZE": None, **own}, **container},
        "log": UNREAD,
        "runs": [{"endpoint": None, "state": None, "problem": None, "evidence": [], "since": None}],
    }


OTHERS = ("gnzsnz-ibcontroller", "ibg-controller", "ibga")


@pytest.mark.parametrize("family", OTHERS)
def test_an_api_that_answers_proves_it_healthy(family: str) -> None:
    assert judge(case(**of_family(family))).status == "healthy"


@pytest.mark.parametrize("family", OTHERS)
def test_without_a_login_it_is_not_called_healthy_and_nothing_would_restart_it(family: str) -> None:
    judged = judge(case(**of_family(family), api=NO_BACKEND))
    assert judged.status in ("down", "unknown")
    assert judged.leading is not None
    assert judged.leading.remedy in ("none", "ask_person")


@pytest.mark.parametrize("code", ["config.trading_mode_invalid", "config.credentials_conflict", "config.heap_invalid"])
@pytest.mark.parametrize("family", ["ibga", "extrange"])
def test_what_only_the_gnzsnz_scripts_refuse_is_not_held_against_others(code: str, family: str) -> None:
    environment = {"IB_PASSWORD": "<set>", "IB_PASSWORD_FILE": "/x", "JAVA_HEAP_SIZE": "1024m"}
    changes = of_family(family, status="exited", exit_code=1, environment=environment)
    assert not isinstance(findings()[code].prove(case(**changes)), Proof)


def test_the_successors_own_variable_is_named() -> None:
    changes = of_family("gnzsnz-ibcontroller", status="restarting", exit_code=1, environment={"TRADING_MODE": "live"})
    proof = findings()["config.trading_mode_invalid"].prove(case(**changes))
    assert proof is not None
    assert "IBC_TRADING_MODE" in proof.evidence[0].quote


def test_a_relay_that_its_image_starts_once_is_left_to_a_person() -> None:
    sockets = {"listening": [{"port": 9000, "address": "127.0.0.1", "accept_queue": 0, "accept_limit": 50}]}
    changes = of_family("ibga")
    changes["gateway"] = {
        **changes["gateway"],
        "sockets": sockets,
        "ports": [{"container_port": 4000, "host_ip": "127.0.0.1", "host_port": 4002, "role": "relay"}],
    }
    proof = findings()["relay.down"].prove(case(**changes, api={**NO_BACKEND, "outcome": "refused"}))
    assert proof is not None
    assert proof.remedy == "ask_person"
    assert not any("run_socat" in step for step in proof.fix)


@pytest.mark.parametrize(
    ("family", "variable", "own"),
    [
        ("gnzsnz-ibc", "TWS_USERID", "TWS_USERID"),
        ("gnzsnz-ibcontroller", "TWS_USERID", "IBC_USERID"),
        ("gnzsnz-ibcontroller", "TWS_PASSWORD_FILE", "IBC_PASSWORD_FILE"),
        ("gnzsnz-ibcontroller", "TWOFA_EXIT_INTERVAL", "IBC_MFA_EXIT_INTERVAL"),
        ("gnzsnz-ibcontroller", "TWOFA_DEVICE", None),
        ("gnzsnz-ibcontroller", "SOMETHING_ELSE", "SOMETHING_ELSE"),
        ("ibga", "TWS_USERID", "IB_USERNAME"),
        ("ibga", "TWS_PASSWORD_FILE", None),
        ("ibg-controller", "TWOFA_EXIT_INTERVAL", "TWOFA_EXIT_INTERVAL"),
        ("extrange", "AUTO_RESTART_TIME", "IBC_AutoRestartTime"),
        (None, "TWS_USERID", "TWS_USERID"),
    ],
)
def test_a_variable_is_named_as_the_image_calls_it(family: str | None, variable: str, own: str | None) -> None:
    seen = case(gateway={"family": {"name": family, "controller": None}}, log=UNREAD)
    assert seen.own_name(variable) == own
    assert seen.in_own_names(f"Set {variable}.") == (f"Set {own}." if own else None)


@pytest.mark.parametrize(
    ("settings", "variables", "effective"),
    [
        ({"auto_restart_time": "11:45 PM"}, {"IBC_AUTO_RESTART_TIME": "10:00 PM"}, "11:45 PM"),
        ({}, {"IBC_AUTO_RESTART_TIME": "10:00 PM"}, "10:00 PM"),
        ({}, {"AUTO_RESTART_TIME": "10:00 PM"}, ""),
    ],
)
def test_a_setting_in_effect_is_found_under_its_own_name(
    settings: dict[str, str], variables: dict[str, str], effective: str
) -> None:
    changes = of_family("gnzsnz-ibcontroller", environment=variables)
    changes["log"] = {**UNREAD, "settings": settings}
    assert case(**changes).setting("AutoRestartTime", "AUTO_RESTART_TIME") == effective


@pytest.mark.parametrize("family", BY_NAME.values(), ids=lambda family: family.name)
def test_no_step_names_a_variable_that_only_other_images_read(family: Family) -> None:
    read_somewhere = {name for each in BY_NAME.values() for name in each.variables} - set(family.variables)
    of_it = case(gateway={"family": {"name": family.name, "controller": family.controller}})
    only_of_one = {"config.controller_off"}  # fires for that image alone
    steps = [step for code, finding in findings().items() if code not in only_of_one for step in finding.fix]
    own = [step for step in map(of_it.in_own_names, steps) if step is not None]
    assert not [step for step in own if read_somewhere & set(re.findall(r"\b[A-Z][A-Z0-9]+_[A-Z0-9_]+\b", step))]
