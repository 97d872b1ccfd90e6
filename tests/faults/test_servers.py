"""Faults of a whole machine, on a server with systemd and an engine of its own: two gateways, deployed as an operator does."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

import simulator.engine
from simulator import servers
from simulator.broker.client import Broker
from simulator.waiting import until
from tests.faults.lab import CHECKOUT, Run, environment

SCENARIO = CHECKOUT / "molecule" / "gateway"
GATEWAYS = ("ib-gateway", "ib-gateway-paper")
ACCOUNTS = {"ib-gateway": "U1234567", "ib-gateway-paper": "DU7654321"}
#: No reset of IBKR's falls into the tests.
_ALWAYS = {"recover_reset_windows": []}
_SECONDS = 180.0


@dataclass(frozen=True)
class Server:
    """The machine, and the broker on it: that one begins anew with the engine, and so does its ledger."""

    docker: docker.DockerClient
    directory: Path
    broker: Broker

    def root(self, command: str) -> str:
        """What a command of root's prints, without SSH."""
        (container,) = self.docker.containers.list(filters={"label": f"{servers.LABEL}={self.directory}"})
        done = container.exec_run(["bash", "-c", command])
        assert done.exit_code == 0, done.output.decode()
        return str(done.output.decode())

    def play(self, playbook: str, **variables: Any) -> Run:
        return _play(self.directory, CHECKOUT / "playbooks" / f"{playbook}.yml", variables)

    def recover(self, **settings: Any) -> Run:
        return self.play("recover", **_ALWAYS, **settings, ansible_become=True)

    def users(self) -> dict[str, str]:
        given = yaml.safe_load((SCENARIO / "inventory" / "hosts.yml").read_text(encoding="utf-8"))
        return {name: each["user"] for name, each in given["gateway_hosts"]["vars"]["gateway_secrets"].items()}

    def logins(self) -> int:
        return self.broker.count("login_attempt", kind="typed")

    def logged_in(self, *gateways: str) -> None:
        """Wait until these are."""
        self.broker.wait_until_up(_SECONDS)
        for gateway in gateways:
            self.broker.wait_for("login_completed", self.users()[gateway], timeout=_SECONDS)

    def engine(self, *, live_restore: bool) -> None:
        """Let containers outlive their engine, or not; the gateways are logged in afterwards."""
        path = "/etc/docker/daemon.json"
        wanted = json.dumps({**json.loads(self.root(f"cat {path}")), "live-restore": live_restore})
        self.root(f"echo '{wanted}' > {path} && systemctl reload docker")
        asked = "docker info --format '{{.LiveRestoreEnabled}}'"
        until(lambda: self.root(asked).strip() == str(live_restore).lower(), "the engine to take its settings", 30)


def _play(directory: Path, playbook: Path, variables: dict[str, Any]) -> Run:
    """With the inventory of the scenario that deploys the same gateways."""
    settings = {
        **environment(),
        "MOLECULE_EPHEMERAL_DIRECTORY": str(directory),
        "MOLECULE_PROJECT_DIRECTORY": str(CHECKOUT),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory),
    }
    reports = directory / "reports"
    written = reports / f"{playbook.stem}.json"
    written.unlink(missing_ok=True)
    ended = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            str(playbook),
            "-i",
            str(SCENARIO / "inventory" / "hosts.yml"),
            "-e",
            json.dumps({"recover_report_dir": str(reports), **variables}),
        ],
        cwd=directory,
        env=settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    rows = json.loads(written.read_text(encoding="utf-8"))["gateways"] if written.exists() else []
    return Run(ended.returncode, ended.stdout + ended.stderr, {row["name"]: row for row in rows})


@contextlib.contextmanager
def _forwarded(directory: Path, port: int) -> Iterator[int]:
    """A port of this machine behind which the server's own loopback is, also after the server was away."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        local = int(probe.getsockname()[1])
    ssh = f"ssh -F {directory}/ssh_config -o ExitOnForwardFailure=yes -o ConnectTimeout=5 -o ServerAliveInterval=2"
    again = f"while true; do {ssh} -o ControlPath=none -N -L 127.0.0.1:{local}:127.0.0.1:{port} bookworm; sleep 1; done"
    tunnel = subprocess.Popen(["bash", "-c", again], start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        yield local
    finally:
        os.killpg(tunnel.pid, 15)
        tunnel.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    engine = simulator.engine.client()
    directory = tmp_path_factory.mktemp("server")
    servers.create(engine, directory, {"bookworm": "bookworm"})
    try:
        prepared = _play(directory, SCENARIO / "prepare.yml", {})
        assert prepared.status == 0, prepared.output
        with _forwarded(directory, 8000) as port:
            server = Server(engine, directory, Broker(f"http://127.0.0.1:{port}"))
            _replace_broker(server)
            deployed = server.play("deploy")
            assert deployed.status == 0, deployed.output
            server.logged_in(*GATEWAYS)
            yield server
    finally:
        servers.remove(engine, directory)
        engine.close()


def _replace_broker(server: Server) -> None:
    """By one that comes back with the engine and knows its users from the start."""
    server.broker.wait_until_up(60)
    users = [{key: user[key] for key in ("name", "password", "account")} for user in server.broker.users()]
    (server.directory / "users.json").write_text(json.dumps(users), encoding="utf-8")
    given = (server.directory / "users.json").read_text(encoding="utf-8").replace("'", "'\\''")
    server.root(
        "docker rm -f broker && docker run --detach --name broker --restart always --network ibkr"
        f" --network-alias ibkr.simulated --publish 127.0.0.1:8000:8000 --env USERS='{given}' ibgw-ops-simulator:broker"
    )
    server.broker.wait_until_up(60)


def steps(run: Run, gateway: str = GATEWAYS[0]) -> list[str]:
    return [step["remedy"] for step in run.gateways[gateway]["steps"]]


def statuses(run: Run) -> set[str]:
    return {row["after"]["status"] for row in run.gateways.values()}


def test_an_engine_that_is_down_is_started_and_its_gateways_never_noticed(server: Server) -> None:
    server.engine(live_restore=True)
    before = server.logins()
    server.root("systemctl stop docker.socket docker.service")
    run = server.recover()
    assert {row["before"]["code"] for row in run.gateways.values()} == {"engine.down"}, run.output
    assert [step for gateway in GATEWAYS for step in steps(run, gateway)] == ["start_engine"], run.output
    assert statuses(run) == {"healthy"}, run.output
    assert server.logins() == before


def test_an_engine_restarted_with_live_restore_costs_nothing(server: Server) -> None:
    server.engine(live_restore=True)
    before = server.logins()
    server.root("systemctl restart docker")
    run = server.recover()
    assert (statuses(run), steps(run)) == ({"healthy"}, []), run.output
    assert server.logins() == before


def test_an_engine_restarted_without_live_restore_costs_each_gateway_one_login(server: Server) -> None:
    server.engine(live_restore=False)
    server.root("systemctl restart docker")
    run = server.recover()
    assert (statuses(run), steps(run)) == ({"healthy"}, []), run.output
    assert server.logins() == len(GATEWAYS)


def test_an_engine_that_took_its_gateways_down_is_started_for_one_login_each(server: Server) -> None:
    server.engine(live_restore=False)
    server.root("systemctl stop docker.socket docker.service")
    run = server.recover()
    assert statuses(run) == {"healthy"}, run.output
    assert server.logins() == len(GATEWAYS)


def test_a_machine_that_can_not_be_reached_is_left_alone(server: Server) -> None:
    before = server.logins()
    server.root("systemctl stop ssh.socket ssh.service 2>/dev/null || systemctl stop ssh.service")
    run = server.recover()
    server.root("systemctl start ssh")
    assert {row["before"]["code"] for row in run.gateways.values()} == {"host.unreachable"}, run.output
    assert all(row["steps"] == [] for row in run.gateways.values())
    assert run.status == 2
    assert server.logins() == before


def test_a_hold_outlives_a_boot(server: Server) -> None:
    held, other = GATEWAYS
    user = server.users()[held]
    server.broker.change_user(user, password="changed", refused_as="login_failed", answer_delay=3.0)
    server.root(f"docker restart {held}")
    server.broker.wait_for("login_refused", user, timeout=90, times=3)
    run = server.recover(recover_only=[held])
    assert steps(run, held) == ["stop_to_protect_account"], run.output
    (container,) = server.docker.containers.list(filters={"label": f"{servers.LABEL}={server.directory}"})
    container.restart(timeout=60)
    server.logged_in(other)
    run = server.recover()
    assert run.gateways[held]["after"]["code"] == "container.held", run.output
    assert steps(run, held) == []
    assert run.gateways[other]["after"]["status"] == "healthy"
    assert server.broker.count("login_attempt", user) == 0
