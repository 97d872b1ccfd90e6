"""Waiting for what somebody else brings about: a container, a broker, an engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(reached: Callable[[], T | None], what: str, seconds: float) -> T:
    """What `reached` gives as soon as that is true of it; a TimeoutError, one sentence, when that takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while not (result := reached()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}, in vain")
        time.sleep(0.1)
    return result
