# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The log grammar of IBC 3.8 to 3.24 and of its start script: one table of markers, each naming an event.

Sources are cited as ``B:`` (IbcAlpha/IBC @2fee90c, 3.24.1) and ``G:`` (gnzsnz/ib-gateway-docker @b2c0259).

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ansible_collections.ibgw.ops.plugins.module_utils.grammars import exit_codes
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import MODES, Grammar, Rules, match, rules
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibkr import refusal, window_kinds
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import CLOSED, OPENED, SEEN, Event, Terms, number
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line
from ansible_collections.ibgw.ops.plugins.module_utils.redact import is_secret

#: What the gateway's own end and Java's mean.
_JAVA_CODES: Mapping[int, str] = {
    0: "the gateway closed by itself: a restart or logoff was due, or somebody asked for it",
    1: "Java did not start, or lost its X server",
}

# The container and the script see the code modulo 256 (B:ibcstart.sh:540).
_BY_STATUS = {code % 256: code for code in exit_codes.IBC}


def exit_code(status: int) -> int:
    """IBC's own code behind an exit status, or the status where it is none of IBC's."""
    return _BY_STATUS.get(status, status)


def exit_meaning(code: int) -> str | None:
    """What an exit code means: IBC's own (1112), the same modulo 256 (88), or Java's; None for one that any process can end with."""
    known = exit_codes.IBC.get(exit_code(code))
    return known[1] if known else _JAVA_CODES.get(code)


# Markers. A pattern must match the whole text; group `v` is the event's value, group `mode` the trading mode that it proves.

_MESSAGES = (  # after "IBC: "; the first letter is written small here because it was a capital up to 3.16.2
    (r"version: (?P<v>\S+)", "controller_version"),  # B:IbcTws.java:297
    (r"using default settings provider: ini file is .*?(?:_(?P<mode>live|paper))?", "provider_named"),
    (r"tWS Settings directory is: (?P<v>.*?(?:_(?P<mode>live|paper))?)", "directory_named"),  # suffix: G:run.sh:148,181
    # B:DefaultLoginManager.java:52-98; then what its settings say of them does not count.
    (
        r"using default login manager: (?:will get|getting) username and password from (?:args|environment|constructor)\b.*",
        "credentials_given",
    ),
    (r"starting session: will exit if login dialog is not displayed within \d+ seconds", "session_full"),
    (r"re-starting session", "session_saved"),  # B:SessionManager.java:60
    (r"autorestart file contains invalid credentials: performing full login", "saved_session_dropped"),  # 3.20, 3.21
    (r"starting (?:Gateway|TWS)", "gateway_called"),
    (r"login dialog WINDOW_OPENED: LoginState is LOGGED_OUT", "login_window"),  # since 3.15.0
    (r"trading mode from settings: tradingMode=(?P<mode>live|paper)", "login_window"),  # asked for when it is filled in
    (r"setting Trading mode = (?P<mode>live|paper)", "mode_set"),
    (r"setting (?:FIX |API )?(?:user name|password)", "typed"),
    (r"login attempt: (?P<v>\d+)", "login_attempt"),  # since 3.14.0
    (r"click button: (?:Log In|Login)", "login_clicked"),
    (r"click button: (?P<mode>P)aper Log In", "login_clicked"),
    (r"click button: I understand and accept", "disclaimer_accepted"),
    (r"second Factor Authentication initiated", "twofa_initiated"),  # since 3.8.3
    (r"duration since login: (?P<v>\d+) seconds", "twofa_duration"),
    (r"if login has not completed, IBC will exit in (?P<v>\d+) seconds", "exit_timer"),
    (r"iBC closing because login has not completed after Second Factor Authentication", "twofa_incomplete"),
    (r"iBC closing after Second Factor Authentication dialog timeout", "twofa_expired"),  # 3.8.3 to 3.13.0
    (r"exitAfterSecondFactorAuthenticationTimeout is set to 'no'", "twofa_expired"),
    (r"re-login after second factor authentication timeout not required", "twofa_expired"),
    (r"re-login after second factor authentication timeout in 5 second", "twofa_relogin"),
    # Builds of a proposal that no release took (IBC PR 338, gnzsnz issue 387)
    (r"entering TOTP code", "code_typed"),
    (r"handling mobile authenticator app code input dialog", "code_typed"),
    (r"tOTP code entry dialog detected but TotpSecret is not configured", "code_required"),
    (r"tOTP(?: code generation failed: .*|_SECRET unset: waiting for manual 2FA entry.*)", "code_required"),
    (r"could not find second factor device list\.", "device_not_chosen"),
    (r"you should specify the required second factor device using .*", "device_not_chosen"),
    (r"could not select second factor device: OK button not found", "device_not_chosen"),
    (r"could not find second factor device '.*' in the list", "device_not_chosen"),
    # B:ExistingSessionDetectedDialogHandler.java:40-145; without a number up to 3.8.6
    (r"user must choose whether to continue with this session(?: \(scenario 1\))?", "session_asked"),
    (r"end this session and let the other session proceed(?: \(scenario 2\))?", "session_yielded"),
    (r"don't know the type of the other session, so continue this one \(scenario 3\)", "session_continued"),
    (r"other session must be primary or primary override, so end this session .*\(scenario 4\)", "session_yielded"),
    (r"other session must be a primary: let the other session proceed", "session_yielded"),
    (r"continue this session and let the other session exit \(scenario 5\)", "session_continued"),
    (r"end the other session and continue this one", "session_continued"),
    (r"other session may be primary, so end this session .*\(scenario 6\)", "session_taken"),
    (r"could not handle 'Existing session detected' dialog because .*", "session_asked"),
    (r"trading Login Handoff dialog; error: \{\}", "session_yielded"),  # the braces are literal
    (r"trading Login Handoff dialog; could not handle because \{\}", "session_asked"),
    (r"re-login (?:to session|because this is the primary session)", "relogin"),
    (r"don't re-login because this is a secondary session", "session_yielded"),
    (r"could not handle 'Re-login is required' dialog because .*", "relogin_asked"),
    (r"let user choose whether to re-login", "relogin_asked"),
    (r"login failed", "login_failed"),
    (r"login error message:", "login_error_begun"),  # its text follows on raw lines
    (r"(?P<v>(?:<html>)?connection to server failed.*)", "dialog_text"),
    (r"cold restart in progress", "cold_restart_begun"),  # since 3.20.0
    (r"login dialog has been inv[as]lidated - initiate cold restart", "login_window_lost"),
    (r"too many failed login attempts(?:\. Please wait (?P<v>.*) before attempting to re-login again\.)?", "throttled"),
    (r"restarting in (?P<v>\d+ minutes)", "relogin_planned"),  # 3.8.6 to 3.13.0
    (r"will re-login at (?P<v>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d):\d{3}; login number: \d+", "relogin_planned"),
    (r"the system is not currently available\.", "server_unavailable"),
    (r"login (?:has )?completed", "login_completed"),  # B:LoginManager.java:92; "Login completed" in 3.8.1 and 3.8.2
    (r"configuration tasks completed", "configured"),
    (r"read-Only API checkbox is (?:now|already) set to: (?P<v>true|false)", "read_only_set"),  # since 3.8.1
    (r"login has completed: exiting via \[.*\] menu", "stopping"),  # B:StopTask.java:85
    (r"login has not completed: exiting immediately", "stopping"),
    (r"commandServer received command: (?P<v>\w+).*", "command"),
    (r"commandServer closing", "controller_closing"),  # in every orderly end, B:CommandServer.java:80
    (r"setting auto-restart time to .*", "restart_planned"),  # B:RestartTask.java:117
    (r"exiting (?:after error )?with exit code=(?P<v>\d{4,6})", "exit_announced"),  # B:ErrorCodes.java:23-35
    (r"iBC closing after TWS/Gateway failed to display login dialog", "login_window_timeout"),
    (r"could not login: could not find control: .*", "login_window_timeout"),
    (r"failed to create TWS settings directory at: .*", "settings_unwritable"),
    (r"problem writing to .*: No space left on device", "disk_full"),
    (r"problem writing to .*", "settings_unwritable"),
    (r"\S*/jts\.ini already exists but is a directory", "settings_unwritable"),
    (r"ini file \".*\" either does not exist, or is a directory\..*", "file_missing"),
    (r"(?:properties file .* not found|exception accessing Properties file .*)", "file_missing"),
    (r"invalid Trading Mode argument or \.ini file setting: .*", "mode_invalid"),
    (r"invalid (?:ClosedownAt|ColdRestartTime) setting: .*", "value_refused"),
    (r"(?:invalid setting value for '.*'|unexpected setting value: .*)", "value_refused"),
    (r"incorrect number of arguments passed\. quitting\.\.\.", "value_refused"),
    (r"auto (?:restart|logoff) time setting must be hh:mm AM or hh:mm PM.*", "value_ignored"),
    (r"invalid number \".*\" for property \".*\"", "value_ignored"),
    (r"invalid setting (?:SaveTwsSettingsAt|ConfirmOrderIdReset)=.*", "value_ignored"),
    (r"existingSessionDetectedAction has an invalid value: .*", "value_ignored"),  # since 3.18.0
    (r"(?:acceptBidAsk\w+|confirmCrypto\w+) setting is invalid.*", "value_ignored"),
    (r"could not find (?:auto logoff/restart time .*|.* checkbox|socket port component)", "setting_not_applied"),
    (r"(?:can't find API - Precautions settings|checkbox '.*' not found)", "setting_not_applied"),
    (r"getConfigDialog could not find .*", "setting_not_applied"),
    # A dialog that IBC knows, and a button in it that it does not; a tip keeps nobody out.
    (r"could not dismiss (?!Tip of the Day).*", "dialog_unanswered"),
    (r"could not (?:accept|reject) incoming connection because .*", "dialog_unanswered"),
    (r"can't apply new API socket port: .*", "dialog_unanswered"),
    (r"can't find the Gateway entry point: .*", "install_broken"),
    (r"exception occurred at Gateway entry point: .*", "install_broken"),
)

_SCRIPT_LINES = (  # whole lines of ibcstart.sh
    (r"Parsing arguments", "script_began"),  # since 3.21.0
    (r"Starting IBC version (?P<v>\S*) on .*", "script_began"),  # B:ibcstart.sh:195
    (r"\+ IBC version (?P<v>\S+)", "controller_version"),  # B:displaybannerandlaunch.sh:39
    (r"Second factor authentication dialog has timed out, IBC not restarted", "twofa_incomplete"),
    (r"WARNING: More than one autorestart file was found\. .*", "saved_session_lost"),  # two share a directory
    (r"TWS version = (?P<v>\S+)", "gateway_version"),
    (r"--mode = (?P<mode>live|paper)", "mode_named"),
    (r"Java VM Options=.*-Xmx(?P<v>\S+).*", "heap_set"),
    (r"Starting (?:Gateway|TWS) with this command:", "jvm_started"),  # per JVM since 3.15.0
    (r"\"[^\"]*/1\.8\.0_\d+/bin/java\" .*--add-opens.*", "install_broken"),  # IBC 3.21.0 (gnzsnz issue 241)
    (r"\"[^\"]*/java\" .*\.ini_(?P<mode>live|paper)\" *", "jvm_started"),  # the command itself (G:run.sh:148,181)
    (r"autorestart file found at (?:.*_(?P<mode>live|paper)/)?.*", "autorestart_found"),
    (r"IBC returned exit status (?P<v>\d{1,3})", "jvm_ended"),  # since 3.8.6
    (r"IBC will cold-restart shortly", "cold_restart_announced"),
    (r"IBC will restart shortly", "restart_announced"),
    (r"IBC is paused", "paused"),
    (r"(?:Gateway|TWS) finished", "script_ended"),
    (r"Error: Trading mode set to .* but must be either 'live' or 'paper'.*", "mode_invalid"),
    (r"Error: 2FA timeout action set to .* but must be .*", "value_refused"),
    (r"Error: (?:Invalid parameter .*|FIX user id and FIX password are only valid for the Gateway)", "value_refused"),
    (r"Error: TWS settings path: .* does not exist", "settings_unwritable"),
    (r"Error: IBC configuration file: .* does not exist", "file_missing"),
    (r"Error: Neither tws\.vmoptions nor ibgateway\.vmoptions could be found", "file_missing"),
    (r"Error: (?:Offline TWS/Gateway version .* is not installed.*|TWS major version number has .*)", "install_broken"),
    (r"Error: (?:IBC path: .* does not exist|Can\\?'t detect operating system)", "install_broken"),
    (r"Error: (?:Java installaton at .*|Can\\?'t find suitable Java .*|No java executable found .*)", "install_broken"),
    (r"Error: no execute permission for scripts in .*", "install_broken"),
)

# Dialogs whose text IBC writes after them, as a message of its own or on raw lines, and the event that it makes.
_SPEAKING = (
    (re.compile(r"Login Error"), "login_error"),  # B:LoginErrorDialogHandler.java:39
    (re.compile(r".*Gateway.*"), "dialog_text"),  # B:GatewayDialogHandler.java:41
)

_CHANGES = {"Opened": OPENED, "Activated": SEEN, "Focused": SEEN, "Closed": CLOSED}

_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d):\d{3} IBC: ?")  # B:Utils.java:35
# 3.8.3 to 3.13.0 wrote of this dialog in words of its own (IBC 3.13.0 TwsListener.java:168-203).
_OWN_WORDS = re.compile(r"second Factor Authentication dialog (?:event: )?(?P<event>\w[\w ]*)")
#: What a component shows, in a dump of its dialog (B:SwingUtils.java).
_SHOWN = re.compile(r"[| ]*\S*\([\w.$]+\)\{(?:\[Disabled\])?J(?:Label|OptionPane|TextArea|TextPane): (.*)")
_TITLED = re.compile(r"detected (?P<what>frame|dialog) entitled: (?P<title>.*); event=(?P<event>[A-Z][a-z ]+)")
_SETTING = re.compile(r"\s+(\w[\w.-]*)=(.*)")
#: What is read of the property dump and of the arguments that the scripts and IBC echo (B:DefaultLoginManager.java:188).
_PROPERTY = re.compile(
    r"(user\.timezone|sun\.java\.command|--(?:fix-)?(?:user|pw)|arg\[\d+\]|(?:Ib|FIX)(?:LoginId|Password)) ?= ?(.*)"
)
_VALID_HEAP = re.compile(r"\d+[kKmMgG]?")

_MESSAGE_RULES = rules(_MESSAGES)
_SCRIPT_RULES = rules(_SCRIPT_LINES)


class Ibc(Grammar):
    """Reads one log of IBC, line by line."""

    name = "IBC"
    controller = "ibc"
    shape = re.compile(
        _STAMP.pattern + r"|IBC (?:Settings:|returned exit status \d+|will (?:cold-)?restart shortly|is paused)$"
        r"|Starting (?:IBC version .* on|(?:Gateway|TWS) with this command:)|Parsing arguments$|(?:Gateway|TWS) finished$"
    )
    marks = (
        re.compile(
            rb" IBC: (?:[Ll]ogin (?:attempt|has completed|completed)|[Cc]lick button: (?:Paper )?Log"
            rb"|[Ss]econd Factor Authentication initiated|[Rr]e-)"
        ),
        b".> Starting IBC/",
        b"Starting IBC version",
        b"IBC returned exit status",
        b"IBC will restart shortly",
    )
    zone = b"user.timezone = "
    messages = (
        b" IBC: ",
        b"IBC Settings",
        re.compile(rb"    [A-Z]\w+="),
        b"with this command:",
        b"utorestart file found",
    )

    def __init__(self, around: Rules) -> None:
        super().__init__(around)
        self._section: dict[str, str] | None = None
        self._contested: set[str] = set()
        self._settings: Mapping[str, str] = {}
        self._speaking = ""
        self._dumping = False

    @classmethod
    def exit_meaning(cls, code: int) -> str | None:
        return exit_meaning(code)

    def read(self, line: Line) -> Event | None:
        """The event that `line` tells, if it is one."""
        text = line.text
        stamp = _STAMP.match(text)
        if stamp is None:
            return self._raw(line, text.rstrip())
        self.seen = True
        self._last = line, stamp[1]
        message = text[stamp.end() :].rstrip()
        message = _dialog_event(message[:1].lower() + message[1:])
        self._dumping = message.startswith("window structure for dialog ")
        if message.startswith("detected "):
            return None if message.endswith(("=Lost focus", "=Deactivated")) else self._window(line, message)
        found = match(_MESSAGE_RULES, message)
        if found is None:
            return self._said(line, message)
        values, kind = found[0].groupdict(), found[1]
        self._speaking = "login_error" if kind == "login_error_begun" else ""
        if kind == "credentials_given":
            given = {**self._settings, "IbLoginId": "***", "IbPassword": "***"}
            return _in_effect(given, line, self.last_moment) if self._settings else None
        if kind == "controller_version":
            self.version, self._section = values["v"], None
        if kind == "directory_named" and self._before(3, 8, 3):  # the last that it writes before it begins
            kind = "session_full"
        mode, value = MODES.get(values.get("mode") or ""), values.get("v") or ""
        problem = refusal(value) if kind == "dialog_text" else None
        if kind == "exit_announced":
            problem = exit_codes.IBC_PROBLEMS.get(int(value))
        return Event(kind, line.number, *self.last_moment, text, value, mode, problem=problem)

    def _window(self, line: Line, message: str) -> Event | None:
        found = _TITLED.fullmatch(message)
        change = _CHANGES.get(found["event"]) if found else None
        if found is None or change is None:
            return None
        title, dialog = found["title"], found["what"] == "dialog"
        if change == SEEN and title.startswith("Attempt "):  # the splash stays, and counts in its title
            change = OPENED
        if change != SEEN:
            opened_dialog = dialog and change == OPENED
            self._speaking = next((kind for name, kind in _SPEAKING if opened_dialog and name.fullmatch(title)), "")
        if change == SEEN and not dialog:  # a frame's title is news only when it opens
            return None
        opened, closed, value, mode = window_kinds(title, dialog)
        if opened == "twofa_opened" and change == OPENED and self._before(3, 8, 3):  # nothing else tells that it asks
            opened = "twofa_initiated"
        kind = opened if change != CLOSED else closed
        return Event(kind, line.number, *self.last_moment, line.text, value, mode, title, change, dialog)

    def _before(self, *release: int) -> bool:
        """Whether an older release than that writes."""
        parts = (self.version or "").split(".")
        return all(part.isdecimal() for part in parts) and tuple(map(int, parts)) < release

    def _said(self, line: Line, text: str) -> Event | None:
        """The event that `text` makes as a part of what an open dialog says."""
        if text.startswith(("click button", "button ", "!!!!")):
            self._speaking = ""
        if not (self._speaking and text):
            return None
        return Event(self._speaking, line.number, *self.last_moment, line.text, problem=refusal(text))

    def _raw(self, line: Line, text: str) -> Event | None:
        if line.stamp:
            self._last = line, ""
        if self._section is not None and (found := _SETTING.fullmatch(text)):
            if self._section.setdefault(found[1], found[2]) != found[2]:
                self._contested.add(found[1])
            if is_secret(found[1]):
                self.keep_secret([found[2]])
            return None
        dumped = _SHOWN.match(text) if "){" in text and (self._dumping or self._before(3, 11, 0)) else None
        if dumped and (problem := refusal(dumped[1])):  # up to 3.10.0 untitled windows are dumped without a heading
            return Event("dialog_text", line.number, *self.last_moment, line.text, problem=problem)
        if found := _PROPERTY.search(text):
            self._property(found[1], found[2])
        if text == "IBC Settings:":  # B:DefaultSettings.java:55
            if self._section is None:
                self._section, self._contested = {}, set()
            self.seen = True
            return Event("settings_begun", line.number, line.at, line.at, text)
        if text == "End IBC Settings" and self._section is not None:
            # Where two gateways write at the same time, what both say is sure.
            self._settings = {name: value for name, value in self._section.items() if name not in self._contested}
            self._section = None
            return _in_effect(self._settings, line, (line.at, line.at))
        return self._script_line(line, text) or self.event_around(line, text) or self._said(line, text)

    def _script_line(self, line: Line, text: str) -> Event | None:
        found = match(_SCRIPT_RULES, text)
        if found is None:
            return None
        self.seen = True
        values, kind = found[0].groupdict(), found[1]
        value = values.get("v") or ""
        problem = None
        if kind == "gateway_version":
            self.gateway_version = value
        elif kind in ("script_began", "controller_version"):  # empty where an image calls the script itself
            self.version = value or self.version
        elif kind == "jvm_ended":
            code = exit_code(int(value))
            value, problem = str(code), exit_codes.IBC_PROBLEMS.get(code)
        elif kind == "heap_set":
            if _VALID_HEAP.fullmatch(value):
                return None
            kind = "heap_malformed"
        at, mode = line.at, MODES.get(values.get("mode") or "")
        return Event(kind, line.number, at, at, text, value, mode, problem=problem)

    def _property(self, name: str, value: str) -> None:
        if name == "user.timezone" and value:
            self.zone_named(value)
        elif name == "sun.java.command":  # can hold the credentials (B:IbcTws.java:458)
            self.secrets.update(word for word in value.split()[2:] if word not in ("live", "paper", "***"))
        elif name != "user.timezone":
            self.secrets.update({value} - {"***", ""})


def _dialog_event(message: str) -> str:
    """`message` as later releases write it."""
    old = _OWN_WORDS.fullmatch(message)
    if old is None:
        return message
    event = old["event"][:1].upper() + old["event"][1:]
    return f"detected dialog entitled: Second Factor Authentication; event={event}"


def _in_effect(settings: Mapping[str, str], line: Line, at: tuple[float | None, float | None]) -> Event:
    """The event of settings that take effect."""
    terms = _terms(settings)
    return Event("settings", line.number, *at, line.text, mode=terms.mode, settings=settings, terms=terms)


def _terms(settings: Mapping[str, str]) -> Terms:
    """What the controller's settings mean for a run (B:config.ini, the lines are in the settings' descriptions)."""
    again = settings.get("ReloginAfterSecondFactorAuthenticationTimeout", "")
    again = again or settings.get("ExitAfterSecondFactorAuthenticationTimeout", "")
    seen = any(name.endswith("AfterSecondFactorAuthenticationTimeout") for name in settings)
    mode = settings.get("TradingMode", "").strip().lower()
    return Terms(
        mode=mode if mode in ("live", "paper") else None,
        second_factor_seconds=number(settings.get("SecondFactorAuthenticationTimeout"), 180.0),
        asks_again=again.strip().lower() in ("yes", "true") if seen else None,
        login_window_seconds=number(settings.get("LoginDialogDisplayTimeout"), 60.0),
        restarts_daily=bool(settings.get("AutoRestartTime")),
        credentials_missing="" in map(settings.get, ("IbLoginId", "IbPassword")),
    )
