# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One run of a gateway, and how far it has come.

A run is one start of the gateway's JVM, with the scripts that led to it, or one more login in it where a controller begins
anew with the login form.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ansible_collections.ibgw.ops.plugins.module_utils.log.event import CLOSED, SEEN, Event, Terms, elapsed

#: How far a login has come.
RANK = {
    "unknown": -1,
    "script_starting": 0,
    "jvm_starting": 1,
    "gateway_starting": 2,
    "login_window": 3,
    "submitted": 4,
    "connecting": 5,
    "authenticating": 6,
    "device_choice": 7,
    "twofa_pending": 7,
    "loading": 8,
    "logged_in": 9,
}

# A controller that looks at the windows every few seconds (ibga _run_ibg.sh) repeats what it waits for within so many.
_REPEATED_WITHIN = 120.0


class Looks(NamedTuple):
    """How a run looks from outside: where it stands, and its open windows."""

    stands: tuple[object, ...]
    windows: tuple[str, ...]


class Doubt(NamedTuple):
    """An event that may have been another instance's than that of `holder`, to which it was ascribed."""

    kind: str
    #: The window that it opened, where it changed nothing else.
    window: str | None
    holder: Run
    #: The holder had just said the same, so that this was news of the other, if of either.
    said_again: bool = False


class Run:
    """One run of one instance, as far as the events went."""

    def __init__(self, first: Event | None, mode: str | None = None, previous: Run | None = None) -> None:
        self.first = first
        self.mode = mode
        #: Whether something in this run named its mode, and whether that was its login; else it is that of the run before.
        self.mode_named = self.mode_shown = False
        #: The run before, where this one continues it because it failed.
        self.previous = previous
        #: Whether its start was read.
        self.begun = False
        self.state = "unknown"
        self.since = first
        self.furthest = -1
        self.kind: str | None = None
        self.attempt: str | None = None
        self.settings: Mapping[str, str] = {}
        self.terms = Terms()
        self.windows: dict[str, Event] = {}
        self.left: dict[str, Event] = {}
        self.problem: str | None = None
        self.failed_at = -1
        self.evidence: list[Event] = []
        #: Its settings directory, as its controller names it.
        self.directory: str | None = None
        self.ignored_value: Event | None = None
        self.heap_malformed: Event | None = None
        self.heap_exhausted: Event | None = None
        self.submitted: Event | None = None
        #: Where it stood when another session of the same user came up.
        self.met_session_in = "unknown"
        self.kicks = 0
        self.gateway_frame: Event | None = None
        self.typed: Event | None = None
        self.prompt: Event | None = None
        self.prompt_complete = False
        self.prompt_seen_opening = False
        self.prompts = 0
        #: Whether the second factor was given, as far as the controller can tell.
        self.answered = False
        self.retries = 0
        #: How often in a row the login form came back without a word.
        self.rounds = 0
        self.refused_prompts: int = previous.refused_prompts if previous else 0
        self.wait_until: float | None = None
        self.stopping = False
        self.mode_refuted = False
        #: Whether the API is read-only, as the controller set or found it.
        self.read_only: bool | None = None
        #: The controller said that it can not answer a dialog.
        self.unanswered: Event | None = None
        self.restart_planned = False
        #: The controller's own exit code where it or the script told it.
        self.code: int | None = None
        self.over = False
        #: When the gateway was gone for a reason that nobody told, in this run or at the end of the one before.
        self.gone: Event | None = None
        #: What may have happened to another instance.
        self.doubts: list[Doubt] = []
        self.last: Event | None = first

    @property
    def looks(self) -> Looks:
        """What tells it from another instance."""
        shown, typed = self.gateway_frame is not None, self.typed is not None
        return Looks((self.state, self.problem, shown, typed), tuple(self.windows))

    @property
    def ambiguous(self) -> bool:
        """Whether what makes a difference may have happened to another instance."""
        return any(doubt.window is None or doubt.window in doubt.holder.windows for doubt in self.doubts)

    @property
    def login_rank(self) -> int:
        return RANK.get(self.state, RANK["logged_in"])

    def enter(self, state: str, event: Event) -> None:
        if state != self.state:
            self.state, self.since = state, event
        self.furthest = max(self.furthest, RANK.get(state, -1))

    def fail(self, problem: str, event: Event) -> None:
        """The first cause stays: what comes after it is its consequence."""
        if self.problem is None:
            relogin = self.attempt == "relogin"
            self.problem = problem
            self.failed_at = RANK["authenticating"] if relogin else min(self.login_rank, max(self.furthest, 0))
            before = self.submitted or self.gateway_frame or self.first
            begun = self.since if self.furthest >= RANK["logged_in"] else before
            self.evidence = [*(one for one in (begun,) if one), event]
        elif problem == self.problem:
            self.evidence = [*self.evidence[:1], event]

    def recover(self) -> None:
        self.problem, self.evidence, self.failed_at = None, [], -1

    def name_mode(self, mode: str, effective: bool) -> None:
        if effective and self.mode_named and self.mode != mode:
            self.mode_refuted = True  # a custom configuration overrules the script's
        if effective or not self.mode_named:
            self.mode = mode
        self.mode_named, self.mode_shown = True, self.mode_shown or effective

    def change_windows(self, event: Event) -> bool:
        """Keep track of what is on the screen; False when `event` only touches a window that is known."""
        title = event.title or ""
        if event.change == CLOSED:
            if self.unanswered and self.unanswered.title in (None, title):
                self.unanswered = None
            if self.windows.pop(title, None):
                self.left = {title: event}
            return True
        if event.change == SEEN:
            # Some dialogs are never reported as opened (IBC issue 255); what has just closed may still report a focus.
            just_left = title in self.left and (elapsed(self.left[title], event.clock) or 0.0) < 1.0
            if title in self.windows or just_left or not event.dialog:
                return False
        if event.dialog:
            self.windows[title] = event
        return True


def wait_over(run: Run, now: float | None) -> bool:
    """Whether what a controller repeats while it waits has not been heard of for long."""
    return run.terms.repeats_waits and (elapsed(run.last, now) or 0.0) > _REPEATED_WITHIN


def served_on(run: Run, now: float | None) -> bool:
    """Whether a session that was interrupted goes on, as the silence of a controller that repeats its waits shows."""
    interrupted = run.state in ("connection_lost", "relogin", "twofa_pending", "loading")
    return run.furthest >= RANK["logged_in"] and interrupted and not run.over and wait_over(run, now)
