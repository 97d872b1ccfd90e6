# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a recovery (`docs/recovery.schema.json`): what each gateway was, what was done, what it is now, and what that cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import Journal, Move
from ansible_collections.ibgw.ops.plugins.plugin_utils.report import FAILING
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import few

SCHEMA = "ibgw.ops/recovery/1"

#: How it can end for a gateway, the best first.
OUTCOMES = (
    "nothing_to_do",
    "healthy",
    "improved",
    "planned",
    "waiting_for_person",
    "refused",
    "not_seen",
    "given_up",
)

#: What a report keeps of a row.
OF_A_ROW = ("status", "code", "summary", "fix", "next_command", "deadline", "suppressed")


@dataclass(frozen=True)
class Worked:
    """One gateway's part of a run: its rows before and after, what was planned, and what became of it.

    `moves` are the plan's and the last one; `pushes` are those that its log shows for the run, None where it does not tell.
    """

    before: Mapping[str, Any]
    after: Mapping[str, Any]
    planned: Move
    last: Move
    journal: Journal
    outcome: str
    reason: str
    ended_at: str
    pushes: int | None = None


@dataclass(frozen=True)
class Run:
    """What the report says of the run itself. `not_seen` are machines of the inventory that this run left out or could not see."""

    generated_at: str
    controller: str
    dry_run: bool
    fail_on: str
    version: str | None = None
    not_seen: Sequence[str] = ()


def build(worked: Sequence[Worked], run: Run) -> dict[str, Any]:
    """The report of a run."""
    rows = sorted((_row(each) for each in worked), key=lambda row: (-OUTCOMES.index(row["outcome"]), row["id"]))
    counts = Counter(row["outcome"] for row in rows)
    return {
        "schema": SCHEMA,
        "generated_at": run.generated_at,
        "controller": run.controller,
        "collection_version": run.version,
        "dry_run": run.dry_run,
        "fail_on": run.fail_on,
        "fleet": {
            "total": len(rows),
            "by_outcome": {outcome: counts[outcome] for outcome in OUTCOMES},
            "logins_spent": sum(row["logins_spent"] for row in rows),
            "failing": [row["id"] for row in rows if _fails(row, run.fail_on)],
            "not_seen": list(run.not_seen),
        },
        "gateways": rows,
    }


def sentence(report: Mapping[str, Any]) -> str:
    """Why the run fails or not, in one sentence."""
    failed = report["fleet"]["failing"]
    if not failed:
        return f"no gateway reaches diagnose_fail_on={report['fail_on']}"
    named = [f"{row['id']} ({row['outcome']})" for row in report["gateways"] if row["id"] in failed]
    return f"{len(failed)} of {len(report['gateways'])} gateways are not as they should be: {few(named)}"


def artifact(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the run publishes to a scheduler."""
    return {
        row["id"]: {
            "outcome": row["outcome"],
            "status": row["after"]["status"],
            "code": row["after"]["code"],
            "steps": [step["remedy"] for step in row["steps"]],
            "logins_spent": row["logins_spent"],
            "summary": quote(row["reason"], limit=200),
        }
        for row in report["gateways"]
    }


def slim(row: Mapping[str, Any]) -> dict[str, Any]:
    """What a report keeps of a row."""
    return {key: row[key] for key in OF_A_ROW}


def _row(worked: Worked) -> dict[str, Any]:
    step, journal = worked.planned.step, worked.journal
    checks = worked.last.step.guards or (journal.steps[-1].guards if journal.steps else step.guards)
    return {
        "id": step.id,
        "name": step.name,
        "host": step.host,
        "before": slim(worked.before),
        "plan": {
            "asked": step.asked,
            "remedy": step.remedy,
            "act": step.act,
            "reason": step.reason,
            "cost": asdict(step.cost),
        },
        "guards": [{"guard": check.guard, "passed": check.passed, "reason": check.reason} for check in checks],
        "steps": [
            {
                "remedy": done.remedy,
                "code": done.code,
                "began_at": done.began_at,
                "ended_at": done.ended_at,
                "result": "failed" if done.failed else "done" if done.ended_at else "cut_off",
                "proof": done.proof,
                "logins": done.logins,
            }
            for done in journal.steps
        ],
        "after": slim(worked.after),
        "seconds": _seconds(journal.began_at, worked.ended_at) if journal.steps else 0,
        "logins_spent": sum(done.logins or 0 for done in journal.steps),
        "pushes_spent": worked.pushes if journal.steps else 0,
        "outcome": worked.outcome,
        "reason": quote(worked.reason),
    }


def _fails(row: Mapping[str, Any], fail_on: str) -> bool:
    bad = row["after"]["status"] in FAILING[fail_on] and row["after"]["suppressed"] is None
    return bad or (row["outcome"] == "given_up" and fail_on != "never")


def _seconds(began: str | None, ended: str | None) -> int:
    begin, end = moment(began), moment(ended)
    return int((end - begin).total_seconds()) if isinstance(begin, datetime) and isinstance(end, datetime) else 0
