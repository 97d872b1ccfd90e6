# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs as IBC and the image scripts around it write them, step by step, each release in its own words."""

from __future__ import annotations

import re
from typing import Any

from tests.unit.module_utils.written_log import WrittenLog

TWOFA = "Second Factor Authentication"

SETTINGS = {
    "IbLoginId": "***",
    "IbPassword": "***",
    "ReloginAfterSecondFactorAuthenticationTimeout": "no",
    "SecondFactorAuthenticationTimeout": "180",
    "LoginDialogDisplayTimeout": "60",
    "AutoRestartTime": "",
}


def release(version: str) -> tuple[int, ...]:
    """A release as what can be compared."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


class Log(WrittenLog):
    """One gateway's log."""

    def __init__(self, mode: str = "live", version: str = "3.24.1", stamped: bool = True, paired: bool = False) -> None:
        super().__init__(mode, stamped)
        self.version = version
        #: Its paths say which of the two gateways of a container it is.
        self.suffix = f"_{mode}" if paired else ""
        self._jvms = 0

    def since(self, version: str) -> bool:
        """Whether the release that writes is `version` or a later one."""
        return release(self.version) >= release(version)

    # How lines look

    def ibc(self, *messages: str, every: float = 0.1) -> Log:
        for message in messages:
            self.wait(every)
            own = self.now.strftime("%Y-%m-%d %H:%M:%S:") + f"{self.now.microsecond // 1000:03}"
            shown = message if self.since("3.17.0") else message[:1].upper() + message[1:]
            self.raw(f"{own} IBC: {shown}")
        return self

    def block(self, message: str) -> Log:
        if self.since("3.22.0") and not self.since("3.24.0"):  # the script throws Java's stderr away
            return self
        return self.raw("!" * 79).ibc(message).raw("!" * 79)

    def exits(self, code: int) -> Log:
        if not self.since("3.8.6"):
            return self
        return self.ibc(f"Exiting {'after error ' if self.since('3.24.0') else ''}with exit code={code}")

    def window(self, title: str, change: str = "Opened", what: str = "dialog") -> Log:
        if title == TWOFA and self.since("3.8.3") and not self.since("3.14.0"):
            self.ibc(f"Second Factor Authentication dialog event: {change}")
            named = {"Opened": "opened", "Closed": "closed"}.get(change)
            return self.ibc(f"Second Factor Authentication dialog {named}") if named else self
        return self.ibc(f"detected {what} entitled: {title}; event={change}")

    def frame(self, title: str, change: str = "Opened") -> Log:
        return self.window(title, change, "frame")

    # What happens

    def container(self) -> Log:
        return self.wait(1).raw("*" * 73, ".> Starting IBC/IB gateway", "*" * 73, ".> Starting Xvfb server")

    def script(self) -> Log:
        inner, outer = ("4001", "4003") if self.mode == "live" else ("4002", "4004")
        self.raw(
            f".> API_PORT set to: {inner}",
            f".> Starting IBC in {self.mode} mode, with params:",
            f"Forking :::{inner} onto 0.0.0.0:{outer} > trading mode {self.mode} ",
        )
        return self.ibcstart()

    def ibcstart(self) -> Log:
        """What every image prints that calls IBC's own script."""
        self._jvms = 0
        if self.since("3.21.0"):
            self.raw("Parsing arguments")
        return self.raw(f"Starting IBC version  on 2026-03-04 at {self.now:%H:%M:%S}").no_saved_session()

    def no_saved_session(self) -> Log:
        if not self.since("3.17.0"):
            return self
        suffix = ": full authentication will be required" if self.since("3.23.0") else ""
        return self.finding().raw(f"autorestart file not found{suffix}")

    def finding(self) -> Log:
        return self.raw("Finding autorestart file") if self.since("3.23.0") else self

    def jvm(self, saved: bool = False, **settings: Any) -> Log:
        if self.since("3.15.0") or not self._jvms:
            self.raw("Starting Gateway with this command:")
            self.raw(
                f'"/opt/java/bin/java" -Xmx768m ibcalpha.ibc.IbcGateway "/home/ibgateway/ibc/config.ini{self.suffix}"  '
            )
        self._jvms += 1
        dump = {**SETTINGS, "TradingMode": self.mode, **settings}
        if self.since("3.8.5"):
            self.raw("IBC Settings:", *(f"    {name}={value}" for name, value in sorted(dump.items())))
            self.raw("End IBC Settings")
        if self.since("3.8.1"):
            self.ibc(f"version: {self.version}")
        self.raw("System Properties", "-" * 60, "user.timezone = Etc/UTC", "-" * 60)
        self.ibc(f"using default settings provider: ini file is /home/ibgateway/ibc/config.ini{self.suffix}")
        self.ibc(f"TWS Settings directory is: /home/ibgateway/Jts{self.suffix}").wait(1)
        if saved and self.since("3.15.0"):
            self.ibc("Re-starting session")
        elif self.since("3.8.3"):
            limit = dump["LoginDialogDisplayTimeout"] if self.since("3.8.6") else 30
            self.ibc(f"Starting session: will exit if login dialog is not displayed within {limit} seconds")
        return self.ibc("Starting Gateway") if self.since("3.15.0") else self

    def start(self, **settings: Any) -> Log:
        return self.container().script().jvm(**settings)

    def login_window(self) -> Log:
        self.wait(3).frame("IBKR Gateway")
        if self.since("3.15.0"):
            self.ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
        self.ibc(f"trading mode from settings: tradingMode={self.mode}", f"Setting Trading mode = {self.mode}")
        return self.ibc("Setting user name", "Setting password")

    def attempt(self, number: int = 1) -> Log:
        if self.since("3.14.0"):
            self.ibc(f"Login attempt: {number}")
        return self.ibc(f"Click button: {'Log In' if self.mode == 'live' else 'Paper Log In'}")

    def submitted(self, **settings: Any) -> Log:
        return self.start(**settings).login_window().attempt()

    def connecting(self) -> Log:
        return self.wait(1).frame("Loading...").frame("Connecting to server...")

    def authenticating(self) -> Log:
        return self.connecting().frame("Authenticating...")

    def prompt(self) -> Log:
        self.wait(2).window(TWOFA)
        if self.since("3.8.3"):
            self.ibc("Second Factor Authentication initiated")
        return self.window(TWOFA, "Focused")

    def prompt_closes(self, after: float, since_login: int) -> Log:
        self.wait(after).window(TWOFA, "Closed")
        return self.ibc(f"Duration since login: {since_login} seconds") if self.since("3.14.0") else self

    def completes(self) -> Log:
        self.wait(3).frame("Starting application...", "Closed")
        return self.ibc("Login has completed" if self.since("3.8.3") else "Login completed")

    def logged_in(self, **settings: Any) -> Log:
        self.submitted(**settings).connecting()
        if self.mode == "live":
            self.prompt().prompt_closes(5, 9)
        self.completes()
        if self.mode == "paper":
            self.window("Warning").ibc("Click button: I understand and accept").window("Warning", "Closed")
        return self.configures()

    def configures(self) -> Log:
        simulated = " (Simulated Trading)" if self.mode == "paper" else ""
        title = f"{'DU' if simulated else 'U'}1234567 Trader Workstation Configuration{simulated}"
        self.window(title).ibc("Setting ReadOnlyApi", "Read-Only API checkbox is now set to: false")
        if self.since("3.17.0"):
            self.ibc("Configuration tasks completed")
        return self.ibc("Click button: OK").window(title, "Closed")

    def shuts_down(self, status: int = 0) -> Log:
        self.window("Shutdown progress").wait(1).window("Shutdown progress", "Closed")
        return self.wait(1).status(status).finding()

    def status(self, status: int) -> Log:
        return self.raw(f"IBC returned exit status {status}") if self.since("3.8.6") else self

    def restarts(self) -> Log:
        return self.raw("IBC will restart shortly", "sleep 2")

    def resumes(self) -> Log:
        if self.since("3.17.0"):
            suffix = ": authentication will not be required" if self.since("3.23.0") else ""
            self.raw(f"autorestart file found at /home/ibgateway/Jts{self.suffix}/abcdefghijkl/autorestart{suffix}")
        return self.restarts().jvm(saved=True, AutoRestartTime="11:45 PM").wait(2)

    def cold_restarts(self) -> Log:
        self.ibc("Cold restart in progress", "Login has not completed: exiting immediately")
        return self.status(0).raw("IBC will cold-restart shortly").restarts()

    def ends(self, status: int) -> Log:
        return self.status(status).no_saved_session().raw("", "Gateway finished", "")

    def prompt_expires(self, relogin: bool = False) -> Log:
        self.prompt_closes(185, 187)
        if not self.since("3.14.0"):
            return self.ibc("ExitAfterSecondFactorAuthenticationTimeout is set to 'no'")
        again = "in 5 second" if relogin else "not required"
        return self.ibc(f"Re-login after second factor authentication timeout {again}")

    def login_stays_incomplete(self) -> Log:
        """The prompt was approved, and nothing came of it."""
        if not self.since("3.14.0"):
            return self.block("IBC closing after Second Factor Authentication dialog timeout").exits(1111)
        self.ibc("If login has not completed, IBC will exit in 60 seconds").wait(60)
        return self.block("IBC closing because login has not completed after Second Factor Authentication").exits(1111)

    def login_window_missing(self) -> Log:
        self.wait(60).block("IBC closing after TWS/Gateway failed to display login dialog").exits(1112)
        if not self.since("3.8.6"):
            return self.ends(88)
        return self.status(88).restarts()

    def meets_session(self, said: str, scenario: int) -> Log:
        number = f" (scenario {scenario})" if self.since("3.8.7") else ""
        return self.window("Existing session detected").ibc(said + number)

    def throttled(self) -> Log:
        if not self.since("3.14.0"):
            return self.window("** no title **").ibc("Too many failed login attempts", "Restarting in 5 minutes")
        said = "Too many failed login attempts. Please wait 22 seconds before attempting to re-login again."
        return self.window("** no title **").ibc(said, "Click button: OK").window("** no title **", "Closed")

    def refused(self, port: int, times: int, every: float = 2.0, why: str = "Connection refused") -> Log:
        for _ in range(times):
            own = self.wait(every).now.strftime("%Y/%m/%d %H:%M:%S")
            self.raw(f"{own} socat[90] E connect(5, AF=2 127.0.0.1:{port}, 16): {why}")
        return self
