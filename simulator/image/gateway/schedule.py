"""Times of day in the container's zone."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, time, timedelta

_SUNDAY = 6
_TWENTY_FOUR_HOURS = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_TWELVE_HOURS = re.compile(r"(0[0-9]|1[0-2]):([0-5][0-9]) (AM|PM)")


def time_of_day(text: str) -> time | None:
    """`hh:mm AM` or `hh:mm PM`, exactly; None for anything else."""
    if not _TWELVE_HOURS.fullmatch(text):
        return None
    try:
        return datetime.strptime(text, "%I:%M %p").time()
    except ValueError:
        return None


def time_of_24_hours(text: str) -> time | None:
    """`hh:mm`, exactly; None for anything else."""
    return time.fromisoformat(text) if _TWENTY_FOUR_HOURS.fullmatch(text) else None


def next_minute(now: datetime) -> datetime:
    """The next full minute that leaves two seconds (RestartTask.java:100-117)."""
    soon = now + timedelta(seconds=2)
    return soon.replace(second=0, microsecond=0) + timedelta(minutes=1)


def next_sunday(at: time, now: datetime) -> datetime:
    """The first moment after `now` at which it is Sunday and the clock shows `at`."""
    moment = next_moment(at, now)
    return moment + timedelta(days=(_SUNDAY - moment.weekday()) % 7)


def next_moment(at: time, now: datetime) -> datetime:
    """The first moment after `now` at which the clock shows `at`."""
    moment = now.replace(hour=at.hour, minute=at.minute, second=0, microsecond=0)
    return moment if moment > now else moment + timedelta(days=1)


async def until(moment: datetime) -> None:
    """Wait for the clock, which may be set meanwhile."""
    while (left := (moment - datetime.now()).total_seconds()) > 0:
        await asyncio.sleep(min(left, 1.0))
