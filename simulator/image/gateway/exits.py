"""How the Java machine ends. The shell sees the code modulo 256 (IBC ErrorCodes.java:23-35)."""

from __future__ import annotations

import os
from typing import NoReturn

from . import console

UNHANDLED_EXCEPTION = 1100
INVALID_TRADING_MODE = 1104
INVALID_SETTING_VALUE = 1105
SECOND_FACTOR_LOGIN_TIMED_OUT = 1111
LOGIN_DIALOG_DISPLAY_TIMED_OUT = 1112


def halt(code: int = 0) -> NoReturn:
    """End at once, as Runtime.halt does."""
    os._exit(code % 256)


def after_error(code: int) -> NoReturn:
    console.exit_announced(code)
    halt(code)
