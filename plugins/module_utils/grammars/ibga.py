# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log grammar of ibga, which drives the gateway through its windows by shell scripts, and of what was derived from it.

Its lines have no time of their own: where the engine's stamps are missing, only the few with a date are dated. It looks at the
windows every few seconds and prints what it finds open, again and again, and nothing when that has closed.
Sources are cited as ``A:`` (heshiming/ibga @11395ae) and ``H:`` (huieric/ibga-docker @079514f, derived from it).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re

from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import Grammar, Rules, match, rules
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibkr import progress, refusal
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import OPENED, Event, Terms
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line

#: It logs in again as soon as the login form is back, and always chooses the daily restart (A:_run_ibg.sh:832-840, 1073-1080).
_TERMS = Terms(from_prompt=True, asks_again=True, restarts_daily=True, repeats_waits=True)

_STEPS = (  # after a bullet
    (r"time: (?P<date>.+)", "dated"),
    (r"installation has failed\.", "install_broken"),
    (r"manager is shutting down due to installation failure\.", "script_ended"),  # A:manager.sh:50
    (r"starting IB Gateway \.\.\.", "jvm_started"),
    (r"filling in login form \.\.\.", "login_window"),
    (r"logging in \.\.\.", "login_attempt"),
    (r"breaking out of maintenance cycle because login is needed again", "login_again"),
    (r"(?:breaking out of maintenance cycle|cannot continue) due to fatal error: (?P<v>.+)", "login_error"),
    (r"entering infinit sleep \.\.\.", "given_up"),
    (r"IB Gateway is no longer running, will restart \.\.\.", "gateway_gone"),
)

_DETAILS = (  # after an indented dash
    (r"welcome: \d*%(?P<v>.*)", "progress"),
    (r"handling TOTP Mobile Authenticator", "twofa_initiated"),
    (r"two-factor auth, selected +.*? \.\.\.", "device_chosen"),
    (r"passkey Authenticate button found; clicking \.\.\.", "twofa_answered"),  # H:_run_ibg.sh
    (r"clicking 'Change security device' for TOTP login", "sign_of_life"),
    (r"existing session detected, will kick it out", "session_kicked"),
    (r"existing session detected \(periodic check\), clicking Reconnect This Session \.\.\.", "session_continued"),
    (r"handle relogin warning by allowing \.\.\.", "relogin"),
    (r"token expired detected: .*", "session_expired"),
    (r"login failed: (?P<v>.*)", "login_error"),
    (
        r"got warning: .* \[(?!I understand and accept\]).*\]",
        "question_ignored",
    ),  # A:_run_ibg.sh: clicks that button only
    (r"option check skipped, to perform again remove \S+", "login_completed"),
    (r"option check, clicking menu Configure/Settings \.\.\.", "login_completed"),
    (r"option check, (?:confirming settings change \.\.\.|no settings change necessary\.)", "configured"),
    (
        r"option check, (?:changing|(?:un)?checking|selected|clicking (?:logoff time|Auto restart)) .*",
        "setting_changed",
    ),
)

_LINES = (  # after the blanks that some begin with, which a copy may have lost
    (r"Manager Startup / (?P<date>.+)", "container_started"),
    (r"IB Gateway Startup / (?P<date>.+)", "script_began"),
    (r"IB Gateway Installation \d+", "script_began"),
    (r"display timed out, will try again \.\.\.", "display_late"),
    (r"display :\d+ is ready", "obstacle_passed"),
    (r"jauto is ready", "session_full"),  # it starts the gateway without a session to resume (A:_run_ibg.sh:1050)
    (r"jauto is not ready: .*, will try again \.\.\.", "sign_of_life"),
    (r"found: .* at -?\d+,-?\d+", "login_window"),
    (r"TOTP OK clicked", "twofa_answered"),
    (r"clicking \[I understand and accept\] at -?\d+,-?\d+ \.\.\.", "disclaimer_accepted"),
    (r"!!! IB Gateway is waiting for two-factor authentication !!!", "twofa_initiated"),
    (r"(?P<v>Attempt \d+: .*)", "progress"),  # where the splash breaks its line
    # What the shell and its tools complain of
    (r"(?:/opt/ibga/\S+\.sh: line \d+|mktemp|curl|tar|gzip|cp): .*No space left on device.*", "disk_full"),
    (
        r"/opt/ibga/\S+\.sh: line \d+: (?:\S+/ibgateway: (?:No such file .*|Permission denied)|: command not found)",
        "install_broken",
    ),
    (r"/opt/ibga/\S+\.sh: line \d+: \S+: (?:Permission denied|Read-only file system)", "settings_unwritable"),
    # A notice of newer gateways ended the scripts before A:_jauto.sh @15261a5.
    (r"/opt/ibga/\S+\.sh: (?:eval: )?line \d+: unexpected EOF while looking for matching .*", "jvm_crashed"),
)

_STEP = re.compile(r"(?:•|â€¢) ")
_DETAIL = re.compile(r" {0,2}- ")
_LINE = re.compile(r" {0,4}(?=\S)")

_STEP_RULES = rules(_STEPS)
_DETAIL_RULES = rules(_DETAILS)
_LINE_RULES = rules(_LINES)

# Printed without an end of line: whatever is printed next stands behind it (A:_run_ibg.sh:698, 722).
_UNENDED = re.compile(
    r"(?:  - focused on two-factor choice listbox)*(?P<selecting>  - selecting -?\d+ -?\d+  (?:IB Key|Mobile Authenticator app))?"
)

_DATE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d+) (\d\d:\d\d:\d\d) (\S+) (\d{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_BUILD = re.compile(r"\bBuild (\d+\.\d+\.\w+)")
_WAIT = re.compile(r"[Pp]lease wait (.*?) before")

#: What ends a prompt, or comes before one that is new.
_PROMPT_OVER = frozenset(
    {
        "container_started",
        "jvm_started",
        "login_attempt",
        "login_again",
        "loading",
        "login_completed",
        "gateway_gone",
    }
)

#: What else an event proves: nothing but that ends the scripts (A:manager.sh:50).
_PROVES = {"script_ended": "gateway.install_broken"}

#: So many answers, each some seconds after the other, are those of two codes: none is accepted.
_ANSWERS = 10

#: An open prompt is reported every few seconds; what comes so many seconds later is another one.
_PROMPT_GAP = 60.0


class Ibga(Grammar):
    """Reads one log of ibga, line by line."""

    name = "ibga"
    controller = "ibga"
    shape = re.compile(
        r" ?(?:Manager|IB Gateway) Startup / | ?IB Gateway Installation \d+$|!!! IB Gateway is waiting for "
        r"| {0,2}- (?:welcome: \d*%|option check[, ])"
        r"|(?:•|â€¢) (?:time: |starting |waiting for |filling in |logging in |entered maintenance |breaking out |cannot continue "
        r"|entering infinit |IB Gateway is no longer |found IBG |installation has |downloading |manager )"
    )
    marks = (
        "• ".encode(),
        b" Manager Startup / ",
        b"!!! IB Gateway is waiting",
        b"  - option check",
        b"  - handl",
        b" TOTP OK clicked",
    )
    messages = (
        "• ".encode(),
        b"  - ",
        b" Startup / ",
        b" IB Gateway Installation ",
        b"jauto is ",
        b"  found: ",
        b"    display ",
        b"  display ",
        b"    TOTP OK ",
        b"[I understand and accept]",
        b"!!! IB Gateway ",
        b"Attempt ",
        b"/opt/ibga/",
        b"No space left on device",
    )

    def __init__(self, around: Rules) -> None:
        super().__init__(around)
        #: Whether a prompt is open, when it was reported last, how often it was answered without a person, and how often no
        #: device could be chosen.
        self._asking = False
        self._asked_at: float | None = None
        self._answers = 0
        self._undecided = 0
        self._displays_late = 0

    @classmethod
    def exit_meaning(cls, code: int) -> str | None:
        """What an exit code of the container means: how the gateway's program ended is not written down (A:manager.sh:33-51)."""
        return "the program could not be installed" if code == 0 else None

    def read(self, line: Line) -> Event | None:
        """The event that `line` tells, if it is one."""
        if line.stamp:
            self._last = line, ""
        text = self._after_unended(line.text.rstrip())
        found = _message(text)
        if found is None:
            return self.event_around(line, text)
        self.seen = True
        values, kind = found[0].groupdict(), found[1]
        if date := values.get("date"):
            self._dated(line, date)
        return self._event(line, kind, (values.get("v") or "").strip())

    def _after_unended(self, text: str) -> str:
        """`text` without what was printed before it on the same line; a list without a choice leaves the prompt undecided."""
        found = _UNENDED.match(text)
        if found is None or not found.end():
            return text
        self._undecided = 0 if found["selecting"] else self._undecided + 1
        return text[found.end() :]

    def _dated(self, line: Line, date: str) -> None:
        found = _DATE.fullmatch(date.strip())
        if found is None or found[1] not in _MONTHS:
            return
        if found[4] == "UTC":
            self.zone_named("UTC")
        if not line.stamp:
            self._last = line, f"{found[5]}-{_MONTHS.index(found[1]) + 1:02}-{int(found[2]):02} {found[3]}"

    def _event(self, line: Line, kind: str, value: str) -> Event | None:
        """The event that a line of that kind is where it stands."""
        if kind == "dated":
            return None
        if kind == "twofa_initiated":
            return self._prompted(line)
        if kind == "progress":
            kind, value = self._progress(value)
        elif kind == "twofa_answered":
            kind = self._answered(line)
        elif kind == "display_late":
            kind = self._display_late()
        elif kind == "login_error" and refusal(value) == "login.throttled":
            wait = _WAIT.search(value)
            kind, value = "throttled", wait[1] if wait else ""
        if kind in _PROMPT_OVER:
            self._asking, self._answers, self._undecided = False, 0, 0
        return self._make(line, kind, value)

    def _progress(self, text: str) -> tuple[str, str]:
        if build := _BUILD.search(text):
            self.gateway_version = build[1]
        return progress(text)

    def _answered(self, line: Line) -> str:
        self._asking, self._asked_at, self._answers = True, line.at, self._answers + 1
        return "twofa_answered" if self._answers <= _ANSWERS else "twofa_failed"

    def _display_late(self) -> str:
        self._displays_late += 1  # usually the next one works (A:_run_xv.sh)
        return "display_missing" if self._displays_late > 1 else "sign_of_life"

    def _prompted(self, line: Line) -> Event | None:
        """A prompt is open: a new one, or the same as at the last look."""
        at, before = line.at, self._asked_at
        pause = 0.0 if at is None or before is None else at - before
        new, self._asking, self._asked_at = not self._asking or pause > _PROMPT_GAP, True, at
        if new:
            self._answers = 0
            return self._make(line, "twofa_initiated")
        if self._answers:
            return None
        # The first look can come before a row of the list is selected.
        return self._make(line, "device_not_chosen" if self._undecided > 1 else "twofa_open")

    def _make(self, line: Line, kind: str, value: str = "") -> Event:
        at, clock = self.last_moment if self._last and self._last[0] is line else (None, None)
        return Event(
            kind,
            line.number,
            at,
            clock,
            line.text,
            value,
            mode="paper" if kind == "disclaimer_accepted" else None,
            change=OPENED if kind in ("connecting", "authenticating") else None,
            problem=refusal(value) if kind == "login_error" else _PROVES.get(kind),
            terms=_TERMS,
        )


def _message(text: str) -> tuple[re.Match[str], str] | None:
    for leader, table in ((_STEP, _STEP_RULES), (_DETAIL, _DETAIL_RULES), (_LINE, _LINE_RULES)):
        if begun := leader.match(text):
            return match(table, text[begun.end() :])
    return None
