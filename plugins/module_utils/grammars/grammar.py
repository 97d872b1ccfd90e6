# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the log grammars of all controllers have in common: a table of markers, a clock, and what stands around the messages.

A message counts only where it stands on its own: after the controller's own stamp, or as a whole line of a script. Text that
quotes one (a client's name, a window's title, a user's script) is not the message.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone, tzinfo
from typing import ClassVar, Union

from ansible_collections.ibgw.ops.plugins.module_utils.log.event import Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.redact import PLAIN_WORDS, is_secret, secrets_in

#: What stands in a line that matters, to find it in the bytes of a log.
Mark = Union[bytes, "re.Pattern[bytes]"]

#: The trading modes as markers capture them.
MODES = {"P": "paper", "S": "paper", "live": "live", "paper": "paper"}

#: Markers under the word that they begin with; those that begin otherwise are under every word, and alone under the empty one.
Rules = Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]

#: The relay writes the time of the controller's own clock, as socat stamps it.
_RELAY_STAMP = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d) socat\[")

_WORD = re.compile(r"(?:[A-Za-z'>#-]|\\\.)+(?= )")


def rules(markers: Iterable[tuple[str, str]]) -> Rules:
    """A table of markers (pattern, kind of event), made ready: a pattern must match the whole text."""
    table: dict[str, list[tuple[re.Pattern[str], str]]] = {"": []}
    for pattern, kind in markers:
        word = _WORD.match(pattern)
        table.setdefault(word[0].replace("\\", "") if word else "", []).append((re.compile(pattern), kind))
    return {word: (*entries, *(table[""] if word else ())) for word, entries in table.items()}


def match(table: Rules, text: str) -> tuple[re.Match[str], str] | None:
    """The first marker that `text` is, with the kind of event that it names."""
    entries = table.get(text.partition(" ")[0])
    for pattern, kind in table[""] if entries is None else entries:
        if found := pattern.fullmatch(text):
            return found, kind
    return None


class Grammar:
    """Reads one log of one controller, line by line."""

    #: The controller's name, as it is shown and as the image families call it.
    name: ClassVar[str]
    controller: ClassVar[str]
    #: What every normal line of this controller begins with, or the whole of a line that only its scripts print.
    shape: ClassVar[re.Pattern[str]]
    #: One of these is in every line that begins a run, ends one, or tells what costs something, and in few others: the quick
    #: pass over a whole history looks only at lines with one.
    marks: ClassVar[tuple[Mark, ...]]
    #: What the line has that names the time zone of its stamps, where there is one.
    zone: ClassVar[Mark | None] = None
    #: One of these is in every line of the controller's own that can matter to a run.
    messages: ClassVar[tuple[Mark, ...]]

    def __init__(self, around: Rules) -> None:
        self.version: str | None = None
        self.gateway_version: str | None = None
        self.time_zone: str | None = None
        #: User names and the like that the log gave away; they must not be quoted.
        self.secrets: set[str] = set()
        #: Whether a line of this controller was read.
        self.seen = False
        #: The patterns of lines around its messages that were seen.
        self.seen_around: set[str] = set()
        self._around = around
        self._zone: tzinfo | None = None
        self._last: tuple[Line, str] | None = None

    def read(self, line: Line) -> Event | None:
        """The event that `line` tells, if it is one."""
        raise NotImplementedError

    @classmethod
    def exit_meaning(cls, code: int) -> str | None:
        """What an exit code of the controller means; None for one that any process can end with."""
        raise NotImplementedError

    def event_around(self, line: Line, text: str) -> Event | None:
        """The event of a line that is not the controller's own: of the image's scripts, Java, the display, the relay."""
        if "=" in text and is_secret(text):  # scripts print environments
            self.keep_secret(secrets_in(text))
        found = match(self._around, text)
        if found is None:
            return None
        self.seen_around.add(found[0].re.pattern)
        values = found[0].groupdict()
        if given_away := values.get("secret"):
            self.secrets.add(given_away)
        if not found[1]:
            return None
        value, mode = values.get("v") or "", MODES.get(values.get("mode") or "")
        if found[1] == "gateway_version":
            self.gateway_version = value
        at = clock = line.at
        if at is None and (own := _RELAY_STAMP.match(text)):
            self._last = line, f"{own[1]}-{own[2]}-{own[3]} {own[4]}"
            at, clock = self.last_moment
        return Event(found[1], line.number, at, clock, text, value, mode)

    def keep_secret(self, values: Iterable[str]) -> None:
        """Let no quote have `values`, which were told beside a name; what is a word of every log, or too short, is none."""
        self.secrets.update(
            value for value in values if len(value) > 3 and not value.isdigit() and value not in PLAIN_WORDS
        )

    def zone_named(self, name: str) -> None:
        """Take `name` for the zone of the controller's own stamps."""
        self.time_zone, self._zone = name, _zone(name)

    @property
    def last_moment(self) -> tuple[float | None, float | None]:
        """When the last line with a time was written: since the epoch where that is known, and on the log's own clock."""
        return self.moment(*self._last) if self._last else (None, None)

    def moment(self, line: Line, stamp: str) -> tuple[float | None, float | None]:
        """When `line`, with the controller's own `stamp`, was written: since the epoch where that is known, and on the log's own clock."""
        at = line.at
        if at is not None:
            return at, at
        try:
            own = datetime.fromisoformat(stamp[:19]).replace(tzinfo=self._zone or timezone.utc).timestamp()
        except (ValueError, OverflowError):
            return None, None
        return own if self._zone else None, own


def _zone(name: str) -> tzinfo | None:
    try:
        from zoneinfo import ZoneInfo

        return ZoneInfo(name)
    except Exception:  # no time zone data on this machine, or a name that is none
        return timezone.utc if name in ("UTC", "Etc/UTC", "GMT", "Z") else None
