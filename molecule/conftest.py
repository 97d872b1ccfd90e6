# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the tests of the scenarios stand on: a server seen from outside, and deploying to it as an operator does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host

from simulator import engine, servers

#: Output that can be searched: sentences on one line, no colour, which molecule forces.
_PLAIN = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}


@dataclass(frozen=True)
class Run:
    """How a playbook ended, and how many tasks changed something on the server, or would."""

    status: int
    output: str
    changed: int


@dataclass(frozen=True)
class Server:
    """A server of the scenario, by the name that its inventory has for it."""

    name: str

    def as_user(self) -> Host:
        """The server as its unprivileged user sees it."""
        return testinfra.get_host(f"ssh://{self.name}", ssh_config=f"{_directory()}/ssh_config")

    def as_root(self) -> Host:
        """The server as root sees it."""
        return testinfra.get_host(f"ssh://{self.name}", ssh_config=f"{_directory()}/ssh_config", sudo=True)

    def reboot(self) -> None:
        """Shut it down and start it again."""
        servers.reboot(engine.client(), Path(_directory()), self.name)

    def play(self, playbook: str, *arguments: str, **variables: Any) -> Run:
        """Run a playbook of the collection on this server alone; variables win over the scenario's inventory."""
        inventory = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory" / "hosts.yml"
        command = ["ansible-playbook", playbook, "-i", str(inventory), "-l", self.name, *arguments]
        ended = subprocess.run(
            [*command, "-e", json.dumps(variables)],
            env={**os.environ, **_PLAIN},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        output = ended.stdout + ended.stderr
        recap = re.search(rf"^{self.name} .*changed=(\d+)", output, re.MULTILINE)
        assert recap, output
        return Run(ended.returncode, output, int(recap[1]))


def deploy(server: Server, *arguments: str, **variables: Any) -> Run:
    """Deploy to the server, with variables that win over its inventory's."""
    return server.play("ibgw.ops.deploy", *arguments, **variables)


def deployed(server: Server, *arguments: str, **variables: Any) -> Run:
    """Deploy to it, and well."""
    run = deploy(server, *arguments, **variables)
    assert run.status == 0, run.output
    return run


def _directory() -> str:
    return os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]


@pytest.fixture(scope="session")
def server() -> Server:
    """The server that the scenario's `verify.yml` names."""
    return Server(os.environ["SERVER"])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the server's engine and its containers said to the report of a test that failed."""
    report = yield
    if report.failed:
        server = Server(os.environ["SERVER"])
        try:
            report.sections += _said(server)
        except RuntimeError as error:  # that is how a failed login shows
            report.sections.append(("the server", f"{server.name} does not let its user in: {error}"))
    return report


def _said(server: Server) -> list[tuple[str, str]]:
    root = server.as_root()
    containers = root.run("docker ps --all --format '{{.Names}}'").stdout.split()
    return [
        *((f"the log of {name}", root.run("docker logs --tail 40 %s 2>&1", name).stdout) for name in containers),
        ("the containers", root.run("docker ps --all").stdout),
        ("the engine's journal", root.run("journalctl --unit=docker --no-pager --lines=25").stdout),
    ]
