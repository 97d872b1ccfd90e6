# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IBKR's timetable: when it resets its servers, so that a login fails and its failure counts; when it ends all sessions; when there is trade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.ibgw.ops.plugins.module_utils.redact import shown

NEW_YORK = "America/New_York"

#: What a zone raises that is none, or that a controller without time zone data does not know.
NO_ZONE = (KeyError, ValueError, OSError)

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Unusable(ValueError):
    """A window that makes no sense; the message says what is allowed."""


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

#: How an operator gives others.
WINDOW_KEYS = ("days", "from", "to", "zone")
WINDOW_FORM = "{days: [sun, mon], from: '00:15', to: '01:45', zone: America/New_York}"

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


def reset_windows(variables: Mapping[str, Any], whose: str = "") -> tuple[Window, ...]:
    """When IBKR resets its servers by the variable `recover_reset_windows`, else by what is known of it; raises `Unusable`."""
    if "recover_reset_windows" not in variables:
        return RESET_WINDOWS
    given, name = variables["recover_reset_windows"] or [], f"recover_reset_windows{whose}"
    if not isinstance(given, list):
        raise Unusable(f"{name} is {shown(given)}; it must be a list of entries like {WINDOW_FORM}")
    return tuple(_window(f"entry {at} of {name}", each) for at, each in enumerate(given, 1))


def _window(where: str, given: Any) -> Window:
    if not isinstance(given, Mapping) or set(given) != set(WINDOW_KEYS):
        raise Unusable(f"{where} is {shown(given)}; it must be like {WINDOW_FORM}")
    days = [str(day).lower()[:3] for day in given["days"]] if isinstance(given["days"], list) else []
    if not days or not set(days) <= set(DAYS):
        raise Unusable(f"{where} has the days {shown(given['days'])}; it must be a list of {', '.join(DAYS)}")
    try:
        ZoneInfo(str(given["zone"]))
    except NO_ZONE:
        raise Unusable(
            f"{where} has the zone {shown(given['zone'])}, which this controller does not know; it must be a name like "
            "America/New_York, and the controller needs time zone data (package tzdata)"
        ) from None
    return Window(tuple(days), _time(where, given["from"]), _time(where, given["to"]), str(given["zone"]))


def _time(where: str, given: Any) -> time:
    # YAML reads 23:00 without quotes as a number of base 60.
    text = f"{given // 60:02}:{given % 60:02}" if isinstance(given, int) and 0 <= given < 1440 else str(given)
    try:
        return datetime.strptime(text, "%H:%M").time()
    except ValueError:
        raise Unusable(f"{where} has the time {shown(given)}; it must be like '00:15'") from None


def reset_ends(windows: Iterable[Window], now: datetime) -> datetime | None:
    """When the reset that goes on is over; None where none does."""
    return max(filter(None, (each.until(now) for each in windows)), default=None)
