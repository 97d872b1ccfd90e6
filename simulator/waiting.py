"""Waiting for what somebody else brings about: a container, a broker, an engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds between two looks.
_SHORTEST, _LONGEST = 0.1, 1.0


def until(reached: Callable[[], T | None], what: str, seconds: float) -> T:
    """What `reached` gives as soon as that is true of it; a TimeoutError, one sentence, when that takes longer than `seconds`.

    Between two looks it waits about as long as one takes: looking must not hold up what is looked for.
    """
    end = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        if result := reached():
            return result
        now = time.monotonic()
        if now > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}, in vain")
        time.sleep(min(max(now - began, _SHORTEST), _LONGEST))
