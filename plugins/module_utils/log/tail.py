# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The end of a container's log, as far back as somebody needs it. The engine gives lines, not bytes: more are asked for until it is enough.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ansible_collections.ibgw.ops.plugins.module_utils import engine
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable

if TYPE_CHECKING:
    import docker


class Tail:
    """The last `lines` lines of a log, and of those `limit` bytes at most, from the start of a line."""

    def __init__(self, stream: Iterable[bytes], lines: int, limit: int) -> None:
        #: Whether that is all of the log, and whether there was more than `limit` bytes; known when it has been read.
        self.whole = self.overflown = False
        #: Bytes that were kept, before the half line at the start was let go.
        self.size = 0
        self._stream = stream
        self._lines = lines
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        kept: deque[bytes] = deque()
        lines = 0
        for chunk in self._stream:
            lines += chunk.count(b"\n")
            kept.append(chunk[-self._limit :])
            self.overflown = self.overflown or len(chunk) > self._limit
            self.size += len(kept[-1])
            while self.size > self._limit and len(kept) > 1:
                self.size -= len(kept.popleft())
                self.overflown = True
        self.whole = lines < self._lines and not self.overflown
        while self.overflown and kept:
            _half, newline, rest = kept.popleft().partition(b"\n")
            if newline:
                kept.appendleft(rest)
                break
        while kept:
            yield kept.popleft()


def tails(client: docker.DockerClient, container: str, lines: int, limit: int, ends: float) -> Iterator[Tail]:
    """Ever longer tails of a container's log, to be read one after the other: the first of `lines` lines, the last with all that may be read."""
    while True:
        tail = Tail(whole_log(client, container, ends, lines), lines, limit)
        yield tail
        if tail.whole or tail.overflown:
            return
        lines = min(4 * lines, 2 * lines * limit // tail.size)  # the longest may have twice what can be kept


def whole_log(client: docker.DockerClient, container: str, ends: float, lines: int | None = None) -> Iterator[bytes]:
    """A container's log, or its last `lines` lines, stamped by the engine; raises `Unavailable` when time is over at `ends`."""
    # `follow` must be said: the SDK follows what it streams, and would wait for lines to come.
    stream = client.api.logs(
        container, stdout=True, stderr=True, stream=True, follow=False, timestamps=True, tail=lines or "all"
    )
    for chunk in stream:
        if time.monotonic() > ends:
            reason = "the time for this machine was over before its logs were read"
            raise Unavailable(
                "probe.incomplete", reason, "give it more time (timeout), or ask for less (names, max_bytes)"
            )
        yield chunk


def unreadable(client: docker.DockerClient, target: engine.Container, error: Exception) -> Unavailable:
    """Why a container's log can not be read, by the exception that reading it ended with."""
    logging = ((target.inspected or {}).get("HostConfig") or {}).get("LogConfig") or {}
    driver, options = logging.get("Type"), logging.get("Config") or {}
    kept = "recreate the container with the logging driver local or json-file"
    said = str(getattr(error, "explanation", None) or error)
    if "does not support reading" in said:
        where = f"its logging driver {driver} keeps nothing"
        if driver == "none":
            fix = f"{kept}: what it writes now is lost"
        elif str(options.get("cache-disabled")).lower() == "true":  # docs.docker.com: dual logging
            where = f"its logging driver {driver} sends it elsewhere, and cache-disabled=true keeps no copy"
            fix = "recreate the container without the option cache-disabled, or scan the log where the driver sends it (path)"
        else:
            fix = f"{kept}, or scan the log where the driver sends it (path)"
        return Unavailable(
            "probe.incomplete", f"the log of {target.name} can not be read: {where} on this machine", fix
        )
    if driver == "journald" and "journal" in said:
        reason = f"the log of {target.name} can not be read: its logging driver journald says {said!r}"
        fix = f"mend the journal of the machine (systemctl status systemd-journald), or {kept}"
        return Unavailable("probe.incomplete", reason, fix)
    told = engine.unavailable(error, engine.address_of(client))
    return Unavailable(told.problem, f"the log of {target.name}: {told.reason}", told.fix)
