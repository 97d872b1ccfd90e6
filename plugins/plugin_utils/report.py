# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Verdicts become the report (`docs/report.schema.json`), and the report decides whether the run fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import size
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    ACTS,
    RECOVER,
    STATUSES,
    URGENCY,
    EndpointVerdict,
    Found,
    Verdict,
    named,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import (
    ARTIFACT_BYTES,
    Run,
    excuse,
    excuses,
    few,
    look_again,
    named_in_fleet,
    reaching,
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


def build(verdicts: Sequence[Verdict], run: Run) -> dict[str, Any]:
    """The report of a run."""
    return assembled([row_of(verdict, run) for verdict in verdicts], run)


def assembled(rows: Iterable[Mapping[str, Any]], run: Run) -> dict[str, Any]:
    """The report that has these rows, be they of that run or of others."""
    ordered = sorted(rows, key=urgency)
    return {
        **run.heads(SCHEMA),
        "runs": run.runs,
        "saved_log": asdict(run.log) if run.log else None,
        "fleet": {
            **_fleet(ordered, run),
            "suppressed": _suppressed(ordered, run),
        },
        "gateways": ordered,
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
    failed = report["fleet"]["failing"]
    suppressed = sum(1 for row in report["gateways"] if row["suppressed"])
    named = [f"{row['id']} ({row['code'] or row['status']})" for row in report["gateways"] if row["id"] in failed]
    return reaching("diagnose_fail_on", report, named, f" ({suppressed} suppressed)" if suppressed else "")


def reminder(report: Mapping[str, Any]) -> str:
    """Whose next login has to be prepared, in one sentence; empty where nobody's is near."""
    due = report["fleet"]["logins_due"]
    if not due:
        return ""
    named = [f"{each['id']} ({each['at']})" for each in due]
    need = "1 gateway needs" if len(due) == 1 else f"{len(due)} gateways need"
    return f"{need} a full login soon (diagnose_remind_before): {few(named)}"


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
        "logins_due": _logins_due(rows, run),
    }


def _logins_due(rows: Sequence[Mapping[str, Any]], run: Run) -> list[dict[str, str]]:
    """The gateways whose next forced login is near, the soonest first; a saved log tells nothing of what is near now."""
    now = moment(run.generated_at)
    if not run.remind_before or run.log or now is None:
        return []
    horizon = stamp(now + timedelta(seconds=run.remind_before))
    due = [{"id": row["id"], "at": row["facts"]["next_forced_login"]} for row in rows if _reminds(row)]
    return sorted((each for each in due if each["at"] <= horizon), key=lambda each: (each["at"], each["id"]))


def _reminds(row: Mapping[str, Any]) -> bool:
    """Whether the next forced login of a gateway is known, and nobody said not to care about it."""
    return row["facts"]["next_forced_login"] is not None and not any(
        found["code"] == "ibkr.weekly_login_due" and found["suppressed"] for found in row["findings"]
    )


def _suppressed(rows: Sequence[Mapping[str, Any]], run: Run) -> list[dict[str, Any]]:
    """The suppressions of the run; where its rows are of others, those that the rows have."""
    if run.runs is None:
        return [run.told(each, _affected(each, rows)) for each in run.suppressions]
    return excuses((row["id"], found["code"], found["suppressed"]) for row in rows for found in row["findings"])


def _affected(suppression: Suppression, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The gateways where it suppresses a finding, be it as one of several."""
    return [
        row["id"]
        for row in rows
        if any(
            found["suppressed"] and suppression.covers(found["code"], row["host"], row["name"])
            for found in row["findings"]
        )
    ]


def row_of(verdict: Verdict, run: Run) -> dict[str, Any]:
    """The row of a verdict."""
    leading = verdict.leading
    following = None if verdict.status == "healthy" else _next(verdict)
    return {
        "name": verdict.name,
        "host": verdict.host,
        "id": named_in_fleet(verdict.host, verdict.name),
        "declared": verdict.declared,
        "family": verdict.family,
        "trading_mode": verdict.trading_mode,
        "endpoints": {name: _endpoint(endpoint) for name, endpoint in verdict.endpoints.items()},
        "status": verdict.status,
        "since": verdict.since,
        "code": leading.finding.code if leading else None,
        "layer": leading.finding.layer if leading else None,
        "title": leading.finding.title if leading else None,
        "summary": verdict.summary,
        "fix": [run.typed(step) for step in leading.proof.fix] if leading else [],
        "next_command": run.typed(following) if following else None,
        "remedy": leading.remedy if leading else "none",
        "remedy_reason": leading.proof.remedy_reason if leading else None,
        "suppressed": excuse(leading.suppressed) if leading else None,
        **run.page(leading.finding.code if leading else None),
        "deadline": leading.proof.deadline if leading else None,
        "checked_at": verdict.checked_at,
        "reported_at": run.generated_at,
        "findings": [_finding(found, run) for found in verdict.found],
        "facts": dict(verdict.facts),
    }


def _endpoint(endpoint: EndpointVerdict) -> dict[str, Any]:
    return {**asdict(endpoint), "phases": [phase._asdict() for phase in endpoint.phases]}


def _finding(found: Found, run: Run) -> dict[str, Any]:
    return {
        "code": found.finding.code,
        "layer": found.finding.layer,
        "title": found.finding.title,
        "severity": found.severity,
        "endpoint": found.endpoint,
        "summary": found.proof.summary,
        "evidence": [asdict(quoted) for quoted in found.proof.evidence],
        "fix": [run.typed(step) for step in found.proof.fix],
        "remedy": found.remedy,
        "consequence_of": found.consequence_of,
        "suppressed": excuse(found.suppressed),
    }


def _next(verdict: Verdict) -> str | None:
    """The command that carries out the remedy, else what the leading finding says to type next, else to look again."""
    if verdict.saved_log:
        return _next_to_a_log(verdict)
    machine, name = verdict.host, verdict.name
    if verdict.leading and verdict.leading.remedy in ACTS:
        return named(RECOVER, name, machine)
    if verdict.leading and verdict.leading.proof.next_command:
        return verdict.leading.proof.next_command
    return look_again(machine, name, verdict.leading.finding.code if verdict.leading else None)


def _next_to_a_log(verdict: Verdict) -> str | None:
    """What shows more than the saved log: a newer one where that one was not enough or something was under way, else what looks at
    the container; none of ours, for no inventory has its machine."""
    if verdict.status in ("unknown", "waiting", "starting"):
        return NEWER_LOG
    command = (verdict.leading.proof.next_command if verdict.leading else None) or ""
    return command if command.startswith("docker ") and not command.startswith("docker logs ") else None
