# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each event does to a run.

Nothing crosses from one run into the next; what was resolved later in a run does not count; a refused login is judged by the attempt
that it answers: typed, on a saved session, or a re-login. What silence means is in `standing`.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.log.event import (
    CLOSED,
    OPENED,
    Event,
    elapsed,
    number,
)
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK, Looks, Run, served_on

_LOGGED_IN = ("logged_in", "connection_lost")
_OVER = ("shutting_down", "auto_restarting", "cold_restarting", "ended")
_REFUSALS = ("login.saved_session_refused", "login.credentials_rejected")

# So often another session is thrown out in one login before it is clear that it does not go.
_KICKS = 10

# A run that ended for one of these is not continued by the next: nothing had failed at the login.
_NOT_FAILED = frozenset({None, "container.stopped", "gateway.stopped_by_schedule", "ibkr.disconnected"})

# What a login that goes on has overcome.
_HELD_UP = frozenset(
    {"login.server_unreachable", "login.existing_session", "twofa.device_not_chosen", "ibkr.disconnected"}
)

_HALF_A_DAY = 43200.0

# So often the login form comes back without a word before it is a loop.
_ROUNDS = 2

# A restart policy waits up to a minute between its turns (Docker run reference, --restart).
_POLICY_SECONDS = 120.0

# Events that say it all.
_PROBLEMS = {
    "mode_invalid": "config.trading_mode_invalid",
    "credentials_conflict": "config.credentials_conflict",
    "secret_unreadable": "config.secret_unreadable",
    "settings_unwritable": "config.settings_unwritable",
    "file_missing": "config.file_missing",
    "value_refused": "config.value_invalid",
    "disk_full": "host.disk_full",
    "display_missing": "gateway.display_missing",
    "install_broken": "gateway.install_broken",
    "heap_invalid": "config.heap_invalid",
    "nofile_unlimited": "config.nofile_unlimited",
    "jvm_crashed": "gateway.crashed",
    "login_window_timeout": "gateway.login_window_unknown",
    "login_window_lost": "gateway.login_window_unknown",
    "device_not_chosen": "twofa.device_not_chosen",
    "code_required": "twofa.code_required",
    "browser_missing": "twofa.code_required",
    "session_asked": "login.existing_session",
    "session_yielded": "login.existing_session",
    "session_taken": "login.taken_over",
    "relogin_asked": "login.dialog_blocking",
    "server_unavailable": "login.server_unreachable",
    "auth_timed_out": "login.auth_silent",
    "token_expired": "login.saved_session_refused",
    "question_ignored": "login.dialog_blocking",
    "api_closed": "api.not_listening",
}


def take(run: Run, event: Event) -> None:
    """Let `event` happen to `run`."""
    if served_on(run, event.clock):
        run.recover()
        run.enter("logged_in", run.last or event)
    run.last = event
    if event.mode:
        run.name_mode(event.mode, event.kind in ("mode_set", "login_clicked"))
    if event.title is not None and not run.change_windows(event):
        return
    if event.kind in _PROBLEMS and run.state not in _OVER:
        run.fail(_PROBLEMS[event.kind], event)
    handler = _HANDLERS.get(event.kind)
    if handler:
        handler(run, event)


def looks_after(run: Run, event: Event) -> Looks:
    """How `run` would look if `event` were its own."""
    likewise = copy(run)
    likewise.windows, likewise.left = dict(run.windows), dict(run.left)
    take(likewise, event)
    return likewise.looks


# What an event does to a run.


def _session_full(run: Run, event: Event) -> None:
    run.kind = "full_login"
    run.enter("gateway_starting", event)


def _session_saved(run: Run, event: Event) -> None:
    run.kind, run.attempt = "saved_session", "saved_session"
    run.enter("gateway_starting", event)


def _gateway_called(run: Run, event: Event) -> None:
    if run.login_rank < RANK["gateway_starting"]:
        run.enter("gateway_starting", event)


def _typing_skipped(run: Run, event: Event) -> None:
    run.kind, run.attempt = "saved_session", "saved_session"
    _gateway_called(run, event)


def _gateway_shown(run: Run, event: Event) -> None:
    if run.state in ("unknown", "gateway_starting") and event.change == OPENED:
        run.gateway_frame = event


def _login_window(run: Run, event: Event) -> None:
    form_came_back = run.attempt == "saved_session" and run.state in ("connecting", "authenticating")
    if run.login_rank < RANK["login_window"] or form_came_back:
        run.enter("login_window", event)


def _typed(run: Run, event: Event) -> None:
    run.typed, run.attempt = event, "typed"
    if run.state not in ("login_window", "twofa_retrying", "throttled"):
        run.enter("login_window", event)


def _login_attempt(run: Run, event: Event) -> None:
    run.recover()
    run.code = None
    run.attempt, run.submitted, run.wait_until = "typed", event, None
    run.enter("submitted", event)


def _login_clicked(run: Run, event: Event) -> None:
    if run.state != "submitted":  # up to 3.13.0 the attempt is not written down
        _login_attempt(run, event)
    run.submitted = event


def _connecting(run: Run, event: Event) -> None:
    if run.state in _OVER or event.change != OPENED:
        return
    if run.state in _LOGGED_IN:
        run.enter("connection_lost", event)
        run.fail("ibkr.disconnected", event)
    elif run.state != "relogin" and run.login_rank < RANK["twofa_pending"]:
        run.enter("connecting", event)
    if run.state == "connecting" and event.value.isdecimal() and int(event.value) > 1:
        run.fail("login.server_unreachable", event)


def _authenticating(run: Run, event: Event) -> None:
    if event.change == OPENED and run.login_rank < RANK["twofa_pending"]:
        _progress(run)
        run.enter("authenticating", event)


def _loading(run: Run, event: Event) -> None:
    if run.terms.repeats_waits and run.furthest >= RANK["logged_in"]:  # nothing more is said of a session that goes on
        run.recover()
        run.enter("logged_in", event)
    if run.login_rank < RANK["logged_in"] and run.state != "unknown":
        _progress(run)
        if run.problem == "twofa.code_required":
            run.recover()  # the code was right at last
        run.enter("loading", event)


def _login_step(run: Run, event: Event) -> None:
    """A step of the login, `value`, as a controller tells it that never tells when the link to IBKR is back."""
    if RANK["unknown"] < run.login_rank < RANK[event.value]:
        _progress(run)
        run.enter(event.value, event)


def _progress(run: Run) -> None:
    """The login went on: what held it up is over."""
    if run.problem in _HELD_UP:
        run.recover()


def _splash_shown(run: Run, event: Event) -> None:
    """The gateway took the login, whatever its splash says."""
    if run.state == "submitted":
        run.enter("connecting", event)


def _twofa_opened(run: Run, event: Event) -> None:
    if run.state in _OVER:
        return
    _progress(run)
    run.prompt, run.prompt_complete, run.prompt_seen_opening = event, False, event.change == OPENED
    run.enter("twofa_pending", event)


def _twofa_initiated(run: Run, event: Event) -> None:
    if run.state != "twofa_pending":
        _twofa_opened(run, event)
    if run.problem == "twofa.device_not_chosen":
        run.recover()
    run.prompt, run.prompt_complete = run.prompt or event, True
    run.prompts += 1


def _twofa_open(run: Run, event: Event) -> None:
    """The prompt is still there."""
    if run.state not in ("device_choice", *_OVER):
        run.enter("twofa_pending", event)


def _device_chosen(run: Run, event: Event) -> None:
    if run.state == "device_choice":
        _progress(run)
        run.enter("twofa_pending", event)


def _twofa_closed(run: Run, event: Event) -> None:
    if run.state not in ("twofa_pending", "device_choice"):
        return
    shown = elapsed(run.prompt, event.clock)
    if run.prompt_complete and shown is not None and shown < 2.0:
        run.refused_prompts += 1
    if run.problem in ("twofa.code_required", "twofa.device_not_chosen"):
        run.recover()
    run.enter("loading" if run.prompt_complete else "authenticating", event)
    if run.refused_prompts > 1:
        run.fail("twofa.not_sent", event)


def _wait_announced(run: Run, event: Event) -> None:
    seconds = number(event.value, 0.0)
    if seconds and event.clock is not None:
        run.wait_until = event.clock + seconds


def _twofa_awaited(run: Run, event: Event) -> None:
    _authenticating(run, event)
    _wait_announced(run, event)


def _twofa_answered(run: Run, event: Event) -> None:
    run.answered, run.wait_until = True, None
    run.windows = {title: opened for title, opened in run.windows.items() if opened.kind != "twofa_opened"}
    _loading(run, event)


def _twofa_duration(run: Run, event: Event) -> None:
    if run.state in ("twofa_pending", "unknown") and int(event.value) < run.terms.second_factor_seconds:
        run.enter("loading", event)


def _exit_timer(run: Run, event: Event) -> None:
    if run.state in ("twofa_pending", "unknown"):
        run.enter("loading", event)


def _twofa_expired(run: Run, event: Event) -> None:
    run.wait_until = None
    run.fail("twofa.timed_out", event)
    run.enter("login_window", event)


def _twofa_failed(run: Run, event: Event) -> None:
    if run.problem is None:
        run.fail("twofa.code_required", event)


def _twofa_relogin(run: Run, event: Event) -> None:
    run.retries += 1
    run.enter("twofa_retrying", event)


def _twofa_incomplete(run: Run, event: Event) -> None:
    run.fail("twofa.login_incomplete", event)


def _login_stalled(run: Run, event: Event) -> None:
    if run.login_rank < RANK["logged_in"]:
        run.fail("twofa.login_incomplete" if run.prompts or run.answered else "login.auth_silent", event)


def _screen(run: Run, event: Event) -> None:
    run.windows = {title: run.windows.get(title, event) for title in event.value.split("\n") if title}


def _device_not_chosen(run: Run, event: Event) -> None:
    run.enter("device_choice", event)


def _session_found(run: Run, event: Event) -> None:
    if run.state not in _OVER and run.state != "existing_session":
        run.met_session_in = run.state
        run.enter("existing_session", event)


def _session_continued(run: Run, event: Event) -> None:
    run.recover()
    met_in = run.met_session_in if run.state == "existing_session" else run.state
    run.enter(met_in if met_in in (*_LOGGED_IN, "relogin") else "connecting", event)
    if met_in == "connection_lost":
        run.fail("ibkr.disconnected", event)


def _session_kicked(run: Run, event: Event) -> None:
    """The controller throws the other session out, and says so once more where that did not go."""
    _session_continued(run, event)
    run.kicks += 1
    if run.kicks > _KICKS:
        run.fail("login.existing_session", event)


def _session_expired(run: Run, event: Event) -> None:
    """IBKR ended the saved session: the login form is behind its message."""
    if run.state not in _OVER:
        run.recover()
        run.fail("login.saved_session_refused", event)
        run.enter("login_window", event)


def _session_settled(run: Run, event: Event) -> None:
    if run.state == "existing_session" and run.problem is None:
        _session_continued(run, event)


def _relogin(run: Run, event: Event) -> None:
    if run.state not in _OVER:
        _progress(run)
        run.attempt, run.submitted = "relogin", event
        run.enter("relogin", event)


def _refused(run: Run, event: Event) -> None:
    if run.state in _OVER:
        return
    refusal = _refusal(run)
    if run.problem == "ibkr.disconnected":
        run.recover()
    run.fail(refusal, event)


def _refusal(run: Run) -> str:
    # Once logged in nothing is typed: a session that IBKR no longer takes looks the same without the question before it.
    saved = run.attempt in ("saved_session", "relogin") or run.state in _LOGGED_IN
    return "login.saved_session_refused" if saved else "login.credentials_rejected"


def _refusal_closed(run: Run, event: Event) -> None:
    if run.problem in _REFUSALS and run.state not in _OVER:
        run.recover()
        run.enter("login_window", event)


def _dialog_text(run: Run, event: Event) -> None:
    if event.problem is None or run.state in (*_LOGGED_IN, *_OVER):
        return
    if run.problem == "login.auth_silent":
        run.recover()  # somebody has spoken
    if event.problem == "login.credentials_rejected":
        _refused(run, event)
        return
    if run.problem in _REFUSALS:
        run.recover()  # what the dialog says is more than that it came
    run.fail(event.problem, event)


def _login_error(run: Run, event: Event) -> None:
    if event.problem:
        _dialog_text(run, event)
    else:
        _refused(run, event)


def _relogin_planned(run: Run, event: Event) -> None:
    run.wait_until = _end_of_wait(event) or run.wait_until


def _throttled(run: Run, event: Event) -> None:
    run.recover()
    run.fail("login.throttled", event)
    run.enter("throttled", event)
    run.wait_until = _end_of_wait(event)


def _end_of_wait(event: Event) -> float | None:
    """When a wait of so many minutes and seconds ends, on the log's clock."""
    words = event.value.split()
    units = {"minute": 60.0, "second": 1.0, "hour": 3600.0}
    seconds = [
        number(amount, 0.0) * units.get(unit.rstrip("s"), 0.0)
        for amount, unit in zip(words, words[1:])
        if unit[:1].isalpha()
    ]
    return event.clock + sum(seconds) if event.clock is not None and any(seconds) else None


def _login_completed(run: Run, event: Event) -> None:
    run.recover()
    run.wait_until, run.previous, run.refused_prompts = None, None, 0
    untold = ("screen", "window_unhandled")  # nobody tells when they close
    run.windows = {title: opened for title, opened in run.windows.items() if opened.kind not in untold}
    run.enter("logged_in", event)


def _splash_closed(run: Run, event: Event) -> None:
    if run.state == "connection_lost":
        _login_completed(run, event)
    else:
        _loading(run, event)


def _configured(run: Run, event: Event) -> None:
    if run.state not in _OVER and run.login_rank < RANK["logged_in"]:
        _login_completed(run, event)


def _read_only_set(run: Run, event: Event) -> None:
    run.read_only = event.value == "true"


def _directory_named(run: Run, event: Event) -> None:
    """The last that a controller writes before it begins its session."""
    run.directory = event.value
    if run.state == "script_starting":
        run.enter("jvm_starting", event)


def _window_unhandled(run: Run, event: Event) -> None:
    """A window that the controller leaves to others, and of whose closing it tells nothing: once logged in it is anybody's."""
    if run.state in _LOGGED_IN:
        run.windows.pop(event.title or "", None)


def _log_elsewhere(run: Run, event: Event) -> None:
    """What the run does from here on is not written into this log."""
    run.enter("unknown", event)


def _value_ignored(run: Run, event: Event) -> None:
    run.ignored_value = event


def _dialog_unanswered(run: Run, event: Event) -> None:
    run.unanswered = replace(event, title=next(reversed(run.windows), None))


def _saved_session_dropped(run: Run, _event: Event) -> None:
    run.attempt = "typed"


def _code_typed(run: Run, _event: Event) -> None:
    run.prompt_complete = True


def _restart_planned(run: Run, _event: Event) -> None:
    run.restart_planned = True


def _controller_closing(run: Run, event: Event) -> None:
    if run.state not in _OVER:
        run.enter("shutting_down", event)


def _deadlocked(run: Run, event: Event) -> None:
    if run.state in ("shutting_down", "auto_restarting"):
        run.fail("gateway.hung", event)


def _heap_malformed(run: Run, event: Event) -> None:
    run.heap_malformed = event


def _heap_exhausted(run: Run, event: Event) -> None:
    run.heap_exhausted = run.heap_exhausted or event


def _stopping(run: Run, event: Event) -> None:
    run.stopping = True
    if run.state not in _OVER:
        run.enter("shutting_down", event)


def _shutdown_shown(run: Run, event: Event) -> None:
    if run.state in _OVER or event.change == CLOSED:
        return
    own = run.state == "logged_in" and run.problem is None and not run.stopping
    restarts = run.terms.restarts_daily or run.restart_planned
    run.enter("auto_restarting" if own and restarts else "shutting_down", event)


def _restart_shown(run: Run, event: Event) -> None:
    if run.state not in _OVER:
        run.enter("auto_restarting", event)


def _stopped_from_outside(run: Run, event: Event) -> None:
    run.recover()
    run.fail("container.stopped", event)
    if not run.over:
        run.enter("shutting_down", event)


def _command(run: Run, event: Event) -> None:
    if event.value.upper() in ("STOP", "PAUSE"):
        run.stopping = True
        run.fail("container.stopped", event)


def _exit_announced(run: Run, event: Event) -> None:
    run.code = int(event.value)
    if event.problem:
        run.fail("gateway.heap_exhausted" if run.heap_exhausted else event.problem, run.heap_exhausted or event)
    run.enter("shutting_down", event)


def _jvm_ended(run: Run, event: Event) -> None:
    early = run.state == "jvm_starting"
    run.code = int(event.value) if run.code is None else run.code
    run.over, run.wait_until = True, None
    run.windows, run.left, run.unanswered = {}, {}, None
    if run.problem in ("gateway.hung", "ibkr.disconnected"):
        run.recover()
    if (
        early and run.code == 1 and run.problem is None
    ):  # Java itself refused: its words go to /dev/null since IBC 3.22.0
        run.fail("config.heap_invalid" if run.heap_malformed else "gateway.install_broken", run.heap_malformed or event)
    elif run.code and run.heap_exhausted:
        run.fail("gateway.heap_exhausted", run.heap_exhausted)
    elif event.problem:
        run.fail(event.problem, event)
    if run.state != "auto_restarting" or run.code:
        run.enter("ended", event)


def _gateway_lost(run: Run, event: Event) -> None:
    """The gateway is gone or out of reach, and its controller lives."""
    run.fail("gateway.heap_exhausted" if run.heap_exhausted else "gateway.crashed", run.heap_exhausted or event)


def _gave_up(run: Run, event: Event) -> None:
    """The controller ends this run, and may say why; what it waited for says more of a login that did not complete."""
    problem = event.problem or "gateway.crashed"
    if problem == "login.credentials_rejected":
        problem = _refusal(run)
    elif problem == "login.auth_silent" and "window_unhandled" in {opened.kind for opened in run.windows.values()}:
        problem = "login.dialog_blocking"
    elif problem == "login.auth_silent" and run.attempt == "saved_session":
        problem = "login.not_typed"
    elif problem == "login.auth_silent" and run.state == "submitted":
        problem = "login.not_submitted"
    elif problem == "gateway.crashed" and run.heap_malformed and run.login_rank < RANK["gateway_starting"]:
        problem = "config.heap_invalid"
    run.fail(problem, event)
    if run.state not in _OVER:
        run.enter("shutting_down", event)


def _controller_ended(run: Run, event: Event) -> None:
    """The controller's process ended with the code `value`."""
    _gave_up(run, event)
    run.code, run.over = int(event.value), True
    run.enter("ended", event)


def _jvm_lost(run: Run, event: Event) -> None:
    """The gateway's process ended, and its controller brings it back."""
    if run.problem == "api.not_listening":
        run.recover()
    if event.value:
        _jvm_ended(run, event)
    run.over = True
    run.enter("cold_restarting", event)


def _maybe_daily(run: Run, event: Event) -> bool:
    """Whether the gateway can be gone for its daily restart: that looks the same as a crash, but comes once a day."""
    again = elapsed(run.gone, event.clock)
    return run.furthest >= RANK["logged_in"] and (again is None or again > _HALF_A_DAY)


def _gateway_gone(run: Run, event: Event) -> None:
    """The gateway's process is gone, nobody says why, and its controller starts it anew."""
    if run.heap_exhausted:
        run.fail("gateway.heap_exhausted", run.heap_exhausted)
    elif run.begun and not _maybe_daily(run, event):
        run.fail("gateway.crashed", event)
    run.gone = event
    run.over = True
    run.enter("cold_restarting", event)


def _restart_announced(run: Run, event: Event) -> None:
    if not run.over:  # the gateway may still run: its controller replaces it
        run.over = True
        run.enter("cold_restarting", event)
    _wait_announced(run, event)
    if event.problem:
        _gave_up(run, event)


def _session_kept(run: Run, event: Event) -> None:
    """The gateway ended for its daily restart, and its controller starts it anew on the saved session."""
    run.recover()
    run.over = True
    run.enter("auto_restarting", event)


def _api_opened(run: Run, event: Event) -> None:
    if run.problem == "api.not_listening":
        run.recover()
    if run.state == "unknown":  # its login is before the start of what was read
        _login_completed(run, event)


def _autorestart_found(run: Run, event: Event) -> None:
    if run.over and not run.problem:
        run.enter("auto_restarting", event)


def _cold_restart_announced(run: Run, event: Event) -> None:
    run.enter("cold_restarting", event)


def _obstacle_passed(run: Run, _event: Event) -> None:
    if run.state == "script_starting":
        run.recover()


def _given_up(run: Run, event: Event) -> None:
    """The controller does nothing more until somebody starts it anew."""
    run.previous = None
    run.enter("login_window", event)


def _script_ended(run: Run, event: Event) -> None:
    if event.problem:
        run.over = True
        run.fail(event.problem, event)
    run.enter("ended", event)
    if run.problem is None and run.code == 0:
        run.fail("gateway.stopped_by_schedule", event)


def _paused(run: Run, event: Event) -> None:
    run.fail("container.stopped", event)
    run.enter("ended", event)


_HANDLERS: Mapping[str, Callable[[Run, Event], None]] = {
    "session_full": _session_full,
    "session_saved": _session_saved,
    "directory_named": _directory_named,
    "typing_skipped": _typing_skipped,
    "gateway_called": _gateway_called,
    "gateway_shown": _gateway_shown,
    "login_window": _login_window,
    "typed": _typed,
    "login_attempt": _login_attempt,
    "login_clicked": _login_clicked,
    "connecting": _connecting,
    "authenticating": _authenticating,
    "loading": _loading,
    "login_step": _login_step,
    "splash_closed": _splash_closed,
    "splash_shown": _splash_shown,
    "twofa_opened": _twofa_opened,
    "code_required": _twofa_opened,
    "twofa_initiated": _twofa_initiated,
    "twofa_open": _twofa_open,
    "twofa_closed": _twofa_closed,
    "twofa_awaited": _twofa_awaited,
    "twofa_answered": _twofa_answered,
    "twofa_duration": _twofa_duration,
    "exit_timer": _exit_timer,
    "twofa_expired": _twofa_expired,
    "twofa_failed": _twofa_failed,
    "twofa_relogin": _twofa_relogin,
    "twofa_incomplete": _twofa_incomplete,
    "device_not_chosen": _device_not_chosen,
    "device_chosen": _device_chosen,
    "session_found": _session_found,
    "session_asked": _session_found,
    "session_continued": _session_continued,
    "session_settled": _session_settled,
    "session_kicked": _session_kicked,
    "session_expired": _session_expired,
    "relogin": _relogin,
    "login_failed": _refused,
    "refused": _refused,
    "refusal_closed": _refusal_closed,
    "dialog_text": _dialog_text,
    "login_error": _login_error,
    "throttled": _throttled,
    "relogin_planned": _relogin_planned,
    "dialog_unanswered": _dialog_unanswered,
    "saved_session_dropped": _saved_session_dropped,
    "code_typed": _code_typed,
    "restart_planned": _restart_planned,
    "controller_closing": _controller_closing,
    "deadlocked": _deadlocked,
    "login_completed": _login_completed,
    "configured": _configured,
    "read_only_set": _read_only_set,
    "window_unhandled": _window_unhandled,
    "log_elsewhere": _log_elsewhere,
    "value_ignored": _value_ignored,
    "heap_malformed": _heap_malformed,
    "heap_exhausted": _heap_exhausted,
    "stopping": _stopping,
    "shutdown_shown": _shutdown_shown,
    "restart_shown": _restart_shown,
    "stopped_from_outside": _stopped_from_outside,
    "command": _command,
    "exit_announced": _exit_announced,
    "jvm_ended": _jvm_ended,
    "gateway_lost": _gateway_lost,
    "gave_up": _gave_up,
    "controller_ended": _controller_ended,
    "jvm_lost": _jvm_lost,
    "gateway_gone": _gateway_gone,
    "restart_announced": _restart_announced,
    "session_kept": _session_kept,
    "wait_announced": _wait_announced,
    "login_stalled": _login_stalled,
    "screen": _screen,
    "api_opened": _api_opened,
    "autorestart_found": _autorestart_found,
    "cold_restart_announced": _cold_restart_announced,
    "obstacle_passed": _obstacle_passed,
    "given_up": _given_up,
    "script_ended": _script_ended,
    "paused": _paused,
}


# From one run to the next.


def once_more(run: Run, event: Event) -> Run:
    """The run in which the controller fills in the login form again, in the same JVM as in `run`."""
    run.over = True
    if run.problem == "login.saved_session_refused":
        run.recover()  # now it types
    unapproved = run.problem is None and run.state in ("twofa_pending", "twofa_retrying")
    wordless = run.problem is None and not unapproved and run.furthest < RANK["logged_in"]
    rounds = run.rounds + 1 if wordless else 0
    if rounds >= _ROUNDS:
        run.fail("login.looping", event)
    fresh = Run(event, run.mode, continued(run, event, same_container=True))
    fresh.kind, fresh.begun, fresh.rounds, fresh.gone = "full_login", run.begun, rounds, run.gone
    fresh.retries = run.retries + 1 if unapproved else 0
    fresh.enter("login_window", event)
    return fresh


def continued(run: Run, event: Event, same_container: bool) -> Run | None:
    """The failed run that one beginning with `event` continues, if `run`, the one before, failed by itself."""
    cause = run if run.problem else run.previous
    if cause is None or cause.problem in _NOT_FAILED:
        return None
    if not (run.over or run.state == "script_starting"):
        return None
    pause = elapsed(run.last, event.clock)
    if not same_container and pause is not None and pause > _POLICY_SECONDS:
        return None
    cause.previous = None
    return cause
