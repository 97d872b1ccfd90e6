# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The report as lines for a terminal."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import countdown
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import STATUSES, URGENCY
from ansible_collections.ibgw.ops.plugins.plugin_utils.steps import Piece, pieces

#: Colours by Ansible's names; its display leaves them out where there is no terminal or NO_COLOR is set. Of the 256, which
#: look the same everywhere, those that can be read on white and on black (contrast 3.8 and more): the first 16 are the
#: theme's, and its yellow and cyan vanish on white.
COLOURS = {
    "healthy": "color28",
    "starting": "color31",
    "degraded": "color130",
    "waiting": "color166",
    "unknown": "color133",
    "down": "color196",
}

#: What need not be cared about.
QUIET = "color244"

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

#: Blocks from which on an index of them follows: more than fit on one screen.
INDEXED = 3

#: Gateways that the index names of those that share a block.
NAMED = 2

#: Quotes of evidence shown for each finding; the report has them all.
QUOTES = 2

#: Findings that are no fault of a healthy gateway, and told of it.
TOLD = ("container.rebuild_unfinished", "container.named_twice", "config.port_not_as_declared")

#: Findings that change no status, and are told of a gateway that is not healthy.
TOLD_BESIDE = ("container.named_twice", "ibkr.reset_window")

#: The time that a log line begins with.
OWN_STAMP = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,:]?\d* ")

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
    """The summary of a report: a line per healthy or suppressed gateway, a block per other one, an index, the fleet.

    The most urgent stands last: the end of the output is what is on the screen when the run is over.
    """
    width = min(width, WIDEST)
    blocks = _blocks(report["gateways"], width)
    drawn = [Line("")]
    for row in report["gateways"]:
        if row["status"] == "healthy":
            said = ", ".join([row["summary"], *_notes(row)])
            drawn += wrapped(f"{row['id']} is healthy: {said}", width, "√ ", "    ", COLOURS["healthy"])
            drawn += _held(row, width)
    for said in _suppressions(report):
        drawn += wrapped(said, width, "- ", "    ", QUIET)
    for block in blocks:
        drawn += [Line(""), *block.lines]
    if len(blocks) >= INDEXED:
        drawn += [Line(""), *index(blocks, width)]
    if report["fleet"]["logins_due"]:
        drawn += [Line(""), *_logins_due(report, width)]
    drawn += [Line(""), *wrapped(in_a_line(report), width, colour=_fleet_colour(report))]
    if not drawn[1].text:
        del drawn[0]
    return [Line(in_ascii(line.text) if ascii_only else line.text, line.colour) for line in drawn]


@dataclass(frozen=True)
class Block:
    """Gateways of which the same is to be said, and that; all but the lines stand in the index, too."""

    status: str
    where: str
    code: str
    follows: str
    colour: str
    lines: list[Line]


def _blocks(rows: Iterable[Mapping[str, Any]], width: int) -> list[Block]:
    """A block per gateway that is not healthy and not suppressed, the most urgent last; those that read alike share one."""
    alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["status"] != "healthy" and not row["suppressed"]:
            alike.setdefault((row["status"], row["code"], *_said(row, width)), []).append(row)
    return [_block(group, list(said), width) for (_status, _code, *said), group in reversed(alike.items())]


def _block(rows: Sequence[Mapping[str, Any]], said: list[Line], width: int) -> Block:
    status, code, ids = rows[0]["status"], rows[0]["code"], [row["id"] for row in rows]
    head = f"{', '.join(ids)} {'is' if len(ids) == 1 else 'are'} {status.upper()}: {code}"
    commands = dict.fromkeys(printable(row["next_command"]) for row in rows if row["next_command"])
    # Never wrapped: a command is there to be copied.
    following = [Line(f"  Next  {command}" if at == 0 else f"        {command}") for at, command in enumerate(commands)]
    page = rows[0]["docs_url"] or rows[0]["docs"]
    docs = [Line(f"  Docs  {printable(page)}")] if page else []
    safe = SAFE[rows[0]["remedy"]].partition(",")[0]
    lines = [*wrapped(head, width, "", "    ", COLOURS[status]), *said, *following, *docs]
    return Block(status, _listed(ids), code, safe, COLOURS[status], lines)


def _said(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    """What is said of a gateway that is not healthy, but for its name and the command."""
    for assertion in _proven(row):
        yield from wrapped(assertion, width, "  √ ", "    ")
    yield from _broken(row, width, COLOURS[row["status"]])
    for found in row["findings"]:
        if found["code"] in TOLD_BESIDE and not found["suppressed"]:
            yield from wrapped(found["summary"], width, "  - ", "    ", QUIET)
    yield from steps(row["fix"], width)
    reason = f": {row['remedy_reason']}" if row["remedy_reason"] else ""
    yield from wrapped(f"{SAFE[row['remedy']]}{reason}", width, "  Safe  ", "          ")


def steps(fix: Sequence[str], width: int) -> Iterator[Line]:
    """The steps that mend it."""
    for at, step in enumerate(fix):
        yield from _step(step, width, "  Fix   " if at == 0 else "        ")


def _step(step: str, width: int, indent: str) -> Iterator[Line]:
    """A step of the fix; a command at its end is never wrapped, for it is there to be copied."""
    drawn = list(wrapped(step, width, indent, "          "))
    *words, last = pieces(printable(step)) or [Piece("", False)]
    if len(drawn) == 1 or not last.is_command:
        yield from drawn
    else:
        yield from wrapped("".join(piece.text for piece in words), width, indent, "          ")
        yield Line(f"          {last.text}")


def _suppressions(report: Mapping[str, Any]) -> Iterator[str]:
    """What the operator said not to care about: each gateway whose verdict that is, then suppressions that no such line tells of."""
    rows = [row for row in report["gateways"] if row["suppressed"]]
    for row in rows:
        yield f"{row['id']} is {row['status'].upper()}: {row['code']}, suppressed{why(row['suppressed'])}"
    told = {(row["id"], row["code"]) for row in rows}
    for each in report["fleet"]["suppressed"]:
        if each["gateways"] and all((gateway, each["code"]) in told for gateway in each["gateways"]):
            continue
        target = f"{each['code']}@{each['host']}" if each["host"] else each["code"]
        effect = f"on {counted(len(each['gateways']), 'gateway')}" if each["gateways"] else "without effect here"
        be, effect = ("was", "expired") if each["expired"] else ("is", effect)
        yield f"{target} {be} suppressed{why(each)} ({effect})"


def why(suppressed: Mapping[str, Any]) -> str:
    until = f" until {_when(suppressed['until'])}" if suppressed["until"] else ""
    return f"{until}: {suppressed['reason']}"


def index(blocks: Sequence[Block], width: int) -> Iterator[Line]:
    """One line per block: what to care about at a glance, and where there is room what follows from it."""
    rows = [(block.status.upper(), block.where, block.code, block.follows) for block in blocks]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    columns = 4 if sum(widths) + 6 <= width else 3
    for row, block in zip(rows, blocks, strict=True):
        line = "  ".join(f"{cell:<{room}}" for cell, room in zip(row[:columns], widths, strict=False)).rstrip()
        if len(line) <= width:
            yield Line(line, block.colour)
        else:
            yield from wrapped(f"{row[0]:<{widths[0]}}  {row[1]}: {row[2]}", width, "", " " * 10, block.colour)


def _logins_due(report: Mapping[str, Any], width: int) -> Iterator[Line]:
    """Who has to log in anew soon, the soonest first."""
    now = moment(report["generated_at"])
    for due in report["fleet"]["logins_due"]:
        at = moment(due["at"])
        if at is None or now is None:
            continue
        left = (at - now).total_seconds()
        ends = f"ends {at:%A %Y-%m-%d %H:%M} UTC, in {countdown(left)}" if left > 0 else f"ended {_when(due['at'])}"
        said = f"{due['id']}: its session {ends}; the restart after that needs a full login"
        yield from wrapped(said, width, "! ", "    ", COLOURS["waiting"])


def _listed(ids: Sequence[str]) -> str:
    if len(ids) <= NAMED:
        return printable(", ".join(ids))
    return printable(f"{ids[0]} and {len(ids) - 1} more")


def _broken(row: Mapping[str, Any], width: int, colour: str) -> Iterator[Line]:
    """The leading finding with its evidence, then what else was found on its own account."""
    leading = next((found for found in row["findings"] if found["code"] == row["code"]), None)
    yield from wrapped(row["summary"], width, "  × ", "    ", colour)
    news = [each for each in (leading or {}).get("evidence", ()) if not repeats(each, row["summary"])]
    for quoted in news[:QUOTES]:
        yield from wrapped(_evidence(quoted), width, "    | ", "    |   ")
    for found in row["findings"]:
        if found is leading or found["consequence_of"] or found["severity"] not in URGENCY:
            continue
        if not found["suppressed"]:
            yield from wrapped(f"{found['summary']} ({found['code']}, {found['severity']})", width, "  × ", "    ")
        elif STATUSES.index(found["severity"]) < STATUSES.index(row["status"]):  # what is graver is not left out
            said = f"{found['summary']} ({found['code']}, {found['severity']}, suppressed{why(found['suppressed'])})"
            yield from wrapped(said, width, "  - ", "    ", QUIET)


def repeats(quoted: Mapping[str, Any], summary: str) -> bool:
    """Evidence that tells nothing beyond the finding: its words, and no time."""
    return not quoted["at"] and summary.endswith(quoted["quote"])


def _evidence(quoted: Mapping[str, Any]) -> str:
    """Who saw it, where and when, and the words; a log line's own stamp would say the time twice."""
    source = f"line {quoted['line']}," if quoted["line"] else quoted["source"]
    if not quoted["at"]:
        return f"{source.rstrip(',')}: {quoted['quote']}"
    return f"{source} {_when(quoted['at'])}: {OWN_STAMP.sub('', quoted['quote'])}"


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
    for found in row["findings"]:
        if found["code"] in TOLD:
            yield found["summary"]


def _held(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    """A hold that nobody cleared on a healthy gateway, and the command that does."""
    for found in row["findings"]:
        if found["code"] == "container.held":
            yield from wrapped(found["summary"], width, "    ", "    ")
            for step in found["fix"]:
                yield from _step(step, width, "    ")


def _when(stamp: str) -> str:
    """A moment of the report for a person, to the second."""
    at = moment(stamp)
    return stamp if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def in_a_line(report: Mapping[str, Any]) -> str:
    """The fleet in a line."""
    fleet = report["fleet"]
    apart = Counter(row["status"] for row in report["gateways"] if row["suppressed"])
    counts = ", ".join(
        f"{fleet['by_status'][status]} {status}" + (f" ({apart[status]} suppressed)" if apart[status] else "")
        for status in URGENCY
        if fleet["by_status"][status]
    )
    where = (
        f"in {report['saved_log']['name']}" if report["saved_log"] else f"on {counted(fleet['machines'], 'machine')}"
    )
    return f"{counted(fleet['total'], 'gateway')} {where}: {counts or 'nothing found'}{_as_of(report)}."


def _as_of(report: Mapping[str, Any]) -> str:
    """How old what is told may be: of a merged report by its oldest run; a saved log tells nothing of what came after its end."""
    log, runs = report["saved_log"], report["runs"]
    now, oldest = moment(report["generated_at"]), moment(runs[-1]["generated_at"]) if runs else None
    if now and oldest:
        return f", as {counted(len(runs), 'run')} reported it, the oldest {passed(max(now - oldest, timedelta()))} ago"
    if not log or not log["lines"]:
        return ""
    last = moment(log["last_at"])
    line = "the last line before its damage" if log["damaged"] else "its last line"
    if last is None:
        return f", as of {line}; the zone of its times is not known, and so its age is not"
    judged = moment(max(row["checked_at"] for row in report["gateways"])) or last
    age = (moment(report["generated_at"]) or last) - last
    ends = f"{line}, {_when(log['last_at'])}" + (f" ({passed(age)} ago)" if age > timedelta() else "")
    if judged - last < timedelta(seconds=1):
        return f", as of {ends}"
    return f", as of {judged:%Y-%m-%d %H:%M:%S} UTC, {passed(judged - last)} after {ends}"


def passed(period: timedelta) -> str:
    """A time that passed, as a person says it."""
    for unit, seconds in (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if period.total_seconds() >= 2 * seconds:
            return f"{period.total_seconds() // seconds:.0f} {unit}s"
    return counted(int(period.total_seconds()), "second")


def _fleet_colour(report: Mapping[str, Any]) -> str | None:
    """That of the most urgent row; what is suppressed alarms nobody."""
    if not report["gateways"]:
        return None
    first = report["gateways"][0]
    return QUIET if first["suppressed"] else COLOURS[first["status"]]


def counted(number: int, what: str) -> str:
    """So many of what is counted."""
    return f"{number} {what}" + ("" if number == 1 else "s")


def wrapped(text: str, width: int, indent: str = "", hang: str = "", colour: str | None = None) -> Iterable[Line]:
    """`text` as lines of that width, fit for a terminal."""
    drawn = textwrap.wrap(printable(text), width, initial_indent=indent, subsequent_indent=hang, break_on_hyphens=False)
    return [Line(line, colour) for line in drawn or [indent.rstrip()]]


def in_ascii(text: str) -> str:
    """`text` in nothing but ASCII."""
    return text.translate(_ASCII).encode("ascii", "replace").decode("ascii")
