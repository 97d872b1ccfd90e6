# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Terminal, report, artifacts and exit status, as a shell, a scheduler and AWX see them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.diagnose.conftest import LOCAL, Diagnose


def test_selected_gateway_only(diagnose: Diagnose, dead: dict[str, Any]) -> None:
    machine = {**LOCAL, "gateways": [{"name": "one"}, {"name": "two"}]}
    ended = diagnose({"alpha": machine, "dead": dead}, "-e", "diagnose_only=two")
    assert set(ended.rows) == {"alpha/two"}
    assert "...ignoring" not in ended.output  # nothing was tried on the other machine


def test_report_directory_that_can_not_be_written_is_a_warning(diagnose: Diagnose, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = diagnose({"alpha": LOCAL}, "-e", f"diagnose_report_dir={tmp_path}/file/reports")
    assert "report.json and report.html could not be written" in ended.output
    assert "alpha/ib-gateway is DOWN" in ended.output
    assert ended.status == 2


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, False), ({"ANSIBLE_FORCE_COLOR": "1"}, True)],
)
def test_colour(diagnose: Diagnose, environment: dict[str, str], coloured: bool) -> None:
    ended = diagnose({"alpha": LOCAL}, **{"ANSIBLE_NOCOLOR": "", **environment})
    assert ("\x1b[" in ended.output) == coloured


def test_ascii_only(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, "-e", "diagnose_ascii=true")
    assert ended.output.isascii()
    assert "  x " in ended.output


def test_width_of_the_terminal(diagnose: Diagnose) -> None:
    ended = diagnose({"alpha": LOCAL}, COLUMNS="50")
    block = ended.output[ended.output.index("alpha/ib-gateway is") : ended.output.index("1 gateway on")]
    assert max(len(line) for line in block.splitlines() if "ansible-playbook" not in line and "://" not in line) <= 50


def test_under_ansible_runner_without_configuration(tmp_path: Path, dead: dict[str, Any]) -> None:
    """The nearest thing to AWX: its own display, a read-only project, artifacts in the last event."""
    project, inventory = tmp_path / "project", tmp_path / "inventory"
    project.mkdir()
    inventory.mkdir()
    (project / "diagnose.yml").write_text("- import_playbook: ibgw.ops.diagnose\n", encoding="utf-8")
    machines = {"gateway_hosts": {"hosts": {"a-dead": dead, "beta": LOCAL}}}
    (inventory / "hosts.yml").write_text(yaml.safe_dump(machines), encoding="utf-8")
    project.chmod(0o555)
    reports = tmp_path / "reports"
    runner = Path(sys.executable).with_name("ansible-runner")
    command = [
        runner,
        "run",
        tmp_path,
        "-p",
        "diagnose.yml",
        "-i",
        "it",
        "--cmdline",
        f"-e diagnose_report_dir={reports}",
    ]
    environment = {**os.environ, "PATH": f"{runner.parent}:{os.environ['PATH']}"}  # the runner calls Ansible by name
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert "a-dead is UNKNOWN" in ended.stdout
    assert ended.returncode == 2
    events = (json.loads(path.read_text()) for path in (tmp_path / "artifacts" / "it" / "job_events").glob("*.json"))
    (stats,) = (event["event_data"] for event in events if event["event"] == "playbook_on_stats")
    published = stats["artifact_data"]["ibgw"]
    assert published["a-dead"]["code"] == "host.unreachable"
    assert published["beta/ib-gateway"]["status"] == "down"
    rows = json.loads((reports / "report.json").read_text())["gateways"]
    assert {row["id"] for row in rows} == set(published)
