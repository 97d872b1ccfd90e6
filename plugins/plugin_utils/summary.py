# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.report import URGENCY, urgency

#: Colours by Ansible's names; its display leaves them out where there is no terminal or NO_COLOR is set.
COLOURS = {
    "healthy": "green",
    "starting": "cyan",
    "degraded": "yellow",
    "waiting": "yellow",
    "unknown": "bright purple",
    "down": "red",
}

#: Wider text is hard to read, however wide the terminal.
WIDEST = 120

#: Quotes of evidence shown for each finding; the report has them all.
QUOTES = 2

_ASCII = str.maketrans(
    {"√": "+", "×": "x", "→": "->", "…": "...", "—": "-", "–": "-", "“": '"', "”": '"', "’": "'", "‘": "'"}
)


@dataclass(frozen=True)
class Line:
    """One line of output and its colour."""

    text: str
    colour: str | None = None


def lines(report: Mapping[str, Any], width: int = 80, ascii_only: bool = False) -> list[Line]:
    """The summary of a report: a line per healthy gateway, a block per other one, the fleet.

    The most urgent block stands last: the end of the output is what is on the screen when the run is over.
    """
    width = min(width, WIDEST)
    rows = sorted(report["gateways"], key=lambda row: urgency(row["status"]), reverse=True)
    drawn = [line for row in rows for line in _row(row, width)]
    fleet = [Line(""), *_wrapped(_fleet(report), width, colour=COLOURS.get(report["fleet"]["worst"]))]
    return [Line(_ascii(line.text) if ascii_only else line.text, line.colour) for line in [Line(""), *drawn, *fleet]]


def _row(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    colour = COLOURS[row["status"]]
    if row["status"] == "healthy":
        yield from _wrapped(f"√ {row['id']} is healthy: {row['summary']}", width, hang="  ", colour=colour)
        return
    yield Line("")
    yield from _wrapped(f"{row['id']} is {row['status'].upper()}: {row['code']}", width, hang="  ", colour=colour)
    for assertion in _proven(row):
        yield from _wrapped(assertion, width, indent="  √ ", hang="    ")
    yield from _findings(row, width, colour)
    for at, step in enumerate(row["fix"]):
        yield from _wrapped(step, width, indent="  " + ("Fix   " if at == 0 else "      "), hang="        ")
    if row["remedy"] not in ("none", "ask_person"):
        because = f": {row['remedy_reason']}" if row["remedy_reason"] else ""
        yield from _wrapped(f"{row['remedy']}{because}", width, indent="  Safe  ", hang="        ")
    if row["next_command"]:
        # Never wrapped: a command is there to be copied.
        yield Line(f"  Next  {printable(row['next_command'])}")
    if row["docs"]:
        yield Line(f"  Docs  {printable(row['docs'])}")


def _findings(row: Mapping[str, Any], width: int, colour: str) -> Iterator[Line]:
    """The leading finding with its evidence, then what else was found on its own account."""
    yield from _wrapped(row["summary"], width, indent="  × ", hang="    ", colour=colour)
    leading = next((found for found in row["findings"] if found["code"] == row["code"]), None)
    for quoted in (leading or {}).get("evidence", ())[:QUOTES]:
        at = f" {quoted['at']}" if quoted["at"] else ""
        yield from _wrapped(f"{quoted['source']}{at}: {quoted['quote']}", width, indent="    | ", hang="    |   ")
    for found in row["findings"]:
        if found is not leading and not found["consequence_of"] and found["severity"] in URGENCY:
            yield from _wrapped(
                f"also {found['severity']}: {found['summary']} ({found['code']})", width, "  × ", "    "
            )


def _proven(row: Mapping[str, Any]) -> Iterator[str]:
    """What was proven to work, so that nobody looks there."""
    for name, endpoint in row["endpoints"].items():
        if endpoint["status"] == "healthy" and row["status"] != "healthy":
            yield f"{name}: {endpoint['summary']}"


def _fleet(report: Mapping[str, Any]) -> str:
    fleet = report["fleet"]
    counts = ", ".join(f"{fleet['by_status'][status]} {status}" for status in URGENCY if fleet["by_status"][status])
    return f"{_counted(fleet['total'], 'gateway')} on {_counted(fleet['machines'], 'machine')}: {counts or 'nothing found'}."


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _wrapped(text: str, width: int, indent: str = "", hang: str = "", colour: str | None = None) -> Iterable[Line]:
    drawn = textwrap.wrap(printable(text), width, initial_indent=indent, subsequent_indent=hang, break_on_hyphens=False)
    return [Line(line, colour) for line in drawn or [indent.rstrip()]]


def _ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")
