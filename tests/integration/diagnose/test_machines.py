# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine that can not be looked at is unknown in the report, and stops no other."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.integration.diagnose.conftest import LOCAL, Diagnose, judged

UNREACHABLE = ("unknown", "host.unreachable")


def test_machines_are_judged_one_by_one(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL, "beta": {**LOCAL, "gateways": []}})
    judged(ended)
    assert set(ended.rows) == {"alpha/ib-gateway", "beta"}
    assert ended.status == 2


def test_limit_leaves_a_report_of_the_rest(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL, "beta": LOCAL}, "-l", "beta")
    judged(ended)
    assert set(ended.rows) == {"beta/ib-gateway"}
    assert ended.report is not None
    assert ended.report["fleet"]["machines"] == 1


def test_first_machine_dead(diagnose: Diagnose, dead: dict[str, Any]) -> None:
    ended = diagnose({"a-dead": dead, "beta": LOCAL})
    judged(ended)
    assert ended.rows["a-dead"] == UNREACHABLE
    assert "beta/ib-gateway" in ended.rows
    assert ended.status == 2


def test_all_machines_dead_and_each_tried_once(diagnose: Diagnose, dead: dict[str, Any]) -> None:
    ended = diagnose({"alpha": dead, "beta": {**dead, "gateways": [{"name": "one"}, {"name": "two"}]}})
    judged(ended)
    assert ended.rows == dict.fromkeys(["alpha", "beta/one", "beta/two"], UNREACHABLE)
    assert ended.output.count("UNREACHABLE!") == 2
    assert ended.status == 2


def test_stalled_ssh_takes_one_connect_timeout(diagnose: Diagnose, stalled: dict[str, Any]) -> None:
    ended = diagnose({"alpha": stalled, "beta": LOCAL}, ANSIBLE_TIMEOUT="1")
    judged(ended)
    assert ended.rows["alpha"] == UNREACHABLE
    assert "beta/ib-gateway" in ended.rows


@pytest.fixture
def hanging(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A machine that begins what it is asked and never ends."""
    python, begun = tmp_path / "python3", tmp_path / "begun"
    python.write_text(f"#!/bin/sh\necho $$ >> {shlex.quote(str(begun))}\nexec sleep 600\n", encoding="utf-8")
    python.chmod(0o755)
    yield {**LOCAL, "ansible_python_interpreter": str(python)}
    for pid in begun.read_text(encoding="utf-8").split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def test_a_machine_that_hangs_is_cut_off(diagnose: Diagnose, hanging: dict[str, Any]) -> None:
    ended = diagnose({"alpha": hanging, "beta": LOCAL}, "-e", "diagnose_task_timeout=5")
    judged(ended)
    assert ended.rows["alpha/ib-gateway"][0] == "unknown"


@pytest.mark.parametrize(
    "sick",
    [
        {"ansible_python_interpreter": "/nonexistent/python3"},
        {"ansible_python_interpreter": "/bin/false"},
        {"ansible_become": True, "ansible_become_exe": "/nonexistent/sudo", "ansible_become_user": "nobody"},
        {"ansible_become": True, "ansible_become_exe": "/bin/false", "ansible_become_user": "nobody"},
        {"ansible_connection": "nonexistent"},
    ],
    ids=["no Python", "wrong interpreter", "no sudo", "sudo refuses", "no such connection"],
)
def test_a_machine_on_which_no_module_runs(diagnose: Diagnose, sick: dict[str, Any]) -> None:
    ended = diagnose({"alpha": {**LOCAL, **sick}, "beta": LOCAL})
    judged(ended)
    assert ended.rows["alpha/ib-gateway"][0] == "unknown"
    assert ended.rows["beta/ib-gateway"][0] == "down"
    assert ended.status == 2


@pytest.mark.parametrize(("level", "status"), [("never", 0), ("degraded", 2)])
def test_unknown_fails_at_every_level_but_never(
    diagnose: Diagnose, dead: dict[str, Any], level: str, status: int
) -> None:
    ended = diagnose({"alpha": dead}, "-e", f"diagnose_fail_on={level}")
    assert (ended.rows, ended.status) == ({"alpha": UNREACHABLE}, status)


def test_check_mode_diagnoses_too(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, "--check")
    judged(ended)
