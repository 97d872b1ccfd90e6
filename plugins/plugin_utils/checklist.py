# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The audit as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import (
    COLOURS,
    QUIET,
    WIDEST,
    Line,
    counted,
    in_ascii,
    wrapped,
)

#: The mark and colour of a row by its result.
MARKS = {"fail": "×", "not_known": "?", "pass": "√", "not_applicable": "-"}


def lines(report: Mapping[str, Any], width: int = 80, ascii_only: bool = False) -> list[Line]:
    """A block for each gateway, those that fail last, then the fleet."""
    width = min(width, WIDEST)
    drawn: list[Line] = []
    for gateway in reversed(report["gateways"]):
        drawn += [*_block(gateway, width), Line("")]
    drawn += wrapped(_fleet(report), width, colour=COLOURS["down" if report["fleet"]["failing"] else "healthy"])
    return [Line(in_ascii(line.text) if ascii_only else line.text, line.colour) for line in drawn]


def _block(gateway: Mapping[str, Any], width: int) -> Iterator[Line]:
    yield from wrapped(f"{gateway['id']} is {gateway['status'].upper()}", width)
    if gateway["unseen"]:
        yield from wrapped(f"nothing could be audited: {gateway['unseen']}", width, "  ? ", "    ", COLOURS["unknown"])
        return
    for row in gateway["rows"]:
        yield from _row(row, width)


def _row(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    said = f"{row['code']}: {row['summary']}"
    if row["accepted"]:
        said += f" (accepted until {row['accepted']['until']}: {row['accepted']['reason']})"
        yield from wrapped(said, width, "  - ", "    ", QUIET)
        return
    colour = COLOURS["down"] if row["result"] == "fail" else QUIET if row["result"] == "not_applicable" else None
    yield from wrapped(said, width, f"  {MARKS[row['result']]} ", "    ", colour)
    if row["change"]:
        yield from wrapped(f"set {row['change']}", width, "    ", "      ")


def _fleet(report: Mapping[str, Any]) -> str:
    fleet = report["fleet"]
    counts = ", ".join(
        f"{number} {result.replace('_', ' ')}" for result, number in fleet["by_result"].items() if number
    )
    return f"{counted(fleet['total'], 'gateway')} on {counted(fleet['machines'], 'machine')} audited: {counts}."
