# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The quick pass over a log of any length: where its last runs begin, and what the logins before them have cost.

Only lines with a mark are looked at, found in the bytes as they lie; what the last runs mean needs every line of them.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.grammar import Mark
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import RESTARTS, Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.history import History
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line, Log
from ansible_collections.ibgw.ops.plugins.module_utils.log.reader import GRAMMARS, Reader

#: What begins a run, in the order in which one start writes it.
_OPENING = {
    **dict.fromkeys(RESTARTS, 0),
    "container_started": 1,
    "script_started": 2,
    "script_began": 3,
    "jvm_started": 4,
}
_OPENING.update(session_full=5, session_saved=5)

#: So many of the last runs are read line by line: the newest, those that it may continue, and one more.
_RUNS = 4

#: So many bytes of them are kept; from the start of longer ones only the lines of the controller are read.
LIMIT = 4 << 20

#: What each line that may decide a run has, when many millions lie between them.
_ZONES = (grammar.zone for grammar in GRAMMARS if grammar.zone)
MARKS: tuple[Mark, ...] = tuple(dict.fromkeys((*(mark for grammar in GRAMMARS for mark in grammar.marks), *_ZONES)))
MESSAGES: tuple[Mark, ...] = (*MARKS, *(mark for grammar in GRAMMARS for mark in grammar.messages), b"OutOfMemoryError")


class Passage:
    """The quick pass over the lines of one container of a log."""

    def __init__(self, family: Family | None, history: History) -> None:
        self._reader = Reader(family)
        self._history = history
        self._pending: deque[tuple[int, Event, bool]] = deque()  # where each begins, and whether a run begins with it
        self._starts: deque[int] = deque(maxlen=_RUNS)
        self._rank = len(_OPENING)
        self._container_start: int | None = None
        self._scripts = 0
        #: The settings of each mode that a controller told before what is read line by line, if it tells them once for many runs.
        self.settings: dict[str | None, Event] = {}

    def read(self, line: Line) -> None:
        """Take in a line with a mark, whose number is where it lies in the log."""
        for event in self._reader.read(line):
            offset = event.line  # which can be one of a line before
            if event.kind == "settings":
                self._pending.append((offset, event, False))
                continue
            rank = _OPENING.get(event.kind, len(_OPENING))
            opens = rank < len(_OPENING) and rank <= self._rank
            self._pending.append((offset, event, opens))
            if opens:
                self._starts.append(offset)
            self._rank = rank
            if event.kind == "container_started":
                self._container_start, self._scripts = offset, 0
            elif event.kind == "script_began":
                self._scripts += 1

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is still to be looked for: of the controller that writes it, and its zone once."""
        if not self._reader.decided:
            return MARKS
        grammar = self._reader.grammar
        return grammar.marks if grammar.time_zone or grammar.zone is None else (*grammar.marks, grammar.zone)

    @property
    def start(self) -> int:
        """Where the last runs begin; of two instances in one log, where their container was started."""
        if self._scripts > 1 and self._container_start is not None:
            return self._container_start
        return self._starts[0] if len(self._starts) == _RUNS else 0

    def forget(self, before: int) -> None:
        """Count what was written `before` that offset, which nobody reads line by line."""
        for event, opens in self._written(before):
            if event.kind == "settings":
                self.settings[event.mode] = event
            self._history.take(event)
            self._history.runs += opens

    def leave(self, before: int) -> None:
        """Leave what was written `before` that offset to who reads it line by line."""
        for _left in self._written(before):
            pass

    def _written(self, before: int) -> Iterator[tuple[Event, bool]]:
        while self._pending and self._pending[0][0] < before:
            yield self._pending.popleft()[1:]


class Recent:
    """The last blocks of a log, from where its last runs begin."""

    def __init__(self) -> None:
        self._blocks: deque[bytes] = deque()
        self.start = 0
        self.size = 0
        #: The number of its first line.
        self.number = 1

    @property
    def end(self) -> int:
        return self.start + self.size

    def add(self, block: bytes) -> None:
        self._blocks.append(block)
        self.size += len(block)

    def cut(self, start: int) -> bool:
        """Let go what is before `start`, the beginning of a line; whether there was something."""
        before = self.start
        while self._blocks and self.start < start:
            block = self.pop()
            kept = block[len(block) - max(self.start - start, 0) :]
            if self.start > start:
                self._blocks.appendleft(kept)
                self.start, self.size = start, self.size + len(kept)
                self.number -= kept.count(b"\n")
        return self.start > before

    def pop(self) -> bytes:
        """Take out the oldest block."""
        block = self._blocks.popleft()
        self.start += len(block)
        self.size -= len(block)
        self.number += block.count(b"\n")
        return block

    def __iter__(self) -> Iterator[bytes]:
        while self._blocks:
            yield self._blocks.popleft()


def marked(log: Log, block: bytes, marks: Iterable[Mark], begins: int) -> Iterator[Line]:
    """The lines of `block` that hold one of the marks; the number of each is where it lies in the log, in which the block `begins`."""
    for at in _beginnings(block, marks):
        yield log.line(_line_at(block, at), begins + at)


def numbered(log: Log, block: bytes, marks: Iterable[Mark], number: int) -> Iterator[Line]:
    """The lines of `block` that hold one of the marks, with their numbers; that of its first line is `number`."""
    before = 0
    for at in _beginnings(block, marks):
        number += block.count(b"\n", before, at)
        before = at
        yield log.line(_line_at(block, at), number)


def _beginnings(block: bytes, marks: Iterable[Mark]) -> list[int]:
    return sorted({block.rfind(b"\n", 0, offset) + 1 for mark in marks for offset in _found(mark, block)})


def _line_at(block: bytes, at: int) -> bytes:
    end = block.find(b"\n", at)
    return block[at : end if end >= 0 else None]


def _found(mark: Mark, block: bytes) -> Iterator[int]:
    if isinstance(mark, bytes):
        offset = block.find(mark)
        while offset >= 0:
            yield offset
            offset = block.find(mark, offset + 1)
    else:
        for found in mark.finditer(block):
            yield found.start()
