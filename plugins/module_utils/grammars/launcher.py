# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gateway's own launcher.log: what IBKR answered to a login. It is written until the login is complete, and then falls silent.

The file lies in the settings directory; its form is IBKR's and not documented. Sources: ``M:`` (aiordanescu/ib-gateway-mcp, its module
about the login phase), ``C:`` (code-hustler-ft3d/ibg-controller, docs/DISCONNECT_RECOVERY.md, issues 7 and 37), ``A:`` (ibga issue 34).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import Grammar, Rules, match, rules
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibkr import refusal
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import OPENED, Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line

_STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d{3})? (?:\[[A-Z]{2}\] )?(?:FATAL|ERROR|WARN|INFO|DEBUG|TRACE) +\[[^\]]*\] - "
)

_MESSAGES = rules(
    (
        (r"-* ?IB GATEWAY RESTART ?-*", "jvm_started"),
        (r"Running in auto-restart mode\b.*", "session_saved"),
        # The password is asked for; a saved session was presented where the first token is none of a password (M:).
        (r"NS_AUTH_START .*\binitialTokenType=PWD\b.*", "login_attempt"),
        (r"NS_AUTH_START .*", "authenticating"),
        (r"Received CHALLENGE", "twofa_initiated"),
        (r"AuthTimeoutMonitor-CCP: Timeout!", "auth_timed_out"),
        (r"SPLASH Attempt (?P<v>\d+): (?:network|server) error, will retry.*", "connecting"),
        (r"### onAuthenticationCompleted tokenProtocol=\d+; authenticated=true", "loading"),
        (r"AUTH_RESULT indicates wrong password", "refused"),
        (r"Authorization failed: SUPPRESS_MESSAGE_BOX\..*", "twofa_expired"),
        (r"Authorization failed:? (?P<v>.*)", "login_error"),
        (r"Session expired \[sessionId=.*", "token_expired"),
        (r"Too many failed login attempts\. Please wait (?P<v>.+?) before .*", "throttled"),
        (r"Switching to a new encrypted log.*", "login_completed"),
    )
)

#: Who logs in: a user name.
_USER = re.compile(r"Logging in (\S+)")

#: When it began, in UTC: beside the line's own time it tells the zone.
_STARTED = re.compile(r"Started on (\d{8}-\d\d:\d\d:\d\d)")


class Launcher(Grammar):
    """Reads a launcher.log."""

    name = "IB Gateway"
    controller = ""
    shape = re.compile(_STAMP.pattern.replace(r"\[[^\]]*\]", r"\[JTS-[^\]]*\]"))
    marks = (b"IB GATEWAY RESTART", b"NS_AUTH_START", b"Received CHALLENGE", b"Switching to a new encrypted log")
    messages = (b"[JTS-",)

    def __init__(self, around: Rules) -> None:
        super().__init__(around)
        self._prompted = False

    def read(self, line: Line) -> Event | None:
        """The event that `line` tells, if it is one; a line without a time goes on with the one before."""
        stamp = _STAMP.match(line.text)
        if stamp is None:
            return None
        self.seen, self._last = True, (line, stamp[1])
        text = line.text[stamp.end() :].strip()
        if user := _USER.match(text):
            self.secrets.add(user[1])
        if (started := _STARTED.fullmatch(text)) and not self.time_zone:
            self._zone_by(stamp[1], started[1])
        found = match(_MESSAGES, text)
        if found is None:
            return None
        kind, value = found[1], found[0].groupdict().get("v") or ""
        if kind == "twofa_expired" and not self._prompted:
            return None  # ended before anybody was asked (M:)
        self._prompted = kind == "twofa_initiated" or self._prompted and kind != "twofa_expired"
        problem = refusal(value) if kind == "login_error" else None
        change = OPENED if kind in ("connecting", "authenticating") else None
        return Event(kind, line.number, *self.last_moment, line.text, value, change=change, problem=problem)

    def _zone_by(self, own: str, utc: str) -> None:
        try:
            ahead = datetime.fromisoformat(own) - datetime.strptime(utc, "%Y%m%d-%H:%M:%S")
            zone = timezone(timedelta(minutes=15 * round(ahead.total_seconds() / 900)))
        except ValueError:  # no such time, or further apart than any zone
            return
        self.time_zone, self._zone = str(zone), zone

    @classmethod
    def exit_meaning(cls, _code: int) -> str | None:
        """It tells of no exit code."""
        return None
