"""What goes to the container's log, in the form of IBC: `yyyy-MM-dd HH:mm:ss:SSS IBC: text` in the container's zone."""

from __future__ import annotations

import os
from datetime import datetime

_RULE = "!" * 79


def raw(*lines: str) -> None:
    """Lines without a stamp, written at once so that two instances never mix within a line."""
    os.write(1, "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace"))


def message(text: str) -> None:
    raw(_stamped(text))


def error(text: str) -> None:
    raw(_RULE, _stamped(text), _RULE)


def exception(text: str) -> None:
    """Since IBC 3.23.0 only the exception's message, which may be `null`."""
    error(f"An exception has occurred:\n{text}")


def _stamped(text: str) -> str:
    now = datetime.now()
    return f"{now:%Y-%m-%d %H:%M:%S}:{now.microsecond // 1000:03d} IBC: {text}"
