"""What goes to the container's log, in the form of IBC: `yyyy-MM-dd HH:mm:ss:SSS IBC: text` in the container's zone."""

from __future__ import annotations

import os
from datetime import datetime

from .releases import NEWEST, Release

_RULE = "!" * 79
_STDOUT, _STDERR = 1, 2
_release = NEWEST


def speak_as(release: Release) -> None:
    """From now on in the words of that release."""
    global _release
    _release = release


def raw(*lines: str) -> None:
    """Lines without a stamp, written at once so that two instances never mix within a line."""
    _write(_STDOUT, *lines)


def java(*lines: str) -> None:
    """What the Java machine itself says; up to the start script whether anybody sees it."""
    _write(_STDERR, *lines)


def message(text: str) -> None:
    raw(_stamped(text))


def error(text: str) -> None:
    _write(_STDOUT if _release.errors_on == "stdout" else _STDERR, _RULE, _stamped(text), _RULE)


def exception(thrown: str, *frames: str, message: str = "") -> None:
    """An exception block: with the stack, or by its message alone, which may be `null`."""
    stack = [f"{thrown}: {message}" if message else thrown, *(f"\tat {frame}" for frame in frames)]
    said = stack if _release.stack_traces else [message or "null"]
    error("\n".join(["An exception has occurred:", *said]))


def exit_announced(code: int) -> None:
    message(_release.exit_text.format(code=code))


def _write(stream: int, *lines: str) -> None:
    os.write(stream, "".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace"))


def _stamped(text: str) -> str:
    now = datetime.now()
    said = text[:1].upper() + text[1:] if _release.capitals else text
    return f"{now:%Y-%m-%d %H:%M:%S}:{now.microsecond // 1000:03d} IBC: {said}"
