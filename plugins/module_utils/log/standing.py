# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a run stands, seen at a given moment: by what is on the screen, and by what silence means there.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibkr import ANSWERED, BLOCKING
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import SEEN, Event, elapsed
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK, Run, served_on, wait_over


@dataclass(frozen=True)
class Standing:
    """The state of a run and what is wrong with it."""

    state: str
    problem: str | None
    evidence: tuple[Event, ...]
    #: Seconds on the log's clock until something ends by itself: a prompt, or a wait that IBKR imposed.
    deadline: float | None = None


def standing(run: Run, now: float | None) -> Standing:
    """How `run` stands at `now` on the log's clock; `now` None: no silence is judged."""
    if served_on(run, now):
        return Standing("logged_in", None, tuple(event for event in (run.since, run.last) if event))
    problem, evidence = run.problem, tuple(run.evidence)
    if problem is None:
        problem = _open_question(run, now) or _silence(run, now)
        last = run.last if run.last and run.last.change != SEEN else None
        noted = run.heap_exhausted or run.ignored_value or blocking_window(run, now)
        begun = None if run.furthest >= RANK["logged_in"] else run.submitted or run.first
        evidence = tuple(event for event in (begun, run.since, noted or last) if event)
    if problem is None and run.previous and not _further(run, run.previous):
        problem, evidence = run.previous.problem, tuple(run.previous.evidence)
    return Standing(_state(run, now), problem, tuple(dict.fromkeys(evidence)), _deadline(run))


def _further(run: Run, failed: Run) -> bool:
    types_instead = failed.problem == "login.saved_session_refused" and run.kind == "full_login"
    return types_instead or run.furthest > failed.failed_at


def _state(run: Run, now: float | None) -> str:
    if run.state == "twofa_pending" and wait_over(run, now):
        return "loading"
    if run.state == "logged_in" and blocking_window(run, now):
        return "logged_in_blocked"
    resuming = run.kind == "saved_session" and run.attempt == "saved_session"
    if resuming and run.problem is None and RANK["jvm_starting"] < run.login_rank < RANK["logged_in"]:
        return run.state if run.state in ("login_window", "twofa_pending") else "auto_restarting"
    return run.state


def blocking_window(run: Run, now: float | None) -> Event | None:
    """The dialog that keeps clients out of a gateway that is logged in, if there is one."""
    for title, event in run.windows.items():
        open_for = elapsed(event, now)
        if title in BLOCKING or (title in ANSWERED and open_for is not None and open_for >= 5.0):
            return event
    return run.unanswered


def _open_question(run: Run, now: float | None) -> str | None:
    """What is wrong, or awaited, by what is on the screen."""
    if run.state == "twofa_pending" and wait_over(run, now):
        return "twofa.login_incomplete" if run.submitted else None
    if run.state == "twofa_pending":
        unasked = run.prompt_seen_opening and not run.prompt_complete
        if unasked and (_shown_since(run) or (elapsed(run.prompt, now) or 0.0) > 5.0):
            return "twofa.device_not_chosen"
        return "twofa.retrying" if run.retries else "twofa.pending"
    if run.state == "twofa_retrying" or (run.retries and run.login_rank < RANK["loading"]):
        return "twofa.retrying"
    if run.login_rank < RANK["logged_in"] and blocking_window(run, None) and (elapsed(run.last, now) or 0.0) > 10.0:
        return "login.dialog_blocking"
    if run.state == "login_window" and run.typed and run.terms.credentials_missing:
        return "config.credentials_missing"
    if run.state == "logged_in":
        if run.heap_exhausted:
            return "gateway.heap_exhausted"
        if blocking_window(run, now):
            return "login.dialog_blocking"
        if run.mode_refuted:
            return "config.mode_port_mismatch"
        if run.ignored_value:
            return "config.value_invalid"
    return None


def _shown_since(run: Run) -> bool:
    """Whether the prompt was named again after it opened: before that it would have been announced."""
    last = run.last
    return last is not None and last is not run.prompt and run.prompt is not None and last.title == run.prompt.title


# How long a JVM may take to show a sign of life, in seconds; a first start on a small machine takes one minute or two.
_JVM_PATIENCE = 300.0

_ENDING = ("shutting_down", "auto_restarting")

# After how many seconds of silence a state is a fault (typical times: IBC user guide, public logs).
_PATIENCE = {
    "login_window": (60.0, "login.not_submitted"),
    "submitted": (60.0, "login.not_submitted"),
    "connecting": (120.0, "login.auth_silent"),
    "authenticating": (120.0, "login.auth_silent"),
    "relogin": (120.0, "login.auth_silent"),
    "loading": (120.0, "login.auth_silent"),
    "existing_session": (5.0, "login.existing_session"),
    "shutting_down": (120.0, "gateway.hung"),
    "auto_restarting": (300.0, "gateway.hung"),
}


def _silence(run: Run, now: float | None) -> str | None:
    """What silence means in the state that the run is in."""
    silent = elapsed(run.last, now)
    if silent is None or run.over or (run.wait_until is not None and now is not None and now < run.wait_until):
        return None
    if run.terms.repeats_waits and run.submitted is None and run.state in ("connecting", "authenticating", "loading"):
        return None  # the log begins within: that can be a session which goes on
    resumed = run.attempt == "saved_session"
    if run.state == "jvm_starting":
        return "gateway.crashed" if (elapsed(run.since, now) or 0.0) > _JVM_PATIENCE else None
    if run.state == "gateway_starting":
        if resumed:  # no time-out of the controller's own applies (IBC SessionManager.java:60-73)
            return "login.not_typed" if silent > 300.0 else None
        shown_for = elapsed(run.gateway_frame, now) or 0.0
        patience = run.terms.login_window_seconds + 30.0
        return "gateway.login_window_unknown" if shown_for > 15.0 or silent > patience else None
    if run.state == "login_window" and resumed and silent > 15.0:
        return "login.not_typed"
    if run.state == "login_window" and run.typed and silent > 10.0:
        return "config.credentials_missing"
    if run.state in _ENDING and run.code is not None:  # it said how it ends
        return None
    patience, problem = _PATIENCE.get(run.state, (0.0, None))
    if problem is None or silent <= patience:
        return None
    if run.state not in ("existing_session", *_ENDING) and any("Configuration" not in title for title in run.windows):
        return "login.dialog_blocking"
    if run.state == "loading" and (run.prompts or run.answered):
        return "twofa.login_incomplete"
    return problem


def _deadline(run: Run) -> float | None:
    counted_from = run.prompt if run.terms.from_prompt else run.submitted
    asked = run.wait_until is None and run.state == "twofa_pending"
    if asked and counted_from and counted_from.clock is not None:
        return counted_from.clock + run.terms.second_factor_seconds
    return run.wait_until
