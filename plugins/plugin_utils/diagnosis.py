# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the probes registered on the hosts becomes evidence, and evidence verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable, quote
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, evidence, inventory, report, verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import PROBES, Case, Quote, moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import where_it_runs
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import facts_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Found, Proof, Verdict, findings
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain, variables_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import GatewayHealth, LogScan, read
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run, SavedLog
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

#: What is said of a machine that our own code failed on.
DEFECT = "the evidence of this machine could not be judged: a defect of the collection"

#: What a task that brought no result says of itself.
HOW_A_TASK_FAILED = ("unreachable", "failed", "msg", "module_stderr", "module_stdout", "rc")

Row = TypeVar("Row")


def report_on(task_vars: Mapping[str, Any], plan: Mapping[str, Any], now: datetime, run: Run) -> dict[str, Any]:
    """The report on everything that was asked."""
    verdicts, defects = judged(task_vars, plan, run.in_force, now)
    log = _saved_log(Path(plan["log"]).name, task_vars) if plan["log"] else None
    return report.build(verdicts, replace(run, error="; ".join(defects) or None, log=log))


def audit_on(task_vars: Mapping[str, Any], plan: Mapping[str, Any], now: datetime, run: Run) -> dict[str, Any]:
    """The audit of everything that was asked."""

    def unasked(machine: str, names: Sequence[str], reason: str) -> list[dict[str, Any]]:
        nothing = evidence.machine(machine, {"gateways": [{"name": name} for name in names]}, {}, None, now)
        return audit.audited(nothing, run, f"{DEFECT} ({quote(reason)})")

    rows, defects = _of_machines(task_vars, plan, now, lambda seen: audit.audited(seen, run), unasked)
    return audit.build(rows, replace(run, error="; ".join(defects) or None))


def run_of(
    plan: Mapping[str, Any],
    suppressions: Sequence[Mapping[str, Any]],
    now: datetime,
    fail_on: str,
    inventories: Sequence[str],
    collection: Mapping[str, Any],
    remind_before: float = 0,
) -> Run:
    """What a report is to say of the run itself, but for what is found out on the way; `collection` is what that says of itself."""
    return Run(
        machines=len(plan["machines"]) or 1,
        generated_at=stamp(now),
        controller=where_it_runs(),
        fail_on=fail_on,
        version=collection.get("version"),
        documentation=collection.get("documentation"),
        inventories=inventories,
        suppressions=[Suppression(**each) for each in suppressions],
        remind_before=remind_before,
    )


def _saved_log(name: str, task_vars: Mapping[str, Any]) -> SavedLog:
    windows = [log.window for log in read(LogScan, registered(task_vars, "logscan").get("logscan")).gateways]
    return SavedLog(
        name,
        last_at=max((each.last_at for each in windows if each.last_at), default=None),
        lines=max((each.lines or 0 for each in windows), default=0),
        damaged=any(each.damaged for each in windows),
    )


def judged(
    task_vars: Mapping[str, Any], plan: Mapping[str, Any], suppressions: Sequence[Suppression], now: datetime
) -> tuple[list[Verdict], list[str]]:
    """The verdicts on everything that was asked, and what our own code failed on."""
    if plan["log"]:
        seen = registered(task_vars, "logscan").get("logscan") or {}
        return verdict.verdicts_of_log(Path(plan["log"]).name, seen, now, suppressions), []
    return _of_machines(
        task_vars,
        plan,
        now,
        lambda seen: verdict.verdicts_of_machine(seen, suppressions),
        lambda machine, names, reason: _unjudged(machine, names, reason, now),
    )


def _of_machines(
    task_vars: Mapping[str, Any],
    plan: Mapping[str, Any],
    now: datetime,
    ask: Callable[[evidence.Machine], list[Row]],
    instead: Callable[[str, Sequence[str], str], list[Row]],
) -> tuple[list[Row], list[str]]:
    """What `ask` says of each machine, and what our own code failed on; there `instead` says it of the names that were asked for."""
    rows: list[Row] = []
    defects: list[str] = []
    seen, failed = seen_on_all(task_vars, plan, now)
    for machine, asked in plan["machines"].items():
        try:
            if machine in failed:
                raise failed[machine]
            rows += ask(seen[machine])
        except Exception as error:  # one machine's odd evidence must not cost the others theirs
            reason = f"{type(error).__name__}: {error}"
            defects.append(f"{machine} could not be judged: {printable(reason)}")
            rows += instead(machine, asked["names"], reason)
    return rows, defects


def looked_at(task_vars: Mapping[str, Any], plan: Mapping[str, Any]) -> set[str]:
    """The machines of the plan that told which gateways they have."""
    return {machine for machine in plan["machines"] if _told(task_vars["hostvars"], machine)}


def _told(hostvars: Mapping[str, Any], machine: str) -> bool:
    try:
        health = variables_of(hostvars, machine).get("diagnose_health")
        return bool(health and (health.get("health") or {}).get("available"))
    except Exception:  # such a machine could not be judged either, which is told
        return False


def seen_on_all(
    task_vars: Mapping[str, Any], plan: Mapping[str, Any], now: datetime
) -> tuple[dict[str, evidence.Machine], dict[str, Exception]]:
    """The evidence of every machine that was asked, and what our own code raised over that of others."""
    seen: list[evidence.Machine] = []
    failed: dict[str, Exception] = {}
    for machine, ask in plan["machines"].items():
        only = ask["names"] if plan["only"] else None
        try:
            variables = variables_of(task_vars["hostvars"], machine)
            seen.append(seen_on(machine, variables, only, now, moment(plan.get("at"))))
        except Exception as error:
            failed[machine] = error
    return {each.name: each for each in evidence.across(seen)}, failed


def _unjudged(machine: str, names: Sequence[str], reason: str, now: datetime) -> list[Verdict]:
    """The verdicts on a machine whose evidence our own code failed on: unknown, never a lost report."""
    found = Found(
        findings()["probe.incomplete"],
        Proof(
            summary=DEFECT,
            evidence=(Quote("ansible", quote(reason)),),
            fix=("report this with the quoted error and the collection's version",),
        ),
    )
    return [
        Verdict(
            name,
            machine,
            True,
            "unknown",
            stamp(now),
            found.proof.summary,
            leading=found,
            found=(found,),
            facts=facts_of(Case(machine=machine, name=name, now=now)),
        )
        for name in names or [machine]
    ]


def seen_on(
    machine: str,
    variables: Mapping[str, Any],
    only: list[str] | None,
    now: datetime,
    asked_at: datetime | None = None,
) -> evidence.Machine:
    """The evidence of one machine's gateways, from what was registered of it between the two moments."""
    gateways = inventory.present({"gateways": plain(variables.get("gateways") or [])})
    declared = [entry["name"] for entry in gateways]
    results = {probe: registered(variables, probe) for probe in PROBES}
    health = results["health"].get("health")
    if health:
        # A name that was only searched for is nothing to report where it is not.
        there = [each for each in health["gateways"] if each["exists"] or each["name"] in declared]
        kept = _kept_by_rebuilds(there)
        health["gateways"] = [
            each for each in there if each["name"] in declared or (each.get("container") or {}).get("id") not in kept
        ]
    of_machine = {name: plain(variables[name]) for name in evidence.OF_MACHINE if name in variables}
    return evidence.machine(machine, {"gateways": gateways, **of_machine}, results, only, now, asked_at)


def _kept_by_rebuilds(gateways: Iterable[Mapping[str, Any]]) -> set[str | None]:
    """The ids of containers that a rebuild keeps until what took their place has proved itself: no gateways of their own."""
    seen = (read(GatewayHealth, each) for each in gateways if each.get("rebuild"))
    return {one.rebuild.old.id for one in seen if one.rebuild and one.rebuild.old.id != one.container.id}


def registered(variables: Mapping[str, Any], probe: str) -> dict[str, Any]:
    """What a probe registered on a host: its result, or how it failed; empty where it did not run."""
    result = variables.get(f"diagnose_{probe}") or {}
    return {key: plain(result[key]) for key in (PROBES[probe], *HOW_A_TASK_FAILED) if key in result}
