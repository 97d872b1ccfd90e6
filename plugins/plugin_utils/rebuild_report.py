# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report of a rebuild (`docs/rebuild.schema.json`): what was planned, what stood against it, what was done, and how it ended.

What a run tells of a gateway is kept in its journal, from one step to the next; the report is made of all journals, whenever one of them
has news, so that a run that is cut off has one too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import few

SCHEMA = "ibgw.ops/rebuild-report/1"

#: How it can end for a gateway, the best first. One that still is `not_begun` or `begun` in the end was cut off.
OUTCOMES = (
    "rebuilt",
    "planned",
    "refused",
    "undecided",
    "rolled_back",
    "protected",
    "failed",
    "not_begun",
    "begun",
)

#: With these it is over: what breaks afterwards is told beside it.
OVER = ("rebuilt", "refused", "undecided", "rolled_back", "protected")

#: With these a run fails.
FAILING = ("refused", "undecided", "rolled_back", "protected", "failed", "not_begun", "begun")

#: What is done to a gateway, in that order: in the end it is kept, or goes back and the old one is started.
STEPS = ("put_aside", "make", "try", "keep", "go_back", "start_old")

#: A gateway that is one of these was worth a new container.
SERVES = ("healthy", "degraded")


@dataclass(frozen=True)
class Verdict:
    """A verdict, in short."""

    status: str | None = None
    code: str | None = None
    summary: str | None = None


@dataclass(frozen=True)
class Guard:
    """What one guard says of the rebuild."""

    guard: str | None = None
    passed: bool | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Step:
    """A step, and the logins that were counted for it."""

    step: str | None = None
    began_at: str | None = None
    ended_at: str | None = None
    logins: int | None = None


@dataclass(frozen=True)
class Journal:
    """What is known of a gateway so far. `intent` is what would be done, `cost` what that costs; `image` is the old and the new one."""

    outcome: str | None = "not_begun"
    reason: str | None = None
    intent: str | None = None
    cost: str | None = None
    guards: tuple[Guard, ...] = ()
    before: Verdict | None = None
    after: Verdict | None = None
    image: dict[str, str] = field(default_factory=dict)
    backup: str | None = None
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True)
class News:
    """What is new of a gateway: a step that begins, or how it ended and why; and what is known by now, None where that is nothing new."""

    step: str | None = None
    outcome: str | None = None
    reason: str | None = None
    intent: str | None = None
    cost: str | None = None
    guards: tuple[Guard, ...] | None = None
    before: Verdict | None = None
    after: Verdict | None = None
    image: dict[str, str] | None = None
    backup: str | None = None
    logins: int | None = None


@dataclass(frozen=True)
class Run:
    """What the report says of the run itself."""

    generated_at: str
    controller: str
    confirmed: bool
    dry_run: bool
    version: str | None = None


def told(journal: Journal, news: News, now: datetime) -> Journal:
    """`journal` with the news."""
    known = {
        name: value
        for name in ("intent", "cost", "guards", "before", "after", "image", "backup")
        if (value := getattr(news, name)) is not None
    }
    steps = journal.steps
    if steps and steps[-1].ended_at is None and (news.step or news.outcome):
        steps = (*steps[:-1], replace(steps[-1], ended_at=stamp(now)))
    if news.step:
        steps = (*steps, Step(news.step, stamp(now), None, news.logins or 0))
    outcome, reason = news.outcome or ("begun" if news.step else journal.outcome), news.reason or journal.reason
    if news.outcome == "failed" and journal.outcome in OVER:
        outcome, reason = journal.outcome, journal.reason or news.reason
    elif news.outcome == "failed" and not steps:
        outcome = "refused"  # nothing of it was changed
    return replace(journal, **known, steps=steps, outcome=outcome, reason=quote(reason) if reason else None)


def build(journals: Mapping[str, Mapping[str, Journal]], run: Run) -> dict[str, Any]:
    """The report on the journals of all gateways, by machine and name."""
    rows = [_row(machine, name, journal) for machine, names in journals.items() for name, journal in names.items()]
    rows.sort(key=lambda row: (-OUTCOMES.index(row["outcome"]), row["id"]))
    counts = Counter(row["outcome"] for row in rows)
    failing = [row["id"] for row in rows if _fails(row)]
    return {
        "schema": SCHEMA,
        "generated_at": run.generated_at,
        "controller": run.controller,
        "collection_version": run.version,
        "dry_run": run.dry_run,
        "confirmed": run.confirmed,
        "exit_status": 2 if failing or (not run.dry_run and (counts["planned"] or not run.confirmed)) else 0,
        "fleet": {
            "total": len(rows),
            "by_outcome": {outcome: counts[outcome] for outcome in OUTCOMES},
            "logins_spent": sum(row["logins_spent"] for row in rows),
            "failing": failing,
        },
        "gateways": rows,
    }


def sentence(report: Mapping[str, Any]) -> str:
    """Which gateways are not as they should be, in one sentence."""
    failing = report["fleet"]["failing"]
    if not failing:
        return "nothing went wrong"
    named = [f"{row['id']} ({row['outcome']})" for row in report["gateways"] if row["id"] in failing]
    return f"{len(failing)} of {len(report['gateways'])} gateways are not rebuilt as they should be: {few(named)}"


def artifact(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the run publishes to a scheduler."""
    return {
        row["id"]: {
            "outcome": row["outcome"],
            "status": _stands(row).get("status"),
            "code": _stands(row).get("code"),
            "steps": [step["step"] for step in row["steps"]],
            "logins_spent": row["logins_spent"],
            "summary": quote(row["reason"] or row["intent"] or "", limit=200),
        }
        for row in report["gateways"]
    }


def _stands(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The newest verdict; none where it was changed and not judged since."""
    return (row["after"] if row["steps"] else row["after"] or row["before"]) or {}


def _row(machine: str, name: str, journal: Journal) -> dict[str, Any]:
    steps = [{**asdict(step), "seconds": _seconds(step.began_at, step.ended_at)} for step in journal.steps]
    return {
        "id": f"{machine}/{name}",
        "name": name,
        "host": machine,
        "outcome": journal.outcome,
        "reason": journal.reason,
        "intent": journal.intent,
        "cost": journal.cost,
        "guards": [asdict(guard) for guard in journal.guards],
        "before": asdict(journal.before) if journal.before else None,
        "after": asdict(journal.after) if journal.after else None,
        "image": {"old": journal.image.get("old") or None, "new": journal.image.get("new") or None},
        "backup": journal.backup,
        "steps": steps,
        "seconds": sum(step["seconds"] or 0 for step in steps),
        "logins_spent": sum(step.logins or 0 for step in journal.steps),
    }


def _fails(row: Mapping[str, Any]) -> bool:
    of_no_avail = row["outcome"] == "rebuilt" and (row["after"] or {}).get("status") not in SERVES
    return of_no_avail or row["outcome"] in FAILING


def _seconds(began: str | None, ended: str | None) -> int | None:
    begin, end = moment(began), moment(ended)
    return int((end - begin).total_seconds()) if begin and end else None
