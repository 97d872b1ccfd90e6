# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Findings that an operator has said not to care about, or to accept in the audit: which, where, why, and until when.

A suppression hides nothing: what it covers stays in the report, marked, and the suppression itself is listed there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.engine import CONTAINER_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote, shown
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, iso
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import findings

KEYS = ("code", "reason", "until")
FORM = "{code: <code> or <code>@<host>, reason: ..., until: <date or time; audit_accept needs one>}"

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Suppression:
    """One finding that is not to be cared about; `host` None means everywhere, `until` None for ever."""

    code: str
    host: str | None
    reason: str
    until: str | None

    @property
    def target(self) -> str:
        """Finding and place, as the operator gives them."""
        return f"{self.code}@{self.host}" if self.host else self.code

    def covers(self, code: str, machine: str, gateway: str) -> bool:
        """Whether it is about the finding `code` of a gateway."""
        return self.code == code and self.host in (None, machine, gateway, f"{machine}/{gateway}")

    def expired(self, now: str) -> bool:
        """Whether its time is over; stamps of the same form sort by time."""
        return self.until is not None and self.until < now

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON types, fit for an Ansible variable."""
        return asdict(self)


def read(setting: str, given: Any) -> list[Suppression]:
    """The value of `diagnose_suppress`, or of another such setting, checked; raises `Misuse`."""
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, Sequence):
        typed = f"; on the command line as -e '{{{setting}: [...]}}'" if isinstance(given, str) else ""
        raise Misuse(f"{setting} is {shown(given)}; it must be a list of entries like {FORM}{typed}")
    return [_read(f"entry {at} of {setting}", entry) for at, entry in enumerate(given, 1)]


def accepted(setting: str, given: Any) -> list[Suppression]:
    """As `read`, of what the audit is to accept: only what it demands, and never for ever."""
    entries = read(setting, given)
    for at, each in enumerate(entries, 1):
        if each.target in [earlier.target for earlier in entries[: at - 1]]:
            raise Misuse(
                f"entry {at} of {setting} accepts {quote(each.target)} again; give it once, with one reason and one end"
            )
        if not findings()[each.code].audits:
            raise Misuse(f"entry {at} of {setting} has the code {each.code}, which is no matter of the audit")
        if each.until is None:
            raise Misuse(
                f"entry {at} of {setting} ({quote(each.target)}) has no until; what is accepted has to be looked at again some day, like"
                " 2027-03-31"
            )
    return entries


def _read(where: str, entry: Any) -> Suppression:
    if not isinstance(entry, Mapping):
        raise Misuse(f"{where} is {shown(entry)}; it must be a mapping like {FORM}")
    unknown = next((key for key in entry if key not in KEYS), None)
    if unknown is not None:
        raise Misuse(f"{where} has the key {shown(unknown)}; allowed are {', '.join(KEYS)}")
    target = entry.get("code")
    if not isinstance(target, str) or not target.strip():
        raise Misuse(f"{where} has no code; it must be like {FORM}")
    code, at, host = target.strip().partition("@")
    if code not in findings():
        raise Misuse(f"{where} has the code {shown(code)}, which is no finding{_nearest(code, findings())}")
    if at and not host:
        raise Misuse(f"{where} is {shown(target)} without a host; it is machine, machine/gateway or gateway")
    reason = quote(entry["reason"]) if isinstance(entry.get("reason"), str) else ""
    if not reason:
        raise Misuse(f"{where} ({quote(target)}) has no reason; say why, for whoever reads the report")
    return Suppression(code, host or None, reason, _until(f"{where} ({quote(target)})", entry.get("until")))


def _until(where: str, given: Any) -> str | None:
    if given is None:
        return None
    text = str(given).strip()
    seconds = epoch(f"{text}T23:59:59Z" if _DATE.fullmatch(text) else text)
    if seconds is None:
        raise Misuse(
            f"{where} has until {shown(given)}; it must be a date like 2026-03-31, which means its end in UTC, "
            "or a moment with its zone like 2026-03-31T12:00:00Z"
        )
    return iso(seconds)


def warnings_of_hosts(
    setting: str,
    suppressions: Iterable[Suppression],
    declared: Mapping[str, Sequence[str]],
    finding: Mapping[str, bool],
) -> list[str]:
    """What to tell about hosts that the inventory does not have: what each machine has declared, and whether others are looked for on it.

    No misuse: a scheduler that slices its inventory gives each slice the same settings and a part of the machines.
    """
    names = {name for gateways in declared.values() for name in gateways}
    ids = {f"{machine}/{name}" for machine, gateways in declared.items() for name in gateways}
    known = {*declared, *names, *ids}
    told = []
    for each in suppressions:
        if each.host is None or each.host in known or _can_be_found(each.host, finding):
            continue
        hint = "" if "/" in each.host else "; a gateway that is only found is given as machine/gateway"
        told.append(
            f"{setting} has {quote(each.target)}, which has no effect: the inventory has no such machine or gateway"
            f"{_nearest(each.host, known)}{hint}"
        )
    return told


def _can_be_found(host: str, finding: Mapping[str, bool]) -> bool:
    """Whether `host` names a gateway that nobody declares, on a machine where such are looked for."""
    machine, _slash, name = host.rpartition("/")
    return finding.get(machine, False) and CONTAINER_NAME.fullmatch(name) is not None


def warnings(setting: str, suppressions: Iterable[Suppression], now: str) -> list[str]:
    """What to tell about suppressions whose time is over."""
    return [
        f"{setting} has {quote(each.target)} until {each.until}, which is over: it has no effect any more"
        for each in suppressions
        if each.expired(now)
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; nearest is {quote(near[0])}" if near else ""
