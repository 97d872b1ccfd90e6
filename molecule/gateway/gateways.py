# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateways of a server as their users meet them: deployed by playbook, asked by an API client over SSH, counted by the broker."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from conftest import Server
from ib_async import IB

from simulator import engine, servers
from simulator.broker.client import Broker
from simulator.containers import Simulation
from simulator.waiting import until

LOGIN_SECONDS = 180


def diagnosed(server: Server, fail_on: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status, and the rows of the report."""
    directory = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / server.name  # they are tested at the same time
    run = server.play(
        "ibgw.ops.diagnose", diagnose_report_dir=str(directory), diagnose_fail_on=fail_on, ansible_become=True
    )
    return run.status, json.loads((directory / "report.json").read_text(encoding="utf-8"))["gateways"]


def declared(server: Server) -> Any:
    """What the inventory says of the server itself."""
    inventory = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory" / "hosts.yml"
    return yaml.safe_load(inventory.read_text(encoding="utf-8"))["gateway_hosts"]["hosts"][server.name]


def inspected(server: Server, gateway: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.as_root().check_output("docker inspect %s", gateway))[0]
    return found


def process(server: Server, gateway: str) -> tuple[str, str]:
    """A container, and since when it runs: another pair after a new container or a restart."""
    found = inspected(server, gateway)
    return found["Id"], found["State"]["StartedAt"]


def simulation() -> Simulation:
    return servers.simulation(engine.client(), Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]))


def broker() -> Broker:
    return simulation().broker()


def logins(user: str) -> dict[str, int]:
    """What the broker counted of a user: passwords typed, saved sessions shown, pushes to the phone."""
    attempts = [entry["kind"] for entry in broker().ledger(user) if entry["event"] == "login_attempt"]
    return {
        "typed": attempts.count("typed"),
        "saved": attempts.count("saved_session"),
        "pushes": broker().count("push_sent", user),
    }


def approve_pushes() -> None:
    """What the person with the phones does."""
    for push in broker().pending():
        broker().approve(push["user"])


def answers(port: int) -> bool:
    """Whether somebody listens at a port of this machine's loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def forwarded(server: Server, port: int) -> Iterator[int]:
    """A port of this machine behind which the server's own loopback is."""
    local = servers.free_port()
    config = f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/ssh_config"
    forward = f"127.0.0.1:{local}:127.0.0.1:{port}"
    options = ["-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"]
    with subprocess.Popen(["ssh", "-F", config, *options, "-N", "-L", forward, server.name]) as tunnel:
        try:
            yield local
        finally:
            tunnel.terminate()


@contextmanager
def client(server: Server, port: int) -> Iterator[IB]:
    """An API client that is connected; a gateway that was just started is given the time of its login, and the phone's answer."""
    with forwarded(server, port) as local:
        connection = IB()

        def connects() -> bool:
            approve_pushes()
            try:
                connection.connect("127.0.0.1", local, clientId=7, timeout=5, readonly=True)
            except (OSError, TimeoutError):
                return False
            return True

        until(connects, f"the gateway behind port {port} to serve a client", LOGIN_SECONDS)
        try:
            yield connection
        finally:
            connection.disconnect()


def account(server: Server, port: int) -> str:
    """The account that a client is served at that port."""
    with client(server, port) as connection:
        (served,) = connection.managedAccounts()
    return str(served)
