# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The forms in which images want the values of their settings; a value that has none raises ValueError with the reason.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations


def yes_no(flag: bool) -> str:
    """As IBC reads a switch: true is ``yes``."""
    return "yes" if flag else "no"


def true_false(flag: bool) -> str:
    """As ibcontroller reads a switch: true is ``true``."""
    return "true" if flag else "false"


def clock_12h(clock: str) -> str:
    """``23:45`` as ``11:45 PM``: two digits, one blank, capitals, or it is ignored (IBC config.ini:609)."""
    hour, minute = (int(part) for part in clock.split(":"))
    return f"{(hour - 1) % 12 + 1:02}:{minute:02} {'AM' if hour < 12 else 'PM'}"


def clock_afternoon(clock: str) -> str:
    """As `clock_12h`, where the gateway's choice between AM and PM can not be moved from PM."""
    if int(clock.split(":")[0]) < 12:
        raise ValueError("it can not set a time before noon; allowed are 12:00 to 23:59")
    return clock_12h(clock)


def without_backslash(text: str) -> str:
    """As it is, where a shell would take a backslash away."""
    if "\\" in text:
        raise ValueError("it has a backslash in it")
    return text


def unexpanded(text: str) -> str:
    """As it is, where a shell types it through a word without quotes."""
    if set(text) & set(" *?["):
        raise ValueError("its shell would expand a blank and any of * ? [")
    return text


def heap_with_unit(megabytes: int) -> str:
    """``768`` as ``768m``: without a unit it would be bytes."""
    return f"{megabytes}m"
