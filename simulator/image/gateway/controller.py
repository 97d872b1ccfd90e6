"""The stand-in for IBC: watches the Gateway's windows, types, presses buttons, and tells the log.

Texts and order are those of IBC 3.24.1, but for what `releases.py` says of an earlier release.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from . import console, exits, pace, schedule
from .background import Background
from .program import Gateway, LoginWindow
from .releases import Release
from .second_factor import SecondFactorClock
from .settings import Settings
from .windows import DeviceList, Window

if TYPE_CHECKING:
    from .commands import CommandServer

_ConfigurationTask = tuple[str, Callable[[], None]]

_WAIT = re.compile(r"Please wait (?:(\d+) minutes?)?(?: ?& ?)?(?:(\d+) seconds?)? before")


class Controller:
    def __init__(
        self, settings: Settings, release: Release, directory: Path, session_id: str, mode: str, resumes: bool
    ) -> None:
        self._settings = settings
        self._release = release
        self._directory = directory
        self._session_id = session_id
        self._mode = mode
        self._resumes = resumes
        self._attempts = 0
        self._told_other_session_to_go = False
        self._stopping = False
        self._login_window: LoginWindow | None = None
        self._clock = SecondFactorClock(settings)
        self._background = Background()
        self._configuration_tasks = self._tasks_at_start()
        self.gateway: Gateway  # set by whoever brings these together
        self.commands: CommandServer

    # Configuration tasks wait for the configuration dialog from the start

    def announce_configuration(self) -> None:
        for number, _ in enumerate(self._configuration_tasks):
            console.message("Getting config dialog")
            console.message(
                "Waiting for config dialog future to complete" if number else "Creating config dialog future"
            )
            if not number:
                console.message("Getting main window")
                console.message("Creating main window future")

    def _tasks_at_start(self) -> list[_ConfigurationTask]:
        tasks: list[_ConfigurationTask] = []
        if self._settings.text("ReadOnlyApi"):
            tasks.append(("Setting ReadOnlyApi", self._set_read_only))
        if self._settings.text("AutoRestartTime"):
            tasks.append(("Setting Auto restart time", self._set_restart_time))
        elif self._settings.text("AutoLogoffTime"):
            tasks.append(("Setting Auto logoff time", self._set_logoff_time))
        return tasks

    def _set_read_only(self) -> None:
        wanted = self._settings.flag("ReadOnlyApi")
        state = "already" if self.gateway.read_only == wanted else "now"
        self.gateway.read_only = wanted
        console.message(f"Read-Only API checkbox is {state} set to: {str(wanted).lower()}")

    def _set_restart_time(self) -> None:
        self._set_time("Auto restart", self._settings.text("AutoRestartTime"), self.gateway.restart_daily_at)

    def _set_logoff_time(self) -> None:
        self._set_time("Auto logoff", self._settings.text("AutoLogoffTime"), self.gateway.log_off_daily_at)

    def _set_time(self, what: str, text: str, apply: Callable[[time], None]) -> None:
        at = schedule.time_of_day(text)
        if at is None:
            console.error(f'{what} time setting must be hh:mm AM or hh:mm PM, for example "09:30 AM" or "04:00 PM"')
            return
        apply(at)
        console.message(f"{what} time set to {text}")

    # Windows

    def window_event(self, window: Window, event: str) -> None:
        console.message(f"detected {window.kind} entitled: {window.title}; event={event}")
        if event == "Opened":
            self._opened(window)
        elif event == "Closed":
            self._closed(window)

    def _opened(self, window: Window) -> None:
        title = window.title
        if isinstance(window, LoginWindow) and title in self._release.login_titles:
            self._login_window = window
            console.message("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT")
            if not self._resumes:  # of a saved session it expects that nobody has to type (IBC#221)
                self._background.run(self._log_in())
        elif window is self.gateway.main_window:
            self._main_window_found()
        elif isinstance(window, DeviceList):
            self._choose_device(window)
        elif title == "Second Factor Authentication":
            console.message("Second Factor Authentication initiated")
        elif title == "Existing session detected":
            self._other_session(window)
        elif title == "Re-login is required":
            self._clock.logged_in = self._told_other_session_to_go = False
            console.message("Re-login to session")
            self._click(window, "Re-login")
        elif "too many failed login attempts" in window.text.lower():
            self._throttled(window)
        elif title == "Login failed":
            self._login_failed(window)
        elif title == "Login Error":
            self._login_error(window)
        elif title == "Warning" and self._settings.flag("AcceptNonBrokerageAccountWarning", True):
            self._click(window, "I understand and accept")
        elif "Trader Workstation Configuration" in title:
            self._background.run(self._configure(window))
        elif title == "Shutdown progress":
            self._shutting_down()

    def _closed(self, window: Window) -> None:
        if window.title == "Second Factor Authentication":
            self._second_factor_closed()
        elif window.title == "Starting application..." and self.gateway.logged_in and not self._clock.logged_in:
            self._clock.logged_in = True
            console.message("Login has completed")
            if self._login_window is None and self._release.breaks_after_restart:
                console.exception(
                    "java.lang.NullPointerException", "ibcalpha.ibc.LoginManager.setLoginState(Unknown Source)"
                )
                exits.after_error(exits.UNHANDLED_EXCEPTION)

    def _main_window_found(self) -> None:
        console.message("Found Gateway main window")
        if self._configuration_tasks:
            console.message("Got main window from future")
            console.message("Invoking config dialog menu")
            self.gateway.open_configuration()

    # Login

    def expect_login_window(self, seconds: int) -> None:
        """A window that this release does not know is none."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            if self._login_window is None:
                console.error("IBC closing after TWS/Gateway failed to display login dialog")
                exits.after_error(exits.LOGIN_DIALOG_DISPLAY_TIMED_OUT)

        self._background.run(wait())

    async def _log_in(self) -> None:
        window = self._login_window
        assert window is not None
        console.message(f"trading mode from settings: tradingMode={self._mode}")
        console.message(f"Setting Trading mode = {self._mode}")
        await asyncio.sleep(pace.TYPING)
        console.message("Setting user name")
        window.user = self._settings.text("IbLoginId")
        console.message("Setting password")
        window.password = self._settings.text("IbPassword")
        if not (window.user and window.password):
            return
        self._attempts += 1
        console.message(f"Login attempt: {self._attempts}")
        if self._release.mode_told_twice:
            console.message(f"trading mode from settings: tradingMode={self._mode}")
        self._clock.start()
        button = next(iter(window.buttons))
        self._click(window, button)
        await asyncio.sleep(pace.CLICK)
        console.message(f"Button now disabled: {button}")

    def _choose_device(self, window: DeviceList) -> None:
        """By its name, letter by letter (SecondFactorAuthenticationDialogHandler.java:95-117)."""
        device = self._settings.text("SecondFactorDevice")
        if not device:
            console.error(
                "You should specify the required second factor device using the SecondFactorDevice setting in config.ini"
            )
        elif device not in window.devices:
            console.error(f"could not find second factor device '{device}' in the list")
        else:
            window.chosen = device
            self._click(window, "OK")

    def _second_factor_closed(self) -> None:
        console.message(f"Duration since login: {self._clock.stop()} seconds")
        if not self._clock.timed_out:
            if self._clock.relogin:
                interval = self._clock.exit_interval
                console.message(f"If login has not completed, IBC will exit in {interval} seconds")
                self._background.run(self._exit_unless_logged_in(interval))
        elif self._clock.relogin:
            console.message("Re-login after second factor authentication timeout in 5 second")
            self._background.run(self._log_in_after(pace.RELOGIN))
        else:
            console.message("Re-login after second factor authentication timeout not required")

    async def _exit_unless_logged_in(self, seconds: float) -> None:
        """A new attempt does not stop this clock, only a completed login does (facts: a public log of 2026-09-07)."""
        await asyncio.sleep(seconds)
        if not self._clock.logged_in:
            console.error("IBC closing because login has not completed after Second Factor Authentication")
            exits.after_error(exits.SECOND_FACTOR_LOGIN_TIMED_OUT)

    async def _log_in_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._log_in()

    def _throttled(self, window: Window) -> None:
        console.message(window.text)
        found = _WAIT.search(window.text)
        if found is None or not self._clock.relogin:
            return
        seconds = int(found[1] or 0) * 60 + int(found[2] or 0) + pace.THROTTLE_MARGIN
        at = datetime.now() + timedelta(seconds=seconds)
        stamp = f"{at:%Y-%m-%d %H:%M:%S}:{at.microsecond // 1000:03d}"
        console.message(f"Will re-login at {stamp}; login number: {self._attempts + 1}")
        self._click(window, "OK")
        self._background.run(self._log_in_after(seconds))

    def _login_failed(self, window: Window) -> None:
        console.message("Login failed")
        if self._release.after_login_failed == "cold restart":
            self._cold_restart(window)
        else:
            console.message("Ensure login frame visible")
            self._click(window, "OK")

    def _login_error(self, window: Window) -> None:
        if self._release.after_login_error == "nothing":  # but to this one (LoginErrorDialogHandler.java at 3.18.0)
            if "Server disconnected" in window.text:
                self._click(window, "OK")
            return
        console.message(f"Login error message:\n{window.text}")
        if self._release.after_login_error == "cold restart":
            self._cold_restart(window)
        else:
            self._click(window, "OK")

    def _cold_restart(self, window: Window) -> None:
        console.message("Cold restart in progress")
        self._ask_for_cold_restart()
        self._click(window, "OK")
        self._stop()

    def _ask_for_cold_restart(self) -> None:
        """A flag that tells the start script to begin with a full login."""
        (self._directory / f"COLDRESTART{self._session_id}").touch()

    # The end, as asked for by a command, a schedule or a refused login (StopTask.java:40-90)

    def stop(self) -> bool:
        """False where that is under way already."""
        if self._stopping:
            console.message("STOP already in progress")
            return False
        self._stopping = True
        self._background.run(self._stop_soon())
        return True

    async def _stop_soon(self) -> None:
        self._stop()

    def _stop(self) -> None:
        if not self._clock.logged_in:
            self.commands.close()
            console.message("Login has not completed: exiting immediately")
            exits.halt(0)
        console.message("Login has completed: exiting via [File, Close] menu")
        console.message("Getting main window")
        console.message("Main window already found")
        self.gateway.close_from_menu()

    def plan_cold_restart(self) -> None:
        """On Sundays (IbcTws.java:360-380); nothing where the setting is empty or unknown to the release."""
        text = self._settings.text("ColdRestartTime")
        if not (text and self._release.cold_restart_plan):
            return
        at = schedule.time_of_24_hours(text)
        if at is None:
            console.error(f"Invalid ColdRestartTime setting: '{text}'; format should be: hh:mm")
            exits.after_error(exits.INVALID_SETTING_VALUE)
        moment = schedule.next_sunday(at, datetime.now())
        console.message(self._release.cold_restart_plan.format(moment=f"{moment:%Y/%m/%d %H:%M}"))

        async def wait_and_restart() -> None:
            await schedule.until(moment)
            self._ask_for_cold_restart()
            self._stop()

        self._background.run(wait_and_restart())

    def ask_for_pause(self) -> None:
        """A flag that tells the start script to end where it would start the Gateway again."""
        (self._directory / f"PAUSE{self._session_id}").touch()

    def restart_soon(self) -> str:
        """Let the Gateway restart at the next full minute, which it does without a login; the time as it is shown."""
        at = schedule.next_minute(datetime.now()).strftime("%I:%M %p")
        console.message(f"Setting auto-restart time to {at}")
        console.message("Getting config dialog")
        console.message("Creating config dialog future")
        console.message("Getting main window")
        set_time: _ConfigurationTask = (
            "Setting Auto restart time",
            lambda: self._set_time("Auto restart", at, self.gateway.restart_daily_at),
        )
        self._configuration_tasks.append(set_time)
        if self.gateway.main_window is None:
            console.message("Waiting for main window future to complete")
        else:
            console.message("Main window already found")
            console.message("Invoking config dialog menu")
            self.gateway.open_configuration()
        return at

    # Another session of the same user (ExistingSessionDetectedDialogHandler.java:40-145)

    def _other_session(self, window: Window) -> None:
        action = self._settings.text("ExistingSessionDetectedAction", "manual").lower()
        go_on, go_away = list(window.buttons)
        running = self._clock.logged_in
        if action == "manual":
            console.message("User must choose whether to continue with this session (scenario 1)")
        elif action not in ("primary", "primaryoverride"):
            console.message("End this session and let the other session proceed (scenario 2)")
            self._click(window, go_away)
        elif not running and not self._told_other_session_to_go:
            self._told_other_session_to_go = True
            console.message("Don't know the type of the other session, so continue this one (scenario 3)")
            self._click(window, go_on)
        elif not running:
            console.message(
                "Other session must be primary or primary override, so end this session and let the other one proceed"
                " (scenario 4)"
            )
            self._click(window, go_away)
        elif action == "primary":
            console.message("Continue this session and let the other session exit (scenario 5)")
            self._click(window, go_on)
        else:
            console.message(
                "Other session may be primary, so end this session and let the other one proceed (scenario 6)"
            )
            self._click(window, go_away)

    def _shutting_down(self) -> None:
        """A configuration task that still waits for its dialog gets none, and that ends IBC."""
        self.commands.close()
        if self._configuration_tasks:
            console.message(self._configuration_tasks[0][0])
            # Its message is `null`; which exception it is, is not known.
            console.exception("java.lang.NullPointerException", "ibcalpha.ibc.ConfigurationTask.run(Unknown Source)")
            exits.after_error(exits.UNHANDLED_EXCEPTION)

    async def _configure(self, window: Window) -> None:
        tasks, self._configuration_tasks = self._configuration_tasks, []
        for _ in tasks:
            console.message("Got config dialog from future")
        for title, task in tasks:
            console.message(title)
            task()
        if self._release.configured_text:
            console.message(self._release.configured_text)
        self._click(window, "OK")

    def _click(self, window: Window, button: str) -> None:
        console.message(f"Click button: {button}")
        window.buttons[button]()
