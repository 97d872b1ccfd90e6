# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job that AWX slices: what its slices report at once becomes one report, and a slice that does not run is missed."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateways import Start
from tests.integration.playbooks import HERE
from tests.integration.runner.conftest import Launch

SLICES = 3
#: A host that no slice of the inventory has.
STORE_HOST = "reports.example"
#: What differs between two diagnoses of the same, beside times.
_VARIES = (
    "generated_at",
    "controller",
    "checked_at",
    "reported_at",
    "since",
    "facts",
    "endpoints",
    "summary",
    "evidence",
    "runs",
    "deadline",
)


@pytest.fixture
def ssh(tmp_path: Path) -> dict[str, str]:
    """An `ssh` that finds every host on this machine, and what makes Ansible do with that."""
    path = tmp_path / "ssh"
    path.write_text('#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n', encoding="utf-8")
    path.chmod(0o755)
    return {"ANSIBLE_SSH_EXECUTABLE": str(path), "ANSIBLE_SSH_TRANSFER_METHOD": "piped"}


@pytest.fixture
def fleet(start: Start, address: str) -> dict[str, Any]:
    """Four machines: one that is well, one whose gateway was stopped, and two without an engine."""
    well, stopped = start(), start()
    for each in (well, stopped):
        each.logged_in()
    stopped.container.stop(timeout=60)
    dark = {**HERE, "diagnose_docker_host": "unix:///nonexistent/docker.sock", "gateways": [{"name": "ib-gateway"}]}
    here = {**HERE, "diagnose_docker_host": address}
    return {
        "alpha": {**here, "gateways": [{"name": well.user}]},
        "beta": {**here, "gateways": [{"name": stopped.user}]},
        "delta": dark,
        "gamma": dark,
    }


def slice_of(fleet: dict[str, Any], number: int) -> dict[str, Any]:
    """The machines that AWX gives to a slice (models/inventory.py, get_script_data)."""
    return {name: fleet[name] for name in sorted(fleet)[number::SLICES]}


def report_in(store: Path) -> dict[str, Any]:
    return dict(json.loads((store / "report.json").read_text(encoding="utf-8")))


def without_times(said: Any) -> Any:
    if isinstance(said, dict):
        return {key: without_times(value) for key, value in said.items() if key not in _VARIES}
    return [without_times(each) for each in said] if isinstance(said, list) else said


def age(store: Path, machine: str, by: timedelta) -> None:
    """Let the last diagnosis of a machine be so long ago."""
    path = store / "report.state.json"
    state = json.loads(path.read_text(encoding="utf-8"))
    then = (datetime.now(timezone.utc) - by).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = state["machines"][machine]
    for told in filter(None, (known["whole"], *known["rows"])):
        told["at"] = then
    path.write_text(json.dumps(state), encoding="utf-8")


def test_slices_become_one_report_that_misses_the_one_that_does_not_run(
    fleet: dict[str, Any], launch: Launch, ssh: dict[str, str], tmp_path: Path
) -> None:
    whole, sliced = tmp_path / "whole", tmp_path / "sliced"
    for store in (whole, sliced):
        store.mkdir()
    known = {"code": "engine.down@gamma", "reason": "moves to another machine"}

    def job(playbook: str, machines: dict[str, Any], store: Path, **extra: Any) -> Any:
        given = {
            "diagnose_fail_on": "never",
            "diagnose_report_dir": "",
            "diagnose_store_dir": str(store),
            "diagnose_store_host": STORE_HOST,
            "diagnose_suppress": [known],
            "ansible_python_interpreter": sys.executable,
            **extra,
        }
        return launch(playbook, machines, extra=given, writable=[store], **ssh)

    alone = job("diagnose", fleet, whole).ended()
    assert alone.status == "successful", alone.printed
    assert "[WARNING]" not in alone.output
    jobs = [job("diagnose", slice_of(fleet, number), sliced) for number in range(SLICES)]
    verdicts: dict[str, Any] = {}
    for number, ended in enumerate(each.ended() for each in jobs):
        assert ended.status == "successful", ended.printed
        assert {name.partition("/")[0] for name in ended.verdicts} == {*slice_of(fleet, number)}
        verdicts |= ended.verdicts
    assert verdicts == alone.verdicts
    assert without_times(report_in(sliced)) == without_times(report_in(whole))
    assert report_in(sliced)["fleet"]["machines"] == len(fleet)
    assert report_in(sliced)["controller"] == "job 1 of https://awx.example"
    assert (sliced / "report.html").exists()

    # Three quarters of an hour later all but the last slice have run again; that one was killed.
    age(sliced, "gamma", timedelta(minutes=45))
    killed = job("diagnose", slice_of(fleet, 2), sliced)
    killed.begun("Look at engine")
    killed.kill()
    told = job("report", fleet, sliced, diagnose_fail_on="down").ended()
    assert told.status == "failed"
    assert told.verdicts["gamma/ib-gateway"] == ("unknown", "probe.stale")
    assert {name: said for name, said in told.verdicts.items() if "gamma" not in name} == {
        name: said for name, said in verdicts.items() if "gamma" not in name
    }
    assert {row["id"]: row["code"] for row in report_in(sliced)["gateways"]}["gamma/ib-gateway"] == "probe.stale"
    assert "gamma/ib-gateway" in told.output
