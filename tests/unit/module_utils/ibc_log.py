# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs as IBC and the image scripts around it write them, step by step."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

SETTINGS = {
    "IbLoginId": "***",
    "IbPassword": "***",
    "ReloginAfterSecondFactorAuthenticationTimeout": "no",
    "SecondFactorAuthenticationTimeout": "180",
    "LoginDialogDisplayTimeout": "60",
    "AutoRestartTime": "",
}


class Log:
    """A log that grows; every step takes the time that it usually takes."""

    def __init__(self, mode: str = "live", version: str = "3.24.1", stamped: bool = True) -> None:
        self.now = datetime(2026, 3, 4, 12, 0, 0, tzinfo=timezone.utc)
        self.mode = mode
        self.version = version
        self.stamped = stamped
        self.lines: list[str] = []

    # How lines look

    def wait(self, seconds: float) -> Log:
        self.now += timedelta(seconds=seconds)
        return self

    def raw(self, *texts: str) -> Log:
        for text in texts:
            stamp = self.now.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z " if self.stamped else ""
            self.lines.append(stamp + text)
        return self

    def ibc(self, *messages: str, every: float = 0.1) -> Log:
        for message in messages:
            self.wait(every)
            own = self.now.strftime("%Y-%m-%d %H:%M:%S:") + f"{self.now.microsecond // 1000:03}"
            self.raw(f"{own} IBC: {message}")
        return self

    def block(self, message: str) -> Log:
        return self.raw("!" * 79).ibc(message).raw("!" * 79)

    def window(self, title: str, change: str = "Opened", what: str = "dialog") -> Log:
        return self.ibc(f"detected {what} entitled: {title}; event={change}")

    def frame(self, title: str, change: str = "Opened") -> Log:
        return self.window(title, change, "frame")

    # What happens

    def container(self) -> Log:
        return self.wait(1).raw("*" * 73, ".> Starting IBC/IB gateway", "*" * 73, ".> Starting Xvfb server")

    def script(self) -> Log:
        inner, outer = ("4001", "4003") if self.mode == "live" else ("4002", "4004")
        return self.raw(
            f".> API_PORT set to: {inner}",
            f".> Starting IBC in {self.mode} mode, with params:",
            f"Forking :::{inner} onto 0.0.0.0:{outer} > trading mode {self.mode} ",
            "Parsing arguments",
            f"Starting IBC version  on 2026-03-04 at {self.now:%H:%M:%S}",
            "autorestart file not found: full authentication will be required",
        )

    def jvm(self, saved: bool = False, **settings: Any) -> Log:
        self.raw("Starting Gateway with this command:", "IBC Settings:")
        dump = {**SETTINGS, "TradingMode": self.mode, **settings}
        self.raw(*(f"    {name}={value}" for name, value in sorted(dump.items())), "End IBC Settings")
        self.ibc(f"version: {self.version}").raw("System Properties", "-" * 60, "user.timezone = Etc/UTC", "-" * 60)
        start = "Starting session: will exit if login dialog is not displayed within 60 seconds"
        return self.wait(1).ibc("Re-starting session" if saved else start, "Starting Gateway")

    def start(self, **settings: Any) -> Log:
        return self.container().script().jvm(**settings)

    def login_window(self) -> Log:
        self.wait(3).frame("IBKR Gateway").ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
        return self.ibc(f"Setting Trading mode = {self.mode}", "Setting user name", "Setting password")

    def attempt(self, number: int = 1) -> Log:
        button = "Log In" if self.mode == "live" else "Paper Log In"
        return self.ibc(f"Login attempt: {number}", f"Click button: {button}")

    def submitted(self, **settings: Any) -> Log:
        return self.start(**settings).login_window().attempt()

    def connecting(self) -> Log:
        return self.wait(1).frame("Loading...").frame("Connecting to server...")

    def authenticating(self) -> Log:
        return self.connecting().frame("Authenticating...")

    def prompt(self) -> Log:
        title = "Second Factor Authentication"
        return self.wait(2).window(title).ibc("Second Factor Authentication initiated").window(title, "Focused")

    def prompt_closes(self, after: float, since_login: int) -> Log:
        closing = self.wait(after).window("Second Factor Authentication", "Closed")
        return closing.ibc(f"Duration since login: {since_login} seconds")

    def completes(self) -> Log:
        return self.wait(3).frame("Starting application...", "Closed").ibc("Login has completed")

    def logged_in(self, **settings: Any) -> Log:
        self.submitted(**settings).connecting()
        if self.mode == "live":
            self.prompt().prompt_closes(5, 9)
        self.completes()
        if self.mode == "paper":
            self.window("Warning").ibc("Click button: I understand and accept").window("Warning", "Closed")
        return self.ibc("Read-Only API checkbox is now set to: false", "Configuration tasks completed")

    def shuts_down(self, status: int = 0) -> Log:
        self.window("Shutdown progress").wait(1).window("Shutdown progress", "Closed")
        return self.wait(1).raw(f"IBC returned exit status {status}", "Finding autorestart file")

    def resumes(self) -> Log:
        self.raw(
            "autorestart file found at /home/ibgateway/Jts/abcdefghijkl/autorestart: authentication will not be required"
        )
        return self.raw("IBC will restart shortly", "sleep 2").jvm(saved=True, AutoRestartTime="11:45 PM").wait(2)

    def cold_restarts(self) -> Log:
        self.ibc("Cold restart in progress", "Login has not completed: exiting immediately")
        self.raw("IBC returned exit status 0", "IBC will cold-restart shortly", "IBC will restart shortly", "sleep 2")
        return self

    def ends(self, status: int) -> Log:
        self.raw(f"IBC returned exit status {status}", "Finding autorestart file")
        return self.raw("autorestart file not found: full authentication will be required", "", "Gateway finished", "")

    def refused(self, port: int, times: int, every: float = 2.0, why: str = "Connection refused") -> Log:
        for _ in range(times):
            own = self.wait(every).now.strftime("%Y/%m/%d %H:%M:%S")
            self.raw(f"{own} socat[90] E connect(5, AF=2 127.0.0.1:{port}, 16): {why}")
        return self

    # As a whole

    @property
    def text(self) -> str:
        return "".join(line + "\n" for line in self.lines)

    def as_of(self, seconds: float = 0.0) -> str:
        return (self.now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
