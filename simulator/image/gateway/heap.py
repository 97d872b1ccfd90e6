"""The Java machine's heap: what the program keeps is memory of this process, and no more than -Xmx allows."""

from __future__ import annotations

from . import console

_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}


class OutOfMemoryError(Exception):
    """There is no room: the thread that needs it dies, and the others go on."""

    def end(self, thread: str) -> None:
        """What the Java machine says when nobody catches this."""
        console.java(f'Exception in thread "{thread}" java.lang.OutOfMemoryError: Java heap space')


class Heap:
    def __init__(self, largest: int) -> None:
        self._left = largest
        self._kept: list[str] = []

    @classmethod
    def of(cls, option: str) -> Heap:
        """The heap that `-Xmx<option>` allows."""
        unit = _UNITS.get(option[-1].lower(), 1)
        return cls(int(option.rstrip("kKmMgG")) * unit)

    def keep(self, data: str) -> None:
        """Keep ASCII `data` for good."""
        self.need(len(data))
        self._left -= len(data)
        self._kept.append(data)

    def need(self, size: int) -> None:
        """Room for a moment."""
        if size > self._left:
            raise OutOfMemoryError
