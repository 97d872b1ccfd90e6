# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verdicts become the report (`docs/report.schema.json`), and the report decides whether the run fails."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import size
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    ACTS,
    DIAGNOSE,
    RECOVER,
    STATUSES,
    URGENCY,
    Found,
    Verdict,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

SCHEMA = "ibgw.ops/report/1"

#: What fails a run at each level: what could not be judged is not fine, what is starting is.
FAILING = {
    "never": (),
    "down": ("down", "unknown"),
    "waiting": ("down", "waiting", "unknown"),
    "degraded": ("down", "waiting", "degraded", "unknown"),
}

#: What the next log is made with: with Docker's time stamps, which have a zone.
NEWER_LOG = "docker logs -t <container> > new.log 2>&1"

#: Gateways named in the sentence that fails a run.
NAMED = 5

# A command of Ansible up to where its inventories stand.
_ANSIBLE = re.compile(r"\bansible(-playbook ibgw\.ops\.\w+| \S+(?= -))")

#: Most bytes of JSON for one gateway in the artifact: AWX keeps it with every job, and that of a hundred stays under 64 KiB.
ARTIFACT_BYTES = 640


@dataclass(frozen=True)
class SavedLog:
    """The saved log that was judged: when its last line was written, where that is known, the number of its lines, and whether it is
    packed and ends in a damage.
    """

    name: str
    last_at: str | None
    lines: int
    damaged: bool = False


@dataclass(frozen=True)
class Run:
    """What a report says of the run itself.

    `machines` counts those that were asked, `error` says what went wrong with the run; `inventories` are those that it was given,
    so that the commands to type next find the same machines; `suppressions` are all, also those that are over; `documentation` is
    where the collection's docs are on the web; `log` is the saved log that was judged instead of machines.
    """

    machines: int
    generated_at: str
    controller: str
    fail_on: str
    version: str | None = None
    documentation: str | None = None
    error: str | None = None
    inventories: Sequence[str] = ()
    suppressions: Sequence[Suppression] = ()
    log: SavedLog | None = None


def build(verdicts: Sequence[Verdict], run: Run) -> dict[str, Any]:
    """The report of a run."""
    rows = sorted((_row(verdict, run) for verdict in verdicts), key=urgency)
    return {
        "schema": SCHEMA,
        "generated_at": run.generated_at,
        "controller": run.controller,
        "collection_version": run.version,
        "error": run.error,
        "fail_on": run.fail_on,
        "saved_log": asdict(run.log) if run.log else None,
        "fleet": {
            **_fleet(rows, run),
            "suppressed": [_suppression(each, verdicts, run.generated_at) for each in run.suppressions],
        },
        "gateways": rows,
    }


def urgency(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Rank of a row, the most urgent first: the status, then an account in danger, the next deadline, and real money.

    What is suppressed comes after all that is not, but for the healthy.
    """
    healthy, suppressed = row["status"] == "healthy", row["suppressed"] is not None
    return (
        (healthy, suppressed),
        URGENCY.index(row["status"]),
        row["remedy"] != "stop_to_protect_account",
        row["deadline"] or "none",  # sorts after every date
        row["trading_mode"] == "paper",
        row["id"],
    )


def sentence(report: Mapping[str, Any]) -> str:
    """Why the run fails or not, in one sentence."""
    level, failed = report["fail_on"], report["fleet"]["failing"]
    named = [f"{row['id']} ({row['code'] or row['status']})" for row in report["gateways"] if row["id"] in failed]
    rest = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    suppressed = sum(1 for row in report["gateways"] if row["suppressed"])
    apart = f" ({suppressed} suppressed)" if suppressed else ""
    if not failed:
        return f"no gateway reaches diagnose_fail_on={level}{apart}"
    return (
        f"{len(failed)} of {len(report['gateways'])} gateways reach diagnose_fail_on={level}{apart}: "
        f"{', '.join(named[:NAMED])}{rest}"
    )


def artifact(report: Mapping[str, Any]) -> dict[str, Any]:
    """What the run publishes to a scheduler: the verdicts and no evidence."""
    return {row["id"]: _published(row) for row in report["gateways"]}


def _published(row: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict on one gateway, with as much of its summary as there is room for."""
    verdict = {key: row[key] for key in ("status", "code", "remedy")} | {"suppressed": row["suppressed"] is not None}
    summary = row["summary"]
    while len(summary) > 1 and size({row["id"]: {**verdict, "summary": summary}}) > ARTIFACT_BYTES:
        summary = quote(summary, limit=len(summary) * 3 // 4)
    return {**verdict, "summary": summary}


def _fleet(rows: Sequence[Mapping[str, Any]], run: Run) -> dict[str, Any]:
    counts = Counter(row["status"] for row in rows)
    return {
        "machines": run.machines,
        "total": len(rows),
        "by_status": {status: counts[status] for status in reversed(STATUSES)},
        "worst": next((status for status in URGENCY if counts[status]), None),
        "failing": [row["id"] for row in rows if row["status"] in FAILING[run.fail_on] and not row["suppressed"]],
    }


def _suppression(suppression: Suppression, verdicts: Sequence[Verdict], now: str) -> dict[str, Any]:
    """A suppression, and where it had effect; one that is over had none."""
    return {
        **suppression.as_dict(),
        "expired": suppression.expired(now),
        "gateways": [
            _id(verdict) for verdict in verdicts if not suppression.expired(now) and _has_effect(suppression, verdict)
        ],
    }


def _has_effect(suppression: Suppression, verdict: Verdict) -> bool:
    """Whether it suppresses a finding there, be it as one of several."""
    suppressed = [found.finding.code for found in verdict.found if found.suppressed]
    return any(suppression.covers(code, verdict.host, verdict.name) for code in suppressed)


def named_in_fleet(machine: str, gateway: str) -> str:
    """How a row is named in the fleet: a machine without gateways by its own name."""
    return machine if gateway == machine else f"{machine}/{gateway}"


def _id(verdict: Verdict) -> str:
    return named_in_fleet(verdict.host, verdict.name)


def _suppressed(found: Found | None) -> dict[str, Any] | None:
    """Why a finding is suppressed, and until when."""
    if found is None or found.suppressed is None:
        return None
    return {"reason": found.suppressed.reason, "until": found.suppressed.until}


def _row(verdict: Verdict, run: Run) -> dict[str, Any]:
    leading = verdict.leading
    page = f"findings/{leading.finding.code}.md" if leading else None
    following = None if verdict.status == "healthy" else _next(verdict)
    return {
        "name": verdict.name,
        "host": verdict.host,
        "id": _id(verdict),
        "declared": verdict.declared,
        "family": verdict.family,
        "trading_mode": verdict.trading_mode,
        "endpoints": {
            name: {"status": endpoint.status, "code": endpoint.code, "summary": endpoint.summary}
            for name, endpoint in verdict.endpoints.items()
        },
        "status": verdict.status,
        "since": verdict.since,
        "code": leading.finding.code if leading else None,
        "layer": leading.finding.layer if leading else None,
        "title": leading.finding.title if leading else None,
        "summary": verdict.summary,
        "fix": [typed(step, run.inventories) for step in leading.proof.fix] if leading else [],
        "next_command": typed(following, run.inventories) if following else None,
        "remedy": leading.remedy if leading else "none",
        "remedy_reason": leading.proof.remedy_reason if leading else None,
        "suppressed": _suppressed(leading),
        "docs": f"docs/{page}" if page else None,
        "docs_url": f"{run.documentation}/{page}" if run.documentation and page else None,
        "deadline": leading.proof.deadline if leading else None,
        "checked_at": verdict.checked_at,
        "findings": [_finding(found, run.inventories) for found in verdict.found],
        "facts": dict(verdict.facts),
    }


def _finding(found: Found, inventories: Sequence[str]) -> dict[str, Any]:
    return {
        "code": found.finding.code,
        "layer": found.finding.layer,
        "title": found.finding.title,
        "severity": found.severity,
        "endpoint": found.endpoint,
        "summary": found.proof.summary,
        "evidence": [asdict(quoted) for quoted in found.proof.evidence],
        "fix": [typed(step, inventories) for step in found.proof.fix],
        "remedy": found.remedy,
        "consequence_of": found.consequence_of,
        "suppressed": _suppressed(found),
    }


def typed(text: str, inventories: Sequence[str]) -> str:
    """`text` with its commands as one types them, so that Ansible finds the same machines."""
    given = "".join(f" -i {shlex.quote(inventory)}" for inventory in inventories)
    return _ANSIBLE.sub(lambda command: command[0] + given, text)


def _next(verdict: Verdict) -> str | None:
    """The command that carries out the remedy, else what the leading finding says to type next, else to look again."""
    if verdict.saved_log:
        return _next_to_a_log(verdict)
    machine, name = verdict.host, verdict.name
    if verdict.leading and verdict.leading.remedy in ACTS:
        return RECOVER.format(machine=machine, name=name)
    if verdict.leading and verdict.leading.proof.next_command:
        return verdict.leading.proof.next_command
    if name == machine or (verdict.leading and verdict.leading.finding.layer in ("host", "engine")):
        return f"ansible-playbook ibgw.ops.diagnose -l {machine}"
    return DIAGNOSE.format(machine=machine, name=name)


def _next_to_a_log(verdict: Verdict) -> str | None:
    """What shows more than the saved log: a newer one where that one was not enough or something was under way, else what looks at
    the container; none of ours, for no inventory has its machine."""
    if verdict.status in ("unknown", "waiting", "starting"):
        return NEWER_LOG
    command = (verdict.leading.proof.next_command if verdict.leading else None) or ""
    return command if command.startswith("docker ") and not command.startswith("docker logs ") else None
