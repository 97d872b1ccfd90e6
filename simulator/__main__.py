"""`python -m simulator`: the demo fleet, and the phone, the hands and the eyes that one has in it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator import engine, fleet, servers
from simulator.base_image import BaseMissing
from simulator.broker.client import Refused
from simulator.containers import CanNotSimulate, remove_images

CHECKOUT = Path(__file__).resolve().parent.parent
INVENTORY = CHECKOUT / "inventories" / "demo"
REPORT = CHECKOUT / "reports" / "report.json"


def demo(_: argparse.Namespace) -> int:
    """Start the fleet, diagnose it, and compare what was judged with what was simulated."""
    fleet.up(engine.client())
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(action: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(action.__name__, help=text)
        command.set_defaults(action=action)
        return command

    add(demo, "start the fleet and diagnose it")
    add(up, "start the fleet only")
    add(down, "take everything away again")
    add(approve, "approve the push on the simulated phone").add_argument("gateway")
    add(refuse, "refuse the push on the simulated phone").add_argument("gateway")
    add(ledger, "what the broker side counted: logins, pushes, refusals").add_argument("gateway", nargs="?")
    return parser


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.action(arguments))
    except (engine.EngineMissing, BaseMissing, CanNotSimulate, Refused, TimeoutError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
