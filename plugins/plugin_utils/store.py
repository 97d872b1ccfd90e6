# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs put into the report store, and the report on everything that is in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable, quote
from ansible_collections.ibgw.ops.plugins.module_utils.store import AHEAD
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, evidence, report
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, Quote, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import facts_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    REMEDIES,
    STATUSES,
    EndpointVerdict,
    Proof,
    Verdict,
    findings,
    named,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Phase
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run, few, named_in_fleet
from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import passed
from ansible_collections.ibgw.ops.plugins.plugin_utils.verdict import completed

#: What is said of a machine that no run has put in.
NEVER = Proof("never diagnosed: no run has put it into the report store")
NEVER_AUDITED = "never audited: no run has put its audit into the report store"

#: What mends a store that controllers of several versions use.
SAME_VERSION = "Install the same version of the collection on every controller, then diagnose again."

# For the form of a row any time will do.
_ONCE = datetime.fromtimestamp(0, timezone.utc)


def put(plan: Mapping[str, Any], built: Mapping[str, Any], seen: Collection[str]) -> dict[str, Any]:
    """What a run puts in, by the plan of what it asked and its report.

    `seen` are the machines that told which gateways they have: of another nobody knows that those are gone of which it tells nothing.
    """
    told: dict[str, list[str]] = {machine: [] for machine in plan["machines"]}
    for row in built["gateways"]:
        told[row["host"]].append(row["name"])
    return {
        "at": built["generated_at"],
        "controller": built["controller"],
        "machines": {
            machine: ask["names"] if plan["only"] else None if machine in seen else told[machine]
            for machine, ask in plan["machines"].items()
        },
        "rows": built["gateways"],
    }


def runs(machines: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs whose rows those are, the newest first, and of how many machines and gateways each tells."""
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for machine, known in machines.items():
        for each in known["rows"] or ([known["whole"]] if known["whole"] else []):
            told[each["at"], each["controller"]] += [machine] * ("row" in each)
    return [
        {"controller": controller, "generated_at": at, "machines": len({*of}), "gateways": len(of)}
        for (at, controller), of in sorted(told.items(), reverse=True)
    ]


def merged(
    machines: Mapping[str, Any], missing: Mapping[str, Sequence[str]], run: Run, stale_after: float
) -> dict[str, Any]:
    """The report on all that the store has: a gateway whose last diagnosis is older than `stale_after` seconds is unknown.

    `missing` are the machines of the inventory that the store does not know, with the gateways that each declares.
    """
    whole = replace(run, machines=len(machines) + len(missing), runs=runs(machines))
    now = datetime.fromisoformat(run.generated_at)
    told = [row for machine, known in machines.items() for row in _current(machine, known, whole, now, stale_after)]
    never = [
        _unknown("probe.stale", machine, {"name": name}, whole, now, NEVER)
        for machine, names in missing.items()
        for name in names or [machine]
    ]
    return report.assembled([*told, *never], whole)


def merged_audit(
    machines: Mapping[str, Any], missing: Mapping[str, Sequence[str]], run: Run, stale_after: float
) -> dict[str, Any]:
    """The audit of all that the store has: a gateway whose last audit is older than `stale_after` seconds was not seen.

    `missing` is as in `merged`; what fails the audit is told by the run that merges.
    """
    whole = replace(run, machines=len(machines) + len(missing), runs=runs(machines))
    now = datetime.fromisoformat(run.generated_at)
    rows = [_audited(told, whole, now, stale_after) for known in machines.values() for told in known["rows"]]
    never = [
        _unaudited("probe.stale", machine, name, whole, now, NEVER_AUDITED)
        for machine, names in missing.items()
        for name in names or [machine]
    ]
    return audit.build((_by_this_run(row, whole) for row in (*rows, *never)), whole)


def _by_this_run(gateway: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """An audited gateway by the level of the run that merges, without what is accepted no longer."""
    rows = [{**row, "accepted": _still(row["accepted"], run)} for row in gateway["rows"]]
    return audit.judged_again(gateway, rows, run)


def _audited(told: Mapping[str, Any], run: Run, now: datetime, stale_after: float) -> Mapping[str, Any]:
    """What a gateway was last audited to be; not known where that is too long ago, or told in a form that this version can not read."""
    row: Mapping[str, Any] = told["row"]
    readable = row.get("status") in STATUSES and _has_form(row, _audit_form()) and all(map(audit.readable, row["rows"]))
    over = _over(told, run, now, stale_after, "audited")
    if readable and not over:
        return row
    code, reason = ("probe.stale", over.summary) if over else ("probe.incomplete", _of_another_version(told))
    if over and readable:
        reason += f"; then {row['by_result']['fail']} of {len(row['rows'])} rules failed"
    unseen = _unaudited(code, row["host"], row["name"], run, now, reason)
    return {**unseen, "checked_at": row.get("checked_at"), "reported_at": told["at"]}


def _unaudited(code: str, machine: str, name: str, run: Run, now: datetime, reason: str) -> dict[str, Any]:
    """The row of a gateway of which the store has no audit that counts."""
    nothing = evidence.machine(machine, {"gateways": [{"name": name}]}, {}, None, now)
    (unseen,) = audit.audited(nothing, run, reason)
    command = run.typed(named("ansible-playbook ibgw.ops.audit -l {machine}", name, machine))
    return {**unseen, "code": code, "next_command": command, "checked_at": None, "reported_at": None}


@cache
def _audit_form() -> Mapping[str, Any]:
    """An audited gateway that has every key which this version reads."""
    nothing = evidence.machine("", {"gateways": [{"name": ""}]}, {}, None, _ONCE)
    (row,) = audit.audited(nothing, Run(machines=0, generated_at="", controller="", fail_on="never"), "")
    return row


def stale(built: Mapping[str, Any], stale_after: float) -> str | None:
    """Which gateways nobody has diagnosed for too long, in a sentence."""
    over = [row["id"] for row in built["gateways"] if row["code"] == "probe.stale" and not row["suppressed"]]
    return _overdue(over, "diagnosed", f"{stale_after:g} seconds (diagnose_stale_after)")


def stale_audits(built: Mapping[str, Any], stale_after: float) -> str | None:
    """Which gateways nobody has audited for too long, in a sentence; one that never was may not be meant to be."""
    over = [row["id"] for row in built["gateways"] if row["code"] == "probe.stale" and row["reported_at"]]
    return _overdue(over, "audited", f"{stale_after:g} seconds (audit_stale_after)")


def _overdue(gateways: Sequence[str], done: str, limit: str) -> str | None:
    if not gateways:
        return None
    which = "1 gateway has" if len(gateways) == 1 else f"{len(gateways)} gateways have"
    return (
        f"{which} not been {done} for more than {limit}: {printable(few(gateways))};"
        " see whether every scheduled run is still running; what is gone for good is forgotten with -e diagnose_forget=<machine>[/<gateway>]"
    )


def _current(
    machine: str, known: Mapping[str, Any], run: Run, now: datetime, stale_after: float
) -> Iterator[Mapping[str, Any]]:
    """The rows of a machine: one of its own where it was looked at as a whole and has no gateway, but only when that is too long ago."""
    for told in known["rows"]:
        over, foreign = _over(told, run, now, stale_after), _foreign(told)
        readable = {"name": told["row"]["name"], "reported_at": told["at"]} if foreign else told["row"]
        if over:
            yield _unknown("probe.stale", machine, readable, run, now, over)
        elif foreign:
            yield _unknown("probe.incomplete", machine, readable, run, now, foreign)
        else:
            yield {
                **_in_force(told["row"], run),
                "findings": [_in_force(each, run) for each in told["row"]["findings"]],
            }
    empty = known["whole"] if not known["rows"] else None
    over = _over(empty, run, now, stale_after) if empty else None
    if over:
        yield _unknown("probe.stale", machine, {"name": machine, "reported_at": known["whole"]["at"]}, run, now, over)


def _over(
    told: Mapping[str, Any], run: Run, now: datetime, stale_after: float, done: str = "diagnosed"
) -> Proof | None:
    """The proof that a diagnosis, or what else was `done`, tells nothing of now any more."""
    at = datetime.fromisoformat(told["at"])
    if -AHEAD <= (now - at).total_seconds() <= stale_after:
        return None
    last, controller = told.get("row"), quote(told["controller"])
    known = (Quote("store", _known(last), told["at"]),) if last else ()
    if at > now:
        clocks = f"the clock of {controller} or of {quote(run.controller)} is wrong"
        return Proof(f"last {done} at {told['at']}, which is still to come: {clocks}", known)
    since = stamp(at + timedelta(seconds=stale_after))
    return Proof(f"last {done} {passed(now - at)} ago, from {controller}", known, since=since)


def _known(row: Mapping[str, Any]) -> str:
    """What was last known; of all that were healthy the same, so that they share a block of the summary."""
    status = str(row.get("status"))
    return status if status == "healthy" else quote(f"{status}, {row.get('code')}: {row.get('summary')}")


def _in_force(judged: Mapping[str, Any], run: Run) -> Mapping[str, Any]:
    """A row or a finding; what was suppressed when it was put in is not any more once that is over."""
    return {**judged, "suppressed": _still(judged["suppressed"], run)}


def _still(excuse: Mapping[str, Any] | None, run: Run) -> Mapping[str, Any] | None:
    """An excuse that is not over."""
    over = excuse is not None and excuse["until"] is not None and excuse["until"] < run.generated_at
    return None if over else excuse


def _foreign(told: Mapping[str, Any]) -> Proof | None:
    """The proof that a row of another version of the collection can not be read by this one: it would cost all others the report."""
    row = told["row"]
    known = row.get("status") in STATUSES and row.get("remedy") in REMEDIES
    if known and row.get("id") == named_in_fleet(row["host"], row["name"]) and _has_form(row, _form()):
        return None
    return Proof(_of_another_version(told), (Quote("store", _known(row), told["at"]),), fix=(SAME_VERSION,))


def _of_another_version(told: Mapping[str, Any]) -> str:
    controller = quote(told["controller"])
    return f"what {controller} last reported of it is of another version of the collection, which this one can not read"


@cache
def _form() -> Mapping[str, Any]:
    """A row that has every key which this version reads."""
    case = Case(machine="", name="", now=_ONCE)
    found = completed(findings()["probe.stale"], Proof("", (Quote("store", ""),)), case)
    endpoint = EndpointVerdict("unknown", None, "", (Phase("", None, None),))
    verdict = Verdict("", "", True, "unknown", None, found=(found,), endpoints={"": endpoint}, facts=facts_of(case))
    return report.row_of(verdict, Run(machines=0, generated_at="", controller="", fail_on="never"))


def _has_form(value: Any, form: Any) -> bool:
    """Whether it has all keys of a form, and each item of a list those of the form's only one; the key "" stands for any."""
    if isinstance(form, Mapping):
        keys = value if "" in form else form
        return isinstance(value, Mapping) and all(
            key in value and _has_form(value[key], form.get(key, form.get(""))) for key in keys
        )
    if isinstance(form, list):
        return isinstance(value, list) and all(_has_form(each, form[0]) for each in value if form)
    return True


def _unknown(
    code: str, machine: str, row: Mapping[str, Any], run: Run, now: datetime, proof: Proof
) -> Mapping[str, Any]:
    """The row of a gateway of which the store tells nothing of now; what was last known of it is evidence, and nothing more."""
    case = Case(machine=machine, name=row["name"], now=now)
    found = completed(findings()[code], proof, case)
    covering = (each for each in run.in_force if each.covers(found.finding.code, machine, row["name"]))
    found = replace(found, suppressed=next(covering, None))
    verdict = Verdict(
        name=row["name"],
        host=machine,
        declared=row.get("declared", True),
        status="unknown",
        checked_at=row.get("checked_at"),
        summary=found.proof.summary,
        family=row.get("family"),
        trading_mode=row.get("trading_mode"),
        since=proof.since,
        leading=found,
        found=(found,),
        facts=facts_of(case),
    )
    return {**report.row_of(verdict, run), "reported_at": row.get("reported_at")}
