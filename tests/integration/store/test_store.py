# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slices of a fleet, each a run of its own, and the one report that they make in a store on another host."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from simulator.containers import Simulation, published_port
from simulator.waiting import until
from tests.integration.playbooks import Run, begin, run, write_inventory

#: Where on the store's host its directory is: made by the first run, as the user that connects.
DIRECTORY = "/home/observer/reports"

#: A machine of the fleet: this one, without an engine.
MACHINE = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    "diagnose_docker_host": "unix:///nonexistent/docker.sock",
    "gateways": [{"name": "ib-gateway", "trading_mode": "paper"}],
}


@dataclass(frozen=True)
class Keeper:
    """The host of the store behind its SSH server, and the inventory of a fleet that has it."""

    container: Container
    inventory: Path
    directory: Path

    def published(self) -> dict[str, Any]:
        """The merged report, as somebody reads it there."""
        return dict(json.loads(self.root(f"cat {DIRECTORY}/report.json")))

    def root(self, command: str) -> str:
        done = self.container.exec_run(["sh", "-c", command], user="0")
        assert done.exit_code == 0, done.output.decode()
        return str(done.output.decode())

    def arguments(self, *more: str) -> list[str]:
        return ["-i", str(self.inventory), *more]

    def play(self, playbook: str, *more: str) -> Run:
        return run(self.directory, playbook, *self.arguments(*more))


@pytest.fixture
def keeper(simulation: Simulation, tmp_path: Path) -> Iterator[Keeper]:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text(encoding="ascii")
    container = simulation.start_machine(f"{simulation.name}-{uuid.uuid4().hex[:6]}", public, None)
    keeper = {
        "ansible_host": "127.0.0.1",
        "ansible_port": published_port(container, "22/tcp"),
        "ansible_user": "observer",
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_args": "-F none -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no"
        " -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    inventory = write_inventory(tmp_path, {"alpha": MACHINE, "beta": MACHINE, "gamma": MACHINE})
    fleet = {**json.loads(inventory.read_text(encoding="utf-8")), "others": {"hosts": {"keeper": keeper}}}
    fleet["gateway_hosts"]["vars"] = {"diagnose_store_host": "keeper", "diagnose_store_dir": DIRECTORY}
    inventory.write_text(json.dumps(fleet), encoding="utf-8")
    until(lambda: container.exec_run(["pgrep", "-x", "sshd"]).exit_code == 0, "the SSH server", 30)
    yield Keeper(container, inventory, tmp_path)
    container.remove(force=True, v=True)


def codes(report: dict[str, Any] | None) -> dict[str, str]:
    assert report is not None
    return {row["host"]: row["code"] for row in report["gateways"]}


def test_slices_that_run_at_once_become_one_report(keeper: Keeper) -> None:
    slices = [begin(keeper.directory, "diagnose", *keeper.arguments("-l", machine, "-e", "diagnose_report_dir=", "-vvv"))
              for machine in ("alpha", "beta")]  # fmt: skip
    for each in slices:
        output, _none = each.communicate(timeout=300)
        assert each.returncode == 2, output
        assert "Report store: " in output
        assert '"rows"' not in output  # what went to and fro, as -vvv would print it
    whole = keeper.published()
    assert codes(whole) == {"alpha": "engine.down", "beta": "engine.down", "gamma": "probe.stale"}
    assert sorted(each["gateways"] for each in whole["runs"]) in ([1, 1], [2])  # they may end in the same second
    assert "alpha/ib-gateway" in keeper.root(f"cat {DIRECTORY}/report.html")
    assert not (keeper.directory / "reports").exists()

    before = keeper.root(f"cd {DIRECTORY} && ls -la --time-style=full-iso && sha256sum *")
    shown = keeper.play("report", "--check", "-e", "diagnose_forget=gamma,beta")
    assert keeper.root(f"cd {DIRECTORY} && ls -la --time-style=full-iso && sha256sum *") == before
    assert "diagnose_forget has gamma, which the report store does not know" in shown.output
    assert "beta/ib-gateway, gamma/ib-gateway are UNKNOWN: probe.stale" in shown.output.replace("\n", " ")
    assert "3 gateways on 3 machines: 1 down, 2 unknown, as 1 run reported it" in shown.output
    assert shown.status == 2
    assert keeper.play("report", "-e", "diagnose_fail_on=never").status == 0


def test_a_run_that_is_killed_and_a_store_that_is_not_there_cost_nobody_else_anything(keeper: Keeper) -> None:
    assert keeper.play("diagnose", "-l", "alpha").status == 2
    keeper.root(f"flock {DIRECTORY}/.report.lock sleep 600 & sleep 0.1")
    killed = begin(keeper.directory, "diagnose", *keeper.arguments("-l", "beta"))
    until(lambda: "ibgw_store" in keeper.root("ps -eo args"), "the run to wait for the lock", 120)
    killed.kill()
    killed.communicate()
    keeper.root("pkill -KILL -f '[i]bgw_store'; pkill -x sleep")
    assert codes(keeper.published()) == {"alpha": "engine.down", "beta": "probe.stale", "gamma": "probe.stale"}
    assert keeper.play("diagnose", "-l", "beta,gamma").status == 2
    assert set(codes(keeper.published()).values()) == {"engine.down"}

    keeper.container.stop(timeout=0)
    own = keeper.play("diagnose", "-l", "alpha")
    assert own.status == 2
    assert codes(own.report) == {"alpha": "engine.down"}
    assert "the report store could not be used on keeper: Failed to connect" in own.output
    shown = keeper.play("report")
    assert shown.status == 2
    assert "the report store could not be used on keeper" in shown.output
