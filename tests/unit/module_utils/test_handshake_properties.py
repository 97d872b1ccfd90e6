# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a peer sends, and whenever: an outcome in time. Time is simulated, so that a peer can be slow for as long as it likes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import handshake
from ansible_collections.ibgw.ops.plugins.module_utils.api import attempt
from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe
from ansible_collections.ibgw.ops.tests.unit.module_utils.outcomes import OUTCOMES
from ansible_collections.ibgw.ops.tests.unit.module_utils.peer import (
    ACCOUNTS,
    FARM_OK,
    LINK_LOST,
    ORDER_ID,
    REPLY,
    frame,
    notice,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

NEVER = float("inf")
KNOWN = {row.outcome for row in OUTCOMES} | {"refused", "connect_timeout"}


@dataclass
class Clock:
    """Stands still but for who waits."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_790_000_000 + self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


#: What comes, how many seconds after what came before: bytes, an end (``b""``), or an error of the connection.
Event = tuple[float, "bytes | OSError"]


@dataclass
class Line:
    """A connection as the probe sees it, on which a script is played; after the script nothing comes any more, or its end for ever."""

    clock: Clock
    connecting: Event
    script: Sequence[Event]
    repeats: bool = False
    pause: float = 0.0
    taken: int = 0
    closed: bool = False
    _patience: float = 0.0
    _left: bytes = b""
    _played: int = 0
    _next_at: float = field(default=NEVER)

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0, "that would be a socket that does not wait"
        self._patience = seconds

    def setblocking(self, _blocking: bool) -> None:
        self._patience = 0.0

    def setsockopt(self, *_: int) -> None:
        pass

    def shutdown(self, _how: int) -> None:
        pass

    def sendall(self, _data: bytes) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def connect(self, _address: object) -> None:
        self._wait_until(self.clock.now + self.connecting[0])
        if isinstance(self.connecting[1], OSError):
            raise self.connecting[1]
        self._schedule()

    def recv(self, size: int) -> bytes:
        if not self._left:
            self._wait_until(self._next_at)
            what = self.script[self._played][1]
            if isinstance(what, OSError):
                raise what
            if not what:
                return b""
            self._left = what
            self._played += 1
            if self.repeats:
                self._played %= len(self.script)
            self._schedule()
        data, self._left = self._left[:size], self._left[size:]
        self.taken += len(data)
        return data

    def _schedule(self) -> None:
        if self._played >= len(self.script):
            self._next_at = NEVER
        else:
            self._next_at = self.clock.now + max(self.script[self._played][0], self.pause)

    def _wait_until(self, moment: float) -> None:
        if moment > self.clock.now + self._patience:
            self.clock.now += self._patience
            raise socket.timeout if self._patience else BlockingIOError
        self.clock.now = max(self.clock.now, moment)


waits = st.sampled_from([0.0, 0.001, 0.01, 0.2, 0.6, 3.0]) | st.floats(0, 8)
chunks = st.one_of(
    st.binary(min_size=1, max_size=60),
    st.binary(max_size=40).map(frame),
    st.sampled_from([REPLY, ACCOUNTS, ORDER_ID, REPLY + ACCOUNTS + ORDER_ID, FARM_OK, LINK_LOST]),
    st.sampled_from([notice(326, "taken"), notice(10141, "disclaimer"), notice(1300, "moved"), frame(b"-1\0other\0")]),
    st.sampled_from([b"SSH-2.0-x\r\n", b"HTTP/1.1 400\r\n", b"\x15\x03\x01", b"\0\0\0\0" * 40, b"\0\x0f\xff\xff"]),
    st.sampled_from([b"", ConnectionResetError(104, "Connection reset by peer"), OSError(113, "No route to host")]),
)
connecting: st.SearchStrategy[Event] = st.one_of(
    *(st.just((delay, b"")) for delay in (0.0, 0.001, 0.01, 0.2, 2.0)),
    st.sampled_from(
        [(0.0, ConnectionRefusedError(111, "refused")), (0.2, ConnectionResetError(104, "reset")), (NEVER, b"")]
    ),
)
beginnings: list[list[Event]] = [
    [],
    [(0.0, REPLY)],
    [(0.0, REPLY), (0.001, ACCOUNTS)],
    [(0.0, REPLY + ACCOUNTS + ORDER_ID)],
]
scripts = st.tuples(
    connecting,
    st.builds(list.__add__, st.sampled_from(beginnings), st.lists(st.tuples(waits, chunks), max_size=8)),
    st.booleans(),
)


@contextmanager
def played(clock: Clock, lines: list[Line]) -> Iterator[None]:
    """The probe's time is the clock's, its sockets are these lines."""
    with (
        mock.patch.object(attempt, "time", clock),
        mock.patch.object(handshake, "time", clock),
        mock.patch.object(attempt.Route, "new_socket", side_effect=lines),
    ):
        yield


@settings(max_examples=300, deadline=None)
@given(
    peers=st.lists(scripts, min_size=3, max_size=3),
    timeout=st.sampled_from([0.05, 1.0, 5.0]),
    attempts=st.integers(1, 3),
    after_silence=st.integers(0, 2),
)
@example(peers=[((0.0, b""), [(0.01, b"1")], True)] * 3, timeout=5.0, attempts=3, after_silence=2)
@example(peers=[((0.0, b""), [(0.0, FARM_OK * 1000)], True)] * 3, timeout=5.0, attempts=3, after_silence=2)
@example(
    peers=[((0.0, b""), [(0.0, REPLY), (0.0, FARM_OK * 1000)], True)] * 3, timeout=5.0, attempts=3, after_silence=2
)
def test_any_bytes_at_any_time_end_in_an_outcome_in_time(
    peers: list[Any], timeout: float, attempts: int, after_silence: int
) -> None:
    clock = Clock()
    lines = [
        Line(clock, begin, script, repeats=again and bool(script), pause=0.01 * again) for begin, script, again in peers
    ]
    with played(clock, lines):
        result = probe(port=4002, timeout=timeout, attempts=attempts, after_silence=after_silence)
    (seen,) = result["endpoints"]
    assert seen["outcome"] in KNOWN, seen["detail"]
    assert seen["problem"] != "probe.incomplete"
    assert clock.now <= 1000 + timeout + 0.01
    assert seen["total_ms"] <= (timeout + 0.01) * 1000
    assert len(json.dumps(result)) < 8192
    assert seen["attempts"] <= attempts
    used = [line for line in lines if line.closed]
    assert len(used) == seen["attempts"]
    assert all(line.taken <= attempt.MAX_BYTES + 65536 * 17 for line in used)


@given(cuts=st.lists(st.integers(0, 200), max_size=12), wait=st.sampled_from([0.0, 0.01]))
def test_a_healthy_session_is_ready_wherever_its_bytes_are_cut(cuts: list[int], wait: float) -> None:
    stream = FARM_OK + REPLY + ORDER_ID + FARM_OK + ACCOUNTS
    edges = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    script = [(wait, stream[start:end]) for start, end in zip(edges, edges[1:], strict=False)]
    clock = Clock()
    with played(clock, [Line(clock, (0.0, b""), script)]):
        (seen,) = probe(port=4002)["endpoints"]
    assert (seen["outcome"], seen["attempts"], seen["notice_count"]) == ("ready", 1, 2)


def test_a_gateway_that_is_slow_with_each_answer_is_not_given_up() -> None:
    clock = Clock()
    with played(clock, [Line(clock, (0.0, b""), [(0.8, REPLY), (0.5, ORDER_ID + ACCOUNTS)])]):
        (seen,) = probe(port=4002, timeout=2.0)["endpoints"]
    assert (seen["outcome"], seen["attempts"]) == ("ready", 1)


@pytest.mark.parametrize(
    "answers", [[(3.5, REPLY), (0.0, ORDER_ID + ACCOUNTS)], [(0.0, REPLY), (3.5, ORDER_ID + ACCOUNTS)]]
)
def test_a_gateway_that_answers_while_clients_still_wait_is_not_silent(answers: list[Event]) -> None:
    clock = Clock()
    with played(clock, [Line(clock, (0.0, b""), answers)]):
        (seen,) = probe(port=4002, timeout=5.0)["endpoints"]
    assert (seen["outcome"], seen["attempts"]) == ("ready", 1)


@pytest.mark.parametrize("said", [[], [(0.0, REPLY)]])
def test_after_silence_a_fresh_connection_has_time_to_answer(said: list[Event]) -> None:
    clock = Clock()
    second = Line(clock, (0.0, b""), [(0.4, REPLY), (0.1, ORDER_ID + ACCOUNTS)])
    with played(clock, [Line(clock, (0.0, b""), said), second]):
        (seen,) = probe(port=4002, timeout=5.0)["endpoints"]
    assert (seen["outcome"], seen["problem"]) == ("ready", "api.first_attempt_failed")
