# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log grammar of ibcontroller, the successor of IBC in the gnzsnz images: records on stderr, a dump of its settings and its last
words on stdout, without a stamp.

It tells which windows open, never which close. Sources are cited as ``K:`` (gnzsnz/ibcontroller: control loop and launcher @0bec4bc,
login @43d203b, command line newest).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.module_utils.grammars import exit_codes
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import MODES, Grammar, Rules, match, rules
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibkr import (
    ANSWERED,
    BLOCKING,
    refusal,
    window_kinds,
)
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import OPENED, Event, Terms
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.redact import is_secret

# Markers. A pattern must match the whole text; group `v` is the event's value, group `mode` the trading mode that it proves.

_MESSAGES = (
    (r"launching instance (?P<instance>\S+) \((?P<mode>live|paper)\)", "jvm_started"),  # K:launcher.py, each time
    (r"auto-detected \w+ version: (?P<v>\S+)", "gateway_version"),
    (r"multiple \w+ installations found under .* -- using (?P<v>\S+) \(the greatest\)", "gateway_version"),
    (r"instance (?P<instance>\S+) ready, pid=\d+", "agent_ready"),  # Java runs: nobody is logged in
    (r"startup state: LAUNCHING -> LOGGING_IN", "gateway_called"),
    (r"startup state: APPLYING_SETTINGS -> READY", "configured"),
    (r"startup state: \w+ -> SHUTTING_DOWN", "stopping"),
    (r"(?:restart_expected flag|autorestart marker file) -- skipping credential fill", "typing_skipped"),
    (r"credentials submitted, awaiting outcome", "login_attempt"),
    (r"second factor authentication in progress", "twofa_initiated"),
    (r"re-login after second factor authentication timeout not required", "twofa_expired"),
    (r"re-login after second factor authentication timeout in [\d.]+s", "twofa_relogin"),
    (r"login completed", "login_completed"),
    (r"existing session detected -- manual, leaving for the user", "session_asked"),  # K:recognisers.py
    (r"existing session detected -- (?:secondary|second attempt), ending this session", "session_yielded"),
    (r"existing session detected -- (?:first attempt|primary), continuing this session", "session_continued"),
    (r"existing session detected -- primaryoverride, ending this session", "session_taken"),
    (r"login failed -- transient, relaunching", "login_failed"),
    (r"login error: (?P<v>.*)", "login_error"),
    (r"(?P<v>Connection to server failed:.*)", "dialog_text"),
    (r"unrecognized username or password -- login rejected", "refused"),
    (r"too many failed login attempts -- retrying in (?P<v>\d+)s", "throttled"),
    (r"too many failed login attempts -- relogin disabled, stopping", "throttled"),
    (r"invalid (?:cold_restart_time|closedown_at) -- ignoring", "value_ignored"),
    (r"settings: entry .* failed -- skipping: .*", "setting_not_applied"),
    (r"declarative settings application failed -- continuing without them", "setting_not_applied"),
    (r"scheduled shutdown fired: (?:COLD_RESTART|TIDY_CLOSEDOWN)", "stopping"),
    (r"agent process exited on its own \(returncode=0\)", "shutdown_shown"),  # for its daily restart, or for good
    (r"agent process exited on its own \(returncode=(?P<v>-?\d+)\)", "gateway_lost"),
    (r"dispatcher background task ended unexpectedly, process still alive: .*", "gateway_lost"),
    (r"(?:PROCESS_CLOSED|PROCESS_EXITED|CONNECTION_LOST) during \w+ -- aborting this cycle", "gateway_lost"),
    (r"control loop cycle aborted by an unhandled exception", "gateway_lost"),
    (r"cycle aborted: (?P<v>.*)", "gave_up"),
    (r"login frame never appeared -- relaunching \(restart hash=.*?\): (?P<v>.*)", "restart_announced"),
    (r"mfa_timeout_action=restart -- relaunching with a full fresh login: (?P<v>.*)", "restart_announced"),
    (r"transient login failure -- relaunching with a full fresh login: .*", "restart_announced"),
    (r"cold_restart_time reached -- relaunching with a full fresh login\b.*", "restart_announced"),
    (r"Gateway restarted on its own schedule \(autorestart marker present at .*\) -- relaunching", "session_kept"),
    (r"control loop stop requested \(task cancelled\)", "stopped_from_outside"),
)

# Why it gives up (K:login.py, recognisers.py, launcher.py, config.py, main.py): the finding, and the exit code.
_REASONS = (
    (r"login frame never appeared within .*", "gateway.login_window_unknown", 69),
    (r"login did not complete within \S+ of the 2FA dialog appearing \(mfa_timeout\)", "twofa.timed_out", 75),
    (r"login did not complete within \S+ of second factor authentication completing.*", "twofa.login_incomplete", 75),
    (r"login did not complete within \S+ of credentials being submitted, .*", "login.auth_silent", 69),
    (r"unrecognized username or password", "login.credentials_rejected", 77),
    (r"too many failed login attempts, relogin disabled", "login.throttled", 77),
    (r"gateway connection failed: .*", None, 77),  # by what the dialog says
    (r"login (?:failed|error dialog); server disconnected", "login.server_unreachable", 69),
    (r"credentials not found -- .*", "config.credentials_missing", 78),
    (r".*: credentials must not be set in the config file .*", "config.value_invalid", 78),
    (r"IBC_\w+_FILE=.*", "config.secret_unreadable", 78),
    (r"no \w+ installation found .*", "gateway.install_broken", 78),
    (r"(?:IBController > )?\S+ not found -- is it installed under .*", "gateway.install_broken", 78),
    (r"no bundled java executable found .*", "gateway.install_broken", 78),
    (r"ibcontroller-agent\.jar not found .*", "gateway.install_broken", 78),
    (r"agent at \S+ did not respond to ping within \S+", "gateway.crashed", 78),
    (r"agent process exited \(returncode=-?\d+\) before answering ping.*", "gateway.crashed", 69),
)

_REASONED = frozenset({"login_error", "dialog_text", "gave_up"})

# Causes of an end that was in order or not: the finding where nothing before it says more, and the exit code (K:cli.py).
_CAUSES = {
    "REQUESTED": ("container.stopped", 0),
    "TIDY_CLOSEDOWN": ("gateway.stopped_by_schedule", 0),
    "PROCESS_CLOSED": ("gateway.stopped_by_schedule", 0),
    "PROCESS_EXITED": ("gateway.crashed", 69),
    "CONNECTION_LOST": ("gateway.crashed", 69),
    "LOGIN_FAILED": ("login.credentials_rejected", 77),
}

# Windows of the gateway's, by what they mean where it is IBC that tells of them (ibkr.py): the steps of a login; those that mean
# the same here; those that the controller handles, and speaks of itself.
_STEPS = frozenset({"connecting", "authenticating", "loading"})
_SAME = frozenset({"server_unavailable", "shutdown_shown", "restart_shown", "gateway_shown"})
_HANDLED = frozenset({"twofa_opened", "session_found", "refused", "login_failed"})
_ORDINARY = re.compile(r"Loading\.\.\.|New Login|.* Configuration(?: \(.*\))?|.*\bInteractive Brokers\b.*")

# What a missing file of one's own settings is told with, at every start of the image until there is one (K:control_loop.py).
_NO_FILE = re.compile(r"settings: could not load .* -- continuing with built-in settings only: (?P<why>.*)")
_MISSING = re.compile(r"file not found|.*No such file or directory.*")

_RECORD = re.compile(
    r"(?P<stamp>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),\d{3} (?:DEBUG|INFO|WARNING|ERROR|CRITICAL)"
    r" ibcontroller(?P<module>(?:\.[\w.-]+)?): (?:IBController > )?"
)
_WINDOW = re.compile(r"unhandled unprompted window: \S+ (?P<quote>['\"])(?P<title>.*)(?P=quote)")
_INCOMING = "Accept incoming connection"
_COMMAND = re.compile(r"launch command for (?P<instance>[^:]+): (?P<words>\[.*)")
_RESTART = re.compile(r"-Drestart=([^'\"\s,\]]+)")
_HASH = re.compile(r"\bhash=([a-p]{12,})\b")
_HEAP_WITHOUT_UNIT = re.compile(r"['\"]-Xmx\d+['\"]")

_DUMP = re.compile(r"IBController > (?P<what>env|config) (?P<key>\w+)=(?P<value>.*)")
_BEGUN = re.compile(r"IBController > loaded from dotenv .*")
_STOPPED = re.compile(r"stopped: (?P<cause>\w+)")
_ERROR = re.compile(r"error: (?P<why>.*)")
_HINT = re.compile(r"Edit .*ibcontroller\.toml .*set IBC_USERID/IBC_PASSWORD\.")  # only after an error of configuration
_IN_USE = re.compile(
    r"(?:Exception in thread \"[^\"]*\" )?(?:[\w.]+Exception: )?Refusing to start: \S+ already has a live listener .*"
)

_MESSAGE_RULES = rules(_MESSAGES)
_REASON_RULES = tuple((re.compile(pattern), problem, code) for pattern, problem, code in _REASONS)


class IbController(Grammar):
    """Reads one log of ibcontroller, line by line."""

    name = "ibcontroller"
    controller = "ibcontroller"
    shape = re.compile(_RECORD.pattern + r"|IBController > |\.> (?:Starting|Launching) ibcontroller\b")
    marks = (
        b"Starting ibcontroller",
        b"IBController > loaded from dotenv",
        b"IBController > config ",  # told once, for all runs of the process
        b"launching instance ",
        b"launch command for ",
        b" ready, pid=",
        b" relaunching",
        b"skipping credential fill",
        b"credentials submitted",
        b"second factor authentication in progress",
        b"login completed",
        b"stopped: ",
        b"error: ",
    )
    messages = (b"ibcontroller", b"IBController > ", b"stopped: ", b"error: ", b"Refusing to start")

    def __init__(self, around: Rules) -> None:
        super().__init__(around)
        self._config: dict[str, str] = {}
        self._modes: dict[str, str | None] = {}
        self._resuming: set[str] = set()
        #: Whether a start script was read, and whether the controller that it began has got as far as Java.
        self._scripted = False
        self._launches = False
        self._error: Event | None = None

    @classmethod
    def exit_meaning(cls, code: int) -> str | None:
        return exit_codes.IBCONTROLLER.get(code)

    def read(self, line: Line) -> Event | None:
        """The event that `line` tells, if it is one."""
        found = _RECORD.match(line.text)
        if found is None:
            return self._raw(line, line.text.rstrip())
        self.seen = True
        self._last = line, found["stamp"]
        message = line.text[found.end() :].rstrip()
        if found["module"].startswith(".stdout."):  # the gateway's own words
            return self.event_around(line, message)
        return self._message(line, message)

    def _event(
        self, line: Line, kind: str, value: str = "", mode: str | None = None, problem: str | None = None
    ) -> Event:
        return Event(kind, line.number, *self.last_moment, line.text, value, mode, problem=problem)

    # Records

    def _message(self, line: Line, message: str) -> Event | None:
        if titled := _WINDOW.fullmatch(message):
            return self._window(line, titled["title"])
        if message == "incoming API connection -- manual, leaving for the user":
            return self._window(line, _INCOMING)
        if command := _COMMAND.fullmatch(message):
            return self._launched(line, command["instance"], command["words"])
        if own_file := _NO_FILE.fullmatch(message):
            known = line.cut or _MISSING.fullmatch(own_file["why"])
            return None if known else self._event(line, "value_ignored")
        found = match(_MESSAGE_RULES, message)
        if found is None:
            return None
        values, kind = found[0].groupdict(), found[1]
        value, mode, problem = values.get("v") or "", MODES.get(values.get("mode") or ""), None
        if kind == "jvm_started":
            self._launches, self._modes[values["instance"]] = True, mode
        elif kind == "agent_ready":
            kind = "session_saved" if values["instance"] in self._resuming else "session_full"
            mode = self._modes.get(values["instance"])
        elif kind == "gateway_version":
            self.gateway_version = value
        elif kind == "throttled" and value:
            value += " seconds"
        elif kind in ("login_error", "dialog_text"):
            problem = refusal(value)
        elif kind in ("gave_up", "restart_announced"):
            problem, value = _reason(value)[0], ""
        elif kind == "twofa_initiated":  # it is told of the window with this title only (K:labels.json)
            return replace(self._event(line, kind), title="Second Factor Authentication", change=OPENED)
        elif kind == "session_kept":
            self.secrets.update(_HASH.findall(message))
        if line.cut and kind in _REASONED and problem is None:  # what it says is not all there
            return None
        return self._event(line, kind, value, mode, problem)

    def _launched(self, line: Line, instance: str, command: str) -> Event | None:
        """What the command line of Java tells: whether a session is resumed, and a heap that Java refuses (K:launcher.py)."""
        restarts = _RESTART.findall(command)
        self.secrets.update(restarts)
        self._resuming.discard(instance)
        self._resuming.update([instance] if restarts else [])
        return self._event(line, "heap_malformed") if _HEAP_WITHOUT_UNIT.search(command) else None

    def _window(self, line: Line, title: str) -> Event | None:
        """A window that came up and that the controller leaves to others."""
        kind, _closed, value, mode = window_kinds(title, dialog=False)
        if kind in _HANDLED or _ORDINARY.fullmatch(title):
            return None
        if kind in _STEPS:
            return self._event(line, "login_step", kind, mode)
        dialog = kind not in _SAME
        if kind == "relogin":
            kind = "relogin_asked"
        elif dialog and kind != "code_required" and title not in (*BLOCKING, *ANSWERED):
            kind = "window_unhandled"
        return Event(kind, line.number, *self.last_moment, line.text, value, mode, title, OPENED, dialog)

    # Whole lines

    def _raw(self, line: Line, text: str) -> Event | None:
        if line.stamp:
            self._last = line, ""
        if dumped := _DUMP.fullmatch(text):
            self.seen = True
            return self._dumped(line, dumped["what"], dumped["key"], dumped["value"])
        if _BEGUN.fullmatch(text):  # up to 0.1.2 the controller's stdout came when it ended, after the rest
            self.seen, self._config = True, {}
            return None if self._launches else self._event(line, "script_began")
        if stopped := _STOPPED.fullmatch(text):
            return self._ended(line, *_CAUSES.get(stopped["cause"], (None, None)))
        if _IN_USE.fullmatch(text):
            return self._event(line, "value_refused")
        if event := self.event_around(line, text):
            if event.kind == "script_started":
                self._scripted, self._launches = True, False
            return event
        if _HINT.fullmatch(text) and self._error:
            return self._error
        if error := _ERROR.fullmatch(text):
            problem, code = _reason(error["why"])
            self._error = self._event(line, "controller_ended", "78", problem="config.value_invalid")
            return self._ended(line, problem, code)
        return None

    def _dumped(self, line: Line, what: str, key: str, value: str) -> Event | None:
        if what == "env":  # older versions mask two names only
            if is_secret(key) and not key.endswith("_FILE"):
                self.secrets.update({value} - {"", "******", "*******"})
            return None
        self._config[key] = "" if value == "None" else value
        if key == "tws_version" and self._config[key]:
            self.gateway_version = value
        mode = MODES.get(self._config.get("trading_mode", ""))
        elsewhere = key == "log_sink" and value == "file"  # then only its last words come out (K:logging_setup.py)
        return Event(
            "log_elsewhere" if elsewhere else "settings",
            line.number,
            *self.last_moment,
            line.text,
            mode=mode,
            settings=dict(self._config),
            terms=_terms(self._config),
        )

    def _ended(self, line: Line, problem: str | None, code: int | None) -> Event | None:
        """The controller's last words, where they are its own."""
        if code is None:
            return None
        self._launches, self._error = self._launches and self._scripted, None
        return self._event(line, "controller_ended", str(code), problem=problem)


def _reason(text: str) -> tuple[str | None, int | None]:
    """The finding behind the controller's reason to give up, and the exit code."""
    for pattern, problem, code in _REASON_RULES:
        if pattern.fullmatch(text):
            return problem or refusal(text), code
    return None, None


def _terms(config: Mapping[str, str]) -> Terms:
    """What the effective configuration means for a run (K:config.py)."""
    relogin = config.get("relogin_after_mfa_timeout") == "True"
    return Terms(
        mode=MODES.get(config.get("trading_mode", "")),
        second_factor_seconds=_seconds(config.get("mfa_timeout"), 180.0),
        from_prompt=True,
        asks_again=relogin or config.get("mfa_timeout_action") == "restart",
        login_window_seconds=_seconds(config.get("login_dialog_display_timeout"), 60.0),
        restarts_daily=bool(config.get("auto_restart_time")),
    )


def _seconds(text: str | None, default: float) -> float:
    return float(text) if text and re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", text) else default
