# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as lines for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import URGENCY
from ansible_collections.ibgw.ops.plugins.plugin_utils.report import urgency

#: Colours by Ansible's names; its display leaves them out where there is no terminal or NO_COLOR is set.
COLOURS = {
    "healthy": "green",
    "starting": "cyan",
    "degraded": "yellow",
    "waiting": "yellow",
    "unknown": "bright purple",
    "down": "red",
}

#: What `recover` may do, as an answer to "what is safe to do now?"
SAFE = {
    "none": "nothing",
    "wait": "wait",
    "ask_person": "a person is needed",
    "restart_relay": "restart the relay",
    "soft_restart": "a soft restart, which keeps the session",
    "start": "start, which costs a login",
    "restart": "restart, which costs a login",
    "recreate": "recreate, which costs a login",
    "start_engine": "start the engine, which costs a login for every gateway that starts with it",
    "stop_to_protect_account": "stop it, to protect the account",
}

#: Wider text is hard to read, however wide the terminal.
WIDEST = 120

#: Quotes of evidence shown for each finding; the report has them all.
QUOTES = 2

_OWN_STAMP = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,:]?\d* ")

_ASCII = str.maketrans(
    {
        "√": "+",
        "×": "x",
        "→": "->",
        "…": "...",
        "—": "-",
        "–": "-",
        "\u201c": '"',
        "\u201d": '"',
        "\u2019": "'",
        "\u2018": "'",
    }
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
    if not drawn or drawn[0].text:
        drawn.insert(0, Line(""))
    drawn += [Line(""), *_wrapped(_fleet(report), width, colour=COLOURS.get(report["fleet"]["worst"]))]
    return [Line(_ascii(line.text) if ascii_only else line.text, line.colour) for line in drawn]


def _row(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    colour = COLOURS[row["status"]]
    if row["status"] == "healthy":
        said = ", ".join([row["summary"], *_notes(row)])
        yield from _wrapped(f"{row['id']} is healthy: {said}", width, "√ ", "    ", colour)
        return
    yield Line("")
    yield from _wrapped(f"{row['id']} is {row['status'].upper()}: {row['code']}", width, "", "    ", colour)
    for assertion in _proven(row):
        yield from _wrapped(assertion, width, "  √ ", "    ")
    yield from _broken(row, width, colour)
    for at, step in enumerate(row["fix"]):
        yield from _wrapped(step, width, "  Fix   " if at == 0 else "        ", "          ")
    reason = f": {row['remedy_reason']}" if row["remedy_reason"] else ""
    yield from _wrapped(f"{SAFE[row['remedy']]}{reason}", width, "  Safe  ", "          ")
    if row["next_command"]:
        # Never wrapped: a command is there to be copied.
        yield Line(f"  Next  {printable(row['next_command'])}")
    if row["docs"]:
        yield Line(f"  Docs  {printable(row['docs'])}")


def _broken(row: Mapping[str, Any], width: int, colour: str) -> Iterator[Line]:
    """The leading finding with its evidence, then what else was found on its own account."""
    leading = next((found for found in row["findings"] if found["code"] == row["code"]), None)
    yield from _wrapped(row["summary"], width, "  × ", "    ", colour)
    for quoted in (leading or {}).get("evidence", ())[:QUOTES]:
        yield from _wrapped(_evidence(quoted), width, "    | ", "    |   ")
    for found in row["findings"]:
        if found is not leading and not found["consequence_of"] and found["severity"] in URGENCY:
            yield from _wrapped(f"{found['summary']} ({found['code']}, {found['severity']})", width, "  × ", "    ")


def _evidence(quoted: Mapping[str, Any]) -> str:
    """Who saw it, when, and the words; a log line's own stamp would say the time twice."""
    if not quoted["at"]:
        return f"{quoted['source']}: {quoted['quote']}"
    return f"{quoted['source']} {_when(quoted['at'])}: {_OWN_STAMP.sub('', quoted['quote'])}"


def _proven(row: Mapping[str, Any]) -> Iterator[str]:
    """What was proven to work, so that nobody looks there."""
    facts = row["facts"]
    broken = {found["layer"] for found in row["findings"] if found["severity"] in URGENCY}
    if facts.get("started_at") and facts.get("exit_code") is None and not broken & {"host", "engine", "container"}:
        yield f"the container runs, started {_when(facts['started_at'])}"
    if facts.get("logged_in_since") and not broken & {"gateway", "login", "twofa"}:
        yield f"logged in since {_when(facts['logged_in_since'])}"
    if facts.get("accounts") and "api" not in broken:
        yield "API handshake completed"
    for name, endpoint in row["endpoints"].items():
        if endpoint["status"] == "healthy":
            yield f"{name}: {endpoint['summary']}"


def _notes(row: Mapping[str, Any]) -> Iterator[str]:
    """What is worth knowing of a healthy gateway."""
    facts = row["facts"]
    if facts.get("logged_in_since"):
        yield f"logged in since {_when(facts['logged_in_since'])}"
    if facts.get("next_forced_login"):
        yield f"next forced login {_when(facts['next_forced_login'])}"
    if not row["declared"]:
        yield "not declared in the inventory"


def _when(stamp: str) -> str:
    """A moment of the report for a person, to the second."""
    try:
        moment = datetime.fromisoformat(stamp).astimezone(timezone.utc)
    except ValueError:
        return stamp
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


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
