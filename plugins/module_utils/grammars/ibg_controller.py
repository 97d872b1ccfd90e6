# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log grammar of ibg-controller 0.5 to 0.12, which logs in by itself in the place of IBC.

Its states go in the order of its code, so where they stop is where it hangs; a gateway that it starts again writes none.
Its stamp is a time of day: the date comes from the log's keeper. Sources are cited as ``C:`` (code-hustler-ft3d/ibg-controller
gateway_controller.py @13422e4, 0.12.0), ``C5:`` for the same file @66c2bb1 (0.4) and ``A:`` for agent/GatewayInputAgent.java.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Optional

from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import MODES, Grammar, Rules, match, rules
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import OPENED, Event, Terms, number
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line

#: What the controller ends with, and what it says of its gateway's process (C:shutdown, main, handle_2fa, monitor_loop).
_EXIT_CODES: Mapping[int, str] = {
    0: "stopped on request, or the gateway closed by itself at its hour",
    1: "the controller gave up: no login window, throttled, API port never opened, or second factor failed",
    2: "credentials are missing, or the TOTP key is not valid base32",
    3: "the second factor timed out, and the controller was told to exit",
    4: "the restart after a second factor that timed out failed",
}

# States (C:State); those that a login passes without a line of its own are known by the messages below.
_STATES: Mapping[str, str] = {
    "LAUNCHING": "script_began",
    "APP_DISCOVERY": "gateway_called",
    "LOGIN": "gateway_called",
    "POST_LOGIN": "authenticating",
    "TWO_FA": "authenticating",  # also entered where none is asked for
    "DISCLAIMERS": "loading",
    "API_WAIT": "loading",
    "CONFIG": "configured",
    "MONITORING": "configured",
    "HALTED": "twofa_failed",  # since 0.11.0
}

# Markers. A pattern must match the whole message; group `v` is the event's value, `mode` the trading mode that it proves.

_MESSAGES = (
    (r"ibg-controller v(?P<v>\S+) starting \(mode=(?P<mode>\w+), gateway=(?P<gateway>[^,]+), .*", "controller_version"),
    # The gateway's process
    (r"Gateway PID: \d+(?: \(JVM console -> .*\))?", "jvm_started"),
    (r"Gateway JVM PID \(from agent\): \d+", "session_full"),
    (r"RESTART: new Gateway JVM PID \(from agent\): \d+", "session_full"),
    (r"Input agent never came up.*", "jvm_crashed"),
    (r"RESTART: agent did not come up after re-launch", "jvm_crashed"),
    (r"Gateway JVM exited with code (?P<v>-?\d{1,6})", "jvm_lost"),
    (r"Gateway JVM exited cleanly \(code (?P<v>0)\).*", "jvm_lost"),  # since 0.11.1
    (r"Gateway JVM pid=\d+ exited \(exit status not observable.*", "jvm_lost"),
    (
        r"AUTORESTART: (?:install4j restarter ran|Gateway is restarting itself|install4j's restarter ).*",
        "autorestart_found",
    ),
    (r"AUTORESTART: .* treating this as Gateway's own restart .*", "autorestart_found"),
    (r"AUTORESTART: adopted Gateway pid=\d+ .*", "session_saved"),
    # A gateway is started anew: each once for one of them
    (r"Recovery: .*\. Trying fast in-place restart first\.", "restart_announced"),
    (r"Recovery: .*\. Relaunching Gateway in (?P<v>\d+)s .*", "restart_announced"),  # since 0.12.0
    (r"Gateway appears wedged .*", "restart_announced"),
    (r"TWOFA_TIMEOUT_ACTION=restart .*", "restart_announced"),
    (r"JVM restart attempt \d+/\d+: tearing down .*", "restart_announced"),
    (r"Command server: RESTART .*", "restart_announced"),
    (r"CCP (?:backoff: waiting|long cool-down .*: sleeping) (?P<v>\d+)s .*", "wait_announced"),
    # The login
    (r"Login dialog detected", "login_window"),
    (r"AUTORESTART: login dialog on the self-restarted Gateway.*", "login_window"),
    (r"Trading mode (?:set to|already) (?P<mode>Live|Paper) Trading.*", "mode_set"),
    (r"Selecting trading mode: (?P<mode>Live|Paper) Trading", "mode_set"),  # up to 0.5.11
    (r"Login dialog never appeared .*", "login_window_timeout"),
    (r"Log In / Paper Log In button (?:click failed|not found) .*", "login_window_timeout"),
    (r"RESTART: login dialog handling failed", "login_window_timeout"),
    (r"Re-auth: login failed", "login_window_timeout"),
    (r"Log In clicked successfully", "login_attempt"),
    (r"Login dialog detected during monitor loop.*", "relogin"),
    (r"API port (?:4001|4002) already open.*", "loading"),
    (r"API port (?:4001|4002) accepting connections after \d+s", "login_completed"),
    (r"Re-auth complete, resuming monitor", "configured"),
    (r"RESTART: Gateway re-launched successfully", "configured"),
    (r"Recovery: (?:adopted .*|fast restart succeeded|this mode is back.*)", "configured"),
    (r"API port (?:4001|4002) closed \(heartbeat failure \d+/\d+\)", "api_closed"),
    (r"API port (?:4001|4002) recovered after .*", "api_opened"),
    (r"RESTART: API port never opened .*", "login_stalled"),
    (r"Re-auth: API port never came back up", "login_stalled"),
    (r"Final state dump:", "login_stalled"),
    # The second factor
    (r"Waiting for 2FA dialog .* for up to (?P<v>\d+)s", "twofa_awaited"),
    (r"IB Key 2FA dialog detected: .*", "twofa_opened"),
    (r"Waiting for IB Key mobile approval.*", "twofa_initiated"),
    (r"2FA dialog dismissed .*", "twofa_answered"),
    (r"API port opened .* IB Key approval succeeded", "twofa_answered"),
    (r"2FA handled successfully.*", "twofa_answered"),
    (r"Passkey Authenticate click accepted .*", "twofa_answered"),
    (r"HALTED: .*", "twofa_failed"),
    (r"IB Key approval wait timed out", "twofa_expired"),
    (r"2FA dialog didn't appear in relogin window either", "twofa_expired"),
    (r"No 2FA dialog appeared within \d+s", "login_stalled"),
    (r"RELOGIN_AFTER_TWOFA_TIMEOUT=yes .*", "twofa_relogin"),
    (r"No 2FA code-entry prompt appeared within .*", "device_not_chosen"),  # since 0.8.0
    (r"2FA dialog is requesting a different method than configured: .*", "device_not_chosen"),  # since 0.7.0
    (r"JLIST_SELECT on 2FA device selector failed", "device_not_chosen"),
    (r"Passkey/WebAuthn login flow detected .*", "code_required"),  # since 0.8.1
    (r"SETTEXT_IN_WIN on 2FA dialog failed", "code_required"),
    (r"CLICK_IN_WIN OK on 2FA dialog failed", "code_required"),
    (r"2FA handling failed", "twofa_failed"),
    (r"RESTART: 2FA handling failed", "twofa_failed"),
    (r"Re-auth: 2FA failed", "twofa_failed"),
    # Another session
    (r"existing-session dialog: action=\w+", "session_found"),
    (r"Clicking existing-session button '(?:Continue(?: Login)?|Primary|Yes|OK)' .*", "session_continued"),
    (r"Clicking existing-session button '.*' .*", "session_yielded"),
    (r"action=manual .*", "session_asked"),
    (r"existing-session: (?:none of|handled this dialog) .*", "session_asked"),
    # IBKR is silent, or not there
    (r"CCP LOCKOUT DETECTED.*", "throttled"),
    (r"Login dialog stuck in 'connecting to server' retry loop.*", "server_unavailable"),
    (r"API port timeout with lockout signature \(ccp_timeout=False, .*", "server_unavailable"),
    # The end
    (r"Received signal \d+ \(\w+\), shutting down Gateway", "stopped_from_outside"),
    (r"Command server: \S+ sent '(?P<v>\w*)'", "command"),
)

# What the controller finds out by itself, and the finding that this proves.
_DIAGNOSES = rules(
    (
        (r"Diagnosis: SSL HANDSHAKE FAILED\..*", "login.server_unreachable"),
        (r"Diagnosis: Gateway NEVER reached the Authenticating state\.", "login.server_unreachable"),
        (r"Diagnosis: IBKR SILENTLY DROPPED THE AUTH REQUEST\.", "login.throttled"),
    )
)

# The last words of a controller: its exit code, and the finding that they prove when nothing before did.
_LAST_WORDS = rules(
    (
        (r"TWS_USERID and TWS_PASSWORD must be set", "2 config.credentials_missing"),
        (r"No Gateway launcher found under .*", "1 gateway.install_broken"),
        (r"Gateway PID unknown .*", "1 gateway.crashed"),
        (r"Login dialog handling failed", "1 gateway.login_window_unknown"),
        (r"Post-login dialog handling failed", "1 login.existing_session"),
        (r"Recovery: \d+ relaunches did not bring this mode back.*", "1 "),
    )
)

# Python's own last words, before the controller has a log (C:_validate_hostname) or in the middle of a login (before 0.10.0).
_TRACEBACKS = rules(
    (
        (r"ValueError: TWS_SERVER\w*='.*' is not a valid hostname .*", "1 config.value_invalid"),
        (r"binascii\.Error: .*", "1 config.value_invalid"),  # the TOTP key
    )
)

_MESSAGE_RULES = rules(_MESSAGES)

#: What an alert says: the kind of event, its value, and the finding that it proves.
_Alerted = tuple[str, str, Optional[str]]

#: Alerts of a second factor that failed, by the words of their reason.
_TWOFA_REASONS: tuple[tuple[str, _Alerted], ...] = (
    ("base32 secret", ("jvm_ended", "2", "config.value_invalid")),
    ("TWOFA_TIMEOUT_ACTION=exit", ("jvm_ended", "3", "twofa.timed_out")),
    ("do_restart_in_place failed", ("jvm_ended", "4", "twofa.timed_out")),
    ("device s", ("device_not_chosen", "", None)),
    ("method mismatch", ("device_not_chosen", "", None)),
    ("", ("code_required", "", None)),  # a passkey, a field that is not there
)

#: What an alert says nothing without, where that is not the mode.
_DECIDING: Mapping[str, str] = {
    "2FA_FAILED": "reason",
    "2FA_MANUAL_WINDOW": "timeout_seconds",
    "AUTO_RESTART": "status",
    "CLEAN_LOGOUT": "status",
    "IBKR_MAINTENANCE_RECOVERY": "delay_seconds",
    "LOGIN_FAILED": "reason",
    "PASSWORD_EXPIRED": "status",
}

#: The other alerts that say one thing each.
_ALERTS: Mapping[str, _Alerted] = {
    "HALTED": ("twofa_failed", "", None),
    "LOGIN_FAILED": ("login_stalled", "", None),
    "PASSWORD_EXPIRED": ("password_expires", "", None),
    "CCP_PERSISTENT": ("throttled", "", None),
    "CCP_PERSISTENT_HALT": ("jvm_ended", "1", "login.throttled"),
    "JVM_RESTART_EXHAUSTED": ("jvm_ended", "1", "login.throttled"),
    "AUTO_RESTART": ("login_completed", "", None),
    "CONFIG_NOT_APPLIED": ("value_ignored", "", None),
    "JVM_UNCLEAN_SHUTDOWN": ("killed", "", None),
    "SHUTDOWN": ("jvm_ended", "0", None),
}

_LEVEL = r"\[(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\]"
_STAMP = re.compile(r"(\d\d):(\d\d):(\d\d) " + _LEVEL + r" (?:\[(live|paper)\] )?")  # C:logging.basicConfig
_STATE = re.compile(r"\[STATE: ([A-Z_]+)\]")
_ALERT = re.compile(r"ALERT_([A-Z0-9_]+)(?: (.*))?")
_PAIR = re.compile(r"([a-z_]+)=(?:\"([^\"]*)\"|([^\s\"]\S*))")
#: What tells the mode in lines that do not carry it (up to 0.6.0).
_MODE_TOLD = re.compile(r"\bAPI port (400[12])\b|(?:jvm_console|gateway_ready|gateway-input)[_-](live|paper)\b")
_MODE_OF_PORT = {"4001": "live", "4002": "paper"}
#: Settings as the controller tells them, in the words of its environment.
_TOLD = re.compile(
    r"Waiting for 2FA dialog .* for up to (?P<TWOFA_EXIT_INTERVAL>\d+)s"
    r"|existing-session dialog: action=(?P<EXISTING_SESSION_DETECTED_ACTION>\w+)"
    r"|TWOFA_TIMEOUT_ACTION='?(?P<TWOFA_TIMEOUT_ACTION>\w*)'? .*"
    r"|RELOGIN_AFTER_TWOFA_TIMEOUT=(?P<RELOGIN_AFTER_TWOFA_TIMEOUT>\w+) .*"
    r"|TWS_COLD_RESTART=(?P<TWS_COLD_RESTART>\w+) .*"
    r"|Writing jts\.ini for server (?P<TWS_SERVER>\S+) .*"
    r"|2FA dialog shows device selector .* selecting '(?P<TWOFA_DEVICE>[^']*)' .*"
    r"|Post-login config env: TWS_MASTER_CLIENT_ID='(?P<TWS_MASTER_CLIENT_ID>[^']*)',"
    r" READ_ONLY_API='(?P<READ_ONLY_API>[^']*)' .*, AUTO_LOGOFF_TIME='(?P<AUTO_LOGOFF_TIME>[^']*)',"
    r" AUTO_RESTART_TIME='(?P<AUTO_RESTART_TIME>[^']*)'"
)
_IGNORED = re.compile(
    r"\s+- ([A-Z_]+): not honored; .*|Post-login config: these env vars .* being ignored: ([A-Z_, ]+)\..*"
)
_WINDOWS = re.compile(
    r"(?:2FA wait: windows -> |\s+API port still closed at .*windows=|Modal dialog\(s\) detected: )\[(.*)\]"
)
_WINDOW = re.compile(r"\('[^']*', (?:'([^']*)'|\"([^\"]*)\")(?:, (True|False))?\)")
#: Windows of a login that goes on, and those that the controller answers; any other in front waits for a person.
_EXPECTED_WINDOWS = re.compile(
    r"|Gateway|IBKR Gateway|IB Gateway|Loading.*|Connecting.*|Attempt \d+.*|Authenticating.*|Initializing.*|Starting.*"
    r"|Second Factor Authentication|Existing session.*|Another session.*|Warning|Re-login is required|.*Configuration.*"
)
#: A component of the login window, as it is written down when its button is missing; before 0.6.3 with the password (A:dumpComponentTree).
_TYPED_FIELD = re.compile(
    r"\s*\w*(?:TextField|PasswordField)\b.* text=\"([^\"]+)\"|.* text=\"([^\"]+)\" accName=\"(?:Username|Password)\""
)

#: A time of day so far behind the last one is of the next day; less is the end of summer time, or two writers.
_NEXT_DAY = 3900


class IbgController(Grammar):
    """Reads one log of ibg-controller, line by line."""

    name = "ibg-controller"
    controller = "ibg-controller"
    shape = re.compile(
        r"\d\d:\d\d:\d\d "
        + _LEVEL
        + r" (?:\[(?:live|paper)\] |\[STATE: |ALERT_|CCP |API port \d|Gateway (?:PID|JVM|launcher)\b"
        r"|Log In clicked|Login (?:dialog|complete)|Health server: |2FA |IB Key |Post-login |RESTART: |Recovery: |HALTED)"
        r"|\.> Starting Gateway controller in (?:live|paper) mode\.$"
    )
    marks = (
        b".> Starting ",
        b"[STATE: LAUNCHING]",
        b"Gateway PID: ",
        b"Gateway JVM ",
        b"AUTORESTART: adopted",
        b"Log In clicked",
        b"re-driving login",
        b"accepting connections after",
        b"IB Key mobile approval",
        b"ALERT_",
        b"Recovery: ",
        b"Gateway appears wedged",
        b"TWOFA_TIMEOUT_ACTION=restart",
        b"JVM restart attempt",
        b"Command server: RESTART",
        b" must be set",
        b"dialog handling failed",
        b"launcher found under",
    )

    messages = (re.compile(rb"\d \[(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\] "),)

    def __init__(self, around: Rules) -> None:
        super().__init__(around)
        # Of each instance, by the mode that its lines carry.
        self._told: dict[str | None, dict[str, str]] = {}
        self._logged_in: set[str | None] = set()
        self._relaunching: set[str | None] = set()
        self._screen: dict[str | None, str] = {}
        self._of_day: int | None = None
        self._clock: float | None = None

    @classmethod
    def exit_meaning(cls, code: int) -> str | None:
        return _EXIT_CODES.get(code)

    def read(self, line: Line) -> Event | None:
        """The event that `line` tells, if it is one."""
        text = line.text.rstrip()
        stamp = _STAMP.match(text)
        if stamp is None:
            return self._raw(line, text)
        self.seen = True
        self._tick(line, stamp)
        message, writer = text[stamp.end() :], stamp[4]
        told = self._note(message, writer)
        event = self._alert(line, message) or self._said(line, message) or self._windows(line, message, writer)
        if event is None and not told:
            return None
        event = self._once(event or self._event(line, "settings"), writer)
        mode = writer or event.mode or _mode_told(message)
        settings = dict(self._told[writer])
        terms = _terms(settings, mode, writer in self._relaunching)
        return replace(event, mode=mode, writer=writer, settings=settings, terms=terms)

    @property
    def last_moment(self) -> tuple[float | None, float | None]:
        """When the last line with a time was written: since the epoch where its keeper knew, and on the log's own clock."""
        at = self._last[0].at if self._last else None
        return (at, at) if at is not None else (None, self._clock)

    def _tick(self, line: Line, stamp: re.Match[str]) -> None:
        """Let the log's own clock go on; it never goes back."""
        self._last = line, ""
        of_day = (int(stamp[1]) * 60 + int(stamp[2])) * 60 + int(stamp[3])
        if self._of_day is None or self._clock is None:
            self._clock = float(of_day)
        else:
            passed = of_day - self._of_day
            self._clock += passed + 86400 if passed < -_NEXT_DAY else max(passed, 0)
            if -_NEXT_DAY <= passed < 0:
                return
        self._of_day = of_day

    def _raw(self, line: Line, text: str) -> Event | None:
        if line.stamp:
            self._last = line, ""
        if found := match(_TRACEBACKS, text):
            return self._end(line, found[1])
        event = self.event_around(line, text)
        if event and event.kind == "script_started":
            self._told = {writer: told for writer, told in self._told.items() if writer not in (None, event.mode)}
        return event and replace(event, clock=event.clock or self.last_moment[1])

    def _said(self, line: Line, message: str) -> Event | None:
        """The event of a message that stands in one of the tables."""
        if state := _STATE.fullmatch(message):
            kind = _STATES.get(state[1])
            return self._event(line, kind) if kind else None
        if found := match(_LAST_WORDS, message):
            return self._end(line, found[1])
        if found := match(_DIAGNOSES, message):
            return self._event(line, "dialog_text", problem=found[1])
        found = match(_MESSAGE_RULES, message)
        if found is None:
            return None
        values, kind = found[0].groupdict(), found[1]
        value, mode = values.get("v") or "", MODES.get((values.get("mode") or "").lower())
        if kind == "controller_version":
            self.version, self.gateway_version = value, values["gateway"]
        elif kind == "jvm_lost" and value.startswith("-"):
            value = str(128 - int(value))  # Python's word for a signal; everybody else's is 128 and its number
        problem = "gateway.crashed" if kind == "jvm_lost" and value.strip("0") else None
        return self._event(line, kind, value, mode, problem)

    def _alert(self, line: Line, message: str) -> Event | None:
        """The event of a line for monitoring; the name of one can stand inside another's reason."""
        found = _ALERT.fullmatch(message)
        if found is None:
            return None
        said_of = found[2] or ""
        pairs = {
            pair[1]: pair[2] or pair[3] or ""
            for pair in _PAIR.finditer(said_of)
            if not (line.cut and pair[3] and pair.end() == len(said_of))  # the rest of it may be missing
        }
        said = _alerted(found[1], pairs)
        return self._event(line, said[0], said[1], problem=said[2]) if said else None

    def _windows(self, line: Line, message: str, writer: str | None) -> Event | None:
        """What is in front on the screen, when that has changed."""
        found = _WINDOWS.fullmatch(message)
        if found is None:
            return None
        shown = [(plain or quoted, modal) for plain, quoted, modal in _WINDOW.findall(found[1])]
        titles = "\n".join(
            title for title, modal in shown if modal != "False" and not _EXPECTED_WINDOWS.fullmatch(title)
        )
        if titles == self._screen.get(writer, ""):
            return None
        self._screen[writer] = titles
        return self._event(line, "screen", titles)

    def _once(self, event: Event, writer: str | None) -> Event:
        """`event`, but no second login for one that the controller only looks at again."""
        if event.kind == "restart_announced":
            self._relaunching.add(writer)
        elif event.kind in ("login_completed", "jvm_ended"):
            self._relaunching.discard(writer)
        if event.kind in ("login_attempt", "jvm_started", "session_saved"):
            self._logged_in.discard(writer)
        elif event.kind == "login_completed":
            if writer in self._logged_in:
                return replace(event, kind="configured")
            self._logged_in.add(writer)
        return event

    def _note(self, message: str, writer: str | None) -> bool:
        """Keep what `message` tells of the settings, and what must not be quoted; whether it tells a setting."""
        settings = self._told.setdefault(writer, {"TRADING_MODE": writer} if writer else {})
        told: dict[str, str] = {}
        if found := _TOLD.fullmatch(message):
            told = {name: value for name, value in found.groupdict().items() if value is not None}
        elif found := _IGNORED.fullmatch(message):
            told = dict.fromkeys((found[1] or found[2]).split(", "), "not honored")
        elif message.startswith(("No TWOFACTOR_CODE set", "Typing TOTP code")):
            told = {"TWOFACTOR_CODE": "***" if message.startswith("Typing") else ""}
        elif message == "Waiting for login dialog (password text)":
            self.version = "before 0.5.12"  # C5:handle_login; the first release that names itself is 0.11.1
        elif found := _TYPED_FIELD.match(message):
            self.secrets.add(found[1] or found[2])
        settings.update(told)
        return bool(told)

    def _event(
        self, line: Line, kind: str, value: str = "", mode: str | None = None, problem: str | None = None
    ) -> Event:
        change = OPENED if kind == "authenticating" else None
        return Event(
            kind, line.number, *self.last_moment, line.text.rstrip(), value, mode, change=change, problem=problem
        )

    def _end(self, line: Line, words: str) -> Event:
        code, problem = words.split(" ")
        self.seen = True
        return self._event(line, "jvm_ended", code, problem=problem or None)


def _mode_told(message: str) -> str | None:
    found = _MODE_TOLD.search(message)
    return (_MODE_OF_PORT.get(found[1]) or found[2]) if found else None


def _terms(told: Mapping[str, str], mode: str | None, relaunching: bool) -> Terms:
    """What the settings that were told mean for a run, and that the controller logs in again by itself."""
    action, again = told.get("TWOFA_TIMEOUT_ACTION"), told.get("RELOGIN_AFTER_TWOFA_TIMEOUT")
    unknown = action is again is None and not relaunching
    return Terms(
        mode=mode,
        second_factor_seconds=number(told.get("TWOFA_EXIT_INTERVAL"), 120.0),  # C:handle_2fa
        asks_again=None if unknown else relaunching or action == "restart" or again == "yes",
        login_window_seconds=120.0,  # C:handle_login
        restarts_daily=bool(told.get("AUTO_RESTART_TIME")),
    )


def _alerted(token: str, pairs: Mapping[str, str]) -> _Alerted | None:
    """What the alert `token` says with its `pairs` (C:docs/OBSERVABILITY.md)."""
    reason, status = pairs.get("reason", ""), pairs.get("status", "")
    if _DECIDING.get(token, "mode") not in pairs:
        return None
    if token == "2FA_FAILED":
        return next(said for words, said in _TWOFA_REASONS if words in reason)
    if (token, reason) == ("LOGIN_FAILED", "bad-credentials") or (token, status) == ("PASSWORD_EXPIRED", "expired"):
        return "dialog_text", "", "login.credentials_rejected"
    if token == "CLEAN_LOGOUT":
        return "logout_failed" if status.startswith(("failed", "zombie")) else "logged_out", "", None
    if token == "AUTO_RESTART" and status != "adopted":
        return ("cold_restart_announced", "", None) if status.startswith("failed_") else None
    if token in ("2FA_MANUAL_WINDOW", "IBKR_MAINTENANCE_RECOVERY"):
        return "wait_announced", pairs.get("timeout_seconds", "") or pairs.get("delay_seconds", ""), None
    return _ALERTS.get(token)
