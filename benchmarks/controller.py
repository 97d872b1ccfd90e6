"""Ansible as a controller runs it over SSH, and what that costs: the connections, settings and keys are nobody else's."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.waiting import until

_CHECKOUT = Path(__file__).resolve().parents[1]
_PROGRAMS = Path(sys.executable).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK_EVERY = 0.2


@dataclass(frozen=True)
class Cost:
    """Seconds that passed, and seconds of processor that the controller took: Ansible, its workers, its SSH clients."""

    passed: float
    processor: float


@dataclass(frozen=True)
class Controller:
    """A directory from which Ansible is run."""

    directory: Path

    @property
    def public_key(self) -> str:
        return (self.directory / "key.pub").read_text(encoding="ascii").strip()

    def inventory(self, name: str, machines: Mapping[str, Mapping[str, Any]], port: int, python: str) -> Path:
        """Machines by their names, behind the SSH server at `port` of this machine, with `python`, where they name no other."""
        shared = {
            "ansible_user": "root",
            "ansible_port": port,
            "ansible_ssh_private_key_file": str(self.directory / "key"),
            "ansible_ssh_common_args": f"-F {self.directory / 'ssh_config'}",
            "ansible_python_interpreter": python,
            "diagnose_probe_python": "/usr/bin/python3",
            "diagnose_undeclared": False,
        }
        path = self.directory / f"{name}.json"
        path.write_text(json.dumps({"gateway_hosts": {"hosts": machines, "vars": shared}}), encoding="utf-8")
        return path

    def cost(self, *command: str | Path) -> Cost:
        """Of one of Ansible's commands, to its end."""
        before, began = sum(self.connections().values()), time.monotonic()
        process = self.begin(*command)
        _pid, status, used = os.wait4(process.pid, 0)
        passed = time.monotonic() - began
        self._check(os.waitstatus_to_exitcode(status))
        # What keeps a connection has no parent that waits for it.
        kept = sum(self.connections().values()) - before
        return Cost(passed, used.ru_utime + used.ru_stime + kept)

    def memory(self, *command: str | Path) -> float:
        """MiB that one of Ansible's commands takes at most, with its workers and its SSH clients; what they share counts once."""
        process, peak = self.begin(*command), 0
        while process.poll() is None:
            peak = max(peak, sum(map(_proportional, [process.pid, *_descendants(process.pid)])))
            threading.Event().wait(_LOOK_EVERY)
        self._check(process.returncode)
        return peak / 1024

    def begin(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Begin one of Ansible's commands, with the settings that the collection comes with."""
        program, *arguments = map(str, command)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(_CHECKOUT / "ansible.cfg"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.directory / "cp"),
            "ANSIBLE_NOCOLOR": "1",
        }
        with (self.directory / "output").open("w") as output:
            return subprocess.Popen(
                [str(_PROGRAMS / program), *arguments],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _check(self, status: int) -> None:
        if status not in (0, 2):  # 2: a gateway is down
            raise RuntimeError((self.directory / "output").read_text(encoding="utf-8"))

    def connections(self) -> dict[int, float]:
        """The processes that keep connections, with the seconds of processor that each has had."""
        ours, found = str(self.directory / "cp").encode(), {}
        for process in Path("/proc").iterdir():
            try:
                if process.name.isdecimal() and ours in (process / "cmdline").read_bytes():
                    spent = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                    found[int(process.name)] = sum(map(int, spent)) / _TICKS
            except OSError:
                continue  # it has ended
        return found

    def disconnect(self) -> None:
        """End all connections."""
        for pid in self.connections():
            os.kill(pid, signal.SIGTERM)
        until(lambda: not self.connections(), "connections to end", 30)

    def report(self) -> dict[str, Any]:
        """What the last diagnosis reported."""
        report: dict[str, Any] = json.loads((self.directory / "reports/report.json").read_text(encoding="utf-8"))
        return report


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from _descendants(child)


def _proportional(pid: int) -> int:
    """KiB of a process; of what it shares with others its share."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as rollup:
            return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


@contextmanager
def controller() -> Iterator[Controller]:
    """One that has no connection yet, and a key of its own."""
    ours = Controller(Path(tempfile.mkdtemp(prefix="controller-")))
    try:
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "benchmark", "-f", str(ours.directory / "key")]
        subprocess.run(key, check=True)
        settings = ("IdentitiesOnly yes", "StrictHostKeyChecking no", "UserKnownHostsFile /dev/null", "LogLevel ERROR")
        (ours.directory / "ssh_config").write_text("\n".join(("HostName 127.0.0.1", *settings, "")), encoding="utf-8")
        yield ours
    finally:
        ours.disconnect()
        shutil.rmtree(ours.directory)
