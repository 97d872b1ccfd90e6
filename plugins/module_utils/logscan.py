# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where each gateway's login stands, by its log: a saved file's, or those of a machine's containers.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils.container import secrets as container_secrets
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import NOTHING_READ, Scan
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote, spellings
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch

if TYPE_CHECKING:
    import docker
    from ansible_collections.ibgw.ops.plugins.module_utils.engine import Target

#: The result's own keys when nothing could be looked at.
NOTHING: Mapping[str, Any] = {"gateways": []}

#: Controllers whose logs are understood.
CONTROLLERS = ("ibc",)

#: Bytes of a saved log that are read at once.
_CHUNK = 1 << 18

#: Lines of a container's log that are asked for first.
_FIRST_TAIL = 2000


@dataclass(frozen=True)
class Bounds:
    """How far back a log is read, in bytes (0: to its start), and how many events are told of it."""

    max_bytes: int
    max_events: int


def probe(
    names: Sequence[str] | None,
    path: str | None,
    family: str,
    as_of: str | None,
    max_bytes: int,
    max_events: int,
    docker_host: str | None,
    timeout: float,
) -> dict[str, Any]:
    """Scan the log at `path`, or those of the containers called `names` (default: every gateway of the machine)."""
    moment = _moment(as_of)
    if path is not None and names:
        raise Misuse(
            "both names and path were given; allowed is one of them: containers of this machine, or a saved log"
        )
    if family != "auto" and family not in BY_NAME:
        raise Misuse(f"family {quote(family)!r} is not known; allowed are auto, {', '.join(BY_NAME)}")
    if max_bytes < 0 or max_events < 0:
        raise Misuse("max_bytes and max_events are counts; allowed are 0 and above")
    bounds = Bounds(max_bytes, max_events)
    gateways = (
        _containers(names or (), moment, bounds, docker_host, timeout) if path is None else _file(path, moment, bounds)
    )
    said = {} if family == "auto" else {"family": family}
    return {**AVAILABLE, "gateways": [{**gateway, **said} for gateway in gateways]}


def _moment(as_of: str | None) -> float | None:
    if as_of is None:
        return None
    seconds = epoch(as_of.strip())
    if seconds is None:
        raise Misuse(
            f"as_of {quote(as_of)!r} is not a time; allowed is ISO 8601 with a zone, like 2026-01-31T12:00:00Z"
        )
    return seconds


# Saved logs


def _file(path: str, moment: float | None, bounds: Bounds) -> list[dict[str, Any]]:
    name = os.path.basename(path.rstrip("/")) or path
    try:
        log = _open(path)
        try:
            truncated = _skip_to_tail(log, bounds.max_bytes)
            scan = Scan(bounds.max_events)
            scan.read(_chunks(log, truncated))
        finally:
            log.close()
        return scan.results(name, moment, truncated)
    except OSError as error:
        reason = f"the log {path} could not be read: {error.strerror or error}"
        fix = "give the path of a saved log that this user may read"
        return [_unreadable(name, Unavailable("probe.incomplete", reason, fix))]
    except Unavailable as unavailable:
        return [_unreadable(name, unavailable)]


def _open(path: str) -> Any:
    fix = "give the path of a saved log"
    kind = os.stat(path).st_mode
    if stat.S_ISDIR(kind):
        raise Unavailable("probe.incomplete", f"the log {path} could not be read: it is a directory", fix)
    if not stat.S_ISREG(kind):  # a pipe or a device could keep the probe waiting for ever
        raise Unavailable("probe.incomplete", f"the log {path} could not be read: it is not a regular file", fix)
    return open(path, "rb")


def _skip_to_tail(log: Any, max_bytes: int) -> bool:
    """Go to the last `max_bytes` of `log`; whether something was skipped. A packed file can not be entered in the middle."""
    size = os.fstat(log.fileno()).st_size
    packed = log.read(2) == b"\x1f\x8b"
    log.seek(0)
    if not max_bytes or packed or size <= max_bytes:
        return False
    log.seek(size - max_bytes)
    return True


def _chunks(log: Any, within: bool) -> Iterator[bytes]:
    if within:
        log.readline(_CHUNK)  # the rest of a line, which could be the rest of a secret
    while chunk := log.read(_CHUNK):
        yield chunk


# Containers


def _containers(
    names: Sequence[str], moment: float | None, bounds: Bounds, docker_host: str | None, timeout: float
) -> list[dict[str, Any]]:
    from ansible_collections.ibgw.ops.plugins.module_utils import engine

    client = engine.connect(docker_host, timeout)
    ends = time.monotonic() + timeout
    now = time.time() if moment is None else moment
    try:
        targets = engine.gateway_containers(client, names, find=not names)
        return engine.each(partial(_container, client, now, bounds, ends), targets)
    finally:
        client.close()


def _container(client: docker.DockerClient, now: float, bounds: Bounds, ends: float, target: Target) -> dict[str, Any]:
    from ansible_collections.ibgw.ops.plugins.module_utils import engine

    if target.unavailable:
        return _unreadable(target.name, target.unavailable)
    if target.inspected is None:
        near = f"; there are {', '.join(target.similar_names)}" if target.similar_names else ""
        reason = f"there is no container called {target.name}{near}"
        return _unreadable(
            target.name, Unavailable("container.missing", reason, "correct the name, or create the container")
        )
    known = target.recognition.family if target.recognition else None
    family = known.name if known else None
    if known and known.controller not in CONTROLLERS:
        reason = f"the log of {target.name} is of the controller {known.controller}, which this version does not read"
        fix = "read it yourself (docker logs); container and API are judged without it"
        return {**_unreadable(target.name, Unavailable("probe.incomplete", reason, fix)), "family": family}
    state = target.inspected.get("State") or {}
    stopped_at = None if state.get("Running") else epoch(state.get("FinishedAt"))
    secrets = spellings(container_secrets(target.inspected, known))
    try:
        scan, truncated = _tail(client, target.inspected, bounds, ends, secrets)
        if not scan.lines:
            return {"name": target.name, **AVAILABLE, **NOTHING_READ, "family": family}
        return {**scan.results(target.name, stopped_at or now, truncated)[0], "name": target.name, "family": family}
    except Unavailable as unavailable:
        return _unreadable(target.name, unavailable)
    except Exception as error:
        return _unreadable(target.name, no_log(target, error, engine.unavailable(error, client.api.base_url)))


def _tail(
    client: docker.DockerClient, container: Mapping[str, Any], bounds: Bounds, ends: float, known: frozenset[str]
) -> tuple[Scan, bool]:
    """Read back until the newest run and the one before are there; whether the log began earlier."""
    tail = _FIRST_TAIL
    environment = set((container.get("Config") or {}).get("Env") or ())
    both = bool(environment & {"TRADING_MODE=both", "DUAL_MODE=yes"})  # gnzsnz/ib-gateway-docker run.sh:135
    while True:
        scan = Scan(bounds.max_events, known)
        window = Window(bounds.max_bytes)
        stream = log_stream(client, container["Id"], tail if bounds.max_bytes else 0, ends)
        if not bounds.max_bytes:
            scan.read(stream)
            return scan, False
        scan.read(window.last_of(stream))
        whole = scan.lines < tail and not window.overflown
        if whole or window.overflown or scan.understood(both):
            return scan, not whole
        tail *= 4


def log_stream(client: docker.DockerClient, container: str, tail: int, ends: float) -> Iterator[bytes]:
    """The last `tail` lines of a container's log (0: all), stamped by the engine, as long as there is time."""
    # `follow` must be said: the SDK follows what it streams, and would wait for lines to come.
    stream = client.api.logs(
        container, stdout=True, stderr=True, stream=True, follow=False, timestamps=True, tail=tail or "all"
    )
    return _until(ends, stream)


def _until(ends: float, stream: Iterable[bytes]) -> Iterator[bytes]:
    """`stream`, as long as there is time."""
    for chunk in stream:
        if time.monotonic() > ends:
            reason = "the time for this machine was over before its logs were read"
            raise Unavailable(
                "probe.incomplete", reason, "give it more time (timeout), or ask for less (names, max_bytes)"
            )
        yield chunk


class Window:
    """The end of a stream, `limit` bytes at most."""

    def __init__(self, limit: int) -> None:
        self.overflown = False
        self._limit = limit

    def last_of(self, stream: Iterable[bytes]) -> Iterator[bytes]:
        """The chunks of `stream` that fit, from the start of a line."""
        kept: deque[bytes] = deque()
        size = 0
        for chunk in stream:
            kept.append(chunk[-self._limit :])
            self.overflown = self.overflown or len(chunk) > self._limit
            size += len(kept[-1])
            while size > self._limit and len(kept) > 1:
                size -= len(kept.popleft())
                self.overflown = True
        if self.overflown:
            while kept:
                _half, newline, rest = kept.popleft().partition(b"\n")
                if newline:
                    kept.appendleft(rest)
                    break
        while kept:
            yield kept.popleft()


def no_log(target: Target, error: Exception, otherwise: Unavailable) -> Unavailable:
    """Why a container's log can not be read; `otherwise` is what the exception says of the engine."""
    driver = (((target.inspected or {}).get("HostConfig") or {}).get("LogConfig") or {}).get("Type")
    if driver == "none" or "does not support reading" in str(error):
        reason = f"the log of {target.name} can not be read: its logging driver {driver} keeps nothing on this machine"
        fix = "recreate the container with the logging driver local or json-file, or scan the log where the driver sends it (path)"
        return Unavailable("probe.incomplete", reason, fix)
    return Unavailable(otherwise.problem, f"the log of {target.name}: {otherwise.reason}", otherwise.fix)


def _unreadable(name: str, unavailable: Unavailable) -> dict[str, Any]:
    return {"name": quote(name), **unavailable.as_result(), **NOTHING_READ}
