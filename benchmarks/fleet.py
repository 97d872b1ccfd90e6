"""What a diagnosis of a fleet costs its controller, beside `ansible -m ping` of as many machines.

    python -m benchmarks.fleet [--times 3]      writes benchmarks/fleet.md and prints it (ten minutes)

A hundred simulated gateways run here, nine of ten healthy. The machines are names of one SSH server on loopback, each with a connection of its
own, and asked for its own gateways only. What they do is done on this machine, too: the seconds that pass are those of both sides, the
seconds of processor those of the controller alone. All take turns, so that what else goes on hits all alike.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from docker import DockerClient
from docker.models.containers import Container

from simulator import conditions
from simulator.conditions import PASSWORD, PATIENT_PUSH, Fleet
from simulator.containers import Simulation, build_machine_image
from simulator.waiting import until

_TABLE = Path(__file__).with_suffix(".md")
_GATEWAYS = 100
_STARTED_AT_ONCE = 8

_PHONE = {"account": "U7000005", "second_factor": "push", "push_validity": PATIENT_PUSH}
#: By its number, modulo fifty, what is wrong with a gateway, and what its user is like.
_CONDITIONS: dict[int, tuple[Callable[[Fleet, str], None], dict[str, Any]]] = {
    5: (conditions.nobody_approves, _PHONE),
    15: (conditions.wrong_password, {}),
    25: (conditions.stopped_by_hand, {}),
    35: (conditions.dead_relay, {}),
    45: (conditions.link_lost, {}),
}


@contextmanager
def gateways(engine: DockerClient) -> Iterator[list[str]]:
    """The names of a hundred, each in its condition."""
    simulation = Simulation(engine, f"ibgw-fleet-{uuid.uuid4().hex[:6]}")
    try:
        fleet = Fleet(simulation, simulation.start())
        names = [f"{simulation.name}-{number}" for number in range(_GATEWAYS)]
        with ThreadPoolExecutor(_STARTED_AT_ONCE) as pool:
            for started in [pool.submit(_start, fleet, number, name) for number, name in enumerate(names)]:
                started.result()
        yield names
    finally:
        simulation.remove()


def _start(fleet: Fleet, number: int, name: str) -> None:
    cause, user = _CONDITIONS.get(number % 50, (_healthy, {}))
    fleet.broker.add_user(name, PASSWORD, **{"account": f"DU{1000000 + number}", **user})
    cause(fleet, name)


def _healthy(fleet: Fleet, name: str) -> None:
    fleet.start(name)
    fleet.logged_in(name)


@contextmanager
def server(engine: DockerClient, port: int, public_key: str) -> Iterator[Container]:
    """An SSH server on loopback that sees this machine as it is: its processes, its network, its engine."""
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "MaxStartups": 200,
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "AuthorizedKeysFile": "/etc/ssh/controller.pub",
    }
    begin = 'mkdir -p /run/sshd && echo "$KEY" > /etc/ssh/controller.pub && exec /usr/sbin/sshd -D -e "$@"'
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    container = engine.containers.create(
        build_machine_image(engine),
        ["sh", "-c", begin, "sshd", *options],
        environment={"KEY": public_key},
        network_mode="host",
        pid_mode="host",
        cap_add=["SYS_ADMIN", "SYS_PTRACE"],
        volumes=[f"{address_of(engine).removeprefix('unix://')}:/var/run/docker.sock"],
    )
    try:
        container.start()
        until(lambda: _speaks_ssh(port), f"the SSH server on port {port}", 30)
        yield container
    finally:
        container.remove(force=True, v=True)


def _speaks_ssh(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def machines(names: Sequence[str], number: int) -> dict[str, Any]:
    """So many machines that share the gateways."""
    each = len(names) // number
    return {
        f"machine-{at}": {"gateways": [{"name": name} for name in names[at * each : (at + 1) * each]]}
        for at in range(number)
    }
