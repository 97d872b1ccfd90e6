"""`python -m simulator`: the demo fleet, and the phone, the hands and the eyes that one has in it."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from docker.errors import DockerException

from simulator import engine, fleet, servers
from simulator.base_image import BaseMissing
from simulator.broker.client import Refused
from simulator.containers import CanNotSimulate, remove_images

CHECKOUT = Path(__file__).resolve().parent.parent
INVENTORY = CHECKOUT / "inventories" / "demo"
REPORT = CHECKOUT / "reports" / "report.json"


def demo(arguments: argparse.Namespace) -> int:
    """Start the fleet, diagnose it, and compare what was judged with what was simulated."""
    up(arguments)
    playbook = Path(sys.executable).with_name("ansible-playbook")
    REPORT.unlink(missing_ok=True)
    settings = {"diagnose_fail_on": "never", "diagnose_report_dir": str(REPORT.parent)}
    command = [str(playbook), "playbooks/diagnose.yml", "-i", str(INVENTORY), "-e", json.dumps(settings)]
    code = subprocess.run(command, cwd=CHECKOUT, check=False).returncode
    if code != 0:
        return code
    wrong = misjudged(json.loads(REPORT.read_text()))
    for line in wrong:
        print(f"demo: {line}", file=sys.stderr)
    return 1 if wrong else 0


def misjudged(report: dict[str, Any]) -> list[str]:
    """One sentence for each row that was not judged as simulated."""
    expected = {gateway.name: gateway.expected for gateway in fleet.FLEET} | fleet.WITHOUT_CONTAINER
    judged = {row["name"]: row for row in report["gateways"]}
    wrong = [f"{name} is not in the report" for name in expected if name not in judged]
    for name, row in judged.items():
        verdict = "healthy" if row["status"] == "healthy" else row["code"]
        wanted = expected.get(name, ()) or ("healthy",)
        if verdict not in wanted:
            wrong.append(f"{name} was judged {verdict}, and {' or '.join(wanted)} was simulated")
    return wrong


def up(_: argparse.Namespace) -> int:
    fleet.up(engine.client())
    return 0


def down(_: argparse.Namespace) -> int:
    if running := engine.running():
        fleet.down(running)
        servers.remove_images(running)
        remove_images(running)
    engine.stop()
    REPORT.unlink(missing_ok=True)
    if REPORT.parent.is_dir() and not any(REPORT.parent.iterdir()):
        REPORT.parent.rmdir()
    return 0


def approve(arguments: argparse.Namespace) -> int:
    found = fleet.running(engine.client())
    found.broker.approve(arguments.gateway)
    found.logged_in(arguments.gateway)
    print(f"approved: {arguments.gateway} is logged in")
    return 0


def refuse(arguments: argparse.Namespace) -> int:
    fleet.running(engine.client()).broker.refuse(arguments.gateway)
    print(f"refused the push of {arguments.gateway}")
    return 0


def ledger(arguments: argparse.Namespace) -> int:
    for entry in fleet.running(engine.client()).broker.ledger(arguments.gateway):
        details = {key: value for key, value in entry.items() if key not in ("number", "at", "event", "user")}
        print(entry["at"], entry["user"], entry["event"], *(f"{key}={value}" for key, value in details.items()))
    return 0


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One at a time starts or removes the fleet of this checkout; whoever is killed holds nothing."""
    with Path(__file__).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CanNotSimulate("another one is at work in this checkout; wait until it has ended") from error
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(action: Callable[[argparse.Namespace], int], text: str, alone: bool = False) -> argparse.ArgumentParser:
        command = commands.add_parser(action.__name__, help=text)
        command.set_defaults(action=action, alone=alone)
        return command

    add(demo, "start the fleet and diagnose it", alone=True)
    add(up, "start the fleet only", alone=True)
    add(down, "take everything away again", alone=True)
    add(approve, "approve the push on the simulated phone").add_argument("gateway")
    add(refuse, "refuse the push on the simulated phone").add_argument("gateway")
    add(ledger, "what the broker side counted: logins, pushes, refusals").add_argument("gateway", nargs="?")
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    try:
        with _alone() if arguments.alone else contextlib.nullcontext():
            return int(arguments.action(arguments))
    except KeyboardInterrupt:
        message = "interrupted; make demo starts anew, make demo-down removes what was started"
        print(f"\nsimulator: {message}", file=sys.stderr, flush=True)
        os._exit(130)  # threads may still wait for their gateways, for minutes
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (engine.EngineMissing, BaseMissing, CanNotSimulate, Refused, DockerException, OSError) as error:
        print(f"simulator: {error}", file=sys.stderr)  # OSError: also waiting in vain, or an engine that went away
        return 1


if __name__ == "__main__":
    sys.exit(main())
