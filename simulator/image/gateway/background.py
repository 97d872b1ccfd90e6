"""What goes on beside the rest and is awaited by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()  # the event loop alone would not keep them

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Begin soon, not now: whoever calls this finishes first."""
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
