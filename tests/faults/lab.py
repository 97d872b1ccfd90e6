"""Where the matrix is tried: gateways whose settings are kept on this machine, and recover as an operator runs it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from docker.errors import NotFound
from docker.models.containers import Container

from simulator.client import Connection
from simulator.conditions import PASSWORD, Fleet
from simulator.faults import SETTINGS, serving
from simulator.waiting import until
from tests.faults.matrix import Row
from tests.integration.simulated.diagnosis import diagnose

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDS = Path("/var/lib/ibgw")

_GATEWAY_USER = 1000
_NOTE = "kept-by-its-operator"
_USED_UP = ("autorestart", "COLDRESTART", "PAUSE")
_RUN_SECONDS = 900


@dataclass(frozen=True)
class Spent:
    """What the broker has counted for a user: logins that typed the credentials, pushes, and attempts that were refused."""

    logins: int
    pushes: int
    refused: int

    def since(self, earlier: Spent) -> Spent:
        return Spent(self.logins - earlier.logins, self.pushes - earlier.pushes, self.refused - earlier.refused)


@dataclass(frozen=True)
class Run:
    """How a playbook ended, what it printed, and the rows of its report by name."""

    status: int
    output: str
    gateways: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Lab(Fleet):
    """One broker, and gateways whose settings are kept in directories of this one."""

    directory: Path

    def add_user(self, name: str, row: Row) -> None:
        """The user that the row's gateway logs in as."""
        self.broker.add_user(name, PASSWORD, "U7654321" if row.live else "DU7654321", **row.user)

    def start(self, name: str, *, mode: str = "paper", password: str = PASSWORD, **options: Any) -> Container:
        if "volumes" not in options:
            options = {**options, **self._with_settings(name, mode, dict(options.get("environment") or {}))}
        return super().start(name, mode=mode, password=password, **options)

    def _with_settings(self, name: str, mode: str, environment: dict[str, str]) -> dict[str, Any]:
        """Each half of `both` has a directory of its own, beside the one that is named (gnzsnz run.sh:148)."""
        volumes = {}
        for half in ("_live", "_paper") if mode == "both" else ("",):
            directory = self.directory / "settings" / f"{name}{half}"
            directory.mkdir(parents=True)
            os.chown(directory, _GATEWAY_USER, _GATEWAY_USER)
            (directory / _NOTE).write_text(name, encoding="utf-8")
            volumes[str(directory)] = {"bind": SETTINGS + half, "mode": "rw"}
        return {"environment": {**environment, "TWS_SETTINGS_PATH": SETTINGS}, "volumes": volumes}

    def kept(self) -> set[str]:
        """The settings' files, without those that are made to be used up (ibcstart.sh:543-557)."""
        files = (self.directory / "settings").rglob("*")
        return {str(file) for file in files if file.is_file() and not file.name.startswith(_USED_UP)}

    def container(self, name: str) -> Container | None:
        try:
            return self.simulation.engine.containers.get(name)
        except NotFound:
            return None

    def verdict(self, name: str, code: str, within: float) -> None:
        """Wait until a diagnosis is led by `code`; an empty one is healthy."""
        engine = self.simulation.engine
        until(lambda: (diagnose(engine, name).code or "") == code, f"{code or 'healthy'} to lead at {name}", within)

    def spent(self, name: str) -> Spent:
        """By the gateway's own user; the paper half of `both` has one, too."""
        users = (name, f"{name}-paper")
        logins = sum(self.broker.count("login_attempt", user, kind="typed") for user in users)
        refused = sum(self.broker.count("login_refused", user) for user in users)
        return Spent(logins, self.broker.count("push_sent", name), refused)

    @contextmanager
    def clients(self, name: str) -> Iterator[list[Connection]]:
        """One at each published port that serves."""
        container = self.container(name)
        with ExitStack() as stack:
            connections = serving(container) if container else []
            for connection in connections:
                stack.callback(connection.close)
            yield connections

    def recover(self, *names: str, arguments: tuple[str, ...] = (), **settings: Any) -> Run:
        """Run `recover.yml` on these gateways, as root on this machine."""
        return self.play("recover", names, arguments, settings)

    def play(self, playbook: str, names: tuple[str, ...], arguments: tuple[str, ...], settings: dict[str, Any]) -> Run:
        reports = self.directory / "reports"
        shutil.rmtree(reports, ignore_errors=True)
        ended = subprocess.run(
            [*self.command(playbook, names), *arguments, "-e", json.dumps(settings)],
            cwd=self.directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )
        written = reports / f"{_path(playbook).stem}.json"
        rows = json.loads(written.read_text(encoding="utf-8"))["gateways"] if written.exists() else []
        return Run(ended.returncode, ended.stdout + ended.stderr, {row["name"]: row for row in rows})

    def begin(self, playbook: str, name: str, **settings: Any) -> subprocess.Popen[str]:
        """Run a playbook on a gateway, and do not wait for it."""
        return subprocess.Popen(
            [*self.command(playbook, (name,)), "-e", json.dumps(settings)],
            cwd=self.directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def cut_off(self, playbook: str, name: str, task: str, after: str = "", **settings: Any) -> None:
        """Run a playbook until that task has begun; where `after` is given, only once that one has. Then nothing more of it happens."""
        with self.begin(playbook, name, **settings) as run:
            assert run.stdout is not None
            seen = list(_until_task(run.stdout, task, after))
            os.killpg(run.pid, signal.SIGKILL)
        assert any(task in line for line in seen), "".join(seen)

    def command(self, playbook: str, names: tuple[str, ...]) -> list[str]:
        """What an operator types; no reset of IBKR's falls into the tests."""
        here = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "diagnose_docker_host": address_of(self.simulation.engine),
            "diagnose_probe_python": sys.executable,
            "diagnose_undeclared": False,
            "recover_become": False,
            "recover_reset_windows": [],
            "gateways": [{"name": name} for name in names],
        }
        inventory = self.directory / f"{'-'.join(names)[:80]}.json"
        inventory.write_text(json.dumps({"gateway_hosts": {"hosts": {"here": here}}}), encoding="utf-8")
        executable = str(Path(sys.executable).with_name("ansible-playbook"))
        return [executable, str(_path(playbook)), "-i", str(inventory)]

    def forget(self, *names: str) -> None:
        """Remove the gateways and what the machine keeps about them."""
        for name in names:
            if (container := self.container(name)) is not None:
                container.remove(force=True, v=True)
            shutil.rmtree(RECORDS / name, ignore_errors=True)


def environment() -> dict[str, str]:
    """Of a playbook whose output is read by a test."""
    return {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}


def _until_task(lines: Iterable[str], task: str, after: str) -> Iterator[str]:
    """What is printed until that task begins."""
    passed = not after
    for line in lines:
        yield line
        begins = line.startswith("TASK [")
        if begins and passed and task in line:
            return
        passed = passed or (begins and after in line)


def _path(playbook: str) -> Path:
    """Of a playbook of the collection by its name, else of any."""
    return Path(playbook) if playbook.endswith(".yml") else CHECKOUT / "playbooks" / f"{playbook}.yml"
