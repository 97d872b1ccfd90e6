# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Points in time as results carry them: ISO 8601 in UTC, whole seconds.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:[.,](\d+))?(?:Z|([+-])(\d\d):?([0-5]\d))"
)

#: The first second that no calendar here has, of the year 10000.
_NO_MORE_DATES = 253402300800


def iso(seconds: float) -> str:
    """Seconds since the epoch as ``2026-01-31T12:00:00Z``."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat().replace("+00:00", "Z")


def epoch(text: object) -> float | None:
    """Seconds since the epoch of a time as RFC 3339 has it, or journald; None for an engine's zero time (year 1) and for what is none."""
    found = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1].startswith("0001-"):
        return None
    day, hour, minute, second, fraction, sign, off_hours, off_minutes = found.groups()
    midnight = _midnight(day)
    if midnight is None:
        return None
    seconds = midnight + int(hour) * 3600 + int(minute) * 60 + int(second)
    if sign:
        seconds -= (int(off_hours) * 3600 + int(off_minutes) * 60) * (1 if sign == "+" else -1)
    return seconds + float(f"0.{fraction or 0}") if seconds < _NO_MORE_DATES else None


@lru_cache(maxsize=64)
def _midnight(day: str) -> float | None:
    """When a day begins in UTC; logs have many lines of the same."""
    try:
        return datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()
    except (ValueError, OverflowError):
        return None


def utc(text: object) -> str | None:
    """An engine's RFC 3339 time as results carry it."""
    seconds = epoch(text)
    return None if seconds is None else iso(seconds)
