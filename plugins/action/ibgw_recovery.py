# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What recovery decides on the controller: check the settings, plan the fleet, say what comes next for a gateway, and report."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable, quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import ControllerAction
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import (
    about_the_collection,
    show,
    where_it_runs,
    write_report,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import registered
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain, variables_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import plan, report, settings, summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import Alike
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.look import situations
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import Journal, Move, Outcome
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Situation
from ansible_collections.ibgw.ops.plugins.plugin_utils.report import FAILING
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

#: The variables that say what recovery may do.
VARIABLES = (
    "diagnose_only",
    *(f"recover_{name}" for name in (*settings.WORDS, *settings.SWITCHES, *settings.NUMBERS)),
)

display = Display()


class ActionModule(ControllerAction):
    """The action behind `ibgw_recovery`; its options are documented in the module of the same name."""

    ARGUMENTS = {
        "stage": {"type": "str", "required": True, "choices": ["check", "plan", "next", "report"]},
        "plan": {"type": "dict", "default": {}},
        "name": {"type": "str"},
        "so_far": {"type": "dict", "default": {}},
        "outcome": {"type": "dict", "default": {}},
        "orders": {"type": "list", "elements": "dict"},
        "report_dir": {"type": "str", "default": "reports"},
        "fail_on": {"type": "str", "default": "down", "choices": list(FAILING)},
        "ascii": {"type": "bool", "default": False},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """One stage of a recovery; fails only for settings that make no sense."""
        allowed = settings.read(self.settings(variables, VARIABLES))
        asked = {**plain(arguments), "dry_run": allowed.dry_run or self._task.check_mode}
        now = datetime.now(timezone.utc).replace(microsecond=0)
        # That the settings make sense is all that is to be checked.
        stages = {"check": lambda *_given: {}, "plan": _plan, "next": _next, "report": _report}
        return stages[asked["stage"]](variables, asked, allowed, now)


def _plan(variables: Mapping[str, Any], asked: Mapping[str, Any], allowed: Settings, now: datetime) -> dict[str, Any]:
    """What would be done for each gateway, by a diagnosis of all that this run can see; and whose turn it is on each machine."""
    machines, suppressions = list(asked["plan"]["machines"]), _suppressions(asked["plan"], now)
    fleet, blind = _fleet(variables["hostvars"], machines, suppressions, now)
    _check_found(allowed, fleet)
    alike = [
        Alike(
            each.row["id"],
            each.row["status"],
            each.code,
            each.row["since"],
            (each.health.get("container") or {}).get("id"),
        )
        for each in fleet
    ]
    planned: dict[str, dict[str, Any]] = {}
    told: list[tuple[Move, Mapping[str, Any]]] = []
    for each in fleet:
        if not allowed.selects(each.row["host"], each.name):
            continue
        journal = plan.opened(each, allowed)
        move = plan.next_move(each, allowed, journal, alike)
        planned[each.row["id"]] = {
            "move": move.as_dict(),
            "journal": asdict(journal),
            "row": report.slim(each.row),
            "pushes": _prompts(each),
        }
        told.append((move, each.row))
    group = [str(host) for host in variables["groups"].get("gateway_hosts", [])]
    blind |= {each.row["host"] for each in fleet if each.row["layer"] in ("host", "engine", "probe")}
    not_seen = [host for host in group if host not in machines or host in blind]
    show(partial(summary.plan, told, not_seen), asked["ascii"])
    leaves = bool(allowed.pause_until or allowed.hold) and not asked["dry_run"]
    turns = [] if asked["dry_run"] or leaves else [move.step for move, _row in told if move.do != "stop"]
    return {
        "owner": f"ibgw.ops.recover on {where_it_runs()} ({uuid.uuid4().hex[:8]})",
        "fleet": [asdict(each) for each in alike],
        "not_seen": not_seen,
        "planned": planned,
        "suppress": asked["plan"]["suppress"],
        "dry_run": asked["dry_run"],
        "leaves": leaves,
        "chosen": {
            machine: [move.step.name for move, _row in told if move.step.host == machine] for machine in machines
        },
        "turns": {machine: [step.name for step in turns if step.host == machine] for machine in machines},
        "seen": {} if asked["dry_run"] or leaves else _seen(fleet),
    }


def _fleet(
    hostvars: Mapping[str, Any], machines: list[str], suppressions: list[Suppression], now: datetime
) -> tuple[list[Situation], set[str]]:
    """The gateways of all machines, and the machines on whose evidence our own code failed."""
    fleet: list[Situation] = []
    blind = set()
    for machine in machines:
        try:
            given = variables_of(hostvars, machine)
            fleet += situations(machine, given, _records(given), now, None, suppressions)
        except Exception as error:  # one machine's odd evidence must not cost the others their recovery
            display.warning(
                printable(f"{machine} could not be judged, and is left alone: {type(error).__name__}: {error}")
            )
            blind.add(machine)
    return fleet, blind


def _next(variables: Mapping[str, Any], asked: Mapping[str, Any], allowed: Settings, now: datetime) -> dict[str, Any]:
    """What comes next for one gateway, by the look at it that was just taken."""
    machine, recovery, so_far = variables["inventory_hostname"], asked["plan"], asked["so_far"]
    hostvars = variables_of(variables["hostvars"], machine)
    (one,) = situations(
        machine, hostvars, _record_of(hostvars, asked["name"]), now, [asked["name"]], _suppressions(recovery, now)
    )
    orders = asked["orders"]
    one = replace(one, orders=None if orders is None else tuple(orders))
    planned = recovery["planned"][one.row["id"]]
    journal = read(Journal, so_far or planned["journal"])
    if not so_far:
        journal = plan.resumed(journal, one, allowed)
    if orders is None:  # the same look is judged twice where it was asked about orders
        journal = plan.ended(journal, one, allowed, read(Outcome, asked["outcome"]))
        journal = plan.looked(journal, one)
    alike = [read(Alike, each) for each in recovery["fleet"]]
    move = plan.next_move(one, allowed, journal, alike, recovery["owner"])
    told: dict[str, Any] = {"row": report.slim(one.row), "pushes": _prompts(one), "at": stamp(now)}
    if move.do == "act":
        display.display(summary.progress(move.step))
        told["evidence"] = _evidence(one, move, hostvars, now)
        journal = plan.began(journal, move.step, now)
    elif move.do == "look":
        display.display(printable(f"{one.row['id']}: looks again in {move.after:.0f} s: {move.reason}"))
    step = {**asdict(move.step), **_means(one)}
    return {**move.as_dict(), "step": step, "journal": asdict(journal), **told}


def _report(
    variables: Mapping[str, Any], asked: Mapping[str, Any], _allowed: Settings, now: datetime
) -> dict[str, Any]:
    """Print the summary, write `recover.json`, publish the outcomes."""
    recovery = asked["plan"]
    worked = []
    for planned in recovery["planned"].values():
        first = read(Move, planned["move"])
        host = variables["hostvars"][first.step.host]
        told = plain((host.get("recover_worked") or {}).get(first.step.name) or _cut_off(host, first.step.name))
        worked.append(_worked(first, planned, told, recovery["dry_run"], now))
    run = report.Run(
        generated_at=stamp(now),
        controller=where_it_runs(),
        dry_run=recovery["dry_run"],
        fail_on=asked["fail_on"],
        version=about_the_collection().get("version"),
        not_seen=recovery["not_seen"],
    )
    built = report.build(worked, run)
    show(partial(summary.lines, built), asked["ascii"])
    return {
        "fleet": built["fleet"],
        "report_path": write_report(built, asked["report_dir"], "recover.json", "recover_report_dir"),
        "failing": built["fleet"]["failing"],
        "verdict": report.sentence(built),
        "ansible_stats": {"data": {"ibgw": report.artifact(built)}, "per_host": False, "aggregate": True},
    }


def _cut_off(variables: Mapping[str, Any], name: str) -> Any:
    """What the last round told of a gateway on which the work did not come to its end."""
    last = variables.get("recover_next") or {}
    return last if (last.get("step") or {}).get("name") == name else {}


def _worked(
    first: Move, planned: Mapping[str, Any], told: Mapping[str, Any], dry_run: bool, now: datetime
) -> report.Worked:
    """A gateway's part of the report: what its last round told, else what was planned."""
    last = read(Move, told) if told.get("do") else first
    journal = read(Journal, told.get("journal") or planned["journal"])
    outcome, reason = last.outcome or "planned", last.reason
    if not dry_run and last.do != "stop":
        outcome, reason = "given_up", told.get("broken") or "the run was cut off before its end"
    pushes = (planned["pushes"], told.get("pushes"))
    return report.Worked(
        before=planned["row"],
        after=told.get("row") or planned["row"],
        planned=first,
        last=last,
        journal=journal,
        outcome=outcome,
        reason=reason,
        ended_at=told.get("at") or stamp(now),
        pushes=None if None in pushes else max(pushes[1] - pushes[0], 0),
    )


def _suppressions(preflight: Mapping[str, Any], now: datetime) -> list[Suppression]:
    given = [Suppression(**each) for each in preflight["suppress"]]
    return [each for each in given if not each.expired(stamp(now))]


def _records(variables: Mapping[str, Any]) -> Any:
    """What the machine keeps about its gateways, as the plan read it."""
    told = variables.get("recover_records") or {}
    return plain(told.get("record") or {"available": False, "reason": told.get("msg")})


def _record_of(variables: Mapping[str, Any], name: str) -> Any:
    """The same, with what was read of the one gateway just now."""
    told = variables.get("recover_recorded") or {}
    fresh = plain(told.get("record") or {"available": False, "reason": told.get("msg"), "gateways": []})
    others = [each for each in _records(variables).get("gateways") or () if each["name"] != name]
    return {**fresh, "gateways": [*(fresh.get("gateways") or ()), *others]}


def _seen(fleet: list[Situation]) -> dict[str, list[dict[str, Any]]]:
    """By machine, which gateways were seen healthy and which were not; what could not be judged is neither."""
    seen: dict[str, list[dict[str, Any]]] = {}
    for each in fleet:
        if each.row["status"] != "unknown" and each.health.get("exists"):
            told = {"name": each.name, "healthy": each.row["status"] == "healthy"}
            seen.setdefault(each.row["host"], []).append(told)
    return seen


def _check_found(allowed: Settings, fleet: list[Situation]) -> None:
    """Every selected gateway is one that was declared or found."""
    for item in allowed.only:
        if not any(item in (each.name, f"{each.row['host']}/{each.name}") for each in fleet):
            there = ", ".join(each.row["id"] for each in fleet) or "no gateway"
            raise Misuse(f"recover_only has {quote(item)}, but no such gateway is declared or found; there is {there}")


def _means(one: Situation) -> dict[str, Any]:
    """What a remedy needs to know of the gateway: its container as it was judged, and the ways to its controller."""
    container = one.health.get("container") or {}
    port = next((case.setting("CommandServerPort", "") for case in one.cases), "")
    charged = [each.name for each in one.records.gateways] if one.code == "engine.down" else [one.name]
    return {
        "container": {key: container.get(key) for key in ("id", "restart_policy")},
        "command_server": int(port) if port.isdecimal() and int(port) else None,
        "charged": charged,
    }


def _evidence(one: Situation, move: Move, variables: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """What is written down before anything is done."""
    logs = (registered(variables, "logscan").get("logscan") or {}).get("gateways") or ()
    return {
        "at": stamp(now),
        "row": dict(one.row),
        "step": asdict(move.step),
        "health": dict(one.health),
        "log": next((log for log in logs if log["name"] == one.name), None),
        "answers": list(one.answers),
    }


def _prompts(one: Situation) -> int | None:
    """How many pushes its log shows; None where it does not tell that, or not from the beginning."""
    logs = [case.log for case in one.cases if case.log]
    if not logs or logs[0].window.truncated is not False:
        return None
    return logs[0].history.twofa_prompts
