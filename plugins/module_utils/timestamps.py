# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Points in time as results carry them: ISO 8601 in UTC, whole seconds.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:[.,](\d+))?(?:Z|([+-]\d\d):?(\d\d))")


def iso(seconds: float) -> str:
    """Seconds since the epoch as ``2026-01-31T12:00:00Z``."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat().replace("+00:00", "Z")


def epoch(text: object) -> float | None:
    """Seconds since the epoch of a time as RFC 3339 has it, or journald; None for an engine's zero time (year 1) and for what is none."""
    found = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if found is None or found[1].startswith("0001-"):
        return None
    moment, fraction, hours, minutes = found.groups()
    try:
        seconds = (
            datetime.fromisoformat(f"{moment}{hours or '+00'}:{minutes or '00'}").astimezone(timezone.utc).timestamp()
        )
    except (ValueError, OverflowError):
        return None
    return seconds + float(f"0.{fraction or 0}")


def utc(text: object) -> str | None:
    """An engine's RFC 3339 time as results carry it."""
    seconds = epoch(text)
    return None if seconds is None else iso(seconds)
