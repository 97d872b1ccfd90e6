# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs as ibg-controller and the scripts of its image write them, step by step."""

from __future__ import annotations

from tests.unit.module_utils.written_log import WrittenLog

PROMPT = "('AuthDialog', 'Second Factor Authentication', False)"
ADOPTED = (
    "ALERT_AUTO_RESTART mode={mode} status=adopted detected_via=restarter_log old_pid=25 new_pid=90 elapsed_seconds=3"
    ' reason="API port {port} open — session preserved across Gateway\'s auto-restart, no login and no second factor required"'
)


class Log(WrittenLog):
    """One gateway's log."""

    def __init__(self, mode: str = "live", tagged: bool = True, stamped: bool = True) -> None:
        super().__init__(mode, stamped)
        self.tagged = tagged

    @property
    def port(self) -> str:
        return "4001" if self.mode == "live" else "4002"

    # How lines look

    def say(self, *messages: str, level: str = "INFO", every: float = 0.1) -> Log:
        for message in messages:
            self.wait(every)
            tag = f"[{self.mode}] " if self.tagged else ""
            self.raw(f"{self.now:%H:%M:%S} [{level}] {tag}{message}")
        return self

    def state(self, name: str) -> Log:
        return self.say(f"[STATE: {name}]")

    # What happens

    def container(self) -> Log:
        self.wait(1).raw("*" * 73, ".> Starting IBC/IB gateway", "*" * 73, ".> Starting Xvfb server")
        return self.raw(".> Starting matchbox window manager.")

    def script(self) -> Log:
        return self.raw(
            f".> API_PORT set to: {self.port}",
            f".> Starting Gateway controller in {self.mode} mode.",
            ".>\t\tVersion: 10.45.1j",
            f".>\t\tagent-socket: /tmp/gateway-input-{self.mode}.sock",
            f".> Waiting for Gateway controller to signal readiness (/tmp/gateway_ready_{self.mode}).",
        )

    def launching(self, version: str = "0.12.0") -> Log:
        self.say(f"ibg-controller v{version} starting (mode={self.mode}, gateway=10.45.1j, product=gateway)")
        return self.say("Health server: listening on 0.0.0.0:8080 (GET /health, /ready)").state("LAUNCHING")

    def jvm(self, pid: int = 25) -> Log:
        self.say("Gateway launcher: /home/ibgateway/Jts/ibgateway/10.45.1j/ibgateway")
        return self.say(f"Gateway PID: {pid} (JVM console -> /tmp/jvm_console_{self.mode}.log)")

    def start(self) -> Log:
        self.container().script().launching().jvm().state("AGENT_WAIT")
        self.say("Input agent is up", "Gateway JVM PID (from agent): 25").state("APP_DISCOVERY").state("LOGIN")
        return self.say("Waiting for login dialog (JPasswordField in showing Window)")

    def login_window(self) -> Log:
        trading = "Live Trading" if self.mode == "live" else "Paper Trading"
        return self.wait(2).say("Login dialog detected", f"Trading mode set to {trading} via agent")

    def attempt(self) -> Log:
        return self.say("Log In clicked successfully")

    def submitted(self) -> Log:
        return self.start().login_window().attempt()

    def authenticating(self) -> Log:
        self.wait(25).state("POST_LOGIN").say("Inspecting post-login dialogs").wait(6).say(
            "No modal dialogs after login"
        )
        return self

    def asks(self, seconds: int = 120, totp: bool = False) -> Log:
        self.state("TWO_FA")
        if not totp:
            self.say("No TWOFACTOR_CODE set — will watch for IB Key push dialog if it appears")
        return self.say(f"Waiting for 2FA dialog (window title contains 'Second Factor') for up to {seconds}s")

    def prompt(self, seconds: int = 120) -> Log:
        self.authenticating().asks(seconds).say(f"IB Key 2FA dialog detected: {PROMPT}")
        self.say("Waiting for IB Key mobile approval — approve on your phone via the IB Key app")
        return self.say("  IB Key wait t+0s: still waiting for approval...")

    def approved(self, after: float = 20) -> Log:
        return self.wait(after).say("2FA dialog dismissed — IB Key approval detected, proceeding")

    def code_typed(self) -> Log:
        self.authenticating().asks(totp=True).say(
            "2FA dialog detected: ('JDialog', 'Second Factor Authentication', True)"
        )
        return self.say("Typing TOTP code into the 2FA dialog", "Clicking OK in 2FA dialog", "2FA handled successfully")

    def expires(self, seconds: int = 120) -> Log:
        self.wait(seconds).say("IB Key approval wait timed out", level="WARNING")
        return self.say(f"No 2FA dialog appeared within {seconds}s", level="WARNING")

    def api_awaited(self) -> Log:
        return (
            self.state("DISCLAIMERS").state("API_WAIT").say(f"Probing API port {self.port} for readiness (up to 180s)")
        )

    def api_opens(self) -> Log:
        return self.wait(2).say(f"API port {self.port} accepting connections after 2s")

    def configured(self) -> Log:
        self.state("CONFIG").say(
            "Post-login config env: TWS_MASTER_CLIENT_ID='', READ_ONLY_API='no' (coerced=False), AUTO_LOGOFF_TIME='',"
            " AUTO_RESTART_TIME='11:45 PM'"
        )
        self.say("  Setting Read-Only API = False", "Post-login config committed; dialog closed").state("READY")
        self.say(f"Readiness signal: /tmp/gateway_ready_{self.mode}").state("COMMAND_SERVER").state("MONITORING")
        self.say("Login complete. Entering monitor loop.")
        return self.raw(f".> Controller ready ({self.mode}) after 41s.", ".> Starting socat")

    def logged_in(self) -> Log:
        self.submitted()
        if self.mode == "live":
            self.prompt().approved()
        else:
            self.authenticating().asks().say(f"API port {self.port} already open — no 2FA dialog needed")
        return self.api_awaited().api_opens().configured()

    def exits(self, code: int = 0) -> Log:
        return self.wait(3600).say(f"Gateway JVM exited with code {code}", level="ERROR")

    def restarts_itself(self) -> Log:
        self.exits().say("AUTORESTART: install4j restarter ran 2s ago (/home/ibgateway/Jts/.install4j/restarter.log)")
        self.say(
            "AUTORESTART: Gateway is restarting itself — NOT launching a second instance (old pid=25)", level="WARNING"
        )
        return self

    def adopted(self) -> Log:
        self.restarts_itself().wait(3).say("AUTORESTART: adopted Gateway pid=90 (was 25) after 3s")
        self.say(ADOPTED.format(mode=self.mode, port=self.port))
        return self.say(f"Readiness signal: /tmp/gateway_ready_{self.mode}")

    def relaunches(self, why: str = "Recovery: JVM exited with code 1. Trying fast in-place restart first.") -> Log:
        self.say(why, level="WARNING").jvm(80)
        return self.say("RESTART: new Gateway JVM PID (from agent): 80")

    def halts(self, reason: str, words: str) -> Log:
        self.say(words, f'ALERT_2FA_FAILED mode={self.mode} reason="{reason}"', "2FA handling failed", level="ERROR")
        self.say(
            f'ALERT_2FA_MANUAL_WINDOW mode={self.mode} timeout_seconds=300 remediation="finish it over VNC"',
            level="ERROR",
        )
        return self

    def halted(self) -> Log:
        why = "2FA needs a change only an operator can make; see the ALERT_2FA_FAILED line above"
        self.wait(300).state("HALTED").say(f'ALERT_HALTED mode={self.mode} state=HALTED reason="{why}"', level="ERROR")
        return self.say(f"HALTED: {why}", level="ERROR")

    def stopped(self, logout: str = "succeeded") -> Log:
        self.raw(".> 😘 Received SIGINT or SIGTERM. Shutting down IB Gateway.")
        self.raw(".> Stopping IBC / controller (clean logout phase).")
        self.say("Received signal 15 (SIGTERM), shutting down Gateway").wait(3)
        self.say(f'ALERT_CLEAN_LOGOUT mode={self.mode} pid=25 status={logout} reason="x"')
        return self.say(
            f'ALERT_SHUTDOWN mode={self.mode} signal=SIGTERM graceful=true reason="controller received SIGTERM"'
        )
