# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Something that a line of a log says happened, in words of no controller: what grammars make, and runs are made of.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OPENED, SEEN, CLOSED = "opened", "seen", "closed"

#: Events with which a controller starts the gateway anew.
RESTARTS = ("restart_announced", "session_kept", "gateway_gone")


@dataclass(frozen=True)
class Terms:
    """What the controller was told, in words of no controller, as far as it decides what a run does."""

    mode: str | None = None
    #: How long a prompt for the second factor is waited for, in seconds (IBC config.ini:155).
    second_factor_seconds: float = 180.0
    #: Whether that is counted from the prompt, and not from the login.
    from_prompt: bool = False
    #: Whether an expired prompt is followed by another; None where that was not seen.
    asks_again: bool | None = None
    #: How long the controller waits for a login window that it knows (IBC config.ini:228).
    login_window_seconds: float = 60.0
    restarts_daily: bool = False
    #: Whether user name or password is empty.
    credentials_missing: bool = False
    #: Whether the controller says what it waits for again and again, and nothing when that is over.
    repeats_waits: bool = False


@dataclass(frozen=True)
class Event:
    """Something that a line of the log says happened. A grammar makes them; `kind` is one of the names handled here."""

    kind: str
    line: int
    #: Seconds since the epoch.
    at: float | None
    #: Seconds on the log's own clock: for durations, also where the zone is unknown.
    clock: float | None
    text: str
    value: str = ""
    #: The trading mode of the instance that it must be from.
    mode: str | None = None
    title: str | None = None
    change: str | None = None
    dialog: bool = False
    #: The finding that it proves: a dialog by what it says, a process's end when nothing before it did.
    problem: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict, compare=False)
    terms: Terms | None = field(default=None, compare=False)
    #: The trading mode of the instance that wrote it, where every line says so.
    writer: str | None = None


def elapsed(earlier: Event | None, clock: float | None) -> float | None:
    """Seconds from `earlier` to `clock`; None where one of them is unknown, or the clock was put back."""
    if earlier is None or earlier.clock is None or clock is None or clock < earlier.clock:  # summer time ended
        return None
    return clock - earlier.clock


def number(text: str | None, default: float) -> float:
    """The number that `text` is, or `default` where it is none."""
    return float(text) if text and text.isdecimal() and len(text) < 7 else default
