"""A whole machine, a server with systemd and an engine of its own: two gateways, deployed as an operator does, audited, and its faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

import simulator.engine
from simulator import servers
from simulator.broker.client import Broker
from simulator.waiting import until
from tests.integration.playbooks import CHECKOUT, Run, run

pytestmark = pytest.mark.long

NAME = "bookworm"
USERS = {"ib-gateway": ("anna", "U1234567"), "ib-gateway-paper": ("bert", "DU7654321")}
GATEWAYS = tuple(USERS)
_PASSWORD = "simulated-password"
_PREPARE = CHECKOUT / "molecule" / "gateway" / "prepare.yml"
_RELEASE = "3.24.1"
_SECONDS = 180.0


@dataclass(frozen=True)
class Server:
    """The machine, the files that lead to it, and the broker beside it."""

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
        return _play(self.directory, playbook, variables)

    def recover(self, **settings: Any) -> Run:
        """As root from the first look on: its user was let in before the engine let that user in. No test uses up the next one's logins."""
        given = {"recover_reset_windows": [], "recover_login_budget": 8, "ansible_become": True, **settings}
        return self.play("recover", **given)

    def logins(self) -> int:
        return sum(self.broker.count("login_attempt", user, kind="typed") for user, _account in USERS.values())

    def engine(self, *, live_restore: bool) -> None:
        """Let containers outlive their engine, or not."""
        path = "/etc/docker/daemon.json"
        wanted = json.dumps({**json.loads(self.root(f"cat {path}")), "live-restore": live_restore})
        self.root(f"echo '{wanted}' > {path} && systemctl reload docker")
        asked = "docker info --format '{{.LiveRestoreEnabled}}'"
        until(lambda: self.root(asked).strip() == str(live_restore).lower(), "the engine to take its settings", 30)


def _inventory(directory: Path) -> dict[str, Any]:
    return {
        "gateway_hosts": {
            "hosts": {NAME: None},
            "vars": {
                "ansible_ssh_common_args": f"-F {directory}/ssh_config",
                "ansible_python_interpreter": "/usr/bin/python3",
                "docker_engine_users": [servers.USER],
                "docker_engine_daemon_config": {
                    "default-cgroupns-mode": "private",
                    "insecure-registries": ["registry.simulated:5000"],
                },
                "docker_engine_nofile": 10000,
                "gateway_image": f"registry.simulated:5000/ibgw-ops-simulator:{_RELEASE}",
                "gateway_network": "ibkr",
                "gateway_java_heap_mb": 256,
                "gateways": [
                    {"name": name, "trading_mode": "paper" if account.startswith("D") else "live"}
                    for name, (_user, account) in USERS.items()
                ],
                "gateway_secrets": {
                    name: {"user": user, "password": _PASSWORD} for name, (user, _account) in USERS.items()
                },
                "users": [],
            },
        }
    }


def _play(directory: Path, playbook: str | Path, variables: dict[str, Any]) -> Run:
    """With a connection of its own to the server, which nothing else shares."""
    given = ["-i", "hosts.json", "-e", json.dumps(variables)]
    return run(directory, playbook, *given, ANSIBLE_SSH_CONTROL_PATH_DIR=str(directory))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    engine = simulator.engine.client()
    directory = tmp_path_factory.mktemp("server")
    try:
        servers.create(engine, directory, {NAME: NAME}, [_RELEASE])
        broker = servers.simulation(engine, directory).broker()
        (directory / "hosts.json").write_text(json.dumps(_inventory(directory)), encoding="utf-8")
        for user, account in USERS.values():
            broker.add_user(user, _PASSWORD, account)
        server = Server(engine, directory, broker)
        for playbook in (_PREPARE, "deploy"):
            ended = _play(directory, playbook, {})
            assert ended.status == 0, ended.output
        for user, _account in USERS.values():
            broker.wait_for("login_completed", user, timeout=_SECONDS)
        yield server
    finally:
        servers.remove(engine, directory)
        engine.close()


def steps(run: Run, gateway: str = GATEWAYS[0]) -> list[str]:
    return [step["remedy"] for step in run.gateways[gateway]["steps"]]


def statuses(run: Run) -> set[str]:
    return {row["after"]["status"] for row in run.gateways.values()}


def test_an_audit_over_ssh_changes_nothing_on_the_machine(server: Server) -> None:
    server.root("touch /run/before-the-audit")
    before, containers = (
        server.logins(),
        server.root("docker ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.Mounts}}'"),
    )
    ended = server.play("audit", ansible_become=True)
    assert ended.report is not None, ended.output
    assert {row["unseen"] for row in ended.gateways.values()} == {None}, ended.output
    changes = {
        row["change"]["where"] for seen in ended.gateways.values() for row in seen["rows"] if row["change"] is not None
    }
    assert changes <= {"inventory"}
    assert server.root("find /etc /home /opt /root /usr /var/lib/ibgw -xdev -type f -newer /run/before-the-audit") == ""
    assert server.root("docker ps --all --no-trunc --format '{{.ID}} {{.Names}} {{.Mounts}}'") == containers
    assert server.logins() == before


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
    before = server.logins()
    server.root("systemctl restart docker")
    run = server.recover()
    assert (statuses(run) <= {"healthy", "starting"}, steps(run)) == (True, []), run.output
    _wait_until_served(server)
    assert server.logins() == before + len(GATEWAYS)


def test_an_engine_that_took_its_gateways_down_is_started_for_one_login_each(server: Server) -> None:
    server.engine(live_restore=False)
    before = server.logins()
    server.root("systemctl stop docker.socket docker.service")
    run = server.recover()
    assert statuses(run) == {"healthy"}, run.output
    assert server.logins() == before + len(GATEWAYS)


def test_a_machine_that_can_not_be_reached_is_left_alone(server: Server) -> None:
    before = server.logins()
    server.root("systemctl stop ssh; pkill -x sshd || true")
    try:
        run = server.recover()
    finally:
        server.root("systemctl start ssh")
    assert {row["before"]["code"] for row in run.gateways.values()} == {"host.unreachable"}, run.output
    assert all(row["steps"] == [] for row in run.gateways.values())
    assert run.status == 2
    assert server.logins() == before


def test_a_hold_outlives_a_boot(server: Server) -> None:
    held, other = GATEWAYS
    user = USERS[held][0]
    server.broker.change_user(user, password="changed", refused_as="login_failed", answer_delay=3.0)
    refused = server.broker.count("login_refused", user)
    server.root(f"docker restart {held}")
    server.broker.wait_for("login_refused", user, timeout=90, times=refused + 3)
    run = server.recover(recover_only=[held])
    assert steps(run, held) == ["stop_to_protect_account"], run.output
    refused, logins = server.broker.count("login_refused", user), server.logins()
    servers.reboot(server.docker, server.directory, NAME)
    until(lambda: server.logins() > logins, "the other gateway to log in again", _SECONDS)
    _wait_until_served(server, other)
    run = server.recover()
    assert run.gateways[held]["after"]["code"] == "container.held", run.output
    assert steps(run, held) == []
    assert run.gateways[other]["after"]["status"] == "healthy"
    assert server.broker.count("login_refused", user) == refused


def _wait_until_served(server: Server, *gateways: str) -> None:
    def healthy() -> bool:
        rows = server.recover(recover_dry_run=True).gateways
        return all(rows[name]["before"]["status"] == "healthy" for name in gateways or GATEWAYS)

    until(healthy, "the gateways to serve again", _SECONDS)
