# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The audit as lines for a terminal: rule by rule, for the gateways of a fleet are mostly set up alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.audit import failed
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import AUDIT_ONLY, URGENCY
from ansible_collections.ibgw.ops.plugins.plugin_utils.summary import (
    COLOURS,
    INDEXED,
    OWN_STAMP,
    QUIET,
    QUOTES,
    WIDEST,
    Block,
    Line,
    counted,
    in_ascii,
    index,
    repeats,
    steps,
    why,
    wrapped,
)

#: Severities of what fails, what to care about first in front.
ORDER = (*URGENCY, "advice", AUDIT_ONLY, "note")

#: How a severity looks: a status as in a diagnosis, what changes none as something lesser.
LOOKS = {**COLOURS, "advice": COLOURS["degraded"], AUDIT_ONLY: COLOURS["starting"], "note": QUIET}

#: Gateways that are named one by one, and told what they pass; more are counted where they are all.
FEW = 3

#: Ways to fail a rule, and commands, of which a block shows no more; the report has them all.
SHOWN = 3

#: Names, of gateways or of whole machines, that stand in a line beside what fails.
LISTED = 6

#: Where a setting is changed.
PLACES = {"inventory": "in the inventory", "container": "where the container is defined"}

Rows = Sequence[Mapping[str, Any]]


def lines(report: Mapping[str, Any], width: int = 80, ascii_only: bool = False) -> list[Line]:
    """What passes, is accepted or not known, a block for each rule that fails, an index of them, the fleet.

    The most urgent stands last: the end of the output is what is on the screen when the run is over.
    """
    width = min(width, WIDEST)
    gateways = report["gateways"]
    blocks = [*_unseen(gateways, width), *_failing(report, width)]
    blocks.sort(key=lambda block: ORDER.index(block.status), reverse=True)
    drawn = [Line("")]
    drawn += (line for said in _passed(gateways) for line in wrapped(said, width, "√ ", "    ", COLOURS["healthy"]))
    drawn += (line for said in _aside(report) for line in wrapped(said, width, "- ", "    ", QUIET))
    drawn += (line for said in _not_known(gateways) for line in wrapped(said, width, "? ", "    ", COLOURS["unknown"]))
    drawn += _standing(gateways, width)
    for block in blocks:
        drawn += [Line(""), *block.lines]
    if len(blocks) >= INDEXED:
        drawn += [Line(""), *index(blocks, width)]
    drawn += [Line(""), *wrapped(in_a_line(report), width, colour=blocks[-1].colour if blocks else COLOURS["healthy"])]
    if not drawn[1].text:
        del drawn[0]
    return [Line(in_ascii(line.text) if ascii_only else line.text, line.colour) for line in drawn]


def _failing(report: Mapping[str, Any], width: int) -> Iterator[Block]:
    """A block for each rule that fails, with the gateways where it does; a rule weighs more on one gateway than on another."""
    rules = {rule["code"]: rule for rule in report["rules"]}
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for gateway in report["gateways"]:
        for row in failed(gateway["rows"]):
            endpoint = f" ({row['endpoint']})" if row["endpoint"] else ""
            found.setdefault((row["code"], row["severity"]), {})[f"{gateway['id']}{endpoint}"] = row
    for code in rules:
        for severity in ORDER:
            if (code, severity) in found:
                yield _block(rules[code], severity, found[code, severity], report["gateways"], width)


def _block(
    rule: Mapping[str, Any], severity: str, rows: Mapping[str, Mapping[str, Any]], gateways: Rows, width: int
) -> Block:
    """What a rule demands, in which ways it fails where, what mends that, and its page."""
    alike: dict[tuple[Line, ...], list[str]] = {}
    for gateway, row in rows.items():
        alike.setdefault(tuple(_seen(row, width)), []).append(gateway)
    ways = sorted(alike.items(), key=lambda way: -len(way[1]))
    ids = sorted(rows)
    head = f"{_briefly(ids, gateways, FEW)} {'fails' if len(ids) == 1 else 'fail'} {rule['code']} ({severity})"
    drawn = [*wrapped(head, width, "", "    ", LOOKS[severity])]
    drawn += wrapped(rule["demand"], width, "  Rule  ", "        ")
    for said, there in ways[:SHOWN]:
        if len(short_names(ids, gateways)) > FEW or len(ways) > 1:
            drawn += wrapped(_where(there, gateways), width, "  On    ", "        ")
        drawn += said
    others = [gateway for _said, there in ways[SHOWN:] for gateway in there]
    if others:
        told = f"{_where(others, gateways)}: in ways of their own, which stand in the report"
        drawn += wrapped(told, width, "  On    ", "        ")
    drawn.append(Line(f"  Docs  {printable(rule['docs_url'] or rule['docs'])}"))
    settings = dict.fromkeys(row["change"]["setting"] for row in rows.values() if row["change"])
    setting = printable(next(iter(settings))) if len(settings) == 1 else ""
    return Block(severity, printable(_briefly(ids, gateways, 1)), rule["code"], setting, LOOKS[severity], drawn)


def _seen(row: Mapping[str, Any], width: int) -> Iterator[Line]:
    """What was seen on a gateway, and what is to be set there; where no setting is named, the steps that mend it."""
    yield from wrapped(row["summary"], width, "  × ", "    ")
    for quoted in [each for each in row["evidence"] if not repeats({**each, "at": None}, row["summary"])][:QUOTES]:
        # Without its time, by which alone gateways would differ.
        said = f"{quoted['source']}: {OWN_STAMP.sub('', quoted['quote'])}"
        yield from wrapped(said, width, "    | ", "    |   ")
    if row["change"]:
        # Never wrapped: a setting is there to be copied.
        setting, place = printable(row["change"]["setting"]), f"({PLACES[row['change']['where']]})"
        whole = f"  Set   {setting}  {place}"
        yield from map(Line, [whole] if len(whole) <= width else [f"  Set   {setting}", f"        {place}"])
    else:
        yield from steps(row["fix"], width)


def _unseen(gateways: Rows, width: int) -> Iterator[Block]:
    """A block for the gateways that could not be looked at for the same reason."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    for gateway in gateways:
        if gateway["unseen"]:
            alike.setdefault(gateway["unseen"], []).append(gateway)
    for reason, rows in alike.items():
        ids = sorted(row["id"] for row in rows)
        drawn = [*wrapped(f"{_where(ids, gateways)} could not be audited", width, "", "    ", COLOURS["unknown"])]
        drawn += [*wrapped(reason, width, "  × ", "    "), *_next(rows)]
        where = printable(_briefly(ids, gateways, 1))
        yield Block("unknown", where, rows[0]["code"] or "", "not audited", COLOURS["unknown"], drawn)


def _standing(gateways: Rows, width: int) -> Iterator[Line]:
    """What is wrong now, beside what would hurt one day; that is for a diagnosis to tell."""
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for gateway in gateways:
        told = [row["code"] for row in failed(gateway["rows"])]
        if gateway["status"] != "healthy" and not gateway["unseen"] and gateway["code"] not in told:
            alike.setdefault((gateway["status"], gateway["code"]), []).append(gateway)
    for (status, code), rows in alike.items():
        where = _briefly([row["id"] for row in rows], gateways)
        said = f"{where} {'is' if len(rows) == 1 else 'are'} {status.upper()} now: {code}"
        yield from (Line(""), *wrapped(said, width, "", "    ", COLOURS[status]), *_next(rows))


def _next(rows: Rows) -> Iterator[Line]:
    """The commands that say more of gateways; never wrapped, for they are there to be copied."""
    commands = dict.fromkeys(printable(row["next_command"]) for row in rows if row["next_command"])
    for at, command in enumerate([*commands][:SHOWN]):
        yield Line(f"  Next  {command}" if at == 0 else f"        {command}")


def _passed(gateways: Rows) -> Iterator[str]:
    """What is as it should be: by its name where there are few gateways, else where nothing fails at all."""
    if len(gateways) > FEW:
        well = [row["id"] for row in gateways if not row["by_result"]["fail"] and not row["unseen"]]
        if well:
            yield f"{_briefly(well, gateways)}: nothing fails"
        return
    for ids, codes in _by_gateways(gateways, "pass").items():
        yield f"{', '.join(ids)} {'passes' if len(ids) == 1 else 'pass'} {counted(len(codes), 'rule')}: {', '.join(codes)}"


def _aside(report: Mapping[str, Any]) -> Iterator[str]:
    """What fails no run: what makes no sense, what was accepted, and where; and what nobody has declared."""
    gateways = report["gateways"]
    if len(gateways) <= FEW:
        for ids, codes in _by_gateways(gateways, "not_applicable").items():
            yield f"{', '.join(ids)}: not applicable: {', '.join(codes)}"
    undeclared = [row["id"] for row in gateways if not row["declared"]]
    if undeclared:
        yield f"{_briefly(undeclared, gateways)}: not declared in the inventory"
    for each in report["fleet"]["accepted"]:
        target = f"{each['code']}@{each['host']}" if each["host"] else each["code"]
        effect = f"on {_briefly(each['gateways'], gateways)}" if each["gateways"] else "without effect here"
        be, effect = ("was", "expired") if each["expired"] else ("is", effect)
        yield f"{target} {be} accepted{why(each)} ({effect})"


def _not_known(gateways: Rows) -> Iterator[str]:
    """Why what is not known, once for all rules and gateways alike."""
    places: dict[tuple[str, str], list[str]] = {}
    for gateway in gateways:
        for row in gateway["rows"]:
            if row["result"] == "not_known" and not row["accepted"] and not gateway["unseen"]:
                ids = places.setdefault((row["code"], row["summary"]), [])
                ids += [gateway["id"]] if gateway["id"] not in ids else []
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (code, reason), ids in places.items():
        alike.setdefault((reason, tuple(ids)), []).append(code)
    for (reason, there), codes in alike.items():
        yield f"{_briefly(there, gateways)}: not known: {', '.join(codes)}: {reason}"


def _by_gateways(gateways: Rows, result: str) -> dict[tuple[str, ...], list[str]]:
    """The rules with that result, by the gateways that have it."""
    places: dict[str, list[str]] = {}
    for gateway in sorted(gateways, key=lambda row: str(row["id"])):
        for code in dict.fromkeys(row["code"] for row in gateway["rows"] if row["result"] == result):
            places.setdefault(code, []).append(gateway["id"])
    alike: dict[tuple[str, ...], list[str]] = {}
    for code, ids in places.items():
        alike.setdefault(tuple(ids), []).append(code)
    return dict(sorted(alike.items(), key=lambda each: -len(each[0])))


def _where(ids: Iterable[str], gateways: Rows) -> str:
    return ", ".join(short_names(ids, gateways))


def _briefly(ids: Sequence[str], gateways: Rows, most: int = LISTED) -> str:
    """The same where these are few names, else their number."""
    named = short_names(ids, gateways)
    # An endpoint stands behind the name of its gateway, which has no blank.
    number = len({each.partition(" ")[0] for each in ids})
    return ", ".join(named) if len(named) <= most else f"{number} of {len(gateways)} gateways"


def short_names(ids: Iterable[str], gateways: Rows) -> list[str]:
    """Gateways by their names; all of a larger machine by its name, and all of a larger fleet by their number."""
    ids, machines = {*ids}, dict[str, set[str]]()
    if len(ids) > FEW and ids == {row["id"] for row in gateways}:
        return [f"all {len(ids)} gateways"]
    for row in gateways:
        machines.setdefault(row["host"], set()).add(row["id"])
    whole = {f"{machine}/*": there for machine, there in machines.items() if len(there) > FEW and there <= ids}
    return sorted([*whole, *ids.difference(*whole.values())])


def in_a_line(report: Mapping[str, Any]) -> str:
    """How many there are, and what the checklist makes of them, in one sentence."""
    fleet = report["fleet"]
    counts = ", ".join(f"{count} {said.replace('_', ' ')}" for said, count in fleet["by_result"].items() if count)
    reach = counted(len(fleet["failing"]), "gateway") if fleet["failing"] else "no gateway"
    asked = f"{counted(fleet['total'], 'gateway')} on {counted(fleet['machines'], 'machine')}"
    return (
        f"{asked} by {counted(len(report['rules']), 'rule')}: {counts or 'nothing found'}; {reach}"
        f" {'reaches' if len(fleet['failing']) < 2 else 'reach'} audit_fail_on={report['fail_on']}."
    )
