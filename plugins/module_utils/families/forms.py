# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The forms in which images want the values of their variables: each recognises a value and writes one of the inventory's.

Sources are cited as ``A:`` (heshiming/ibga @fcd2bf8), ``B:`` (IbcAlpha/IBC @2fee90c) and ``C:`` (code-hustler-ft3d/ibg-controller
@13422e4).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Form:
    """A form of values: `allowed` says it for people, as the end of a sentence that begins with "allowed is"."""

    allowed: str
    pattern: re.Pattern[str]
    #: What a pattern can not say of a value.
    check: Callable[[str], bool] | None = None
    #: A value of the inventory's in this form, if there is one.
    writer: Callable[[Any], str] = str

    def takes(self, value: str) -> bool:
        """Whether a value has this form."""
        return self.pattern.fullmatch(value) is not None and (self.check is None or self.check(value))

    def write(self, value: Any) -> str:
        """A value of the inventory's in this form; raises ValueError where it has none."""
        written = self.writer(value)
        if not self.takes(written):
            raise ValueError(f"allowed is {self.allowed}")
        return written


def _yes_no(flag: bool) -> str:
    return "yes" if flag else "no"


def _true_false(flag: bool) -> str:
    return "true" if flag else "false"


def _clock_12h(clock: str) -> str:
    """``23:45`` as ``11:45 PM``."""
    hour, minute = (int(part) for part in clock.split(":"))
    return f"{(hour - 1) % 12 + 1:02}:{minute:02} {'AM' if hour < 12 else 'PM'}"


def choice(*words: str, any_case: bool = True) -> Form:
    """One of some words."""
    allowed = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    pattern = re.compile("|".join(map(re.escape, words)), re.IGNORECASE if any_case else 0)
    return Form(allowed if any_case else f"{allowed}, exactly so", pattern)


def number(lowest: int, highest: int, unit: str = "") -> Form:
    """A whole number."""
    of = f" of {unit}" if unit else ""
    return Form(
        f"a whole number{of} from {lowest} to {highest}, without a unit",
        re.compile(r"\d{1,10}"),
        check=lambda value: lowest <= int(value) <= highest,
    )


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """The names of the time zone database; none where there is none."""
    import zoneinfo  # only rules and deployment ask, never a probe

    return frozenset(zoneinfo.available_timezones())


def _known_zone(name: str) -> bool:
    return name in (time_zones() or (name,))


TEXT = Form("any text", re.compile(r".*", re.DOTALL))
PATH = Form("an absolute path inside the container", re.compile(r"/.*"))
SECONDS = number(0, 86_400, "seconds")
PORT = number(1, 65_535)

#: As IBC reads a switch (B:DefaultSettings.java, getBoolean).
SWITCH = Form("yes or no (or true, false)", re.compile(r"(?i)yes|no|true|false"), writer=_yes_no)
#: As IBC reads the boxes of the API's precautions (B:ConfigureApiPrecautionsTask.java).
YES_OR_NO = Form("yes or no", re.compile(r"(?i)yes|no"), writer=_yes_no)
#: As the two newer controllers read a switch (C:_coerce_yes_no; typed-settings converters, to_bool).
SPOKEN = Form(
    "yes or no (or true, false, on, off, 1, 0)", re.compile(r"(?i)yes|true|on|1|no|false|off|0"), writer=_yes_no
)
TRUE_FALSE = replace(SPOKEN, allowed="true or false (or yes, no, on, off, 1, 0)", writer=_true_false)
#: As a shell compares with yes: everything else is a no, also what looks like a yes.
EXACT_YES = Form("yes in small letters, or no", re.compile(r"yes|(?i:no|false|off|0)"), writer=_yes_no)

#: Two digits, one blank, capitals (B:ConfigureAutoLogoffOrRestartTimeTask.java).
CLOCK_12H = Form(
    "a time like 11:59 PM: two digits each, one blank, AM or PM",
    re.compile(r"(0[1-9]|1[0-2]):[0-5]\d [AP]M"),
    writer=_clock_12h,
)
#: The gateway's choice between AM and PM can not be moved from PM (C: ALERT_CONFIG_NOT_APPLIED).
CLOCK_AFTERNOON = Form(
    "a time from noon on, like 11:59 PM",
    re.compile(r"(?i)(0?[1-9]|1[0-2]):[0-5]\d( ?PM)?"),
    writer=_clock_12h,
)
CLOCK_24H = Form("a time like 21:05, of 24 hours", re.compile(r"([01]?\d|2[0-3]):[0-5]\d"))
CLOSING = Form(
    "a time like 21:05, with or without a day before it, like Friday 21:05",
    re.compile(r"(?i)((mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)? )?([01]?\d|2[0-3]):[0-5]\d"),
)

TIME_ZONE = Form(
    "a name of the time zone database, like America/New_York", re.compile(r"[A-Za-z][\w+/-]*"), check=_known_zone
)
#: A shell puts the underscores in (A:scripts/manager.sh).
ZONE_IN_WORDS = replace(
    TIME_ZONE,
    pattern=re.compile(r"[A-Za-z][\w +/-]*"),
    check=lambda value: _known_zone(value.replace(" ", "_")),
)
#: As the C library reads TZ: a name, or a rule such as EST5EDT (tzset(3)).
TZ = Form(
    TIME_ZONE.allowed,
    re.compile(r":?[A-Za-z<].*"),
    check=lambda value: (
        _known_zone(value.lstrip(":")) or re.match(r"(<[\w+-]+>|[A-Za-z]{3,})[+-]?\d", value) is not None
    ),
)

HEAP_MB = number(1, 1_048_576, "megabytes")
HEAP_WITH_UNIT = Form("a size with its unit, like 1024m or 4g", re.compile(r"[1-9]\d*[kKmMgG]"), writer="{}m".format)

BASE32 = Form("a key of base32: the letters A to Z and the digits 2 to 7", re.compile(r"(?i)[a-z2-7 ]+=*"))
#: A shell types it through a word without quotes.
UNEXPANDED = Form("text without blanks and without * ? [", re.compile(r"[^ *?\[]*"))
#: A shell takes a backslash away.
NO_BACKSLASH = Form("text without a backslash", re.compile(r"[^\\]*"))
BUTTONS = Form(
    "the labels of buttons, with commas between them, like Yes,Continue", re.compile(r"(?!(yes|no|true|false)$).+")
)
