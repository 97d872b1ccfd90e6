# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs as the scripts of ibga write them, step by step."""

from __future__ import annotations

from tests.unit.module_utils.written_log import WrittenLog

PROMPT = "!!! IB Gateway is waiting for two-factor authentication !!!"
TOTP = (
    "  - handling TOTP Mobile Authenticator",
    "    TOTP form identified",
    "    TOTP answer entered",
    "    TOTP OK clicked",
)
REFUSED = "Invalid username or password."


class Log(WrittenLog):
    """One gateway's log."""

    def __init__(self, mode: str = "live", stamped: bool = True, coloured: bool = False, zone: str = "EST") -> None:
        super().__init__(mode, stamped)
        self.coloured = coloured
        self.zone = zone

    # How lines look

    def say(self, *texts: str, every: float = 0.1) -> Log:
        for text in texts:
            # The colour ends where the next line begins (A:_utils.sh).
            self.wait(every).raw(f"\x1b[37m\x1b[36m{text}" if self.coloured else text)
        return self

    @property
    def date(self) -> str:
        return self.now.strftime(f"%a %b {self.now.day:2} %H:%M:%S {self.zone} %Y")

    def banner(self, title: str) -> Log:
        return self.say("-" * 48, f" {title}", "-" * 48, every=0)

    # What happens

    def container(self) -> Log:
        self.wait(1).banner(f"Manager Startup / {self.date}")
        self.say("• starting xvfb (/usr/bin/Xvfb :0 -ac -screen 0 1024x768x16 +extension RANDR) ...", "  pid: 214")
        return self.say("  display :0 is ready", every=1).services()

    def services(self) -> Log:
        self.say("• starting x11vnc (/usr/bin/x11vnc -forever -rfbport 5900 -o /var/log/x11vnc.log) ...", "  pid: 238")
        self.say(
            "• starting novnc (/opt/noVNC-1.3.0/utils/novnc_proxy --listen 5800 --vnc localhost:5900) ...", "  pid: 252"
        )
        relay = "/usr/bin/socat TCP-LISTEN:4000,fork,reuseaddr TCP:localhost:9000,forever,shut-down"
        return self.say(f"• starting socat ({relay}) ...", "  pid: 264")

    def installs(self, attempt: int = 1) -> Log:
        self.banner(f"IB Gateway Installation {attempt}").say("• will install into /home/ibg")
        self.wait(5).say("• downloading from https://example.invalid/ibgateway-latest-standalone-linux-x64.sh ...")
        self.wait(20).raw("\r#### 50.0%\r######## 100.0%").say("• installing ...")
        return self.wait(30).raw("Unpacking JRE ...", "Extracting files ...")

    def install_fails(self, attempt: int = 1) -> Log:
        self.installs(attempt).say("• installation has failed.")
        return self.say(f"• manager will retry installation in 60s ({attempt + 1} of 10) ...").wait(10)

    def found(self) -> Log:
        return self.say("• found IBG at /home/ibg/Jts/ibgateway/ibgateway.")

    def jvm(self) -> Log:
        self.say(
            f"• time: {self.date}",
            "• starting IB Gateway ...",
            "  pid: 292",
            "• waiting for jauto availability ...",
            every=0,
        )
        own = self.now.strftime("%Y-%m-%d %H:%M:%S [I] ")
        return self.raw(
            f"{own}----------------",
            f"{own} jauto started. ",
            f"{own}received command ping, but processing is disabled",
        )

    def start(self) -> Log:
        return self.container().found().banner(f"IB Gateway Startup / {self.date}").jvm()

    def window(self) -> Log:
        self.wait(7).say("  jauto is ready", "• waiting for main window ...")
        return self.wait(1).say("  found: IBKR Gateway at 120,100")

    def form(self) -> Log:
        return (
            self.say("• filling in login form ...")
            .wait(3)
            .say("  - Time Zone already matches America/New York.")
            .wait(3)
        )

    def attempt(self) -> Log:
        return self.say("• logging in ...").wait(1).say("• entered maintenance cycle")

    def submitted(self) -> Log:
        return self.start().window().form().attempt()

    def splash(self, text: str, percent: int = 45) -> Log:
        return self.wait(2).say(f"  - welcome: {percent}% Build 10.45.1j {text}")

    def connecting(self) -> Log:
        return self.submitted().splash("Connecting to server...")

    def prompt(self, times: int = 1) -> Log:
        for _ in range(times):
            self.wait(3).say(PROMPT)
        return self

    def types_code(self, times: int = 1) -> Log:
        for _ in range(times):
            self.wait(4).say(*TOTP, PROMPT)
        return self

    def completes(self, first: bool = False) -> Log:
        self.splash("Requesting startup parameters..", 76).splash("Starting application...", 99).wait(3)
        if self.mode == "paper":
            words = '<html>This is not a brokerage account. <br>This is a "paper" trading account</html>'
            self.say(f"  - got warning: {words} [I understand and accept]")
            self.say("    clicking [I understand and accept] at 500,400 ...").wait(1)
        return (
            self.options()
            if first
            else self.say("  - option check skipped, to perform again remove /home/ibg_settings/skip_option_check2")
        )

    def options(self) -> Log:
        return self.say(
            "  - option check, clicking menu Configure/Settings ...",
            "  - option check, clicking tree item Configuration/Lock and Exit ...",
            "  - option check, changing logoff time from 11:45 to 11:55 ...",
            "  - option check, changing port from 4001 to 9000 ...",
            "  - option check, confirming settings change ...",
            every=0.5,
        )

    def logged_in(self, first: bool = False) -> Log:
        self.connecting()
        if self.mode == "live":
            self.prompt(3)
        return self.completes(first)

    def login_fails(self, text: str = REFUSED) -> Log:
        return self.wait(3).say(f"  - login failed: {text}", "    clicking OK at 470,402 ...")

    def login_again(self) -> Log:
        return self.wait(2).say("• breaking out of maintenance cycle because login is needed again")

    def gives_up(self) -> Log:
        self.wait(2).say(f"• breaking out of maintenance cycle due to fatal error: {REFUSED}")
        return self.say(f"• cannot continue due to fatal error: {REFUSED}", "• entering infinit sleep ...")

    def gone(self) -> Log:
        return self.wait(3).say("• IB Gateway is no longer running, will restart ...")
