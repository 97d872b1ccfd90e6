"""The connection to the broker: one JSON object per line. Answers carry the number of their question, events none."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any

#: The broker's name on the network that all containers of a simulation share, and its port for gateways.
BROKER = ("ibkr.simulated", 4000)

#: A message with a megabyte of data in it is shorter.
_LONGEST = 2**21

Message = dict[str, Any]


class Unreachable(ConnectionError):
    """The broker does not answer at all."""


class Line:
    def __init__(self, on_event: Callable[[Message], None], on_lost: Callable[[], None]) -> None:
        self._on_event = on_event
        self._on_lost = on_lost
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = itertools.count(1)
        self._questions: dict[int, asyncio.Future[Message]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def ask(self, do: str, **arguments: Any) -> Message:
        if self._writer is None:
            await self._connect()
        assert self._writer is not None
        number = next(self._numbers)
        answer = self._questions[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(json.dumps({"number": number, "do": do, **arguments}).encode() + b"\n")
            await self._writer.drain()
            result: Message = await answer
            return result
        except OSError as error:
            raise Unreachable(str(error)) from error
        finally:
            self._questions.pop(number, None)

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _connect(self) -> None:
        try:
            reader, self._writer = await asyncio.wait_for(asyncio.open_connection(*BROKER, limit=_LONGEST), 5)
        except (OSError, asyncio.TimeoutError) as error:
            raise Unreachable(str(error)) from error
        self._reader = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while text := await reader.readline():
                message = json.loads(text)
                question = self._questions.get(message.pop("number", 0))
                if question is None:
                    self._on_event(message)
                elif not question.done():
                    question.set_result(message)
        except OSError:
            pass
        self._writer = None
        for question in self._questions.values():
            if not question.done():
                question.set_exception(Unreachable("the broker closed the connection"))
        self._on_lost()
