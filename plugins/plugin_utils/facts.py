# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is worth showing beside a verdict: since when, until when, how often."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import LOGGED_IN, Case, moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import NEW_YORK, SESSIONS_END


def facts_of(case: Case, halves: Iterable[Case] = ()) -> dict[str, object]:
    """The facts of one gateway, null where not known: those of one of its endpoints, and the next forced login of whichever has one."""
    container, log = case.gateway.container, case.log
    forced = next(filter(None, map(next_forced_login, (case, *halves))), None)
    return {
        "image": container.image,
        "started_at": container.started_at,
        "started_by": _started_by(case),
        **_restarted_inside(case),
        "exit_code": container.exit_code if case.ended else None,
        "restart_count": container.restart_count,
        "controller": " ".join(filter(None, (log.controller.name, log.controller.version))) or None if log else None,
        "gateway_version": log.gateway_version if log else None,
        "login_state": case.run.state,
        "logged_in_since": logged_in_since(case),
        "next_forced_login": stamp(forced) if forced else None,
        "login_attempts_last_hour": log.history.login_attempts_last_hour if log else None,
        "api_ms": case.api.total_ms,
        "api_server_version": case.api.server_version,
        "accounts": list(case.api.accounts),
        "positions": case.api.account.positions,
        "open_orders": case.api.account.open_orders,
    }


def _started_by(case: Case) -> str | None:
    """Who started the container last, where that is proven and Docker still tells of it."""
    starts = [event for event in case.gateway.events if event.action == "start"]
    return starts[-1].who if starts else None


#: Who starts Java again inside a container, by the kind of its run: only the gateway's own daily restart keeps the session.
RESTARTED_BY = {"saved_session": "its own daily restart", "full_login": "its controller"}


def _restarted_inside(case: Case) -> dict[str, object]:
    """When and by whom the gateway was started again in the container since that was started, which no count of Docker's shows."""
    container = moment(case.gateway.container.started_at)
    begun = [moment(process.started_at) for process in case.gateway.processes if process.role == "gateway"]
    newest = max((at for at in begun if at), default=moment(case.run.run_started_at) if case.running else None)
    usual = timedelta(seconds=case.family.start_seconds if case.family else 300)
    again = newest is not None and container is not None and newest - container > usual
    return {
        "restarted_inside_at": stamp(newest) if again and newest else None,
        "restarted_inside_by": RESTARTED_BY.get(case.run.run_kind or "") if again else None,
    }


def logged_in_since(case: Case) -> str | None:
    """When the login that lasts now was completed."""
    if not (case.alive and case.log and case.run.state in LOGGED_IN):
        return None
    return case.log.history.last_login_at or case.run.since


def next_forced_login(case: Case) -> datetime | None:
    """When IBKR ends the session for good: the first Sunday 01:00 in New York after the last full login.

    Only for a live gateway that restarts itself daily; without that it logs off every day (ibkrguides.com auto-restart
    considerations; IBC config.ini:612-643).
    """
    restarts_daily = bool(case.setting("AutoRestartTime", "AUTO_RESTART_TIME"))
    if case.endpoint != "live" or not restarts_daily or case.log is None or logged_in_since(case) is None:
        return None
    last_full_login = moment(case.log.history.last_full_login_at)
    if last_full_login is None:
        return None
    try:
        local = last_full_login.astimezone(ZoneInfo(NEW_YORK))
    except ZoneInfoNotFoundError:  # a controller without time zone data
        return None
    sunday = datetime.combine(local.date() + timedelta(days=(6 - local.weekday()) % 7), SESSIONS_END, local.tzinfo)
    return sunday if sunday > local else sunday + timedelta(days=7)


def countdown(seconds: float) -> str:
    """A duration for a person: minutes and seconds below an hour, else days, hours and minutes."""
    left = int(max(seconds, 0))
    if left < 3600:
        return f"{left // 60}:{left % 60:02} min"
    days, rest = divmod(left, 86400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    return " ".join(part for part in (f"{days} d" if days else "", f"{hours} h", f"{minutes} min") if part)
