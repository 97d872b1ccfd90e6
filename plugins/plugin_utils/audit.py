# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The production checklist: one row per audited rule and gateway, what operators have accepted of it, and whether the run fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.evidence import Gateway, Machine
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    AUDIT_ONLY,
    STATUSES,
    Answer,
    Finding,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    findings,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.report import Run, named_in_fleet, typed
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import completed, judge, urgency

SCHEMA = "ibgw.ops/audit/1"

#: What a row says, in the order in which one reads it.
RESULTS = ("fail", "not_known", "pass", "not_applicable")

#: Severities of what fails, the gravest first.
SEVERITIES = (*STATUSES[:4], "advice", AUDIT_ONLY)

#: The severities of failed rows that fail a run at each level; a gateway that could not be looked at does so at all but the first.
FAILING = {
    "never": (),
    "down": ("down",),
    "degraded": SEVERITIES[:4],
    "advice": SEVERITIES[:5],
    "any": SEVERITIES,
}


@dataclass(frozen=True)
class Audited:
    """One gateway and what it was asked: `unseen` says why it could not be looked at, None where it could."""

    gateway: Gateway
    machine: str
    case: Case
    status: str
    code: str | None
    unseen: str | None
    rows: tuple[dict[str, Any], ...]


def checklist() -> list[Finding]:
    """The rules of the audit, in the order of the findings."""
    return [rule for rule in findings().values() if rule.audits]


def audited(machine: Machine, accepted: Sequence[Suppression], run: Run) -> list[Audited]:
    """Every gateway of a machine; `accepted` are those in force."""
    return [_audited(machine.name, gateway, accepted, run) for gateway in machine.gateways]


def _audited(machine: str, gateway: Gateway, accepted: Sequence[Suppression], run: Run) -> Audited:
    worst = min(map(judge, gateway.cases), key=urgency)
    seen = worst.case.gateway.container.id is not None
    unseen = None if seen else worst.summary
    rows = [
        {**row, "accepted": _acceptance(row, machine, gateway.name, accepted)}
        for rule in checklist()
        for row in _rows(rule, gateway.cases, unseen, run)
    ]
    code = worst.leading.finding.code if worst.leading else None
    return Audited(gateway, machine, worst.case, worst.status, code, unseen, tuple(rows))


def _rows(rule: Finding, cases: Sequence[Case], unseen: str | None, run: Run) -> Iterator[dict[str, Any]]:
    """The row of a rule; one for each endpoint where they differ."""
    rows = [_row(rule, NotKnown(unseen) if unseen else _answer(rule, case), case, run) for case in cases]
    if all(row == rows[0] for row in rows):
        yield {**rows[0], "endpoint": None}
    else:
        yield from ({**row, "endpoint": case.endpoint} for row, case in zip(rows, cases, strict=True))


def _answer(rule: Finding, case: Case) -> Answer:
    """What a rule says. One that breaks is a defect of ours, and costs no other row."""
    try:
        return rule.prove(case)
    except Exception as error:
        return NotKnown(f"the rule failed on {type(error).__name__}: {error}: a defect of the collection")


def _row(rule: Finding, answer: Answer, case: Case, run: Run) -> dict[str, Any]:
    row: dict[str, Any] = {
        "code": rule.code,
        "layer": rule.layer,
        "demand": rule.audits,
        "result": "not_known",
        "severity": rule.severity,
        "summary": "the rule gave no answer: a defect of the collection",
        "evidence": [],
        "change": None,
        "fix": [],
        "docs": f"docs/findings/{rule.code}.md",
    }
    if isinstance(answer, Proof):
        found = completed(rule, answer, case)
        row.update(
            result="fail",
            severity=found.severity,
            summary=found.proof.summary,
            evidence=[asdict(each) for each in found.proof.evidence],
            change=_change(answer, case),
            fix=[typed(step, run.inventories) for step in found.proof.fix],
        )
    elif isinstance(answer, Passed):
        row.update(result="pass", summary=answer.summary, evidence=[asdict(each) for each in answer.evidence])
    elif isinstance(answer, (NotApplicable, NotKnown)):
        row.update(
            result="not_known" if isinstance(answer, NotKnown) else "not_applicable", summary=quote(answer.reason)
        )
    return row


def _change(proof: Proof, case: Case) -> str | None:
    """The setting to change, where this gateway is defined: in our inventory, or elsewhere."""
    change = proof.change
    if change is None:
        return None
    if case.gateway.deployment is not None and change.inventory:
        return f"{change.inventory} (inventory)"
    return change.defined if proof.in_own_names else case.in_own_names(change.defined) or change.defined


def _acceptance(
    row: Mapping[str, Any], machine: str, name: str, accepted: Sequence[Suppression]
) -> dict[str, Any] | None:
    """Who accepted it, and until when; only what fails can be accepted."""
    if row["result"] != "fail":
        return None
    covering = next((each for each in accepted if each.covers(row["code"], machine, name)), None)
    return None if covering is None else {"reason": covering.reason, "until": covering.until}


def build(gateways: Sequence[Audited], run: Run) -> dict[str, Any]:
    """The report of an audit; `run.fail_on` is a level of `FAILING`, `run.suppressions` all that was accepted."""
    rows = sorted((_gateway(each, run) for each in gateways), key=lambda row: (not row["failing"], row["id"]))
    return {
        "schema": SCHEMA,
        "generated_at": run.generated_at,
        "controller": run.controller,
        "collection_version": run.version,
        "error": run.error,
        "fail_on": run.fail_on,
        "fleet": {
            "machines": run.machines,
            "total": len(rows),
            "by_result": _counted(row for gateway in rows for row in gateway["rows"]),
            "failing": [row["id"] for row in rows if row["failing"]],
            "accepted": [_accepted(each, rows, run.generated_at) for each in run.suppressions],
        },
        "gateways": rows,
    }


def _gateway(each: Audited, run: Run) -> dict[str, Any]:
    failing = [
        row["code"]
        for row in each.rows
        if row["result"] == "fail" and row["severity"] in FAILING[run.fail_on] and not row["accepted"]
    ]
    return {
        "name": each.gateway.name,
        "host": each.machine,
        "id": named_in_fleet(each.machine, each.gateway.name),
        "declared": each.gateway.declared,
        "family": each.case.gateway.family.name,
        "trading_mode": each.case.mode,
        "status": each.status,
        "code": each.code,
        "unseen": each.unseen,
        "failing": bool(failing) or (each.unseen is not None and run.fail_on != "never"),
        "by_result": _counted(each.rows),
        "rows": list(each.rows),
    }


def _counted(rows: Any) -> dict[str, int]:
    counts = Counter("accepted" if row["accepted"] else row["result"] for row in rows)
    return {result: counts[result] for result in ("fail", "accepted", *RESULTS[1:])}


def _accepted(acceptance: Suppression, gateways: Sequence[Mapping[str, Any]], now: str) -> dict[str, Any]:
    """What was accepted, and where it had effect."""
    return {
        **acceptance.as_dict(),
        "expired": acceptance.expired(now),
        "gateways": [
            gateway["id"]
            for gateway in gateways
            if any(
                row["accepted"] and acceptance.covers(row["code"], gateway["host"], gateway["name"])
                for row in gateway["rows"]
            )
            and not acceptance.expired(now)
        ],
    }


def sentence(report: Mapping[str, Any]) -> str:
    """Why the run fails or not, in one sentence."""
    failing, level = report["fleet"]["failing"], report["fail_on"]
    if not failing:
        return f"no gateway reaches audit_fail_on={level}"
    named = ", ".join(failing[:5]) + (f" and {len(failing) - 5} more" if len(failing) > 5 else "")
    return f"{len(failing)} of {report['fleet']['total']} gateways reach audit_fail_on={level}: {named}"
