# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan and the report of a recovery as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import countdown
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import ACTS
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import Check
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import Move, Step
from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import (
    COLOURS,
    QUIET,
    SAFE,
    WIDEST,
    Line,
    counted,
    in_ascii,
    wrapped,
)

#: How an outcome is said of a gateway, and in which colour.
SAID = {
    "nothing_to_do": ("needs nothing", QUIET),
    "healthy": ("is healthy again", COLOURS["healthy"]),
    "improved": ("is better, not healthy", COLOURS["degraded"]),
    "planned": ("would be worked on", COLOURS["waiting"]),
    "waiting_for_person": ("waits for a person", COLOURS["waiting"]),
    "refused": ("was left alone", COLOURS["waiting"]),
    "not_seen": ("could not be judged", COLOURS["unknown"]),
    "given_up": ("was given up", COLOURS["down"]),
}

#: What takes longer than a person waits without being told.
TAKES = {
    "restart_relay": "that can take a minute and a half",
    "soft_restart": "it restarts at the next full minute, which takes two or three minutes",
    "restart": "it closes its session and stops first, which can take some minutes",
    "recreate": "its image may have to be pulled, which can take some minutes",
    "start_engine": "that can take a minute",
    "stop_to_protect_account": "it closes its session first, which can take some minutes",
}


def plan(
    moves: Sequence[tuple[Move, Mapping[str, Any]]], not_seen: Sequence[str], width: int, ascii_only: bool
) -> list[Line]:
    """What is planned for each gateway, with its row; what is healthy takes no line."""
    width = min(width, WIDEST)
    drawn: list[Line] = []
    for move, row in moves:
        if row["status"] != "healthy":
            drawn += [Line(""), *_planned(move, row, width)]
    if not_seen:
        drawn += [Line(""), *wrapped(_not_seen(not_seen), width, "- ", "    ", QUIET)]
    return [Line(in_ascii(line.text) if ascii_only else line.text, line.colour) for line in drawn]


def progress(step: Step) -> str:
    """What is about to be done, and how long that takes."""
    takes = f"; {TAKES[step.remedy]}" if step.remedy in TAKES else ""
    return printable(f"{step.id}: {SAFE[step.remedy]}, because of {step.code}{takes}")


def lines(report: Mapping[str, Any], width: int, ascii_only: bool) -> list[Line]:
    """The report, the worst last, and the fleet."""
    width = min(width, WIDEST)
    drawn: list[Line] = []
    for row in reversed(report["gateways"]):
        if row["after"]["status"] == "healthy" or not report["dry_run"]:  # the plan has told the others
            drawn += _gateway(row, width)
    fleet = report["fleet"]
    counts = ", ".join(
        f"{count} {outcome.replace('_', ' ')}" for outcome, count in fleet["by_outcome"].items() if count
    )
    if fleet["not_seen"] and not report["dry_run"]:
        drawn += wrapped(_not_seen(fleet["not_seen"]), width, "- ", "    ", QUIET)
    spent = f"; {counted(fleet['logins_spent'], 'login')} spent" if fleet["logins_spent"] else ""
    drawn += [Line(""), *wrapped(f"{counted(fleet['total'], 'gateway')}: {counts or 'none selected'}{spent}.", width)]
    return [Line(in_ascii(line.text) if ascii_only else line.text, line.colour) for line in drawn]


def _planned(move: Move, row: Mapping[str, Any], width: int) -> Iterator[Line]:
    step = move.step
    colour = COLOURS[row["status"]]
    yield from wrapped(f"{step.id} is {row['status'].upper()}: {step.code}", width, "", "    ", colour)
    yield from wrapped(row["summary"], width, "  × ", "    ", colour)
    if step.remedy not in ACTS:
        yield from wrapped(f"{SAFE[step.remedy]}: {step.reason}", width, "  Plan  ", "          ")
        if row["status"] == "unknown":
            yield from _fixes(row, width)
        return
    said = "not now" if step.act is False else step.reason
    yield from wrapped(f"{SAFE[step.remedy]}: {said}", width, "  Plan  ", "          ")
    yield from wrapped(step.cost.says, width, "  Costs ", "          ")
    passed = ", ".join(check.guard for check in step.guards if check.passed)
    yield from wrapped(f"nothing against it from {passed}", width, "  √ ", "    ")
    for check in step.guards:
        if not check.passed:
            yield from _checked(check, width)


def _fixes(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    for at, fix in enumerate(row["fix"]):
        yield from wrapped(fix, width, "  Fix   " if at == 0 else "        ", "          ")


def _checked(check: Check, width: int) -> Iterator[Line]:
    mark = {True: "√", False: "×", None: "-"}[check.passed]
    colour = COLOURS["waiting"] if check.passed is False else None
    yield from wrapped(f"{check.reason} ({check.guard})", width, f"  {mark} ", "    ", colour)


def _gateway(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    said, colour = SAID[row["outcome"]]
    if row["outcome"] == "nothing_to_do" and row["after"]["status"] == "healthy":
        yield from wrapped(f"{row['id']} is healthy, and needs nothing", width, "√ ", "    ", COLOURS["healthy"])
        return
    yield Line("")
    took = f" after {countdown(row['seconds'])}" if row["steps"] else ""
    yield from wrapped(f"{row['id']} {said}{took}: {row['reason']}", width, "", "    ", colour)
    before, after = row["before"], row["after"]
    yield from wrapped(f"{before['status']}, {before['code'] or 'nothing wrong'}", width, "  Was   ", "          ")
    for step in row["steps"]:
        proof = f": {step['proof']}" if step["proof"] else ""
        yield from wrapped(
            f"{step['remedy']} {step['result'].replace('_', ' ')}{proof}", width, "  Done  ", "          "
        )
    if row["outcome"] in ("refused", "planned", "given_up"):
        for check in row["guards"]:
            if not check["passed"]:
                yield from _checked(Check(check["guard"], check["passed"], check["reason"]), width)
    yield from wrapped(f"{after['status']}, {after['code'] or 'nothing wrong'}", width, "  Is    ", "          ")
    if row["outcome"] in ("waiting_for_person", "given_up"):
        yield from _fixes(after, width)
    if row["logins_spent"]:
        yield from wrapped(counted(row["logins_spent"], "login"), width, "  Spent ", "          ")


def _not_seen(machines: Sequence[str]) -> str:
    return (
        f"not seen in this run: {', '.join(machines)}; whether gateways there failed alike, which would be IBKR or the network, "
        "is not known"
    )
