"""IBC's clock around the second factor (LoginManager.java:105-156)."""

from __future__ import annotations

import time

from .settings import Settings


class SecondFactorClock:
    """Runs from the first click on the login button until the prompt closes.

    Closed before the time-out counts as approved, after it as timed out: IBC sees no more than that.
    """

    def __init__(self, settings: Settings) -> None:
        old_setting = settings.flag("ExitAfterSecondFactorAuthenticationTimeout")
        self.relogin = settings.flag("ReloginAfterSecondFactorAuthenticationTimeout", old_setting)
        self.exit_interval = settings.number("SecondFactorAuthenticationExitInterval", 60)
        self.logged_in = False
        self.timed_out = False
        self._timeout = settings.number("SecondFactorAuthenticationTimeout", 180)
        self._started: float | None = None

    def start(self) -> None:
        if self._started is None:
            self._started = time.monotonic()

    def stop(self) -> int:
        """Whole seconds since the login; the next attempt starts anew."""
        seconds = int(time.monotonic() - (self._started or time.monotonic()))
        self._started = None
        self.timed_out = seconds >= self._timeout
        return seconds
