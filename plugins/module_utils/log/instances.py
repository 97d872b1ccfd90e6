# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which run an event belongs to. Mostly there is one; a container in mode `both` writes two into one log, without marks.

Then an event goes to the run whose mode it names, else to the one in whose state it can happen next. Where either could have
been meant and it made a difference, both are ambiguous until it makes none.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.ibgw.ops.plugins.module_utils.log.event import CLOSED, OPENED, Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK, Doubt, Looks, Run
from ansible_collections.ibgw.ops.plugins.module_utils.log.steps import continued, looks_after, once_more, take

_TYPING = frozenset({"login_window", "throttled", "twofa_retrying"})
_LOGGING_IN = frozenset({"submitted", "connecting", "authenticating", "relogin"})
_SERVING = frozenset({"logged_in", "connection_lost"})
_COMPLETING = _LOGGING_IN | {"loading", "connection_lost"}

# In which states an event is what comes next.
_EXPECTED = {
    "controller_version": frozenset({"jvm_starting"}),
    "gateway_called": frozenset({"jvm_starting", "gateway_starting"}),
    "gateway_shown": frozenset({"gateway_starting"}),
    "login_window": frozenset({"gateway_starting"}),
    "typed": _TYPING,
    "typing_skipped": frozenset({"gateway_starting"}),
    "login_attempt": _TYPING | {"gateway_starting"},
    "login_clicked": _TYPING | {"submitted"},
    "connecting": _LOGGING_IN | _SERVING,
    "authenticating": _LOGGING_IN,
    "login_step": _LOGGING_IN,
    "loading": _COMPLETING,
    "splash_closed": _COMPLETING,
    "login_completed": _COMPLETING,
    "twofa_opened": _LOGGING_IN,
    "twofa_initiated": _LOGGING_IN | {"twofa_pending"},
    "twofa_closed": frozenset({"twofa_pending"}),
    "twofa_duration": frozenset({"twofa_pending", "loading"}),
    "exit_timer": frozenset({"loading"}),
    "twofa_expired": frozenset({"twofa_pending", "loading"}),
    "twofa_relogin": frozenset({"twofa_pending", "loading"}),
    "session_found": _LOGGING_IN | _SERVING,
    "session_yielded": frozenset({"existing_session"}),
    "session_continued": frozenset({"existing_session"}),
    "login_failed": _LOGGING_IN,
    "refused": _LOGGING_IN,
    "throttled": _LOGGING_IN,
    "login_window_timeout": frozenset({"gateway_starting"}),
    "disclaimer_accepted": frozenset({"logged_in"}),
    "configured": frozenset({"logged_in"}),
    "read_only_set": frozenset({"logged_in"}),
    "shutdown_shown": frozenset({"existing_session", "shutting_down", "auto_restarting"}),
    "exit_announced": frozenset({"shutting_down", "auto_restarting"}),
    "jvm_ended": frozenset({"shutting_down", "auto_restarting"}),
    "controller_ended": frozenset({"script_starting", "shutting_down", "auto_restarting"}),
}

# The controller's code that says in which state a run was when it ended: without a login window (IBC SessionManager.java:63-73).
_ENDED_WITH = {"1112": frozenset({"gateway_starting", "shutting_down"})}

# What only a live login has (IBC issue 182).
_SECOND_FACTOR = ("twofa", "device", "code")

# What a JVM that has not begun its session writes.
_BEFORE_SESSION = frozenset(
    {"controller_version", "provider_named", "directory_named", "mode_named", "settings", "exit_announced", "jvm_ended"}
)
_OF_SCRIPTS = frozenset(
    {"gateway_version", "heap_malformed", "mode_named", "mode_invalid", "credentials_conflict", "secret_unreadable"}
    | {"settings_unwritable", "display_missing", "file_missing", "value_refused", "install_broken", "disk_full"}
    | {"obstacle_passed", "sign_of_life"}
    | {"settings", "log_elsewhere", "controller_version", "controller_ended"}
)
# What the script writes when a JVM has ended.
_AFTERWARDS = frozenset(
    {"autorestart_found", "cold_restart_announced", "restart_announced", "session_kept", "paused", "script_ended"}
)

# What the line that follows says again, mostly naming the mode.
_SAID_AGAIN = frozenset({"login_window", "login_attempt"})

_ENDINGS = frozenset({"shutdown_shown", "restart_shown"})
_OF_THE_FURTHEST = _ENDINGS | {"splash_closed", "login_completed", "twofa_duration", "exit_timer"}
_EXITS = _ENDINGS | {"exit_announced", "jvm_ended", "script_ended"}


class Instances:
    """The newest run of each instance."""

    def __init__(self, settings: Mapping[str | None, Event] | None = None) -> None:
        #: What a controller that tells its settings once for many runs told of each mode before.
        self._settings = settings or {}
        self.runs: list[Run] = []
        self.run_start_seen = False
        self.container_start_seen = False
        self.runs_seen = 0
        self._before: dict[str | None, Run] = {}
        self._rivals: list[Run] = []  # of which the newest event could be just as well
        self._silenced: list[Run] = []  # cut off by a new container start; or not, where two containers share a log

    def take(self, event: Event) -> Run:
        """Let `event` happen to the run that it belongs to."""
        apart = [run for run in self.runs if event.writer and run.mode not in (None, event.writer)]
        self.runs = [run for run in self.runs if run not in apart]
        run = self._take(event)
        if apart:
            self.runs = sorted((*self.runs, *apart), key=lambda one: one.mode or "")
        return run

    def _take(self, event: Event) -> Run:
        self._rivals = []
        run = self._opened(event) or self._owner(event)
        if self._rivals and event.kind in _SAID_AGAIN and event.mode is None:
            return run
        candidates = [(one, one.looks, looks_after(one, event)) for one in (run, *self._rivals) if self._rivals]
        before, entered = run.looks, run.since
        take(run, event)
        run.settings = event.settings or run.settings
        run.terms = event.terms or run.terms
        said_again = (
            run.since is entered and entered is not None and (entered.kind, entered.title) == (event.kind, event.title)
        )
        self._doubt(run, event, candidates, said_again)
        if run.looks != before or run.first is event:
            self._settle(run, event)
        return run

    def understood(self, both: bool) -> bool:
        """Whether nothing older than what was read can matter."""
        if both:
            return self.container_start_seen
        return self.runs_seen > len(self.runs) > 0 and all(run.begun for run in self.runs)

    # Boundaries

    def _opened(self, event: Event) -> Run | None:
        """The run that `event` opens or leads on in its start; None for an event that does neither."""
        if event.kind == "container_started":
            return self._container_started(event)
        if event.kind == "script_started":
            return self._script_started(event)
        if event.kind == "script_began":
            return self._starting("script_starting") or self._begin(event, self._replaceable(), "script_starting")
        if event.kind == "jvm_started":
            return self._jvm_started(event)
        if event.kind == "login_again":
            return self._login_again(event)
        if event.kind == "settings_begun":
            run = self._starting("jvm_starting") or self._starting("script_starting")
            return run or self._begin(event, self._replaceable(), "jvm_starting")
        if event.kind in ("session_full", "session_saved"):
            self._silenced = []
            told = [run for run in self.runs if run.state == "jvm_starting" and run.directory]
            run = (
                self._most_recent([run for run in told if not event.mode or run.mode in (None, event.mode)])
                or self._starting("jvm_starting", event.mode)
                or self._starting("script_starting", event.mode)
                or self._starting("gateway_starting", event.mode)
            )
            if run and run.state == "script_starting":
                self._rivals += [one for one in self.runs if one.over]
            return run if run and run.kind is None else self._begin(event, self._replaceable(), "jvm_starting")
        return None

    def _container_started(self, event: Event) -> Run:
        self.container_start_seen = True
        self._silenced = [run for run in self.runs if not run.over]
        for run in self.runs:
            self._before[run.mode] = run
        self.runs = []
        return self._begin(event, None, "script_starting")

    def _script_started(self, event: Event) -> Run:
        fresh = self._starting("script_starting")
        if fresh is None or fresh.mode not in (None, event.mode):
            same = next((run for run in self.runs if run.mode == event.mode), None)
            return self._begin(event, same, "script_starting")
        before = self._before.get(event.mode)
        if before and fresh.previous is None:  # of two instances each continues its own
            fresh.previous = continued(before, event, same_container=False)
        return fresh

    def _jvm_started(self, event: Event) -> Run:
        known = [run for run in self.runs if event.mode is None or run.mode in (None, event.mode)]
        waiting = [run for run in known if run.state == "script_starting" or run.over]
        if event.mode is None and len({run.mode for run in waiting} - {None}) > 1:
            return max(waiting, key=_recent)  # the command that follows names the mode
        begun = self._starting("jvm_starting", event.mode) if event.mode else None
        if begun:
            return begun
        run = self._most_recent(waiting or known)
        if run is None or run.state != "script_starting":
            run = self._begin(event, run, "jvm_starting")
        run.enter("jvm_starting", event)
        if run.problem:
            run.recover()  # whatever the scripts complained of, it went on
        return run

    def _login_again(self, event: Event) -> Run:
        run = self._owner(event)
        fresh = self.runs[self.runs.index(run)] = once_more(run, event)
        return fresh

    def _starting(self, state: str, mode: str | None = None) -> Run | None:
        found = [run for run in self.runs if run.state == state and (not mode or run.mode in (None, mode))]
        return self._most_recent(found)

    def _most_recent(self, runs: list[Run]) -> Run | None:
        run = max(runs, key=_recent, default=None)
        self._rivals = [other for other in runs if other is not run]
        return run

    def _replaceable(self) -> Run | None:
        """The run whose place a new one takes when nothing says which: the one that is over, else the only one."""
        over = [run for run in self.runs if run.over]
        return self._most_recent(over or self.runs)

    def _begin(self, event: Event, place: Run | None, state: str) -> Run:
        self.run_start_seen = True
        self.runs_seen += 1
        if place is None:
            previous = self._before_container(event)
            run = Run(event, event.mode, previous)
            self.runs.append(run)
        else:
            run = Run(event, place.mode, continued(place, event, same_container=True))
            run.gone = place.gone
            run.doubts = place.doubts
            run.settings, run.terms = place.settings, place.terms
            self.runs[self.runs.index(place)] = run
        if not run.settings and event.mode in self._settings:
            before = self._settings[event.mode]
            run.settings, run.terms = before.settings, before.terms or run.terms
        run.begun = True
        run.enter(state, event)
        return run

    def _before_container(self, event: Event) -> Run | None:
        """The failed run of the last container start that one beginning now continues."""
        before = self._before.get(event.mode) or next(iter(self._before.values()), None)
        if event.kind != "container_started" or before is None or len(self._before) > 1:
            return None
        return continued(before, event, same_container=False)

    # Everything else

    def _owner(self, event: Event) -> Run:
        if not self.runs:
            self.runs.append(Run(event))
        if event.kind == "stopped_from_outside":
            for run in self.runs[1:]:
                take(run, event)
            return self.runs[0]
        if len(self.runs) == 1 and not self._silenced:
            return self._unread(self.runs[0], event) or self.runs[0]
        named = [one for one in self.runs if event.mode and one.mode == event.mode]
        if len(named) == 1 and not self._silenced:
            return self._corrected(named[0], event)
        run = max(self.runs, key=lambda one: _claim(one, event))
        fit = _fit(run, event)  # which says little of one that is in doubt itself
        others = [one for one in self.runs if one is not run]
        self._rivals = [one for one in others if _fit(one, event) == fit or (one.ambiguous and _fit(one, event))]
        if self._silenced and not _fit(run, event):
            silenced = max(self._silenced, key=lambda one: _claim(one, event))
            if _fit(silenced, event):  # it was not cut off: two containers write into this log
                self._silenced.remove(silenced)
                self.runs.insert(0, silenced)
                return silenced
        return run

    def _unread(self, run: Run, event: Event) -> Run | None:
        """The other of two instances, of which nothing was read before: `event` can not be of `run`, whose mode is known."""
        # Where a start was read, a second factor of a paper login is one that we know nothing of, and no other instance.
        in_login = run.begun and RANK["submitted"] <= RANK.get(run.state, -1) < RANK["logged_in"]
        hinted = event.kind.startswith(_SECOND_FACTOR) and not self.container_start_seen and not in_login
        mode = "live" if hinted else event.mode
        # Only where there are two does the name of the file say for which it is (G:run.sh:148,181).
        known = run.mode_shown or (run.mode_named and event.kind == "provider_named")
        if event.writer or not known or mode in (None, run.mode):
            return None
        run.mode_refuted = False  # the scripts had spoken of this one
        other = Run(event, mode)
        self.runs.append(other)
        return other

    def _corrected(self, run: Run, event: Event) -> Run:
        """The run that `event` names as `run`: the other one, where what was ascribed to `run` can not have been its own."""
        doubted = [one for one in self.runs if one.doubts]
        logged_in = event.kind == "configuring"  # nobody configures a gateway before
        if logged_in and run.furthest < RANK["logged_in"]:
            other = next((one for one in doubted if one.furthest >= RANK["logged_in"]), run)
        elif run.over and event.kind not in _AFTERWARDS:
            other = next((one for one in doubted if not one.over), run)
        else:
            other = run
        if run in doubted and other is not run:
            run.mode, other.mode = other.mode, run.mode
            run = other
        if logged_in:
            run.doubts = []
            for one in doubted:
                one.doubts = [doubt for doubt in one.doubts if doubt.kind != "login_completed"]
        return run

    def _doubt(self, run: Run, event: Event, candidates: Sequence[tuple[Run, Looks, Looks]], said_again: bool) -> None:
        """Note that `event` may have been another's than `run`'s, where that makes a difference."""
        for one, now, after in candidates:
            if now != after:
                window = None if now.stands != after.stands else event.title
                one.doubts.append(Doubt(event.kind, window, run, said_again))

    def _settle(self, run: Run, event: Event) -> None:
        """Let go of doubts where what has just happened to `run` shows that they make no difference any more."""
        if not self._rivals and event.mode == run.mode and run.since is event and run.problem is None:
            run.doubts = []  # where it stands rests on a line that names it
        doubts = [doubt for one in self.runs for doubt in one.doubts]
        ends = run.over and all(doubt.kind in _EXITS for doubt in doubts)
        if (ends or run.state == "logged_in") and all(one.looks == run.looks for one in self.runs):
            for one in self.runs:
                one.doubts = [doubt for doubt in one.doubts if doubt.said_again]


def _recent(run: Run) -> int:
    return run.last.line if run.last else 0


def _claim(run: Run, event: Event) -> tuple[int, int, int]:
    """How much speaks for `event` being of `run`: what it can be, then how far the run is, then who spoke last."""
    further = -(run.state in _SERVING and event.kind in _EXPECTED)
    if event.kind in _OF_THE_FURTHEST and (run.state != "logged_in" or event.kind in _ENDINGS):
        further = RANK.get(run.state, 0)
    recent = -_recent(run) if event.kind == "twofa_closed" else _recent(run)  # who was asked first answers first
    return _fit(run, event), further, recent


def _fit(run: Run, event: Event) -> int:
    """0: can not be of this run; 1: can; 2: comes next in it; 3: names it."""
    if event.kind in _AFTERWARDS:
        return 2 if run.over else int(run.state in ("shutting_down", "auto_restarting"))
    if not _possible(run, event):
        return 0
    its_code = event.kind == "jvm_ended" and run.code is not None and str(run.code) == event.value
    if its_code or (event.title in run.windows and event.change != OPENED):
        return 3
    next_in_it = _comes_next(run, event)
    if event.mode and event.mode == run.mode:
        return 3 if next_in_it or event.kind not in _EXPECTED else 2
    return 2 if next_in_it else 1


def _possible(run: Run, event: Event) -> bool:
    if run.over or (event.mode and run.mode and event.mode != run.mode):
        return False
    if run.mode == "paper" and event.kind.startswith(_SECOND_FACTOR):
        return False
    if run.state == "script_starting":
        return event.kind in _OF_SCRIPTS
    return run.state != "jvm_starting" or event.kind in _BEFORE_SESSION | _OF_SCRIPTS


def _comes_next(run: Run, event: Event) -> bool:
    if event.title in run.windows or (event.change == CLOSED and event.kind == "window"):
        return False
    if event.kind == "login_clicked" and run.state == "submitted":  # nobody clicks twice
        return run.submitted is not None and run.submitted.kind == "login_attempt"
    if event.kind in ("exit_announced", "jvm_ended"):
        ended_with = _ENDED_WITH.get(event.value)
        if ended_with or run.problem:
            return ended_with is None or run.state in ended_with
    expected = _EXPECTED.get(event.kind, frozenset())
    resuming = run.state == "gateway_starting" and run.kind == "saved_session" and event.kind in _EXPECTED
    return run.state in expected or resuming
