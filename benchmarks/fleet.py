"""What a diagnosis of a fleet costs its controller, beside `ansible -m ping` of as many machines.

    python -m benchmarks.fleet [--times 3]      writes benchmarks/fleet.md and prints it (ten minutes)

A hundred simulated gateways run here, nine of ten healthy. The machines are names of one SSH server on loopback, each with a connection of its
own, and asked for its own gateways only. The first time they do what they are asked to, all on the processors of this one machine; from then
on they answer the same again at once (`_ANSWER`), as those of a fleet would with a processor each, and what remains is the controller.
Seconds of processor are the controller's alone. All take turns, so that what else goes on hits all alike.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from docker import DockerClient
from docker.models.containers import Container

import simulator.engine
from benchmarks.controller import Controller, Cost, controller
from simulator import conditions
from simulator.conditions import PASSWORD, PATIENT_PUSH, Fleet
from simulator.containers import Simulation, build_machine_image
from simulator.waiting import until
from tests.unit.module_utils.peer import free_port, unaccepted_port, unanswered_port

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


#: Stands where Python would on a machine: what a machine answered once is answered again at once, but with the time of now.
_ANSWER = r"""#!/bin/sh
case $0 in */hanging) exec sleep 600 ;; esac
asked=$(mktemp)
cat > "$asked"
what=$(grep -aoE -m1 'ibgw_(health|logscan|handshake)' "$asked" | head -n 1)
grep -aq '"inside": "' "$asked" && what=inside
kept="$0.${what:-other}"
if [ ! -f "$kept" ]; then
    /usr/bin/python3 "$asked" | sed -E 's/"now": "[^"]*"/"now": "NOW"/' > "$kept.$$"
    mv "$kept.$$" "$kept"
fi
rm "$asked"
sed "s/\"now\": \"NOW\"/\"now\": \"$(date -u +%FT%TZ)\"/" "$kept"
"""
_PYTHON = "/answers/{{ inventory_hostname }}"


#: By how many gateways a machine has, and a number; and one that begins what it is asked and never ends.
_NAMES = [*(f"of-1-{at}" for at in range(100)), *(f"of-10-{at}" for at in range(10)), "hanging"]


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
    begin = (
        'mkdir -p /run/sshd /answers && echo "$KEY" > /etc/ssh/controller.pub && printf "%s" "$ANSWER" > /answer && chmod +x /answer'
        ' && for machine in $MACHINES; do ln -s /answer "/answers/$machine"; done && exec /usr/sbin/sshd -D -e "$@"'
    )
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    container = engine.containers.create(
        build_machine_image(engine),
        ["sh", "-c", begin, "sshd", *options],
        environment={"KEY": public_key, "ANSWER": _ANSWER, "MACHINES": " ".join(_NAMES)},
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


@dataclass(frozen=True)
class Asked:
    """So many machines with so many gateways, as an inventory, and one of Ansible's commands on all of them."""

    what: str
    machines: int
    gateways: int
    command: tuple[str | Path, ...]


def inventories(ansible: Controller, names: Sequence[str], port: int) -> dict[tuple[int, int], Path]:
    """By the numbers of machines and of gateways; a machine has one gateway or ten, and one that has the same has the same name."""
    found = {}
    for machines, count in ((1, 1), (1, 10), (10, 10), (10, 100), (100, 100)):
        found[machines, count] = ansible.inventory(
            f"{count}-on-{machines}", _machines(names[:count], machines), port, _PYTHON
        )
    return found


def _machines(names: Sequence[str], number: int) -> dict[str, Any]:
    each = len(names) // number
    return {
        f"of-{each}-{at}": {"gateways": [{"name": name} for name in names[at * each : (at + 1) * each]]}
        for at in range(number)
    }


def pings(inventories: Mapping[tuple[int, int], Path]) -> list[Asked]:
    return [
        Asked("`ansible -m ping`", machines, count, ("ansible", "all", "-m", "ping", "-i", inventory))
        for (machines, count), inventory in inventories.items()
        if machines == count
    ]


def diagnoses(inventories: Mapping[tuple[int, int], Path]) -> list[Asked]:
    return [
        Asked("`diagnose.yml`", machines, count, _diagnose(inventory))
        for (machines, count), inventory in inventories.items()
    ]


def _diagnose(inventory: Path) -> tuple[str | Path, ...]:
    return ("ansible-playbook", "ibgw.ops.diagnose", "-i", inventory)


#: One processor has to do what a hundred machines would: few at once, and with patience.
_TOGETHER = ("-f", "8")
_PATIENT = ("-e", "diagnose_timeout=120", "-e", "diagnose_api_timeout=30")


def really(ansible: Controller, asked: Sequence[Asked]) -> Iterator[str]:
    """What it costs while this machine is all of the machines, too: once, which is also when their answers are kept."""
    yield from (
        "| all on this machine | machines | gateways | passed, s | of the controller's processor, s |",
        "|---|---|---|---|---|",
    )
    for each in asked:
        patience = _PATIENT if "ansible-playbook" in each.command else ()
        cost = _checked(ansible, each, *_TOGETHER, *patience)
        yield f"| {each.what} | {each.machines} | {each.gateways} | {cost.passed:.1f} | {cost.processor:.1f} |"


def warm(ansible: Controller, asked: Sequence[Asked], times: int) -> Iterator[str]:
    """What it costs the controller where every machine answers at once."""
    costs = _in_turns(ansible, asked, times)
    yield from _table("connections that are there", asked, costs)
    by_numbers = {(each.what, each.machines, each.gateways): cost for each, cost in zip(asked, costs, strict=True)}
    ping = by_numbers["`ansible -m ping`", 100, 100]
    yield ""
    for machines in (10, 100):
        ours = by_numbers["`diagnose.yml`", machines, 100]
        yield (
            f"100 gateways on {machines} machines take {ours.processor / ping.processor:.2f} of the processor's time of a ping of"
            f" 100 machines, and {ours.passed / ping.passed:.2f} of the time that passes."
        )
    begins, ten = by_numbers["`diagnose.yml`", 1, 1], by_numbers["`diagnose.yml`", 10, 10]
    gateway = (by_numbers["`diagnose.yml`", 10, 100].processor - ten.processor) / 90
    machine = (by_numbers["`diagnose.yml`", 100, 100].processor - ten.processor) / 90
    yield ""
    yield (
        f"Slope: a run {begins.processor:.1f} s of processor to begin with, each machine {machine * 1000:.0f} ms with its gateway, each"
        f" gateway more on a machine {gateway * 1000:.0f} ms."
    )
    yield ""
    more = (by_numbers["`diagnose.yml`", 100, 100].passed - ten.passed) / 90
    yield from room(begins.passed, more)


def room(begins: float, machine: float) -> Iterator[str]:
    """For how many machines, with a gateway each, one controller like this is enough; beyond a hundred that is reckoned, not measured."""
    yield from ("| a diagnosis that is to end in half of its interval | machines at most |", "|---|---|")
    for interval, seconds in (("every minute", 60), ("every 5 minutes", 300), ("every 15 minutes", 900)):
        yield f"| {interval} | {(seconds / 2 - begins) / machine:.0f} |"


def cold(ansible: Controller, asked: Sequence[Asked]) -> Iterator[str]:
    """The same where each machine is connected to first."""
    costs = []
    for each in asked:
        ansible.disconnect()
        costs.append(_checked(ansible, each))
    yield from _table("connections that are made first", asked, costs)


def _in_turns(ansible: Controller, asked: Sequence[Asked], times: int) -> list[Cost]:
    """The medians."""
    rounds = [[_checked(ansible, each) for each in asked] for _ in range(times)]
    return [
        Cost(statistics.median(cost.passed for cost in costs), statistics.median(cost.processor for cost in costs))
        for costs in zip(*rounds, strict=True)
    ]


def _checked(ansible: Controller, asked: Asked, *more: str) -> Cost:
    """What it costs; a diagnosis that was not told what there is to tell is none."""
    cost = ansible.cost(*asked.command, *more)
    if "ansible-playbook" in asked.command:
        fleet = ansible.report()["fleet"]
        if fleet["total"] != asked.gateways or fleet["by_status"]["unknown"]:
            raise RuntimeError(f"{asked.gateways} gateways on {asked.machines} machines: {fleet['by_status']}")
    return cost


def _table(of: str, asked: Sequence[Asked], costs: Sequence[Cost]) -> Iterator[str]:
    yield from (
        f"| {of} | machines | gateways | passed, s | of the controller's processor, s |",
        "|---|---|---|---|---|",
    )
    for each, cost in zip(asked, costs, strict=True):
        yield f"| {each.what} | {each.machines} | {each.gateways} | {cost.passed:.1f} | {cost.processor:.1f} |"


def dead(ansible: Controller, names: Sequence[str], port: int) -> Iterator[str]:
    """What one machine more costs all others that is not as they are."""
    yield from ("| ten machines, and one more | passed, s |", "|---|---|")
    with unanswered_port() as nobody, unaccepted_port() as mute:
        more: dict[str, dict[str, Any]] = {
            "none": {},
            "that answers no connection": {"dead": {"ansible_port": nobody}},
            "that accepts connections and says nothing": {"mute": {"ansible_port": mute}},
            "that begins what it is asked and never ends": {"hanging": {}},
        }
        for what, dead in more.items():
            machines = {**_machines(names, 10), **dead}
            cost = ansible.cost(*_diagnose(ansible.inventory("dead", machines, port, _PYTHON)))
            yield f"| {what} | {cost.passed:.1f} |"


def memory(ansible: Controller, asked: Sequence[Asked]) -> Iterator[str]:
    """What the controller needs of it."""
    yield from ("| memory at most, MiB | machines | gateways | |", "|---|---|---|---|")
    for each in asked:
        yield f"| {each.what} | {each.machines} | {each.gateways} | {ansible.memory(*each.command):.0f} |"


_HEAD = """# What a fleet costs its controller

`make benchmark-fleet` writes these tables; see `fleet.py`. The settings are those of `ansible.cfg`, for both commands alike.

The hundred machines are one: in the first table it does the work of all of them, too; from the second on each repeats at once what it answered
there, so that the controller is what is measured.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=3, help="how often each is run")
    times = parser.parse_args().times
    engine, port, lines = simulator.engine.client(), free_port(), list[str]()
    with controller() as ansible, server(engine, port, ansible.public_key), gateways(engine) as names:
        known = inventories(ansible, names, port)
        pinged, diagnosed = pings(known), diagnoses(known)
        of_hundred = [each for each in (*pinged, *diagnosed) if each.gateways == _GATEWAYS]
        parts = (
            really(ansible, of_hundred),
            warm(ansible, (*pinged, *diagnosed), times),
            cold(ansible, of_hundred),
            dead(ansible, names, port),
            memory(ansible, (*pinged, *diagnosed)),
        )
        for part in parts:
            for line in (*part, ""):
                lines.append(line)
                print(line, flush=True)
    _TABLE.write_text(_HEAD + "\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
