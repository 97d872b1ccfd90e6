# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Diagnoses without a Docker engine: what becomes of machines, inventories and settings that are not as they should be."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.integration.playbooks import CHECKOUT, Play, Run

SCHEMA = json.loads((CHECKOUT / "docs" / "report.schema.json").read_text(encoding="utf-8"))

#: A machine that is this one, without an engine, whatever else runs here.
LOCAL = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    "diagnose_docker_host": "unix:///nonexistent/docker.sock",
    "gateways": [{"name": "ib-gateway", "trading_mode": "paper"}],
}


class Diagnosed(Run):
    """A finished diagnosis."""

    @property
    def rows(self) -> dict[str, tuple[str, str]]:
        """Status and code of each row of the report."""
        assert self.report is not None, self.output
        return {row["id"]: (row["status"], row["code"]) for row in self.report["gateways"]}

    @property
    def probed(self) -> bool:
        """Whether anything was probed."""
        return "Look at engine" in self.output


Diagnose = Callable[..., Diagnosed]


def judged(ended: Diagnosed) -> None:
    """Every run that probed has a whole report, and a summary with each row."""
    jsonschema.Draft202012Validator(SCHEMA).validate(ended.report)
    for row in ended.rows:
        assert row in ended.output


def refused(ended: Diagnosed, said: str) -> None:
    """What makes no sense: one sentence before anything is probed, and no report."""
    assert ended.status == 2, ended.output
    assert said in ended.output
    assert "Traceback" not in ended.output
    assert ended.report is None
    assert not ended.probed


@pytest.fixture
def diagnose(ansible_playbook: Play, tmp_path: Path) -> Diagnose:
    """Diagnose an inventory: a mapping of machines, or a whole one; further arguments go to `ansible-playbook`."""

    def run(machines: dict[str, Any] | None, *arguments: str, whole: bool = False, **environment: str) -> Diagnosed:
        given: list[str] = []
        if machines is not None:
            inventory = machines if whole else {"gateway_hosts": {"hosts": machines}}
            (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
            given = ["-i", str(tmp_path / "inventory.yml")]
        return Diagnosed(**vars(ansible_playbook("diagnose", *given, *arguments, **environment)))

    return run


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine on which nothing listens: bound, so that nobody else takes it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def dead(closed_port: int) -> dict[str, Any]:
    """A machine that does not answer."""
    return {"ansible_host": "127.0.0.1", "ansible_port": closed_port}


@pytest.fixture
def stalled() -> Iterator[dict[str, Any]]:
    """A machine that accepts the connection and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield {"ansible_host": "127.0.0.1", "ansible_port": listener.getsockname()[1]}
