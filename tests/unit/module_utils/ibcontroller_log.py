# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs as ibcontroller and the image scripts around it write them, step by step."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from tests.unit.module_utils.written_log import WrittenLog

CONFIG = {
    "accept_incoming_connections": "manual",
    "auto_restart_time": "None",
    "existing_session_action": "primary",
    "login_dialog_display_timeout": "60.0",
    "mfa_exit_interval": "60.0",
    "mfa_timeout": "180.0",
    "mfa_timeout_action": "exit",
    "password": "*******",
    "program": "gateway",
    "relogin_after_mfa_timeout": "False",
    "userid": "*******",
}

#: The settings directory of a user: the user's name in other letters.
HASH = "nlabafcdedmocmpmkmkc"


class Log(WrittenLog):
    """One gateway's log."""

    def __init__(self, mode: str = "live", stamped: bool = True) -> None:
        super().__init__(mode, stamped, datetime(2026, 10, 7, 12, 0, 0, tzinfo=timezone.utc))

    # How lines look

    def record(self, *messages: str, module: str = "login", level: str = "INFO", every: float = 0.1) -> Log:
        for message in messages:
            self.wait(every)
            own = self.now.strftime("%Y-%m-%d %H:%M:%S,") + f"{self.now.microsecond // 1000:03}"
            self.raw(f"{own} {level} ibcontroller.{module}: {message}")
        return self

    def says(self, *messages: str, **how: Any) -> Log:
        return self.record(*(f"IBController > {message}" for message in messages), **how)

    def window(self, title: str, kind: str = "javax.swing.JDialog") -> Log:
        return self.record(f"unhandled unprompted window: {kind} {title!r}", module="recognisers")

    def state(self, before: str, after: str) -> Log:
        return self.says(f"startup state: {before} -> {after}", module="control_loop")

    # What happens

    def container(self) -> Log:
        rule = "*" * 73
        return self.wait(1).raw(rule, ".> Starting ibcontroller/IB gateway", rule, ".> Starting Xvfb server")

    def script(self) -> Log:
        inner, outer = ("4001", "4003") if self.mode == "live" else ("4002", "4004")
        return self.raw(
            f"Forking :::{inner} onto 0.0.0.0:{outer} > trading mode {self.mode} ",
            f".> Starting ibcontroller in {self.mode} mode, with params:",
            ".>\t\tprogram: gateway",
            ".>\t\tmfa-timeout-action: exit",
        )

    def dump(self, env: dict[str, str] | None = None, **config: Any) -> Log:
        effective = {**CONFIG, "instance": f"gateway-{self.mode}", "trading_mode": self.mode, **config}
        self.wait(1).raw("IBController > loaded from dotenv (override=False)", "IBController > Environment variable: ")
        variables = {"IBC_USERID": "******", "IBC_PASSWORD": "******", "IBC_TRADING_MODE": self.mode, **(env or {})}
        self.raw(*(f"IBController > env {name}={value}" for name, value in variables.items()))
        return self.raw(
            "IBController > Config: ",
            *(f"IBController > config {name}={value}" for name, value in sorted(effective.items())),
        )

    def launching(self, restart: str | None = None) -> Log:
        instance = f"gateway-{self.mode}"
        options = ["/opt/jre/bin/java", "-Xmx768m", *([f"-Drestart={restart}"] if restart else [])]
        return self.says(
            "auto-detected gateway version: 10.50.1d",
            f"launching instance {instance} ({self.mode})",
            f"launch command for {instance}: {options}",
            module="launcher",
        )

    def launched(self, restart: str | None = None) -> Log:
        self.launching(restart).wait(3).says(f"instance gateway-{self.mode} ready, pid=57", module="launcher")
        return self.state("LAUNCHING", "LOGGING_IN")

    def start(self, **config: Any) -> Log:
        return self.container().script().dump(**config).launched()

    def credentials(self) -> Log:
        return self.says("credentials submitted, awaiting outcome")

    def submitted(self, **config: Any) -> Log:
        return self.start(**config).wait(4).window("IBKR Gateway", "ibgateway.ax").wait(1).credentials()

    def connecting(self) -> Log:
        splash = "twslaunch.feature.welcome.C"
        return self.wait(1).window("Loading...", splash).window("Connecting to server...", splash)

    def prompt(self) -> Log:
        self.wait(2).says("second factor authentication in progress")
        return self.window("Second Factor Authentication", "twslaunch.jauthentication.bh")

    def completes(self) -> Log:
        self.wait(4).window("IBKR Gateway", "ibgateway.aw").says("login completed")
        self.says("login completed, state=LoginState.LOGGED_IN", module="control_loop")
        self.state("LOGGING_IN", "APPLYING_SETTINGS")
        missing = "settings: could not load /home/ibgateway/ibcontroller/config/ibkr_settings.toml -- continuing with"
        self.says(f"{missing} built-in settings only: file not found", module="control_loop", level="ERROR")
        self.window("U0000001 Trader Workstation Configuration")
        self.says("settings: skipping API/Settings (read_only_api) -- value resolved to None", module="settings")
        self.says("declarative settings applied (built-in only)", module="control_loop")
        return self.state("APPLYING_SETTINGS", "READY")

    def logged_in(self, **config: Any) -> Log:
        self.submitted(**config).connecting()
        if self.mode == "live":
            self.prompt()
        else:
            self.record("dismissed non_brokerage_account (declarative rule)", module="recognisers")
        return self.completes()

    def gives_up(self, reason: str, state: str = "LOGGING_IN") -> Log:
        self.says(f"cycle aborted: {reason}", module="control_loop", level="WARNING").state(state, "SHUTTING_DOWN")
        return self.says("shutting down (never logged in) -- terminating directly", module="launcher")

    def relaunches(self, why: str) -> Log:
        return self.says(why, module="control_loop", level="WARNING")

    def restarts_daily(self) -> Log:
        self.window("Shutdown progress")
        self.wait(2).record("agent process exited on its own (returncode=0)", module="control_loop", level="WARNING")
        self.state("READY", "SHUTTING_DOWN")
        self.says("shutting down (process already exited) -- nothing to terminate", module="launcher")
        self.says("control loop cycle stopped: PROCESS_CLOSED", module="control_loop")
        return self

    def resumes(self) -> Log:
        marker = f"(autorestart marker present at /home/ibgateway/tws_settings, hash={HASH})"
        self.record(f"Gateway restarted on its own schedule {marker} -- relaunching", module="control_loop")
        self.launched(HASH).wait(4).window("IBKR Gateway", "ibgateway.ax")
        return self.says("restart_expected flag -- skipping credential fill")

    def stops(self) -> Log:
        self.raw(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.", ".> Stopping ibcontroller.")
        return self.cancelled().raw(".> Done... 0", ".> Stopping x11vnc.", ".> Stopping Xvfb.", ".> Stopping socat.")

    def cancelled(self) -> Log:
        self.state("READY", "SHUTTING_DOWN").window("Shutdown progress").wait(2)
        self.says("shut down cleanly via File/Close (returncode=0)", module="launcher")
        self.says("control loop stop requested (task cancelled)", module="control_loop")
        return self.raw("stopped: REQUESTED")
