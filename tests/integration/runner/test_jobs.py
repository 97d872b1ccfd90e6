# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What AWX keeps and shows of jobs that follow one another in a workflow, and what they leave behind: nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.probe import size
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import PROBES
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import ARTIFACT_BYTES

from tests.integration.gateways import Running, Start
from tests.integration.playbooks import HERE
from tests.integration.runner.awx import Ended
from tests.integration.runner.conftest import Launch

#: What one gateway may add to the answer of a probe, which AWX stores with the event of its task.
RESULT_BYTES = 8192
#: What an event has beside the result: names, paths, times.
EVENT_BYTES = 2048
WEEK = 604_800


@pytest.fixture
def dead() -> Iterator[dict[str, Any]]:
    """A machine that does not answer, in the words of an inventory."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield {"ansible_host": "127.0.0.1", "ansible_port": bound.getsockname()[1]}


def as_it_is(*gateways: Running) -> list[Any]:
    """What a job must not change of them: the container's run, and what IBKR counted."""
    seen = []
    for each in gateways:
        each.container.reload()
        state = each.container.attrs["State"]
        events = [(entry["event"], entry["user"]) for entry in each.broker.ledger(each.user)]
        seen.append((each.container.id, state["StartedAt"], state["Status"], events))
    return seen


def left_behind(directory: Path) -> list[str]:
    """Files in a job's directory that neither AWX nor ansible-runner has put there."""
    known = ("artifacts", "cp", "env", "inventory", "project")
    files = (path.relative_to(directory) for path in directory.rglob("*") if path.is_file())
    return sorted(str(path) for path in files if path.parts[0] not in known)


def is_bounded(ended: Ended, gateways: int) -> None:
    """Whether AWX can store every event of a job, and shows no control character but colours and ends of lines."""
    for event in ended.events:
        result = event.get("event_data", {}).get("res") or {}
        answers = [result.pop(step) for step in PROBES if step in result]  # of a task that runs several probes
        for stored in (event, *answers):
            assert size(stored) <= EVENT_BYTES + gateways * RESULT_BYTES, event["stdout"]
    assert ended.output.replace("\r\n", "\n").replace("\n", "").isprintable()


def test_a_reminder_an_audit_and_a_plan_in_one_workflow(
    start: Start, address: str, launch: Launch, dead: dict[str, Any], tmp_path: Path
) -> None:
    paper, live, stopped = start(), start("live", environment={"AUTO_RESTART_TIME": "11:59 PM"}), start()
    for each in (paper, live, stopped):
        each.logged_in()
    stopped.container.stop(timeout=60)
    gateways = [{"name": each.user} for each in (paper, live, stopped)]
    here = {**HERE, "diagnose_docker_host": address, "gateways": gateways}
    machines, reports = {"here": here, "away": dead}, tmp_path / "reports"
    reports.mkdir()
    before = as_it_is(paper, live, stopped)

    settings = {"diagnose_fail_on": "never", "diagnose_remind_before": WEEK, "diagnose_report_dir": str(reports)}
    reminded = launch("diagnose", machines, "--forks=50", extra=settings, writable=[reports]).ended()
    assert (reminded.status, reminded.rc) == ("failed", 2), reminded.printed
    assert f"1 gateway needs a full login soon (diagnose_remind_before): here/{live.user} (" in reminded.output
    assert f"! here/{live.user}: its session ends Sunday" in reminded.output
    assert "no gateway reaches diagnose_fail_on=never" in reminded.output
    assert "[WARNING]" not in reminded.output
    assert {name: status for name, (status, _code) in reminded.verdicts.items()} == {
        "away": "unknown",
        f"here/{paper.user}": "healthy",
        f"here/{live.user}": "healthy",
        f"here/{stopped.user}": "down",
    }
    assert sorted(path.name for path in reports.iterdir()) == ["report.html", "report.json"]

    # The next nodes have the artifacts as extra variables. Nothing was told where to write, and their project can not be written to.
    planned = launch("recover", machines, "--check", "--limit=here", extra=reminded.artifacts).ended()
    assert (planned.status, planned.rc) == ("failed", 2), planned.printed
    assert f"here/{stopped.user}" in planned.output
    assert "away is UNKNOWN" not in planned.output
    assert planned.output.count("could not be written to reports (Read-only file system)") == 1
    audited = launch("audit", machines, "--limit=here", extra=reminded.artifacts).ended()
    assert (audited.status, audited.rc) == ("failed", 2), audited.printed
    assert {name for name, said in audited.artifacts["ibgw"].items() if "audit" in said} == {
        f"here/{each.user}" for each in (paper, live, stopped)
    }
    assert audited.artifacts["ibgw"][f"here/{stopped.user}"]["audit"]["failing"] is True
    for job in (reminded, planned, audited):
        assert all(size({name: said}) <= ARTIFACT_BYTES for name, said in job.artifacts["ibgw"].items())
        is_bounded(job, len(gateways))
        assert "-i " not in job.output, "a command names an inventory that is gone with its job"
    assert as_it_is(paper, live, stopped) == before
    assert [left_behind(tmp_path / f"awx_{number}") for number in (1, 2, 3)] == [[], [], []]
