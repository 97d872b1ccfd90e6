# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway that the collection has deployed on this machine, at a simulated broker that counts its logins."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.record import RECORDS
from docker.errors import NotFound
from docker.models.containers import Container

from simulator.broker.client import Broker
from simulator.conditions import PASSWORD
from simulator.containers import Simulation, build_image
from simulator.waiting import until
from tests.integration import playbooks
from tests.integration.playbooks import HERE, Run, write_inventory

PRIVATE = Path("/etc/ibgw/gateways")


@dataclass(frozen=True)
class Deployed:
    """The gateway, what the inventory says of it, and what the broker knows of it."""

    name: str
    simulation: Simulation
    broker: Broker
    directory: Path

    @property
    def port(self) -> int:
        """Where it is published: its own, and none that the machine gives away by itself."""
        return 20000 + int(self.name[-6:], 16) % 10000

    @property
    def role(self) -> Path:
        """The playbook that deploys it: the role alone, for what runs the tests has an engine already."""
        return self.directory / "role.yml"

    def deploy(self, user: dict[str, Any], words: dict[str, Any]) -> None:
        """Deploy it, its user with these traits, its entry of the inventory with these words, and wait for its login."""
        mode = words.get("trading_mode", "paper")
        self.broker.add_user(self.name, PASSWORD, "DU1234567" if mode == "paper" else "U1234567", **user)
        machine = {
            **HERE,
            "gateways": [{"name": self.name, "trading_mode": mode, "ports": {mode: self.port}, **words}],
            "gateway_secrets": {self.name: {"user": self.name, "password": PASSWORD}},
            "gateway_image": build_image(self.simulation.engine),
            "gateway_pull": "never",
            "gateway_network": self.simulation.name,
            "gateway_java_heap_mb": 256,
            "rebuild_look_every": 2,
        }
        write_inventory(self.directory, {"here": machine})
        self.role.write_text(
            json.dumps([{"hosts": "gateway_hosts", "gather_facts": False, "roles": ["ibgw.ops.gateway"]}]),
            encoding="utf-8",
        )
        run = self.play(self.role)
        assert run.status == 0, run.output
        if mode == "live" and user.get("second_factor") == "push":
            self.broker.wait_for("push_sent", self.name, timeout=60)
            self.broker.approve(self.name)
        self.wait_until_logged_in()

    def play(self, playbook: str | Path, *arguments: str, **variables: Any) -> Run:
        """Run a playbook; variables win over the inventory's."""
        return playbooks.run(self.directory, playbook, *self._given(arguments, variables))

    def begin(self, playbook: str | Path, *arguments: str, **variables: Any) -> subprocess.Popen[str]:
        """The same, not waited for."""
        return playbooks.begin(self.directory, playbook, *self._given(arguments, variables))

    def rebuild(self, *arguments: str, **variables: Any) -> Run:
        return self.play("rebuild", *arguments, **{"rebuild_confirm": True, **variables})

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

    def _given(self, arguments: tuple[str, ...], variables: dict[str, Any]) -> list[str]:
        return ["-i", "inventory.json", *arguments, "-e", json.dumps(variables)]


Deploy = Callable[..., Deployed]
