"""What people do today when a gateway does not serve, on faults of the matrix, with the broker keeping count beside recover.

    python -m benchmarks.habits [--only PART-OF-A-FAULT] [--jobs 2]      writes benchmarks/habits.md and prints it

Every habit meets the same fault on a gateway of its own, and the same person: one with the phone at hand where the row has one, else
nobody. Ten refused logins lock an account, as at IBKR. Waits are shortened for all alike: autoheal looks every 5 s and gives a start 30 s.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from docker.models.containers import Container

import simulator.engine
from simulator.containers import Simulation
from simulator.faults import serving
from tests.integration.faults.lab import RECORDS, Lab
from tests.integration.faults.matrix import MATRIX, Row

WATCHED = 75.0
_LOCK_AFTER = 10
_LOOK_EVERY, _FAILURES, _START_PERIOD = 5.0, 3, 30.0
_DOCKERS_GRACE = 10
_TABLE = Path(__file__).with_suffix(".md")

#: Of each kind of fault the one that is met most often.
FAULTS = (
    "relay and its loop killed",
    "gateway process of a live account killed",
    "API hangs",
    "wrong password, tried without end",
    "saved session of a live account refused",
    "login throttled",
    "push not answered yet",
    "push not sent any more",
    "link to IBKR lost",
)


@dataclass(frozen=True)
class Result:
    """What one habit made of one fault, in the time that it was watched."""

    fault: str
    habit: str
    logins: int
    pushes: int
    refused: int
    locked: bool
    cut: int
    healthy_after: float | None


Habit = Callable[[Lab, str, float], None]


def docker_restart(lab: Lab, name: str, _end: float) -> None:
    _container(lab, name).restart(timeout=_DOCKERS_GRACE)


def autoheal(lab: Lab, name: str, end: float) -> None:
    """A health check that asks the API, and what restarts the container whenever that has failed three times."""
    failures, quiet_until = 0, 0.0
    while time.monotonic() < end:
        time.sleep(_LOOK_EVERY)
        failures = 0 if _serves(lab, name) or time.monotonic() < quiet_until else failures + 1
        if failures == _FAILURES:
            _container(lab, name).restart(timeout=_DOCKERS_GRACE)
            failures, quiet_until = 0, time.monotonic() + _START_PERIOD


def remove_and_run(lab: Lab, name: str, _end: float) -> None:
    lab.simulation.renew(_container(lab, name))


def recover(lab: Lab, name: str, _end: float) -> None:
    row = _ROWS[name]
    lab.recover(name, **row.settings)


HABITS: dict[str, Habit] = {
    "docker restart": docker_restart,
    "autoheal": autoheal,
    "docker rm -f, docker run": remove_and_run,
    "recover.yml": recover,
}

#: By gateway, what has befallen it.
_ROWS: dict[str, Row] = {}


def measure(simulation: Simulation, row: Row, habit: str) -> Result:
    """One fault, one habit."""
    name = f"{simulation.name}-{uuid.uuid4().hex[:6]}"
    directory = Path(tempfile.mkdtemp(prefix="habits-"))
    lab = Lab(simulation, simulation.broker(), directory)
    _ROWS[name] = replace(row, user={"lock_after": _LOCK_AFTER, **row.user})
    try:
        lab.add_user(name, _ROWS[name])
        row.cause(lab, name)
        lab.verdict(name, row.verdict, row.shows_within)
        before = lab.spent(name)
        with lab.clients(name) as clients:
            over = row.meanwhile(lab, name) if row.meanwhile else lambda: None
            began = time.monotonic()
            with ThreadPoolExecutor(1) as pool:
                acting = pool.submit(HABITS[habit], lab, name, began + WATCHED)
                healthy_after = _watch(lab, name, began, acting.done)
                acting.result()
            over()
            cut = sum(client.cut() for client in clients)
        spent = lab.spent(name).since(before)
        locked = any(user["name"] == name and user["locked"] for user in lab.broker.users())
        return Result(row.fault, habit, spent.logins, spent.pushes, spent.refused, locked, cut, healthy_after)
    finally:
        lab.forget(name)
        shutil.rmtree(directory, ignore_errors=True)


def _watch(lab: Lab, name: str, began: float, acted: Callable[[], bool]) -> float | None:
    """Seconds until it serves for good: from then on to the end of the watch."""
    since: float | None = None
    while time.monotonic() < began + WATCHED or not acted():
        if not _serves(lab, name):
            since = None
        elif since is None:
            since = time.monotonic()
        time.sleep(1)
    return None if since is None else since - began


def _serves(lab: Lab, name: str) -> bool:
    """A client is served at every port that it publishes."""
    container = lab.container(name)
    if container is None:
        return False
    connections = serving(container)
    for connection in connections:
        connection.close()
    return bool(connections) and len(connections) == sum(bool(bound) for bound in container.ports.values())


def _container(lab: Lab, name: str) -> Container:
    return lab.simulation.engine.containers.get(name)


def table(results: Iterable[Result]) -> str:
    """All of it, as Markdown: each habit in one line, then each fault."""
    results = list(results)
    lines = [
        "| | logins | pushes | refused logins | accounts locked | clients cut | serve at the end | seconds until then (median) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for habit in HABITS:
        its = [each for each in results if each.habit == habit]
        times = [each.healthy_after for each in its if each.healthy_after is not None]
        lines.append(
            f"| {habit} | {sum(each.logins for each in its)} | {sum(each.pushes for each in its)}"
            f" | {sum(each.refused for each in its)} | {sum(each.locked for each in its)} | {sum(each.cut for each in its)}"
            f" | {len(times)} of {len(its)} | {round(statistics.median(times)) if times else '-'} |"
        )
    lines += ["", "Each fault: logins / pushes / clients cut, and after how many seconds it serves.", ""]
    lines += [f"| fault | {' | '.join(HABITS)} |", "|---" * (len(HABITS) + 1) + "|"]
    for fault in dict.fromkeys(each.fault for each in results):
        by_habit = {each.habit: each for each in results if each.fault == fault}
        lines.append(f"| {fault} | {' | '.join(_cell(by_habit[habit]) for habit in HABITS)} |")
    return "\n".join(lines) + "\n"


def _cell(result: Result) -> str:
    ends = (
        "locked" if result.locked else "does not" if result.healthy_after is None else f"{result.healthy_after:.0f} s"
    )
    return f"{result.logins} / {result.pushes} / {result.cut}, {ends}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.habits", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a part of a fault's name")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    rows = [row for row in MATRIX if row.fault in FAULTS and arguments.only in row.fault]
    simulation = Simulation(simulator.engine.client(), f"ibgw-habits-{uuid.uuid4().hex[:6]}")
    try:
        simulation.start()
        with ThreadPoolExecutor(arguments.jobs) as pool:
            pairs = [(row, habit) for row in rows for habit in HABITS]
            results = list(pool.map(lambda pair: _told(measure(simulation, *pair)), pairs))
    finally:
        simulation.remove()
        for record in RECORDS.glob(f"{simulation.name}-*"):
            shutil.rmtree(record)
    text = table(results)
    print(text)
    if not arguments.only:
        _TABLE.write_text(_HEAD + text, encoding="utf-8")
    return 0


def _told(result: Result) -> Result:
    print(f"{result.fault}: {result.habit}: {_cell(result)}", file=sys.stderr, flush=True)
    return result


_HEAD = f"""# What people do today, and what it costs

`make benchmark` writes this table: {len(FAULTS)} faults of the [fault matrix](../docs/faults.md), each on a gateway of its own for every habit,
watched for {WATCHED:.0f} seconds while the simulated broker counts. Waits are shortened for all alike; see `habits.py`.

"""

if __name__ == "__main__":
    sys.exit(main())
