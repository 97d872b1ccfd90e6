# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IBKR behind the gateway: links, data, and its own timetable."""

from __future__ import annotations

from datetime import timezone

from ansible_collections.ibgw.ops.plugins.module_utils.api.wire import FARM_DOWN, IBKR_BACK, IBKR_LOST
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import countdown, next_forced_login
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, finding

#: Notices that only a link to IBKR brings.
LINKED = (*IBKR_BACK, *FARM_DOWN.values())


@finding(
    "ibkr.disconnected",
    severity="waiting",
    remedy="wait",
    title="The gateway has lost its link to IBKR",
    meaning=(
        "The gateway is logged in and its API answers, but the link to IBKR's servers is down. It reconnects by itself. During IBKR's"
        " nightly and weekend resets this is normal; at other times look at the machine's network."
    ),
    fix=(
        "Leave it running: it reconnects by itself and keeps the session.",
        "If it lasts, look at the machine's network and at IBKR's system status page.",
    ),
    explains=("ibkr.data_farm_down", "ibkr.account_silent", "container.unhealthy"),
    remedy_reason="the gateway reconnects by itself and keeps the session",
)
def disconnected(case: Case) -> Proof | None:
    # Account values can come out of the gateway's memory: that they came does not bring the link back.
    away = case.api.outcome == "ready_ibkr_away" or case.api.problem == "ibkr.disconnected"
    # Without a link a gateway still answers with order id and accounts: only what came from IBKR outweighs the log.
    linked = case.api.outcome == "account_ok" or any(note.code in LINKED for note in case.api.notices)
    lost = case.state == "connection_lost" and not linked
    if not away and not lost:
        return None
    notices = tuple(
        case.quote("api", f"{note.code} {note.text}", note.at) for note in case.api.notices if note.code in IBKR_LOST
    )
    since = moment(case.run.since) if lost else None
    lasting = f", since {since:%H:%M:%S} UTC ({countdown((case.now - since).total_seconds())})" if since else ""
    return Proof(
        f"the gateway has lost its link to IBKR{lasting}",
        notices + (case.log_quotes() if lost else ()),
        since=case.run.since if lost else None,
    )


@finding(
    "ibkr.data_farm_down",
    severity="degraded",
    remedy="wait",
    title="A data connection to IBKR is down",
    meaning="The gateway reports a market data, history or contract farm as broken, and has not reported it well again. It reconnects by itself.",
    fix=("Leave it running; if it lasts beyond IBKR's reset hours, look at IBKR's system status page.",),
    remedy_reason="the gateway reconnects by itself",
)
def data_farm_down(case: Case) -> Proof | None:
    broken = {}
    for note in case.api.notices:
        farm = (note.text or "").rpartition(":")[2]
        if note.code in FARM_DOWN:
            broken[(FARM_DOWN[note.code], farm)] = note
        elif note.code is not None:
            broken.pop((note.code, farm), None)
    if not case.served or not broken:
        return None
    quotes = tuple(case.quote("api", f"{note.code} {note.text}", note.at) for note in broken.values())
    return Proof(f"{len(broken)} data connection{'s' * (len(broken) > 1)} to IBKR down", quotes)


@finding(
    "ibkr.account_silent",
    severity="degraded",
    remedy="wait",
    title="Account values never come",
    meaning=(
        "The API is ready, and IBKR sends no values of the account. A gateway that was logged out upstream still looks connected; with"
        " several accounts a single one without data does the same."
    ),
    fix=(
        "Diagnose again in some minutes.",
        "If it stays outside IBKR's reset hours, restart once when clients may be cut: docker restart -t 90 {name} (a full login).",
    ),
    remedy_reason="it often comes back by itself; a restart costs a login",
    next_command="ansible-playbook ibgw.ops.diagnose -e diagnose_only={machine}/{name} -e diagnose_depth=account",
)
def account_silent(case: Case) -> Proof | None:
    if case.api.outcome != "account_silent":
        return None
    return Proof("the API is ready, account values never come", case.api_quotes())


@finding(
    "ibkr.reset_window",
    severity="note",
    remedy="none",
    title="IBKR resets its servers now",
    meaning=(
        "IBKR resets its servers every night, and for longer at the weekend. In these hours links are lost and logins fail, and each that"
        " fails counts. A gateway that was logged in comes back by itself. The hours are those of recover_reset_windows, by default those of"
        " North America; within them nothing is done that costs a login. It is told of a gateway that is not healthy, and changes no status."
    ),
    fix=("Wait until the window is over with everything that logs in. What is still wrong then has another cause.",),
)
def reset_window(case: Case) -> Proof | None:
    looked = case.saved_log or case.health.available
    ends = case.reset_until if looked and not case.proven_healthy else None
    if ends is None:
        return None
    until = f"about {ends:%H:%M %Z} ({ends.astimezone(timezone.utc):%H:%M} UTC)"
    return Proof(
        f"inside IBKR's reset window, until {until}",
        fix=(f"Make no login before {until}: IBKR resets its servers, and a login that fails counts.",),
        deadline=stamp(ends),
    )


@finding(
    "ibkr.weekly_login_due",
    severity="note",
    remedy="none",
    title="The next full login is known",
    meaning=(
        "IBKR ends every saved session on Sunday at 01:00 New York time. The first restart after that needs a full login, for a live"
        " account with a second factor. Plan it for an hour at which somebody has the phone."
    ),
    fix=("Have somebody with the phone ready at that time, or set TWS_COLD_RESTART to a waking hour on Sunday.",),
)
def weekly_login_due(case: Case) -> Proof | None:
    forced = next_forced_login(case)
    if forced is None:
        return None
    left = (forced - case.now).total_seconds()
    when = f"in {countdown(left)}" if left > 0 else "due at the next restart"
    last = case.log.history.last_full_login_at if case.log else None
    return Proof(f"next full login {when}", (case.quote("log", f"last full login {last}"),), deadline=stamp(forced))
