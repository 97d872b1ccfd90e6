"""Where the matrix is tried: gateways whose settings are kept on this machine, and recover as an operator runs it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from ansible_collections.ibgw.ops.plugins.module_utils.record import RECORDS
from docker.errors import NotFound
from docker.models.containers import Container

from simulator.client import Connection
from simulator.conditions import PASSWORD, Fleet
from simulator.faults import SETTINGS, serving
from simulator.waiting import until
from tests.integration import playbooks
from tests.integration.diagnosis import diagnose
from tests.integration.faults.matrix import Row
from tests.integration.playbooks import HERE, Run, kill_at, write_inventory

_GATEWAY_USER = 1000
_NOTE = "kept-by-its-operator"
_USED_UP = ("autorestart", "COLDRESTART", "PAUSE")


@dataclass(frozen=True)
class Spent:
    """What the broker has counted for a user: logins that typed the credentials, pushes, and attempts that were refused."""

    logins: int
    pushes: int
    refused: int

    def since(self, earlier: Spent) -> Spent:
        return Spent(self.logins - earlier.logins, self.pushes - earlier.pushes, self.refused - earlier.refused)


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
        return playbooks.run(self.directory, playbook, *self._given(names, arguments, settings))

    def begin(self, playbook: str, name: str, **settings: Any) -> subprocess.Popen[str]:
        """Run a playbook on a gateway, and do not wait for it."""
        return playbooks.begin(self.directory, playbook, *self._given((name,), (), settings))

    def cut_off(self, playbook: str, name: str, task: str, after: str = "", **settings: Any) -> None:
        """Run a playbook until that task has begun; where `after` is given, only once that one has. Then nothing more of it happens."""
        kill_at(self.begin(playbook, name, **settings), task, after)

    def _given(self, names: tuple[str, ...], arguments: tuple[str, ...], settings: dict[str, Any]) -> list[str]:
        here = {
            **HERE,
            "diagnose_docker_host": address_of(self.simulation.engine),
            "gateways": [{"name": name} for name in names],
        }
        return ["-i", str(write_inventory(self.directory, {"here": here})), *arguments, "-e", json.dumps(settings)]

    def forget(self, *names: str) -> None:
        """Remove the gateways and what the machine keeps about them."""
        for name in names:
            if (container := self.container(name)) is not None:
                container.remove(force=True, v=True)
            shutil.rmtree(RECORDS / name, ignore_errors=True)
