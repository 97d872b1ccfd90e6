# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a gateway is given in files: it is down over what it failed on, and advised of what will fail at its next start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    findings,
)

from tests.unit.plugin_utils.findings.rows import FAILED, SETTINGS, STOPPED, ended, state
from tests.unit.plugin_utils.findings.scene import SECRET, answer, machine

DIRECTORY = {"kind": "directory", "readable_by_gateway": None, "empty": None}


def proof(code: str, **changes: Any) -> Proof:
    found = answer(code, **changes)
    assert isinstance(found, Proof), found
    return found


def secret(**changes: Any) -> dict[str, Any]:
    return {"secrets": [{**SECRET, **changes}], "user": {"uid": 1000, "gid": 1000}}


@pytest.mark.parametrize(
    ("changes", "why", "fix"),
    [
        ({"kind": "missing"}, "is not there", "Mount a file with the secret at /run/secrets/password"),
        (DIRECTORY, "is a directory", "sudo rmdir /srv/password"),
        ({"readable_by_gateway": False}, "can not be read by the gateway", "sudo chown 1000:1000 /srv/password"),
        ({"empty": True}, "is empty", "write the secret into /srv/password"),
        ({"carriage_return": True}, "has a carriage return", r"sed -i 's/\r$//' /srv/password"),
        ({"trailing_blank": True}, "ends in a blank", "sed -i"),
    ],
)
def test_a_secret_that_will_fail_is_told_before_it_does(changes: dict[str, Any], why: str, fix: str) -> None:
    found = proof("config.secret_unreadable", container=secret(**changes))
    assert found.severity == "advice"
    assert f"/run/secrets/password (TWS_PASSWORD_FILE) {why}" in found.summary
    assert why in found.evidence[0].quote
    assert fix in found.fix[0]


@pytest.mark.parametrize("changes", [{"kind": "missing"}, {"readable_by_gateway": False}])
def test_a_start_script_that_gave_up_over_a_secret_is_down_for_it(changes: dict[str, Any]) -> None:
    found = proof("config.secret_unreadable", container={**FAILED, **secret(**changes)})
    assert found.severity is None
    assert any("exit code 1" in each.quote for each in found.evidence)
    assert "docker start" in found.fix[-1]


def test_an_empty_password_that_keeps_the_login_waiting_is_explained_by_its_file() -> None:
    waits = {**state("login_window", 300, problem="config.credentials_missing"), "container": secret(**DIRECTORY)}
    assert proof("config.secret_unreadable", **waits).severity is None
    assert "config.credentials_missing" in findings()["config.secret_unreadable"].explains


def test_a_file_that_the_log_refuses_is_named_where_it_was_seen() -> None:
    refused = ended("config.secret_unreadable")
    refused["container"] |= secret(kind="missing")
    assert proof("config.secret_unreadable", **refused).summary.endswith("is not there")
    assert proof("config.secret_unreadable", **ended("config.secret_unreadable")).summary.startswith("a secret file")


@pytest.mark.parametrize(
    ("container", "kind"),
    [
        (secret(), Passed),
        (secret(kind=None, readable_by_gateway=None, empty=None), NotKnown),  # it could not be looked at
        ({"environment": {"TWS_PASSWORD_FILE": "<empty>"}}, NotApplicable),
        (
            {"environment": {"TWS_PASSWORD_FILE": "<empty>", "IBC_SETTINGS_FILE": "/home/ibgateway/settings.toml"}},
            NotApplicable,
        ),
        ({**secret(kind="missing"), "environment": {"CUSTOM_CONFIG": "yes"}}, NotKnown),  # then it is not read
        (secret(variable="TWS_PASSWORD_PAPER_FILE", kind="missing"), NotKnown),  # read in mode both only
        (secret(variable=None, kind="missing"), NotKnown),
    ],
)
def test_a_secret_that_is_well_or_not_read_is_no_finding(container: dict[str, Any], kind: type) -> None:
    assert isinstance(answer("config.secret_unreadable", container=container), kind)


def settings(**changes: Any) -> dict[str, Any]:
    mount = {"source": "/srv/settings", "target": SETTINGS["path"], "type": "bind", "read_only": False}
    return {"settings": [{**SETTINGS, "writable_by_gateway": True, "blocked_by": [], **changes}], "mounts": [mount]}


@pytest.mark.parametrize(
    ("changes", "said", "fix"),
    [
        (
            {"writable_by_gateway": False, "owner": {"uid": 0, "gid": 0, "mode": "0755"}},
            "can not be written by the gateway (uid 0, gid 0, mode 0755)",
            "sudo chown -R 101000:101000 /srv/settings",
        ),
        ({"blocked_by": ["jts.ini"], "writable_by_gateway": True}, "tws_settings/jts.ini can not be written", "chown"),
        ({"kind": "file", "writable_by_gateway": False}, "is a file, where a directory belongs", "Mount a directory"),
        ({"kind": "missing", "writable_by_gateway": False, "mount": None}, "can not make it", "Mount a directory"),
    ],
)
@pytest.mark.parametrize("container", [{}, FAILED])
def test_settings_that_can_not_be_written(
    changes: dict[str, Any], said: str, fix: str, container: dict[str, Any]
) -> None:
    user = {"user": {"uid": 101_000, "gid": 101_000}}  # a remapped container's, as the machine counts
    found = proof("config.settings_unwritable", container={**settings(**changes), **user, **container})
    assert said in found.summary
    assert fix in found.fix[0]
    assert found.severity == (None if container else "advice")


@pytest.mark.parametrize(
    ("container", "kind"),
    [(settings(), Passed), (settings(writable_by_gateway=None), NotKnown), ({**STOPPED, **settings()}, Passed)],
)
def test_settings_that_can_be_written_or_were_not_seen(container: dict[str, Any], kind: type) -> None:
    assert isinstance(answer("config.settings_unwritable", container=container), kind)


RUN = "/home/ibgateway/ibcontroller/run"


@pytest.mark.parametrize(
    ("family", "tmpfs", "exit_code", "kind"),
    [
        ("gnzsnz-ibcontroller", {}, 78, Proof),
        ("gnzsnz-ibcontroller", {RUN: "mode=1777"}, 78, NotKnown),
        ("gnzsnz-ibcontroller", {}, 77, NotKnown),
        ("gnzsnz-ibc", {}, 78, NotKnown),
    ],
)
def test_sockets_of_an_agent_belong_in_memory(family: str, tmpfs: dict[str, str], exit_code: int, kind: type) -> None:
    container = {**FAILED, "exit_code": exit_code, "tmpfs": tmpfs}
    found = answer("config.settings_unwritable", container=container, gateway={"family": {"name": family}})
    assert isinstance(found, kind)
    assert not isinstance(found, Proof) or RUN in found.summary


def test_how_a_controller_takes_the_end_of_its_own_files_is_not_guessed() -> None:
    family = {"family": {"name": "gnzsnz-ibcontroller"}}
    for variable, kind in (("IBC_PASSWORD_FILE", Passed), ("VNC_SERVER_PASSWORD_FILE", Proof)):
        container = secret(variable=variable, carriage_return=True)
        assert isinstance(answer("config.secret_unreadable", container=container, gateway=family), kind)


INI = {"path": "/run/ibgw/config.ini", "mount": "/run/ibgw", "kind": "file", "readable_by_gateway": True}


@pytest.mark.parametrize(
    ("changes", "own", "said"),
    [
        ({"kind": "missing"}, "yes", "is not there"),
        ({"kind": "directory"}, "yes", "is a directory"),
        ({"readable_by_gateway": False}, "yes", "can not be read"),
        ({}, "yes", Passed),
        ({"kind": None}, "yes", NotKnown),
        ({"kind": "missing"}, "no", NotApplicable),
    ],
)
def test_a_configuration_of_ones_own_has_to_be_there(changes: dict[str, Any], own: str, said: Any) -> None:
    container = {"configuration": [{**INI, **changes}], "environment": {"CUSTOM_CONFIG": own}}
    found = answer("config.file_missing", container=container)
    if isinstance(said, str):
        assert isinstance(found, Proof)
        assert said in found.summary
        assert found.severity == "advice"
    else:
        assert isinstance(found, said)


def test_settings_in_memory_do_not_last() -> None:
    memory = {**settings(), "mounts": [{"target": SETTINGS["path"], "type": "tmpfs"}]}
    assert isinstance(answer("config.settings_not_persistent", container=memory), Proof)
    assert isinstance(answer("config.settings_not_persistent", container=settings()), Passed)
    assert isinstance(answer("config.settings_not_persistent"), NotKnown)


def test_in_mode_both_the_mount_of_the_name_alone_holds_neither() -> None:
    path = SETTINGS["path"]
    ends = [{**SETTINGS, "path": f"{path}{end}", "mount": None} for end in ("_live", "_paper")]
    both = machine(
        container={"settings": ends, "environment": {"TRADING_MODE": "both", "TWS_SETTINGS_PATH": path}},
        declared={"trading_mode": "both"},
    )
    changes = {}
    for one in both.gateways[0].cases:
        found = findings()["config.settings_not_persistent"].prove(one)
        assert isinstance(found, Proof)
        changes[one.endpoint] = found.change.defined if found.change else None
    assert changes == {end: f"volumes: ./settings_{end}:{path}_{end}" for end in ("paper", "live")}


@pytest.mark.parametrize(
    ("environment", "status", "kind"),
    [
        ({"TWS_PASSWORD": "<set>"}, "created", Proof),
        ({"TWS_PASSWORD": "<empty>"}, "created", Passed),
        ({"TWS_PASSWORD": "<set>"}, "running", NotKnown),
        ({"TRADING_MODE": "both", "TWS_PASSWORD_PAPER": "<set>"}, "created", Proof),  # live by file, paper by value
    ],
)
def test_a_secret_given_twice_is_told_before_the_start(environment: dict[str, str], status: str, kind: type) -> None:
    container = {"status": status, "environment": environment}
    declared = {"trading_mode": environment.get("TRADING_MODE", "paper")}
    assert isinstance(answer("config.credentials_conflict", container=container, declared=declared), kind)


STARTS_ITSELF = {"because": ["its command runs /home/ibgateway/scripts/run.sh"]}


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"container": {"status": "created"}}, "advice"),
        ({"container": {"status": "running"}, **state("login_window", 300)}, None),
    ],
)
def test_credentials_that_no_variable_gives(changes: dict[str, Any], severity: str | None) -> None:
    empty = {"TWS_PASSWORD_FILE": "<empty>", "TWS_USERID": "<empty>"}
    given = {
        **changes,
        "container": {**changes["container"], "environment": empty},
        "log": {"settings": None},
        "gateway": {"family": STARTS_ITSELF},
    }
    given.setdefault("run", {"state": "unknown"})
    found = proof("config.credentials_missing", **{"api": {"outcome": "refused"}, **given})
    assert found.severity == severity
    assert "TWS_USERID and TWS_PASSWORD not set" in found.summary
    given["gateway"] = {"family": STARTS_ITSELF, "deployment": {"image": "x"}}
    assert isinstance(answer("config.credentials_missing", **{"api": {"outcome": "refused"}, **given}), NotKnown)


def test_credentials_that_variables_give_are_given_whatever_starts_the_container() -> None:
    given = {"IBC_USERID": "***", "IBC_PASSWORD_FILE": "/run/secrets/password"}
    changes = {"container": {"status": "created", "environment": given}, "log": {"settings": None}}
    family = {"gateway": {"family": {"name": "gnzsnz-ibcontroller", "because": []}}}
    unseen = {"run": {"state": "unknown"}, "api": {"outcome": "refused"}}
    assert isinstance(answer("config.credentials_missing", **changes, **family, **unseen), Passed)
    del given["IBC_USERID"]  # its own file of settings may hold it
    assert isinstance(answer("config.credentials_missing", **changes, **family, **unseen), NotKnown)


def fleet(*users: tuple[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """For each machine of a fleet, given its name and what its container is, who else logs in as its user."""
    machines = [replace(machine(container={"id": name, **changes}), name=name) for name, changes in users]
    return [each.gateways[0].cases[0].same_user for each in evidence.across(machines)]


def as_user(paper: str | None, **container: Any) -> dict[str, Any]:
    return {"users": {"live": None, "paper": paper}, **container}


def test_gateways_with_one_user_are_found_across_machines() -> None:
    seen = fleet(("alpha", as_user("5e1f")), ("beta", as_user("5e1f")), ("gamma", as_user("0ddc")), ("delta", {}))
    assert seen == [("beta/ib-gateway",), ("alpha/ib-gateway",), (), ()]


def test_one_container_under_two_names_is_one_gateway() -> None:
    assert fleet(("alpha", as_user("5e1f", id="one")), ("localhost", as_user("5e1f", id="one"))) == [(), ()]


def test_each_name_of_a_container_that_stands_in_the_inventory_twice_is_told() -> None:
    machines = [
        replace(machine(container={"id": one}), name=name)
        for name, one in (("alpha", "one"), ("beta", "two"), ("localhost", "one"), ("gone", None), ("away", None))
    ]
    names = [each.gateways[0].cases[0].same_container for each in evidence.across(machines)]
    assert names == [("localhost/ib-gateway",), (), ("alpha/ib-gateway",), (), ()]
