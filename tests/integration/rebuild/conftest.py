# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway that the collection has deployed on this machine, at a simulated broker that counts its logins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker.errors import NotFound
from docker.models.containers import Container

from simulator.broker.client import Broker
from simulator.containers import Simulation, build_image
from simulator.waiting import until
from tests.integration.simulated.conftest import broker, simulation

__all__ = ["broker", "simulation"]

CHECKOUT = Path(__file__).resolve().parents[3]
PASSWORD = "simulated-password"
RECORDS, PRIVATE = Path("/var/lib/ibgw"), Path("/etc/ibgw/gateways")


@dataclass
class Deployed:
    """The gateway, what the inventory says of it, and what the broker knows of it."""

    name: str
    simulation: Simulation
    broker: Broker
    directory: Path
    port: int

    def play(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        """Run a playbook of the collection, or one beside the inventory; variables win over the inventory's."""
        return subprocess.run(self._command(playbook, *arguments, **variables), **self._how(), timeout=300, check=False)

    def begin(self, playbook: str, *arguments: str, **variables: Any) -> subprocess.Popen[str]:
        """The same, not waited for."""
        return subprocess.Popen(self._command(playbook, *arguments, **variables), **self._how(), start_new_session=True)

    def rebuild(self, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        return self.play("ibgw.ops.rebuild", *arguments, **{"rebuild_confirm": True, **variables})

    def container(self, name: str = "") -> Container | None:
        try:
            return self.simulation.engine.containers.get(name or self.name)
        except NotFound:
            return None

    @property
    def id(self) -> str | None:
        """The id of its container."""
        found = self.container()
        return found.id if found else None

    def aside(self) -> Container | None:
        """What was put aside."""
        return self.container(f"{self.name}.before")

    def runs(self) -> bool:
        found = self.container()
        return found is not None and found.status == "running"

    def logins(self) -> int:
        """Logins that the broker saw begin."""
        return self.broker.count("login_attempt", self.name)

    def record_of(self, part: str) -> Path:
        return RECORDS / self.name / f"{part}.json"

    def record(self, part: str) -> Any:
        path = self.record_of(part)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def backups(self) -> list[Path]:
        return sorted((RECORDS / self.name / "backups").glob("*"))

    @property
    def settings(self) -> Path:
        return RECORDS / self.name / "settings"

    def wait_until_logged_in(self, times: int = 1) -> None:
        self.broker.wait_for("login_completed", self.name, timeout=90, times=times)
        until(self.healthy, f"{self.name} to be healthy", 60)

    def healthy(self) -> bool:
        found = self.container()
        return found is not None and "Login has completed" in found.logs().decode()

    def remove(self) -> None:
        for container in (self.container(), self.aside()):
            if container:
                container.remove(force=True, v=True)
        for directory in (RECORDS / self.name, PRIVATE / self.name):
            shutil.rmtree(directory, ignore_errors=True)
        for directory in (RECORDS, PRIVATE, PRIVATE.parent):
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()

    def _command(self, playbook: str, *arguments: str, **variables: Any) -> list[str]:
        ansible_playbook = str(Path(sys.executable).with_name("ansible-playbook"))
        inventory = ["-i", str(self.directory / "hosts.yml")]
        return [ansible_playbook, playbook, *inventory, *arguments, "-e", json.dumps(variables)]

    def _how(self) -> dict[str, Any]:
        return {
            "cwd": self.directory,
            "env": {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        }


Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(simulation: Simulation, broker: Broker, tmp_path: Path) -> Iterator[Deploy]:
    """Deploy a gateway and wait until it is logged in: `deploy(trading_mode="live", user={traits})`."""
    made: list[Deployed] = []

    def deploy(user: dict[str, Any] | None = None, **words: Any) -> Deployed:
        name = f"{simulation.name}-{uuid.uuid4().hex[:6]}"
        port = 20000 + int(name[-6:], 16) % 10000
        gateway = Deployed(name, simulation, broker, tmp_path, port)
        made.append(gateway)
        mode = words.setdefault("trading_mode", "paper")
        broker.add_user(name, PASSWORD, "DU1234567" if mode == "paper" else "U1234567", **(user or {}))
        machine = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "gateways": [{"name": name, "ports": {mode: port}, **words}],
            "gateway_secrets": {name: {"user": name, "password": PASSWORD}},
            "gateway_image": build_image(simulation.engine),
            "gateway_pull": "never",
            "gateway_network": simulation.name,
            "gateway_java_heap_mb": 256,
            "gateway_python": sys.executable,
            "gateway_become": False,
            "rebuild_python": sys.executable,
            "rebuild_become": False,
            "rebuild_look_every": 2,
            "recover_reset_windows": [],
        }
        inventory = {"gateway_hosts": {"hosts": {"here": machine}}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
        (tmp_path / "deploy.yml").write_text(
            yaml.safe_dump([{"hosts": "gateway_hosts", "gather_facts": False, "roles": ["ibgw.ops.gateway"]}]),
            encoding="utf-8",
        )
        run = gateway.play("deploy.yml")
        assert run.returncode == 0, run.stdout
        if mode == "live" and (user or {}).get("second_factor") == "push":
            broker.wait_for("push_sent", name, timeout=60)
            broker.approve(name)
        gateway.wait_until_logged_in()
        return gateway

    yield deploy
    for gateway in made:
        gateway.remove()
