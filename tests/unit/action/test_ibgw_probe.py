# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What becomes of a probe that fails, hangs or loses its machine: what the others saw stays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.template import Templar
from ansible_collections.ibgw.ops.plugins.action.ibgw_probe import ActionModule, display

from tests.unit.filter.test_endpoints_inside import PAPER, paper

SERVED = {"gateway": "gw", "endpoint": "paper", "outcome": "ready"}
HEALTH = {"health": {"available": True, "gateways": [paper(PAPER)]}, "invocation": {"module_args": {}}}
LOGSCAN = {"logscan": {"gateways": []}}
HANDSHAKE = {"handshake": {"endpoints": [SERVED]}}

FOUND = {"discovered_interpreter_python": "/usr/bin/python3.12"}
VARIABLES = {
    "inventory_hostname": "alpha",
    "gateways": [{"name": "gw"}],
    "diagnose_docker_host": "",
    "diagnose_user_salt": "a secret of this run",
    "diagnose_depth": "api",
    "diagnose_timeout": 10,
    "diagnose_api_timeout": "5",
    "diagnose_task_timeout": "1",
    "diagnose_probe_python": "python3",
}
GIVEN: dict[str, Any] = {"ask": {"names": ["gw"], "find": False}, "only": []}

Answer = Callable[[], dict[str, Any]]


def hangs() -> dict[str, Any]:
    threading.Event().wait(60)
    return {}


def is_gone() -> dict[str, Any]:
    raise AnsibleConnectionFailure("Failed to connect to the host via ssh")


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the operator is warned of."""
    told: list[str] = []
    monkeypatch.setattr(display, "warning", told.append)
    return told


def probed(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> dict[str, Any]:
    """The result of the task on a machine that answers these in turn."""
    left = iter(answers)
    monkeypatch.setattr(ActionModule, "_execute_module", lambda *_module, **_given: next(left)())
    monkeypatch.setattr(ActionModule, "_templar", Templar(), raising=False)
    return ActionModule.__new__(ActionModule).outcome(VARIABLES, GIVEN)


def test_what_is_registered_is_what_the_probes_found(monkeypatch: pytest.MonkeyPatch, warnings: list[str]) -> None:
    seen = probed(monkeypatch, lambda: {**HEALTH, "ansible_facts": FOUND}, lambda: {**LOGSCAN}, lambda: {**HANDSHAKE})
    health = {"health": HEALTH["health"]}
    assert seen == {"health": health, "logscan": LOGSCAN, "handshake": HANDSHAKE, "ansible_facts": FOUND}
    assert warnings == []


def test_a_probe_that_hangs_is_given_up_and_the_next_one_looks(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    seen = probed(monkeypatch, lambda: {**HEALTH}, hangs, lambda: {**HANDSHAKE})
    assert seen["logscan"] == {"failed": True, "msg": "Timed out after 1 seconds"}
    assert seen["handshake"] == HANDSHAKE
    assert "failed" not in seen
    assert warnings == ["alpha was not probed to the end: logscan: Timed out after 1 seconds"]


def test_a_machine_that_is_lost_on_the_way_keeps_what_was_seen(
    monkeypatch: pytest.MonkeyPatch, warnings: list[str]
) -> None:
    seen = probed(monkeypatch, lambda: {**HEALTH}, is_gone)
    assert seen["health"] == {"health": HEALTH["health"]}
    assert seen["logscan"]["unreachable"]
    assert "handshake" not in seen
    assert "unreachable" not in seen
    assert warnings == ["alpha was not probed to the end: logscan: Failed to connect to the host via ssh"]


def test_where_the_first_probe_does_not_come_back_the_task_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"failed": True, "msg": "MODULE FAILURE", "module_stderr": "no such file", "rc": 127}
    assert probed(monkeypatch, is_gone)["unreachable"]
    assert probed(monkeypatch, hangs) == {"failed": True, "msg": "Timed out after 1 seconds"}
    assert probed(monkeypatch, lambda: {**broken}) == broken


def test_the_secret_of_a_run_is_never_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(display, "verbosity", 4)
    probed(monkeypatch, lambda: {**HEALTH}, lambda: {**LOGSCAN}, lambda: {**HANDSHAKE})
    told = capsys.readouterr().out
    assert told.count("<alpha> ibgw_") == 3
    assert "a secret of this run" not in told
