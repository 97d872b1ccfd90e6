# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IBKR's timetable: when it resets its servers, so that a login fails and its failure counts; when it ends all sessions; when there is trade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NEW_YORK = "America/New_York"

#: What a zone raises that is none, or that a controller without time zone data does not know.
NO_ZONE = (KeyError, ValueError, OSError)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Window:
    """A time of day on some days of the week; one that ends before it begins ends on the next day."""

    days: tuple[str, ...]
    begins: time
    ends: time
    zone: str

    def until(self, now: datetime) -> datetime | None:
        """When it ends, where `now` is within it."""
        local = now.astimezone(ZoneInfo(self.zone))
        for day in (local.date() - timedelta(days=1), local.date()):
            if DAYS[day.weekday()] not in self.days:
                continue
            begins = datetime.combine(day, self.begins, local.tzinfo)
            overnight = timedelta(days=1 if self.ends <= self.begins else 0)
            ends = datetime.combine(day + overnight, self.ends, local.tzinfo)
            if begins <= local < ends:
                return ends
        return None


#: When IBKR resets its servers of North America.
RESET_WINDOWS = (
    Window(("sun", "mon", "tue", "wed", "thu", "fri"), time(0, 15), time(1, 45), NEW_YORK),
    Window(("fri",), time(23), time(3), NEW_YORK),
)

#: When the stock exchanges of the United States are open.
MARKET_HOURS = Window(DAYS[:5], time(9, 30), time(16), NEW_YORK)

#: On Sundays, in New York: when IBKR ends every saved session (IBC config.ini:612-643).
SESSIONS_END = time(1)


def occasions(at: time, zone: str, days: Iterable[str] = DAYS) -> Iterator[datetime]:
    """That time of day in `zone` on those days: in a week of winter and in one of summer."""
    for monday in (date(2026, 1, 5), date(2026, 7, 6)):
        for day in days:
            yield datetime.combine(monday + timedelta(days=DAYS.index(day)), at, ZoneInfo(zone))


def before_sessions_end(at: time, zone: str) -> bool:
    """Whether that time of a Sunday in `zone` comes, in winter or in summer, before IBKR ends the sessions."""
    return any(
        moment < datetime.combine(moment.date(), SESSIONS_END, ZoneInfo(NEW_YORK))
        for moment in occasions(at, zone, ("sun",))
    )
