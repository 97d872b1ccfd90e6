"""The fault matrix: what befalls a gateway, what is made of it, what is done about it, what that costs, and how it ends.

Expected is what the findings (`docs/findings/`) and the guards of recovery say, counted on the broker's side. One row, one gateway, one recover.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from simulator import conditions, faults
from simulator.conditions import Fleet

Cause = Callable[[Fleet, str], None]
#: What goes on beside a recover, begun before it; what it returns ends that.
Meanwhile = Callable[[Fleet, str], Callable[[], None]]

LIVE = {"second_factor": "push", "push_validity": 600.0}
#: A push that expires soon; the causes that use it shorten the controller's patience, too.
MISSED = {"second_factor": "push", "push_validity": 8.0}
#: A turn of the controller then takes as long as a real one (13 s in a log of 3.24.1).
REFUSED_SLOWLY = {"refused_as": "login_failed", "answer_delay": 9.0}

PERSON_READY = {"recover_person_ready": True, "recover_wait_for_person": 120}
WINDOW_OPEN = {
    "recover_reset_windows": [
        {
            "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "from": "00:00",
            "to": "00:00",
            "zone": "America/New_York",
        }
    ]
}


@dataclass(frozen=True)
class Row:
    """One fault: its cause, the finding that leads, the remedies that are tried in their order, and what is left at the end."""

    fault: str
    cause: Cause
    verdict: str
    remedies: tuple[str, ...]
    status: str
    logins: int = 0
    pushes: int = 0
    held_back_by: str = ""  # the guard that refuses
    by_itself: bool = (
        False  # it logs in again and again by itself, until that is stopped: those logins are not recover's
    )
    live: bool = False
    user: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    meanwhile: Meanwhile | None = None
    found_after: float = (
        0.0  # seconds that it is old by then: a start within two minutes looks like one by a restart policy
    )
    shows_within: float = 30.0  # seconds until the verdict is there, where silence has to last

    @property
    def slug(self) -> str:
        """The fault as a part of names."""
        return re.sub(r"[^a-z0-9]+", "-", self.fault.lower()).strip("-")


NOTHING: tuple[str, ...] = ()

# fmt: off
MATRIX = (
    # The relay
    Row("relay killed, its loop sleeps", faults.relay_killed, "relay.down", ("restart_relay",), "healthy"),
    Row("relay and its loop killed", faults.relay_and_loop_killed, "relay.down", ("restart_relay",), "healthy"),
    # The container
    Row("gateway process killed", faults.process_killed, "container.killed", ("start",), "healthy", logins=1),
    Row("gateway process of a live account killed", faults.process_of_live_killed, "container.killed", ("start",), "healthy",
        logins=1, pushes=1, live=True, user=LIVE, meanwhile=faults.phone_at_hand, settings=PERSON_READY),
    Row("container stopped by somebody", faults.stopped, "container.stopped", NOTHING, "down"),
    Row("container killed", faults.killed, "container.killed", ("start",), "healthy", logins=1),
    Row("container killed, its session still held", faults.killed_with_slot_held, "container.killed", ("start",), "waiting",
        logins=1, user={"slot_hold": 900.0}),
    Row("container killed within a reset window", faults.killed, "container.killed", NOTHING, "down",
        held_back_by="reset_window", settings=WINDOW_OPEN),
    Row("container out of memory", conditions.memory_full, "container.out_of_memory", NOTHING, "down"),
    Row("container paused", faults.paused, "container.paused", NOTHING, "down"),
    Row("container removed, not made by this collection", faults.removed, "container.missing", NOTHING, "down"),
    Row("display killed", faults.display_killed, "gateway.crashed", ("start",), "healthy", logins=1),
    Row("one half of both killed, a client on the other", faults.half_killed, "gateway.crashed", NOTHING, "down",
        held_back_by="clients", live=True, user=LIVE, shows_within=150),
    # Files and settings
    Row("settings directory not writable", conditions.settings_of_root, "config.settings_unwritable", NOTHING, "down"),
    Row("disk of the settings full", faults.disk_full, "host.disk_full", NOTHING, "down"),
    Row("secret file gone", faults.secret_gone, "config.secret_unreadable", NOTHING, "down"),
    Row("stale file of a saved session", faults.stale_session, "login.not_typed", ("restart",), "healthy",
        logins=1, shows_within=60),
    # The process
    Row("API hangs", faults.api_hung, "gateway.hung", ("restart",), "healthy", logins=1),
    Row("API hangs, command server on", faults.api_hung_with_commands, "gateway.hung", ("soft_restart",), "healthy"),
    Row("heap full", conditions.heap_full, "gateway.heap_exhausted", NOTHING, "down"),
    Row("login window unknown", conditions.login_window_unknown, "gateway.login_window_unknown", NOTHING, "down"),
    # The login
    Row("wrong password, the window stays", conditions.wrong_password, "login.credentials_rejected", NOTHING, "down"),
    Row("wrong password, tried without end", faults.wrong_password_restarted, "login.credentials_rejected",
        ("stop_to_protect_account",), "down", by_itself=True, user=REFUSED_SLOWLY),
    Row("saved session refused", faults.session_refused, "login.saved_session_refused", ("restart",), "healthy", logins=1),
    Row("saved session of a live account refused", faults.session_refused_of_live, "login.saved_session_refused",
        ("restart",), "healthy", logins=1, pushes=1, live=True, user=LIVE, meanwhile=faults.phone_at_hand, settings=PERSON_READY),
    Row("re-login refused, a client still served", faults.relogin_refused, "login.saved_session_refused", NOTHING, "down",
        held_back_by="clients"),
    Row("saved session refused just after a login elsewhere", faults.session_refused_after_other_login,
        "login.saved_session_refused", NOTHING, "down"),
    Row("login throttled", faults.throttled, "login.throttled", NOTHING, "waiting"),
    Row("login throttled, the controller will try again", faults.throttled_and_tried_again, "login.throttled",
        ("stop_to_protect_account",), "down"),
    Row("account locked", faults.locked, "login.account_locked", NOTHING, "down"),
    # Another session of the same user
    Row("existing session, action manual", faults.existing_session("manual"), "login.existing_session", NOTHING, "waiting"),
    Row("existing session, action secondary", faults.existing_session("secondary"), "login.existing_session", NOTHING, "down"),
    Row("existing session that stays, action primary", faults.existing_session("primary", stubborn=True),
        "login.existing_session", NOTHING, "down"),
    Row("existing session that yields, action primary", faults.existing_session("primary"), "", NOTHING, "healthy"),
    Row("existing session that yields, action primaryoverride", faults.existing_session("primaryoverride"), "", NOTHING, "healthy"),
    Row("session taken over", faults.taken_over, "login.taken_over", NOTHING, "down"),
    # The second factor
    Row("push not answered yet", conditions.nobody_approves, "twofa.pending", NOTHING, "waiting", live=True, user=LIVE),
    Row("push not answered yet, the person comes", conditions.nobody_approves, "twofa.pending", NOTHING, "healthy",
        live=True, user=LIVE, meanwhile=faults.person_comes, settings=PERSON_READY),
    Row("push missed", faults.push_missed, "twofa.timed_out", NOTHING, "down", live=True, user=MISSED),
    Row("push missed, the person is ready", faults.push_missed_by_somebody_ready, "twofa.timed_out", ("restart",), "healthy",
        logins=1, pushes=1, live=True, user=MISSED, meanwhile=faults.phone_at_hand, settings=PERSON_READY),
    Row("push missed five times", faults.push_asked_again, "twofa.retrying", ("stop_to_protect_account",), "down",
        by_itself=True, live=True, user=MISSED),
    Row("push refused", faults.push_refused, "twofa.login_incomplete", ("start",), "waiting",
        logins=1, pushes=1, live=True, user=LIVE, found_after=130),
    Row("push refused, the person is ready", faults.push_refused, "twofa.login_incomplete", ("start",), "healthy",
        logins=1, pushes=1, live=True, user=LIVE, meanwhile=faults.phone_at_hand, settings=PERSON_READY),
    Row("push not sent any more", faults.push_not_sent, "twofa.not_sent", ("stop_to_protect_account",), "down",
        by_itself=True, live=True, user={**MISSED, "unanswered_limit": 1}, shows_within=60),
    Row("second factor not chosen", faults.device_not_chosen, "twofa.device_not_chosen", NOTHING, "down",
        live=True, user={**LIVE, "devices": ["IB Key", "Security Code Card"]}),
    # IBKR
    Row("link to IBKR lost", conditions.link_lost, "ibkr.disconnected", NOTHING, "waiting"),
    Row("link to IBKR lost and back", faults.link_lost_and_back, "", NOTHING, "healthy"),
)
# fmt: on

#: What `make test` runs; the others are for `make test-faults`.
FIRST_OF_REMEDY = [
    row for at, row in enumerate(MATRIX) if row.remedies and row.remedies not in [each.remedies for each in MATRIX[:at]]
]
