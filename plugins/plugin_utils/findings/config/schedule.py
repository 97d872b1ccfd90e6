# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When the gateway restarts, logs off and logs in anew, and what goes on in New York at that hour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import time
from zoneinfo import ZoneInfo

from ansible_collections.ibgw.ops.plugins.module_utils.families.forms import CLOCK_12H
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, InEffect
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.config.written import (
    NOT_TOLD,
    change_of,
    of_no_live_account,
    unread,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CREATE_AT_A_GOOD_TIME,
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import (
    DAYS,
    MARKET_HOURS,
    NEW_YORK,
    NO_ZONE,
    before_sessions_end,
    occasions,
    reset_ends,
)


@finding(
    "config.auto_restart_unset",
    severity="advice",
    remedy="ask_person",
    title="The gateway ends its session every day",
    meaning=(
        "A gateway without a daily restart of its own logs off every day. The next login is a full one, for a live account with a second"
        " factor, and nobody brings it back but a restart policy or a person. Its own restart (AUTO_RESTART_TIME) keeps the session until"
        " the coming Sunday 01:00 in New York. A time that is not of the form 11:59 PM, with one blank and no quotes, is ignored; of two,"
        " the restart goes before the logoff."
    ),
    fix=(
        "Set AUTO_RESTART_TIME='10:30 PM' (in the container's time zone), outside trading and IBKR's reset hours, and create the container"
        " anew at a time when a full login fits.",
        "The price: about a minute without the API each day, and clients have to connect again. Where IBKR refuses the saved session again"
        " and again, AUTO_LOGOFF_TIME with a restart policy is the other way: a full login each day.",
    ),
    audits="The gateway restarts itself daily, which keeps its session.",
)
def auto_restart_unset(case: Case) -> Answer:
    if case.endpoint != "live":
        return of_no_live_account(case, "a paper login has no second factor, so that a new one each day needs nobody")
    if case.of_controller("ibga"):
        hour = case.in_effect("", "IB_LOGOFF")
        return Passed("its image always restarts the gateway daily", (hour.shown,) if hour else ())
    restart = case.in_effect("AutoRestartTime", "AUTO_RESTART_TIME")
    logoff = case.in_effect("AutoLogoffTime", "AUTO_LOGOFF_TIME")
    if restart is None:
        return NotKnown(NOT_TOLD)
    evidence = (
        restart.shown,
        *((logoff.shown,) if logoff and logoff.value else ()),
        *unread(case, "AUTO_RESTART_TIME"),
        *unread(case, "AUTO_LOGOFF_TIME"),
    )
    ignored = _not_applied(case, restart.value)
    if restart.value and not ignored:
        beside = f"; the logoff at {logoff.value} beside it has no effect" if logoff and logoff.value else ""
        return Passed(f"it restarts itself daily at {restart.value}{beside}", evidence)
    zone = _zone(case)
    change = _moved(case, "daily_restart", zone.value if zone else "Etc/UTC")
    if ignored:
        return Proof(f"the daily restart at {restart.value} is ignored: {ignored}", evidence, change=change)
    if case.run.run_kind == "saved_session":
        return Passed("nothing sets it, and the gateway has restarted itself: its settings directory has it", evidence)
    when = f"at {logoff.value}" if logoff and logoff.value else "at the time in its settings directory"
    return Proof(f"it logs off daily {when}, and the next login is a full one", evidence, change=change)


def _not_applied(case: Case, at: str) -> str:
    """Why a time of day of the restart has no effect; empty where it has, or where there is none."""
    known = case.family.variables.get(case.own_name("AUTO_RESTART_TIME") or "") if case.family else None
    form = known.form if known else CLOCK_12H
    return "" if not at or form.takes(at) else f"allowed is {form.allowed}"


def _of_12_hours(text: str) -> time | None:
    """A time of day as the daily ones are written; where the gateway's window stays at PM, it may lack that."""
    found = re.fullmatch(r"(?i)(0?[1-9]|1[0-2]):([0-5]\d)(?: ?([AP])M)?", text)
    return time(int(found[1]) % 12 + 12 * (found[3] not in ("A", "a")), int(found[2])) if found else None


@finding(
    "config.cold_restart_early",
    severity="advice",
    remedy="ask_person",
    title="The weekly cold restart does not do what it is for",
    meaning=(
        "IBKR ends every saved session on Sunday at 01:00 in New York. A cold restart (TWS_COLD_RESTART, Sundays, in the container's time"
        " zone) puts the full login of the week at an hour when somebody has the phone. Before that hour it is undone by it, and there are"
        " two full logins instead of one. IBC 3.19 and 3.20 shut down for it and do not come back; for ibg-controller TWS_COLD_RESTART is a"
        " switch with another meaning."
    ),
    fix=(
        "Set TWS_COLD_RESTART to an hour of Sunday after 01:00 in New York at which somebody has the phone.",
        CREATE_AT_A_GOOD_TIME,
    ),
    audits="A weekly cold restart comes after IBKR has ended the sessions.",
)
def cold_restart_early(case: Case) -> Answer:
    if case.of_controller("ibg-controller"):
        return _switch_of_another_meaning(case)
    setting = case.in_effect("ColdRestartTime", "TWS_COLD_RESTART")
    if setting is None and case.in_effect("AutoRestartTime", "AUTO_RESTART_TIME") is None:
        return NotKnown(NOT_TOLD)
    if setting is None or not setting.value:
        return NotApplicable(
            "none is set: the full login of the week comes with the first restart after Sunday 01:00 in New York"
        )
    version = (case.log.controller.version if case.log else None) or ""
    if case.of_controller("ibc") and re.match(r"3\.(19|20)\.", version):  # IBC e11aa0a, issues 273 and 299
        summary = f"IBC {version} shuts down for its cold restart and does not come back; 3.21.0 does"
        return Proof(summary, (setting.shown,), ("Take a newer image, or take TWS_COLD_RESTART away.",))
    zone, at = _zone(case), _of_24_hours(setting.value)
    if zone is None or at is None:
        return NotKnown(
            "its hour or the container's time zone is not known" if at else f"{setting.value} is no time of day"
        )
    return _judged_on_sunday(case, setting, at, zone)


def _judged_on_sunday(case: Case, setting: InEffect, at: time, zone: InEffect) -> Answer:
    evidence = (setting.shown, zone.shown)
    try:
        early, there = before_sessions_end(at, zone.value), _in_new_york(at, zone.value, ("sun",))
    except NO_ZONE:
        return NotKnown(_no_such_zone(zone.value))
    said = f"on Sundays at {setting.value} in {zone.value}, in New York {there}"
    if early:
        change = _moved(case, "weekly_cold_restart", zone.value, ("sun",))
        summary = f"{said}: before 01:00 in New York, when IBKR ends all sessions"
        return Proof(summary, evidence, change=change)
    return Passed(f"{said}: after IBKR has ended the sessions", evidence)


def _switch_of_another_meaning(case: Case) -> Answer:
    given = case.variable("TWS_COLD_RESTART")
    if _of_24_hours(given) is None:
        return NotApplicable("its controller has no weekly cold restart")
    return Proof(
        f"TWS_COLD_RESTART={given} sets no hour: there it is a switch, whether to leave the saved state unused",
        (case.quote("health", f"TWS_COLD_RESTART={given}"),),
        ("Take TWS_COLD_RESTART away: its controller has no weekly cold restart.",),
        change=Change("no TWS_COLD_RESTART"),
    )


@finding(
    "config.timezone_mismatch",
    severity="advice",
    remedy="ask_person",
    title="A restart or logoff is at a bad hour of New York",
    meaning=(
        "The times of restart, logoff and cold restart are in the container's time zone (TZ; UTC unless set), whatever was meant: TIME_ZONE"
        " is only what new settings (jts.ini) get, and settings that exist keep what they have. 02:00 AM in UTC is 21:00 or 22:00 in New"
        " York, before IBKR's nightly reset and not after it. Within the reset a login fails, and the failure counts; within market hours"
        " clients are cut off while they trade."
    ),
    fix=(
        "Set TZ to the zone that is meant, TIME_ZONE to the same, or move the time; the evidence has both. Then create the container anew at"
        " a time when a full login fits.",
        "TIME_ZONE counts for new settings only: in those that are kept, correct TimeZone in the section Logon of jts.ini while it is stopped.",
        "Where that hour is meant (another market, no trade then), accept this row with the reason.",
    ),
    audits="Restart and logoff are outside of trading and of IBKR's reset hours.",
)
def timezone_mismatch(case: Case) -> Answer:
    times = list(_scheduled(case))
    if not times:
        told = case.in_effect("AutoRestartTime", "AUTO_RESTART_TIME") or case.of_controller("ibga")
        return NotApplicable("no restart, logoff or cold restart is set") if told else NotKnown(NOT_TOLD)
    zone = _zone(case)
    if zone is None:
        return NotKnown("the container's time zone was not seen")
    try:
        return _of_another_zone(case, zone) or _at_their_hours(case, times, zone)
    except NO_ZONE:
        return NotKnown(_no_such_zone(zone.value))


def _scheduled(case: Case) -> Iterator[tuple[str, time, tuple[str, ...], InEffect]]:
    """What is set: the word of the inventory, the time of day, the days, and what shows it."""
    restart = case.in_effect("AutoRestartTime", "IB_LOGOFF" if case.of_controller("ibga") else "AUTO_RESTART_TIME")
    word, daily = "daily_restart", restart
    if not (restart and restart.value):
        word, daily = "daily_logoff", case.in_effect("AutoLogoffTime", "AUTO_LOGOFF_TIME")
    at = _of_12_hours(daily.value) if daily and not _not_applied(case, daily.value) else None
    if daily and at:
        yield word, at, DAYS, daily
    cold = None if case.of_controller("ibg-controller") else case.in_effect("ColdRestartTime", "TWS_COLD_RESTART")
    at = _of_24_hours(cold.value) if cold else None
    if cold and at:
        yield "weekly_cold_restart", at, ("sun",), cold


def _of_another_zone(case: Case, zone: InEffect) -> Proof | None:
    """The zone that somebody set is not the one in which the times count."""
    for name in ("TZ", "TIME_ZONE") if _zone_variable(case) == "TZ" else ():
        meant = case.variable(name)
        if meant and not _alike(meant, zone.value):
            return Proof(
                f"{name}={meant} is set, and the times count in {zone.value}",
                (case.quote("health", f"{name}={meant}"), zone.shown),
                change=change_of(case, "time_zone", meant) if name == "TIME_ZONE" else None,
            )
    return None


def _zone_variable(case: Case) -> str:
    return (case.family.variable("time_zone") if case.family else None) or "TZ"


def _alike(one: str, other: str) -> bool:
    """Whether two zones tell the same time; one that nobody knows tells none."""
    try:
        return all(
            a.utcoffset() == b.utcoffset()
            for a, b in zip(occasions(time(), one), occasions(time(), other), strict=True)
        )
    except NO_ZONE:
        return one == other


def _at_their_hours(
    case: Case, times: Iterable[tuple[str, time, tuple[str, ...], InEffect]], zone: InEffect
) -> Proof | Passed:
    said: list[str] = []
    quotes = [zone.shown]
    for word, at, days, setting in times:
        what = f"the {word.replace('_', ' ')} at {setting.value} in {zone.value} is {_in_new_york(at, zone.value, days)} in New York"
        quotes.insert(-1, setting.shown)
        into = _falls_into(case, at, zone.value, days)
        if into:
            return Proof(f"{what}, {into}", (setting.shown, zone.shown), change=_moved(case, word, zone.value, days))
        said.append(what)
    return Passed("; ".join(said), tuple(quotes))


def _falls_into(case: Case, at: time, zone: str, days: tuple[str, ...]) -> str:
    """What is going on then, in New York, on one of those days at least."""
    moments = list(occasions(at, zone, days))
    if any(reset_ends(case.reset_windows, moment) for moment in moments):
        return "within the hours in which IBKR resets its servers"
    return "while the market is open" if any(map(MARKET_HOURS.until, moments)) else ""


def _moved(case: Case, word: str, zone: str, days: tuple[str, ...] = DAYS) -> Change | None:
    """The same at an hour at which nothing goes on: for a daily restart late, for a weekly login while somebody is awake."""
    hours = [time(hour, 30) for hour in (range(22, 11, -1) if days == DAYS else range(14, 23))]
    try:
        free = [hour for hour in hours if not _falls_into(case, hour, zone, days)]
        free = free if days == DAYS else [hour for hour in free if not before_sessions_end(hour, zone)]
    except NO_ZONE:
        free = hours
    return change_of(case, word, f"{free[0]:%H:%M}") if free else None


def _in_new_york(at: time, zone: str, days: tuple[str, ...]) -> str:
    """The hour there, or both where summer time begins on other days or not at all."""
    there = sorted({f"{moment.astimezone(ZoneInfo(NEW_YORK)):%H:%M}" for moment in occasions(at, zone, days)})
    return " or ".join(there)


def _zone(case: Case) -> InEffect | None:
    """The time zone in which the container's times of day count: the Java machine's own word first."""
    name = _zone_variable(case)
    told = case.log.time_zone if case.log else None
    if told and name == "TZ":
        return InEffect(told, case.quote("log", f"user.timezone = {told}"))
    if not case.gateway.container.id:
        return None
    if value := case.variable(name):
        # ibga's has blanks, and its shell puts the underscores in (ibga manager.sh).
        return InEffect(value.replace(" ", "_"), case.quote("health", f"{name}={value}"))
    if any(mount.target in ("/etc/localtime", "/etc/timezone") for mount in case.gateway.container.mounts):
        return None
    return InEffect("Etc/UTC", case.quote("health", f"{name} is not set, which is UTC"))


def _no_such_zone(name: str) -> str:
    return f"this controller does not know the time zone {name}; if it is none of its making, it lacks time zone data (package tzdata)"


def _of_24_hours(text: str) -> time | None:
    return time.fromisoformat(f"{text:0>5}") if re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", text) else None


@finding(
    "config.time_zone_kept",
    severity="advice",
    remedy="ask_person",
    title="The settings keep another time zone than the one that is set",
    meaning=(
        "TIME_ZONE is written into the gateway's settings (jts.ini) when they are made, and never again: settings that are kept, in a volume,"
        " keep the zone that they have, and the start script says only that the file exists (gnzsnz common.sh:29-35). A zone that was changed"
        " is then not taken over, and the gateway tells its clients times in the old one. TZ, in which restarts are due, is another matter."
    ),
    fix=(
        "Stop it: docker stop -t 90 {name}",
        "Set TimeZone in the section Logon of jts.ini, in its settings directory, to the zone that is meant; the gateway writes the file while it"
        " runs.",
        "Then start it at a time when a full login fits: docker start {name}",
    ),
    audits="The settings have the time zone that is set.",
)
def time_zone_kept(case: Case) -> Answer:
    container, meant = case.gateway.container, case.variable("TIME_ZONE")
    if case.family is None or not case.family.reads("TIME_ZONE", container.environment):
        return NotApplicable("its image writes no time zone into the settings")
    if "TIME_ZONE" not in case.variables_given:
        return NotApplicable("TIME_ZONE is not set for it")
    kept = [(one, one.time_zone) for one in case.of_endpoint(container.settings) if one.time_zone]
    if not kept:
        return NotKnown("the time zone in its settings was not seen")
    for directory, zone in kept:
        if not _alike(meant, zone):
            return Proof(
                f"TIME_ZONE={meant} is set, and the settings keep {zone}",
                (case.quote("health", f"{directory.path}/jts.ini: TimeZone={zone}"),),
            )
    return Passed(f"TIME_ZONE={meant} is what the settings have")
