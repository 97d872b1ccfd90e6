# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role does about a gateway that runs: it leaves it as it is unless it has made sure of what comes after.

How a server gets there is in molecule/gateway.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient
from docker.models.containers import Container
from ib_async import IB

from simulator.broker.client import Broker
from simulator.containers import Simulation, build_image
from simulator.servers import free_port
from simulator.waiting import until
from tests.integration.playbooks import HERE, Play, write_inventory

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="the role's files belong to root and to the containers' users"
)

NAME = f"ibgw-ops-role-{os.getpid()}"
USER, PASSWORD, OTHER = "rolepaper", "First-word-7", "Second-word-8"
#: A tag of its own, which nobody moves while the tests run.
IMAGE = f"{NAME}:one"
PRIVATE, KEPT = Path("/etc/ibgw/gateways", NAME), Path("/var/lib/ibgw", NAME)

PLAY = """
- hosts: gateway_hosts
  gather_facts: false
  tasks:
    - ansible.builtin.import_role:
        name: ibgw.ops.gateway
        rolespec_validate: false
"""


@pytest.fixture(scope="module")
def broker(engine: DockerClient) -> Iterator[Broker]:
    simulation = Simulation(engine, NAME)
    broker = simulation.start()
    broker.add_user(USER, PASSWORD, "DU7654321")
    engine.images.get(build_image(engine)).tag(IMAGE)
    yield broker
    for container in with_its_name(engine).values():
        engine.containers.get(container).remove(force=True, v=True)
    simulation.remove()
    engine.images.remove(IMAGE)
    shutil.rmtree(PRIVATE, ignore_errors=True)
    shutil.rmtree(KEPT, ignore_errors=True)


PORT = free_port()


class Role:
    """The role, run on this machine for one gateway."""

    def __init__(self, run: Play, directory: Path) -> None:
        self._run, self._directory = run, directory

    def __call__(
        self, *arguments: str, password: str = PASSWORD, port: int = PORT, secrets: Any = None, **words: Any
    ) -> tuple[int, str]:
        """The exit status, and what was said."""
        entry = {"name": NAME, "ports": {"paper": port}, "network": NAME, "java_heap_mb": 256, "pull": "never"}
        variables = {
            **HERE,
            "gateways": [{**entry, "image": IMAGE, **words}],
            "gateway_secrets": {NAME: {"user": USER, "password": password}} | (secrets or {}),
        }
        play = self._directory / "play.yml"
        play.write_text(PLAY, encoding="utf-8")
        inventory = write_inventory(self._directory, {"alpha": variables})
        ended = self._run(play, "-i", inventory, *arguments, ANSIBLE_PIPELINING="true")
        return ended.status, ended.output


@pytest.fixture
def role(ansible_playbook: Play, tmp_path: Path, broker: Broker) -> Role:
    return Role(ansible_playbook, tmp_path)


@pytest.fixture
def gateway(role: Role, engine: DockerClient) -> Container:
    """The gateway as the role deploys it, logged in; the one of the test before where that one runs still."""
    if not engine.containers.list(filters={"name": f"^{NAME}$"}):
        status, said = role()
        assert status == 0, said
    until(_serves, f"{NAME} to serve", seconds=90)
    return engine.containers.get(NAME)


def _serves() -> bool:
    try:
        with connected(PORT):
            return True
    except (OSError, TimeoutError):
        return False


def state(gateway: Container) -> tuple[Any, ...]:
    """What is not to change: the container, its run, and its files."""
    gateway.reload()
    files = sorted((path.name, path.read_bytes()) for path in PRIVATE.iterdir())
    return gateway.id, gateway.attrs["State"]["StartedAt"], gateway.attrs["State"]["Running"], files


def with_its_name(engine: DockerClient) -> dict[str, str]:
    """Its container, and one that was put aside: names and ids."""
    return {one.name: one.id for one in engine.containers.list(all=True, filters={"name": rf"^{NAME}($|\.)"})}


@contextmanager
def connected(port: int) -> Iterator[IB]:
    client = IB()
    client.connect("127.0.0.1", port, clientId=5, readonly=True)
    try:
        yield client
    finally:
        client.disconnect()


@contextmanager
def taken() -> Iterator[int]:
    """A port on which something else listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_a_second_run_changes_nothing(role: Role, gateway: Container) -> None:
    before = state(gateway)
    for arguments in (["--check"], []):
        status, said = role(*arguments)
        assert (status, re.findall(r"changed=(\d+)", said)) == (0, ["0"]), said
    assert state(gateway) == before
    spent = json.loads((KEPT / "logins.json").read_text(encoding="utf-8"))
    assert {login["cause"] for login in spent} == {"deploy"}


def test_a_port_that_another_has_leaves_it_as_it_was(role: Role, gateway: Container) -> None:
    before = state(gateway)
    with taken() as port:
        status, said = role(port=port, password=OTHER)
    assert status == 2
    assert f"needs the port {port} of 127.0.0.1 for paper, which can not be had: Address already in use" in said
    assert state(gateway) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(  # asked as the port that another has
            {"bind_address": "192.0.2.1", "expose": True},
            "can not be had: Cannot assign requested address",
            marks=pytest.mark.long,
        ),
        ({"image": "nobody.invalid/no/such:1"}, "is not on the machine, and gateway_pull is never"),
        ({"family": "gnzsnz-ibcontroller"}, "is of gnzsnz-ibc, and its family is to be gnzsnz-ibcontroller"),
    ],
)
def test_what_can_not_come_after_it_leaves_it_as_it_was(
    role: Role, gateway: Container, words: dict[str, Any], told: str
) -> None:
    before = state(gateway)
    status, said = role(password=OTHER, **words)
    assert status == 2
    assert told in said
    assert state(gateway) == before


def test_another_name_of_its_image_is_no_reason_to_log_in(role: Role, gateway: Container, engine: DockerClient) -> None:
    before = state(gateway)
    engine.images.get(IMAGE).tag(NAME, "other")
    try:
        status, said = role(image=f"{NAME}:other")
    finally:
        engine.images.remove(f"{NAME}:other")
    assert status == 0, said
    assert state(gateway) == before


def test_a_changed_file_waits_for_the_cheapest_restart_that_reads_it(role: Role, gateway: Container) -> None:
    soft, full = "a soft restart, which keeps the session", "a restart, which costs a login"
    before = state(gateway)
    for change, restart in (({"daily_restart": "21:00"}, soft), ({}, full)):
        if not change:  # that is as it was, and the password was another one
            settings = PRIVATE / "config.ini"
            settings.write_text(settings.read_text(encoding="utf-8").replace(PASSWORD, OTHER), encoding="utf-8")
        status, said = role("--diff", "-vvv", **change)
        assert status == 0, said
        assert f"config.ini changed; it counts after {restart}" in said
        assert (OTHER in said, PASSWORD in said) == (False, False)
        assert state(gateway)[:3] == before[:3]
    assert state(gateway) == before


@pytest.fixture
def unable(engine: DockerClient) -> Iterator[str]:
    """An image whose containers the engine can make and not start."""
    name = f"{NAME}:unable"
    engine.images.build(fileobj=BytesIO(f'FROM {IMAGE}\nENTRYPOINT ["/nowhere"]'.encode()), tag=name, rm=True)
    yield name
    engine.images.remove(name, force=True)


def test_the_one_before_comes_back_where_the_new_one_can_not_be_started(
    role: Role, gateway: Container, broker: Broker, engine: DockerClient, unable: str
) -> None:
    before, logins = state(gateway), len(json.loads((KEPT / "logins.json").read_bytes()))
    broker_logins, policy = broker.count("login_completed", USER), gateway.attrs["HostConfig"]["RestartPolicy"]
    status, said = role(image=unable)
    assert status == 2
    assert "The container before is back and started, which costs a login" in said
    assert "/nowhere" in said
    after = state(gateway)
    assert (after[0], after[2:]) == (before[0], before[2:])
    assert (gateway.name, gateway.attrs["HostConfig"]["RestartPolicy"]) == (NAME, policy)
    assert with_its_name(engine) == {NAME: gateway.id}
    broker.wait_for("login_completed", USER, times=broker_logins + 1)
    assert len(json.loads((KEPT / "logins.json").read_bytes())) == logins + 2


def test_the_one_before_gets_the_restart_policy_from_before_a_run_that_was_cut_off(
    role: Role, gateway: Container, unable: str
) -> None:
    """The run that was cut off had stopped it; who has to start it is told by the record, which stays."""
    policy = gateway.attrs["HostConfig"]["RestartPolicy"]
    (KEPT / "policy.json").write_text(
        json.dumps({"restart_policy": policy["Name"], "since": "2026-01-01T00:00:00Z"}), encoding="utf-8"
    )
    try:
        gateway.update(restart_policy={"Name": "no"})
        gateway.stop(timeout=90)
        status, said = role(image=unable)
        assert status == 2
        assert "The container before is back, and not started" in said
        gateway.reload()
        assert (gateway.name, gateway.attrs["HostConfig"]["RestartPolicy"], gateway.status) == (NAME, policy, "exited")
        assert (KEPT / "policy.json").exists()
    finally:
        (KEPT / "policy.json").unlink(missing_ok=True)


def test_what_a_run_that_was_cut_off_had_put_aside_is_taken_back(
    role: Role, gateway: Container, engine: DockerClient
) -> None:
    before = gateway.id
    gateway.stop(timeout=90)
    gateway.rename(f"{NAME}.replaced")
    status, said = role()
    assert status == 0, said
    assert with_its_name(engine) == {NAME: before}
    assert engine.containers.get(NAME).status == "running"


def test_a_client_protects_it_until_it_is_proven_dead(role: Role, gateway: Container, broker: Broker) -> None:
    before = state(gateway)
    with connected(PORT):
        status, said = role(open_files=9000)
        assert status == 2
        assert "would be made anew because of ulimits, but 1 client is connected. It costs a login" in said
        assert state(gateway) == before
        broker.hang(USER)
        status, said = role("--check", open_files=9000)
        assert status == 0, said
        assert "would be made anew because of ulimits: that costs a login. Open orders could not be read" in said
        assert state(gateway) == before
        status, said = role(open_files=9000)
    assert status == 0, said
    assert "is made anew because of ulimits" in said


def test_a_held_gateway_is_not_started(role: Role, gateway: Container) -> None:
    gateway.stop(timeout=90)
    (KEPT / "hold.json").write_text('{"reason": "IBKR has locked the account"}', encoding="utf-8")
    try:
        status, said = role()
    finally:
        (KEPT / "hold.json").unlink()
    assert status == 2
    assert "is held, so that nothing starts it (IBKR has locked the account)" in said
    gateway.reload()
    assert gateway.status == "exited"


LOCK = {"owner": "ibgw.ops.recover on beta", "since": "2026-01-01T00:00:00Z", "until": "2999-01-01T00:00:00Z"}
PAUSE = {"until": "2999-01-01T00:00:00Z", "by": "anna"}


# Both are obeyed before the role asks what is declared.
@pytest.mark.parametrize(
    ("part", "record", "words", "declared"),
    [
        ("lock", LOCK, "ibgw.ops.recover on beta works on it", "present"),
        ("pause", PAUSE, "is paused until 2999", "absent"),
    ],
)
def test_nothing_is_done_while_another_works_on_it_or_it_is_paused(
    role: Role, gateway: Container, part: str, record: dict[str, str], words: str, declared: str
) -> None:
    before, logins = state(gateway), (KEPT / "logins.json").read_bytes()
    (KEPT / f"{part}.json").write_text(json.dumps(record), encoding="utf-8")
    try:
        status, said = role(open_files=9000, state=declared)
        left = (KEPT / "lock.json").exists()
    finally:
        (KEPT / f"{part}.json").unlink()
    assert (status, left) == (2, part == "lock"), said
    assert words in said
    assert state(gateway) == before
    assert (KEPT / "logins.json").read_bytes() == logins


def test_what_is_absent_is_gone_but_for_its_settings(role: Role, gateway: Container, engine: DockerClient) -> None:
    status, said = role(state="absent", secrets={NAME: {"user": "{{ forgotten }}"}})
    assert status == 0, said
    assert f"its settings stay in {KEPT}/settings" in said
    assert with_its_name(engine) == {}
    assert not PRIVATE.exists()
    assert {path.name for path in KEPT.iterdir()} == {"logins.json", "settings"}
    for arguments in (["--check"], []):
        status, said = role(*arguments, state="absent")
        assert (status, re.findall(r"changed=(\d+)", said)) == (0, ["0"]), said
    status, said = role("-e", "gateway_delete_settings=true", state="absent")
    assert status == 0, said
    assert not (KEPT / "settings").exists()
