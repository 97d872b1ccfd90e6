# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An audit rule by rule: what a rule says alike of many gateways is told once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.audit import COUNTED, SEVERITIES

#: Ways to pass a rule, or not to be concerned by it, that are told apart; of more of them only where.
_FEW = 3


@dataclass(frozen=True)
class Way:
    """One thing that a rule says, and where: `said` has no name in it where it is said of several gateways."""

    result: str
    said: Mapping[str, Any] | None
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A rule of the report with all that it says; `worst` is the gravest severity of what fails and nobody has accepted."""

    told: Mapping[str, Any]
    worst: str | None
    ways: tuple[Way, ...]

    @property
    def setting(self) -> str | None:
        """The setting that mends it, where that is the same everywhere."""
        changes = [way.said["change"] for way in self.ways if way.result == "fail" and way.said]
        settings = {change["setting"] if change else None for change in changes}
        return settings.pop() if len(settings) == 1 else None


def rules(report: Mapping[str, Any]) -> list[Rule]:
    """The rules of an audit, what to care about first in front."""
    said = _by_rule(report["gateways"])
    return sorted((_rule(each, said.get(each["code"], {})) for each in report["rules"]), key=_urgency)


def _by_rule(gateways: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, list[tuple[str, Mapping[str, Any]]]]]:
    """Of each rule what is said alike, with the gateways and how it is said there."""
    told: dict[str, dict[str, list[tuple[str, Mapping[str, Any]]]]] = {}
    for gateway in gateways:
        names = {gateway["host"]: "<machine>", gateway["name"]: "<container>"}
        anyone = re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")
        for row in gateway["rows"]:
            where = f"{gateway['id']} ({row['endpoint']})" if row["endpoint"] else gateway["id"]
            nameless = anyone.sub(partial(_instead, names), _told(row))
            told.setdefault(row["code"], {}).setdefault(nameless, []).append((where, row))
    return told


def _instead(names: Mapping[str, str], found: re.Match[str]) -> str:
    return names[found[0]]


def _told(row: Mapping[str, Any]) -> str:
    """What a row says, whenever that was seen and at whichever endpoint."""
    evidence = [{**quoted, "at": None, "line": None} for quoted in row["evidence"]]
    return json.dumps({**row, "endpoint": None, "evidence": evidence}, ensure_ascii=False)


def _rule(rule: Mapping[str, Any], said: Mapping[str, list[tuple[str, Mapping[str, Any]]]]) -> Rule:
    ways = [
        _way(rows[0][1] if len(rows) == 1 else json.loads(nameless), [where for where, _row in rows])
        for nameless, rows in said.items()
    ]
    failing = [way.said["severity"] for way in ways if way.said and way.result == "fail"]
    return Rule(rule, min(failing, key=SEVERITIES.index, default=None), tuple(_briefly(ways)))


def _way(row: Mapping[str, Any], ids: Sequence[str]) -> Way:
    return Way("accepted" if row["accepted"] else row["result"], row, tuple(ids))


def _briefly(ways: Sequence[Way]) -> Iterator[Way]:
    """The ways by their results, what concerns most gateways first; how a rule is passed matters only where there are few ways to."""
    for result in COUNTED:
        alike = sorted((way for way in ways if way.result == result), key=lambda way: -len(way.ids))
        if result in ("pass", "not_applicable") and len(alike) > _FEW:
            alike = [Way(result, None, tuple(where for way in alike for where in way.ids))]
        yield from alike


def _urgency(rule: Rule) -> tuple[int, ...]:
    worst = SEVERITIES.index(rule.worst) if rule.worst else len(SEVERITIES)
    return (worst, *(-rule.told["by_result"][result] for result in COUNTED[:3]))
