# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `deploy` leaves on a server: two gateways that a client of today can use, and none of their secrets in sight."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from conftest import Run, Server
from ib_async import IB

GATEWAYS = {"ib-gateway": 4001, "ib-gateway-paper": 4002}
ACCOUNTS = {"ib-gateway": "U1234567", "ib-gateway-paper": "DU7654321"}
LOGIN_SECONDS = 90


def deploy(server: Server, *arguments: str, **variables: Any) -> Run:
    return server.play("ibgw.ops.deploy", *arguments, **variables)


def inspected(server: Server, gateway: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.as_root().check_output("docker inspect %s", gateway))[0]
    return found


def secrets() -> list[str]:
    with open(f"{os.environ['MOLECULE_SCENARIO_DIRECTORY']}/inventory/hosts.yml", encoding="utf-8") as inventory:
        given = yaml.safe_load(inventory)["gateway_hosts"]["vars"]["gateway_secrets"]
    return [str(entry["password"]) for entry in given.values()]


@contextmanager
def forwarded(server: Server, port: int) -> Iterator[int]:
    """A port of this machine behind which the server's own loopback is."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        local = int(probe.getsockname()[1])
    config = f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/ssh_config"
    forward = f"127.0.0.1:{local}:127.0.0.1:{port}"
    options = ["-o", "ExitOnForwardFailure=yes", "-o", "ControlPath=none"]
    tunnel = subprocess.Popen(["ssh", "-F", config, *options, "-N", "-L", forward, server.name])
    try:
        yield local
    finally:
        tunnel.terminate()
        tunnel.wait(10)


@contextmanager
def client(server: Server, gateway: str) -> Iterator[IB]:
    """An API client that is connected; a gateway that was just started is given the time of its login."""
    with forwarded(server, GATEWAYS[gateway]) as port:
        connection, end = IB(), time.monotonic() + LOGIN_SECONDS
        while not connection.isConnected():
            try:
                connection.connect("127.0.0.1", port, clientId=7, timeout=5, readonly=True)
            except (OSError, TimeoutError):
                said = server.as_root().run("docker logs --tail 40 %s", gateway)
                assert time.monotonic() < end, said.stdout + said.stderr
                time.sleep(1)
        try:
            yield connection
        finally:
            connection.disconnect()


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_client_is_served_over_ssh(server: Server, gateway: str) -> None:
    with client(server, gateway) as connection:
        assert connection.managedAccounts() == [ACCOUNTS[gateway]]


def test_diagnose_finds_them_healthy(server: Server) -> None:
    run = server.play("ibgw.ops.diagnose", "--become", diagnose_report_dir=os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    assert run.status == 0, run.output
    assert "2 healthy" in run.output


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_its_deployment_is_recorded(server: Server, gateway: str) -> None:
    root = server.as_root()
    record = json.loads(root.file(f"/var/lib/ibgw/{gateway}/deployment.json").content_string)
    assert record["name"] == gateway
    labels = inspected(server, gateway)["Config"]["Labels"]
    assert labels["ibgw.ops.family"] == record["family"]
    assert labels["ibgw.ops.trading_mode"] == record["trading_mode"]


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_the_container_is_hardened(server: Server, gateway: str) -> None:
    config = inspected(server, gateway)
    assert config["HostConfig"]["Memory"] == 512 << 20
    assert config["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert config["HostConfig"]["LogConfig"]["Config"] == {"max-size": "20m", "max-file": "5"}
    assert [(each["Name"], each["Hard"]) for each in config["HostConfig"]["Ulimits"]] == [("nofile", 10000)]
    assert config["Config"]["StopTimeout"] == 90


@pytest.mark.parametrize(("gateway", "port"), GATEWAYS.items())
def test_only_the_servers_loopback_listens(server: Server, gateway: str, port: int) -> None:
    listening = server.as_root().check_output("ss --no-header --listening --tcp --numeric").splitlines()
    assert [line.split()[3] for line in listening if line.split()[3].endswith(f":{port}")] == [f"127.0.0.1:{port}"]


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_only_the_containers_user_reads_its_files(server: Server, gateway: str) -> None:
    root = server.as_root()
    file = root.file(f"/etc/ibgw/gateways/{gateway}/config.ini")
    assert (file.mode, file.uid) == (0o400, 1000)
    assert (root.file("/etc/ibgw/gateways").mode, root.file("/etc/ibgw/gateways").uid) == (0o700, 0)
    assert root.file(f"/var/lib/ibgw/{gateway}/settings").mode == 0o700
    assert not server.as_user().run(f"cat /etc/ibgw/gateways/{gateway}/config.ini").succeeded


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_no_secret_is_in_sight(server: Server, gateway: str) -> None:
    root = server.as_root()
    seen = {
        "docker inspect": json.dumps(inspected(server, gateway)),
        "its log": root.run("docker logs %s 2>&1", gateway).stdout,
        "the processes": root.check_output(
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
        ),
    }
    assert {where for where, text in seen.items() for secret in secrets() if secret in text} == set()


def test_no_secret_is_in_the_output_of_a_run(server: Server) -> None:
    run = deploy(server, "-vvv", "--diff")
    assert run.status == 0, run.output
    assert run.changed == 0
    assert [secret for secret in secrets() if secret in run.output] == []


@pytest.mark.parametrize("arguments", [["--check"], []])
def test_nobody_is_cut_off_by_a_changed_setting(server: Server, arguments: list[str]) -> None:
    before = inspected(server, "ib-gateway")["Id"]
    with client(server, "ib-gateway") as connection:
        run = deploy(server, *arguments, gateway_open_files=9000)
        assert connection.isConnected()
    assert run.status == 2, run.output
    assert "ib-gateway would be made anew because of ulimits, but 1 client is connected. It costs a login" in run.output
    # The probe knows from the record that this API may be asked.
    assert "Open orders were not counted" not in run.output
    assert run.changed == 0
    assert inspected(server, "ib-gateway")["Id"] == before


def test_a_changed_setting_counts_when_nobody_is_connected_or_when_told(server: Server) -> None:
    before = {gateway: inspected(server, gateway)["Id"] for gateway in GATEWAYS}
    with client(server, "ib-gateway"):
        run = deploy(server, gateway_open_files=9000, gateway_ignore_clients=True)
    assert run.status == 0, run.output
    assert "ib-gateway is made anew because of ulimits: that costs a login" in run.output
    after = {gateway: inspected(server, gateway) for gateway in GATEWAYS}
    assert all(after[gateway]["Id"] != before[gateway] for gateway in GATEWAYS)
    for gateway in GATEWAYS:
        with client(server, gateway) as connection:
            assert connection.managedAccounts() == [ACCOUNTS[gateway]]


def test_a_mistake_stops_before_a_change(server: Server) -> None:
    run = deploy(server, gateway_second_factor="totp")
    assert run.status != 0
    assert run.changed == 0
    assert "totp" in run.output
