"""A playbook run as an operator runs it, on machines that a test describes, and what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]

#: This machine as a host of an inventory, for a test: as whoever runs that, at any hour, with its own gateways alone.
HERE: dict[str, Any] = {
    "ansible_connection": "local",
    "ansible_python_interpreter": sys.executable,
    "diagnose_probe_python": sys.executable,
    "diagnose_undeclared": False,
    "gateway_become": False,
    "gateway_python": sys.executable,
    "rebuild_become": False,
    "rebuild_python": sys.executable,
    "recover_become": False,
    "recover_reset_windows": [],
    "release_become": False,
}

_SECONDS = 900.0
#: What the file of a playbook's report is called where it is not called as the playbook.
_REPORTS = {"diagnose": "report"}


@dataclass(frozen=True)
class Run:
    """How a playbook ended, what it printed, and its report, if there is one."""

    status: int
    output: str
    report: dict[str, Any] | None

    @property
    def gateways(self) -> dict[str, dict[str, Any]]:
        """The rows of the report by the gateway's name."""
        return {row["name"]: row for row in self.report["gateways"]} if self.report else {}


#: What the fixture `ansible_playbook` gives: `run` in the directory of the test.
Play = Callable[..., Run]


def write_inventory(directory: Path, machines: Mapping[str, Any]) -> Path:
    """Machines by their names, with their variables, as an inventory; its path."""
    path = directory / "inventory.json"
    path.write_text(json.dumps({"gateway_hosts": {"hosts": machines}}), encoding="utf-8")
    return path


def begin(directory: Path, playbook: str | Path, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """Begin a playbook of the collection by its name, or one that is a file: without a terminal, and apart from the test's own processes."""
    executable = str(Path(sys.executable).with_name("ansible-playbook"))
    named = str(playbook) if str(playbook).endswith(".yml") else f"ibgw.ops.{playbook}"
    return subprocess.Popen(
        [executable, named, *map(str, arguments)],
        cwd=directory,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def run(directory: Path, playbook: str | Path, *arguments: str | Path, **environment: str) -> Run:
    """Run a playbook to its end; the report is that of this run."""
    name = Path(playbook).stem
    report = directory / "reports" / f"{_REPORTS.get(name, name)}.json"
    report.unlink(missing_ok=True)
    process = begin(directory, playbook, *arguments, **environment)
    try:
        output, _none = process.communicate(timeout=_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return Run(process.returncode, output, json.loads(report.read_text(encoding="utf-8")) if report.exists() else None)


def kill_at(process: subprocess.Popen[str], task: str, after: str = "") -> None:
    """Let a playbook run until that task has begun; where `after` is given, only once that one has. Then nothing more of it happens."""
    with process:
        assert process.stdout is not None
        seen = list(_until_task(process.stdout, task, after))
        os.killpg(process.pid, signal.SIGKILL)
    assert any(task in line for line in seen), "".join(seen)


def _until_task(lines: Iterable[str], task: str, after: str) -> Iterator[str]:
    """What is printed until that task begins."""
    passed = not after
    for line in lines:
        yield line
        begins = line.startswith("TASK [")
        if begins and passed and task in line:
            return
        passed = passed or (begins and after in line)
