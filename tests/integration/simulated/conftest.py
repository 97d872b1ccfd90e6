"""A broker for all tests of the simulator, gateways that each test starts, and real logs to compare with."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container

from simulator.broker.client import Broker
from simulator.containers import Simulation, published_port
from simulator.image.gateway.releases import NEWEST
from tests.corpus import CORPUS, MISSING, cases

_PASSWORD = "simulated-password"
#: Settings of a controller whose command server is on, and the traits of a user who has a phone.
COMMANDS_ON = {"CommandServerPort": "7462"}
PUSH = {"second_factor": "push"}


@dataclass
class Running:
    """A gateway and the user that it logs in as."""

    container: Container
    user: str
    broker: Broker

    def log(self) -> str:
        return bytes(self.container.logs()).decode()

    def wait_for_line(self, text: str, times: int = 1, timeout: float = 60.0) -> None:
        end = time.monotonic() + timeout
        while self.log().count(text) < times:
            assert time.monotonic() < end, f"{text!r} did not come; the log ends:\n{self.log()[-3000:]}"
            time.sleep(0.1)

    def wait_for_end(self) -> int:
        """The exit code."""
        return int(self.container.wait(timeout=60)["StatusCode"])

    def logged_in(self) -> Running:
        """Approve the push if one comes; return when the configuration is done too."""
        self.wait_for_line(
            "Second Factor Authentication initiated" if self._has_second_factor() else "Login has completed"
        )
        if self._has_second_factor():
            self.broker.approve(self.user)
        self.wait_for_line("Pending Tasks; event=Closed")
        return self

    def command(self, *commands: str) -> list[str]:
        """What comes back from IBC's command server, asked inside the container."""
        lines = "".join(f"{command}\\n" for command in commands)
        script = f"exec 3<>/dev/tcp/127.0.0.1/{COMMANDS_ON['CommandServerPort']} && printf '{lines}' >&3 && cat <&3"
        answer = self.container.exec_run(["timeout", "20", "bash", "-c", script])
        assert answer.exit_code == 0, answer.output
        return bytes(answer.output).decode().splitlines()

    def port(self, relay: int = 4004) -> int:
        return published_port(self.container, f"{relay}/tcp")

    def _has_second_factor(self) -> bool:
        return any(user["name"] == self.user and user["second_factor"] == "push" for user in self.broker.users())


@pytest.fixture(scope="session")
def simulation(engine: DockerClient) -> Iterator[Simulation]:
    simulation = Simulation(engine, f"ibgw-test-{uuid.uuid4().hex[:8]}")
    try:
        simulation.start()
        yield simulation
    finally:
        simulation.remove()


@pytest.fixture(scope="session")
def broker(simulation: Simulation) -> Broker:
    return simulation.broker()


Start = Callable[..., Running]


@pytest.fixture(scope="module")
def start(simulation: Simulation, broker: Broker) -> Iterator[Start]:
    """Start a gateway with a user of its own: `start("live", user={traits}, password=…, environment={…})`."""
    started: list[Container] = []

    def start(
        mode: str = "paper", *, user: dict[str, Any] | None = None, password: str = _PASSWORD, **options: Any
    ) -> Running:
        name = f"{simulation.name}-{uuid.uuid4().hex[:6]}"
        account = "DU1234567" if mode == "paper" else "U1234567"
        broker.add_user(name, _PASSWORD, account, **(user or {}))
        container = simulation.create_gateway(name, name, password, mode, **options)
        started.append(container)
        container.start()
        return Running(container, name, broker)

    yield start
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda container: container.remove(force=True, v=True), started))


KnownLogs = Callable[..., list[str]]


@pytest.fixture(scope="session")
def known_logs() -> KnownLogs:
    """Logs of a real release for a condition, found by the finding that they lead to and the environment they ran in."""
    if MISSING:
        pytest.skip(MISSING)

    def known_logs(finding: str, release: str = NEWEST.number, **environment: str) -> list[str]:
        return [
            (CORPUS / case["file"]).read_text(encoding="utf-8", errors="replace")
            for case in cases()
            if case["ibc_version"] == release
            and finding in [expected["finding"] for expected in case["expect"]]
            and environment.items() <= case["env"].items()
        ]

    return known_logs
