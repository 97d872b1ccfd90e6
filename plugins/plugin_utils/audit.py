# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The production checklist: one row per audited rule and gateway, what operators have accepted of it, and whether the run fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import size
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, stamp
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
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import (
    ARTIFACT_BYTES,
    Run,
    excuse,
    excuses,
    look_again,
    named_in_fleet,
    reaching,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import completed, judge, urgency

SCHEMA = "ibgw.ops/audit/1"

#: What a row says.
RESULTS = ("fail", "not_known", "pass", "not_applicable")

#: What rows are counted by: what is accepted, be it failed or not known, apart from the others.
COUNTED = ("fail", "accepted", *RESULTS[1:])

#: Severities of what fails, the gravest first.
SEVERITIES = (*STATUSES[:5], "advice", AUDIT_ONLY, "note")

#: The severities of failed rows that fail a run at each level; a gateway that could not be looked at does so at all but the first.
FAILING = {
    "never": (),
    "down": ("down",),
    "degraded": SEVERITIES[:5],
    "advice": SEVERITIES[:6],
    "any": SEVERITIES,
}


def checklist() -> list[Finding]:
    """The rules of the audit, in the order of the findings."""
    return [rule for rule in findings().values() if rule.audits]


def audited(machine: Machine, run: Run, defect: str | None = None) -> list[dict[str, Any]]:
    """What every gateway of a machine was asked and answered; `defect` says what our own code failed on there."""
    return [_gateway(machine.name, gateway, run, defect) for gateway in machine.gateways]


def build(gateways: Iterable[Mapping[str, Any]], run: Run) -> dict[str, Any]:
    """The report of an audit; `run.fail_on` is a level of `FAILING`, `run.suppressions` is what operators have accepted."""
    rows = sorted(gateways, key=_urgency)
    return {
        **run.heads(SCHEMA),
        "runs": run.runs,
        "fleet": {
            "machines": run.machines,
            "total": len(rows),
            "by_result": _counted(row for gateway in rows for row in gateway["rows"]),
            "failing": [row["id"] for row in rows if row["failing"]],
            "accepted": _accepted(rows, run),
        },
        "rules": [_rule(rule, rows, run) for rule in checklist()],
        "gateways": rows,
    }


def sentence(report: Mapping[str, Any]) -> str:
    """Why the run fails or not, in one sentence."""
    failing = [f"{row['id']} ({_why(row)})" for row in report["gateways"] if row["failing"]]
    return reaching("audit_fail_on", report, failing)


def _why(row: Mapping[str, Any]) -> str:
    """What puts a gateway among the failing."""
    return "not seen" if row["unseen"] else f"{row['by_result']['fail']} failed"


def artifact(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the run publishes to a scheduler: counts, and what fails."""
    return {row["id"]: {"audit": _published(row)} for row in report["gateways"]}


def fails(unseen: str | None, rows: Iterable[Mapping[str, Any]], run: Run) -> bool:
    """Whether a gateway fails a run: by what fails there, or because it could not be looked at."""
    if run.fail_on == "never":
        return False
    return unseen is not None or any(row["severity"] in FAILING[run.fail_on] for row in failed(rows))


def judged_again(gateway: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], run: Run) -> dict[str, Any]:
    """A gateway with other rows, or by the level of another run."""
    severities = [row["severity"] for row in failed(rows)]
    return {
        **gateway,
        "failing": fails(gateway["unseen"], rows, run),
        "worst": severities[0] if severities else None,
        "by_result": _counted(rows),
        "rows": rows,
    }


def readable(row: Mapping[str, Any]) -> bool:
    """Whether this version of the collection knows what the row of a rule says."""
    return row["result"] in RESULTS and row["severity"] in (None, *SEVERITIES)


def failed(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those of the rows that fail and nobody has accepted, the gravest first."""
    return sorted(
        (row for row in rows if row["result"] == "fail" and not row["accepted"]),
        key=lambda row: SEVERITIES.index(row["severity"]),
    )


def _codes(row: Mapping[str, Any]) -> list[str]:
    """What fails on a gateway, the gravest first."""
    return list(dict.fromkeys(each["code"] for each in failed(row["rows"])))


def _published(row: Mapping[str, Any]) -> dict[str, Any]:
    """The result on one gateway, with as many of the codes that fail as there is room for."""
    codes = _codes(row)
    said = {key: row[key] for key in ("failing", "worst", "by_result")} | {"fail": codes}
    while codes and size({row["id"]: {"audit": said}}) > ARTIFACT_BYTES:
        codes.pop()
    return said


def _urgency(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Rank of a gateway, the most urgent first: what fails the run, then by the gravest that fails there, and how much does."""
    worst = SEVERITIES.index(row["worst"]) if row["worst"] else len(SEVERITIES)
    return (not row["failing"], worst, -row["by_result"]["fail"], row["id"])


def _gateway(machine: str, gateway: Gateway, run: Run, defect: str | None) -> dict[str, Any]:
    worst = min(map(judge, gateway.cases), key=urgency)
    seen = worst.case.gateway.container.id is not None
    unseen = defect or (None if seen else worst.summary)
    rows = [row for rule in checklist() for row in _rows(rule, machine, gateway, unseen, run)]
    code = worst.leading.finding.code if worst.leading else None
    asked = {
        "name": gateway.name,
        "host": machine,
        "id": named_in_fleet(machine, gateway.name),
        "declared": gateway.declared,
        "family": worst.case.gateway.family.name,
        "trading_mode": worst.case.mode,
        "status": worst.status,
        "code": code,
        "next_command": None if worst.status == "healthy" else run.typed(look_again(machine, gateway.name, code)),
        "checked_at": stamp(worst.case.now),
        "reported_at": run.generated_at,
        "unseen": unseen,
    }
    return judged_again(asked, rows, run)


def _rows(rule: Finding, machine: str, gateway: Gateway, unseen: str | None, run: Run) -> Iterator[dict[str, Any]]:
    """The row of a rule; one for each endpoint where they differ."""
    in_force = () if unseen else run.in_force
    covering = next((each for each in in_force if each.covers(rule.code, machine, gateway.name)), None)
    rows = [
        _row(rule, NotKnown(unseen) if unseen else answer_of(rule, case), case, run, covering) for case in gateway.cases
    ]
    if all(row == rows[0] for row in rows):
        yield rows[0]
    else:
        yield from ({**row, "endpoint": case.endpoint} for row, case in zip(rows, gateway.cases, strict=True))


def answer_of(rule: Finding, case: Case) -> Answer:
    """What a rule of the audit says. One that breaks is a defect of ours, and costs no other its say."""
    try:
        return rule.prove(case)
    except Exception as error:
        return NotKnown(f"the rule failed on {type(error).__name__}: {error}: a defect of the collection")


def _row(rule: Finding, answer: Answer, case: Case, run: Run, covering: Suppression | None) -> dict[str, Any]:
    """What a rule says of a case; what fails or is not known is accepted by what covers it."""
    row: dict[str, Any] = {
        "code": rule.code,
        "endpoint": None,
        "result": "not_known",
        "severity": rule.severity,
        "summary": "the rule gave no answer: a defect of the collection",
        "evidence": [],
        "change": None,
        "fix": [],
        "accepted": excuse(covering),
    }
    if isinstance(answer, Proof):
        found = completed(rule, answer, case)
        row.update(
            result="fail",
            severity=found.severity,
            summary=found.proof.summary,
            evidence=[asdict(each) for each in found.proof.evidence],
            change=_change(answer, case),
            fix=[run.typed(step) for step in found.proof.fix],
        )
    elif isinstance(answer, Passed):
        evidence = [asdict(each) for each in answer.evidence]
        row.update(result="pass", summary=answer.summary, evidence=evidence, accepted=None)
    elif isinstance(answer, NotApplicable):
        row.update(result="not_applicable", summary=quote(answer.reason), accepted=None)
    elif isinstance(answer, NotKnown):
        row.update(summary=quote(answer.reason))
    return row


def _change(proof: Proof, case: Case) -> dict[str, str] | None:
    """The setting to change, where this gateway is defined: in our inventory, or elsewhere; None where its image has none."""
    change = proof.change
    if change is None:
        return None
    if case.gateway.deployment is not None and change.inventory:
        return {"where": "inventory", "setting": change.inventory}
    defined = change.defined if proof.in_own_names else case.in_own_names(change.defined)
    return {"where": "container", "setting": defined} if defined else None


def _rule(rule: Finding, gateways: Iterable[Mapping[str, Any]], run: Run) -> dict[str, Any]:
    """A rule, and what it says of the fleet."""
    return {
        "code": rule.code,
        "layer": rule.layer,
        "severity": rule.severity,
        "demand": rule.audits,
        "by_result": _counted(row for gateway in gateways for row in gateway["rows"] if row["code"] == rule.code),
        **run.page(rule.code),
    }


def _counted(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    counts = Counter("accepted" if row["accepted"] else row["result"] for row in rows)
    return {result: counts[result] for result in COUNTED}


def _accepted(gateways: Sequence[Mapping[str, Any]], run: Run) -> list[dict[str, Any]]:
    """What the run accepts; where its rows are of others, what is accepted there."""
    if run.runs is None:
        return [run.told(each, _affected(each, gateways)) for each in run.suppressions]
    return excuses((gateway["id"], row["code"], row["accepted"]) for gateway in gateways for row in gateway["rows"])


def _affected(acceptance: Suppression, gateways: Sequence[Mapping[str, Any]]) -> list[str]:
    """The gateways where it accepts a row."""
    return [
        gateway["id"]
        for gateway in gateways
        if any(
            row["accepted"] and acceptance.covers(row["code"], gateway["host"], gateway["name"])
            for row in gateway["rows"]
        )
    ]
