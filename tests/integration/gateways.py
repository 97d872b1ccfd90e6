"""A simulated gateway as tests start it, and what they see of it; the fixture `start` is in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from docker.models.containers import Container

from simulator.broker.client import Broker
from simulator.containers import published_port
from simulator.waiting import until

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
        try:
            until(lambda: self.log().count(text) >= times, repr(text), timeout)
        except TimeoutError:
            pytest.fail(f"{text!r} did not come; the log ends:\n{self.log()[-3000:]}")

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


Start = Callable[..., Running]
