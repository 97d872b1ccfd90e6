# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where each gateway's login stands, by its log: a saved file's, or those of a machine's containers.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibc import Reader, exit_meaning
from ansible_collections.ibgw.ops.plugins.module_utils.instances import Instances
from ansible_collections.ibgw.ops.plugins.module_utils.lifecycle import RANK, SEEN, Event, Run
from ansible_collections.ibgw.ops.plugins.module_utils.loglines import Line, lines
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import is_secret, quote
from ansible_collections.ibgw.ops.plugins.module_utils.relaylog import RELAY_EVENTS, RelayLog
from ansible_collections.ibgw.ops.plugins.module_utils.standing import Standing, standing
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import epoch, iso

if TYPE_CHECKING:
    import docker
    from ansible_collections.ibgw.ops.plugins.module_utils.engine import Target

#: What one gateway may take in a result (AWX stores every one), in bytes of JSON.
_RESULT_BYTES = 8192

_CHUNK = 1 << 18
_FIRST_TAIL = 2000

#: The keys of the result of one gateway that could not be read.
_NOTHING_READ: Mapping[str, Any] = {
    "family": None,
    "controller": {"name": None, "version": None},
    "gateway_version": None,
    "time_zone": None,
    "settings": {},
    "window": {
        "first_at": None,
        "last_at": None,
        "bytes_read": 0,
        "lines": 0,
        "truncated": False,
        "run_start_seen": False,
        "silent_seconds": None,
    },
    "instances": [],
    "history": {
        "runs": 0,
        "login_attempts": 0,
        "login_attempts_last_hour": 0,
        "twofa_prompts": 0,
        "logins_completed": 0,
        "last_login_at": None,
        "last_full_login_at": None,
        "controller_restarts": 0,
        "by_exit_code": {},
    },
    "relay": {"refused": 0, "bind_errors": 0, "last_at": None},
    "events": [],
    "cut": {"events": 0, "settings": 0},
}

# Steps of a normal start that decide nothing.
_MINOR = frozenset(
    {
        "window",
        "controller_version",
        "provider_named",
        "directory_named",
        "mode_named",
        "gateway_version",
        "settings_begun",
    }
    | {"settings", "script_began", "gateway_called", "gateway_shown", "typed", "disclaimer_accepted", "heap_malformed"}
)


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
    if path is not None:
        return {**AVAILABLE, "gateways": _file(path, moment, max_bytes, max_events)}
    gateways = _containers(names or (), moment, max_bytes, max_events, docker_host, timeout)
    return {**AVAILABLE, "gateways": gateways}


def _moment(as_of: str | None) -> float | None:
    if as_of is None:
        return None
    seconds = epoch(as_of.strip().replace(" ", "T", 1))
    if seconds is None:
        raise Misuse(
            f"as_of {quote(as_of)!r} is not a time; allowed is ISO 8601 with a zone, like 2026-01-31T12:00:00Z"
        )
    return seconds


# Saved logs


def _file(path: str, moment: float | None, max_bytes: int, max_events: int) -> list[dict[str, Any]]:
    name = os.path.basename(path.rstrip("/")) or path
    try:
        log = _open(path)
        try:
            truncated = _skip_to_tail(log, max_bytes)
            scan = Scan(max_events)
            scan.read(_chunks(log, truncated))
        finally:
            log.close()
        return scan.results(name, moment, truncated)
    except OSError as error:
        reason = f"the log {path} could not be read: {error.strerror or error}"
        return [
            _unreadable(
                name, Unavailable("probe.incomplete", reason, "give the path of a saved log that this user may read")
            )
        ]
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
    names: Sequence[str],
    moment: float | None,
    max_bytes: int,
    max_events: int,
    docker_host: str | None,
    timeout: float,
) -> list[dict[str, Any]]:
    from ansible_collections.ibgw.ops.plugins.module_utils import engine

    client = engine.connect(docker_host, timeout)
    ends = time.monotonic() + timeout
    now = time.time() if moment is None else moment
    try:
        targets = engine.gateway_containers(client, names, find=not names)
        return engine.each(partial(_container, client, now, max_bytes, max_events, ends), targets)
    finally:
        client.close()


def _container(
    client: docker.DockerClient, now: float, max_bytes: int, max_events: int, ends: float, target: Target
) -> dict[str, Any]:
    from ansible_collections.ibgw.ops.plugins.module_utils import engine

    if target.unavailable:
        return _unreadable(target.name, target.unavailable)
    if target.inspected is None:
        near = f"; there are {', '.join(target.similar_names)}" if target.similar_names else ""
        reason = f"there is no container called {target.name}{near}"
        return _unreadable(
            target.name, Unavailable("container.missing", reason, "correct the name, or create the container")
        )
    family = target.recognition.family.name if target.recognition else None
    state = target.inspected.get("State") or {}
    stopped_at = None if state.get("Running") else epoch(state.get("FinishedAt"))
    try:
        scan, truncated = _tail(client, target.inspected, max_bytes, max_events, ends)
        if not scan.lines:
            return {"name": target.name, **AVAILABLE, **_NOTHING_READ, "family": family}
        return {**scan.results(target.name, stopped_at or now, truncated)[0], "name": target.name, "family": family}
    except Unavailable as unavailable:
        return _unreadable(target.name, unavailable)
    except Exception as error:
        return _unreadable(target.name, _no_log(target, error, engine.unavailable(error, client.api.base_url)))


def _tail(
    client: docker.DockerClient, container: Mapping[str, Any], max_bytes: int, max_events: int, ends: float
) -> tuple[Scan, bool]:
    """Read back until the newest run and the one before are there; whether the log began earlier."""
    tail = _FIRST_TAIL
    environment = set((container.get("Config") or {}).get("Env") or ())
    both = bool(environment & {"TRADING_MODE=both", "DUAL_MODE=yes"})  # gnzsnz/ib-gateway-docker run.sh:135
    while True:
        scan = Scan(max_events)
        window = Window(max_bytes)
        # `follow` must be said: the SDK follows what it streams, and would wait for lines to come.
        stream = _until(
            ends,
            client.api.logs(
                container["Id"],
                stdout=True,
                stderr=True,
                stream=True,
                follow=False,
                timestamps=True,
                tail=tail if max_bytes else "all",
            ),
        )
        if not max_bytes:
            scan.read(stream)
            return scan, False
        scan.read(window.last_of(stream))
        whole = scan.lines < tail and not window.overflown
        if whole or window.overflown or scan.understood(both):
            return scan, not whole
        tail *= 4


def _until(ends: float, stream: Iterable[bytes]) -> Iterator[bytes]:
    """`stream`, as long as there is time."""
    for chunk in stream:
        if time.monotonic() > ends:
            raise TimeoutError("the time for this machine was over before the log was read")
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


def _no_log(target: Target, error: Exception, otherwise: Unavailable) -> Unavailable:
    driver = (((target.inspected or {}).get("HostConfig") or {}).get("LogConfig") or {}).get("Type")
    if driver == "none" or "does not support reading" in str(error):
        reason = f"the log of {target.name} can not be read: its logging driver {driver} keeps nothing on this machine"
        fix = "recreate the container with the logging driver local or json-file, or scan the log where the driver sends it (path)"
        return Unavailable("probe.incomplete", reason, fix)
    return Unavailable(otherwise.problem, f"the log of {target.name}: {otherwise.reason}", otherwise.fix)


def _unreadable(name: str, unavailable: Unavailable) -> dict[str, Any]:
    return {"name": quote(name), **unavailable.as_result(), **_NOTHING_READ}


# One log


class Scan:
    """One pass over a log, which can hold several services."""

    def __init__(self, max_events: int) -> None:
        self.lines = 0
        self.bytes_read = 0
        self._max_events = max_events
        self.services: dict[str | None, Service] = {}
        self._cut = False

    def understood(self, both: bool) -> bool:
        """Whether the newest run and the one before are in what was read; of two instances, since the container's start."""
        return all(service.instances.understood(both) for service in self.services.values())

    def read(self, chunks: Iterable[bytes]) -> None:
        """Take in the log that comes in `chunks`."""
        for line in lines(self._counted(chunks)):
            self.lines += 1
            service = self.services.get(line.service)
            if service is None:
                service = self.services[line.service] = Service(self._max_events)
            service.read(line)
            self._cut = line.cut

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.bytes_read += len(chunk)
            yield chunk

    def results(self, name: str, moment: float | None, truncated: bool) -> list[dict[str, Any]]:
        """One result per service that is a gateway's; where there is none, one that says so."""
        known = {tag: service for tag, service in self.services.items() if service.reader.recognised}
        if not known:
            raise _unknown_log(name, self.services.values())
        window = {"bytes_read": self.bytes_read, "truncated": truncated}
        return [
            _fitted(service.result(tag if tag and len(known) > 1 else name, moment, window, self._cut))
            for tag, service in known.items()
        ]


def _unknown_log(name: str, services: Iterable[Service]) -> Unavailable:
    written = sum(service.written for service in services)
    what = f"none of its {written} lines is of a controller that this probe knows" if written else "it is empty"
    fix = "give the log of the gateway's container (docker logs -t NAME), from its start if that is possible"
    return Unavailable("probe.incomplete", f"the log {name} tells nothing: {what}", fix)


class Service:
    """What the lines of one container of a log tell."""

    def __init__(self, max_events: int) -> None:
        self.reader = Reader()
        self.instances = Instances()
        self.relay = RelayLog()
        self.lines = 0
        self.written = 0
        self.first_at: datetime | None = None
        self._events: deque[tuple[Event, Run]] = deque(maxlen=max_events)
        self._decisive = 0

    def read(self, line: Line) -> None:
        """Take in `line`."""
        self.lines += 1
        self.written += bool(line.text.strip())
        event = self.reader.read(line)
        if self.first_at is None and (line.stamp or self.reader.time_zone):
            self.first_at = self.reader.last_moment[0]
        if event is None:
            return
        if event.kind in RELAY_EVENTS:
            self.relay.take(event)
            return
        before = [(run.state, run.problem) for run in self.instances.runs]
        run = self.instances.take(event)
        changed = [(run.state, run.problem) for run in self.instances.runs] != before
        if event.kind not in _MINOR and event.change != SEEN or changed:
            self._decisive += 1
            self._events.append((event, run))

    def result(self, name: str, moment: float | None, window: Mapping[str, Any], cut: bool) -> dict[str, Any]:
        """Everything that the contract asks for."""
        last_at, last = self.reader.last_moment
        now = last if moment is None or last_at is None or cut else max(moment, last or moment)
        offset = last_at.timestamp() - last if last_at and last is not None else None
        runs = [(run, standing(run, now)) for run in self.instances.runs]
        return {
            "name": quote(name),
            **AVAILABLE,
            "family": self.reader.family,
            "controller": {"name": self.reader.name, "version": self._quote(self.reader.version)},
            "gateway_version": self._quote(self.reader.gateway_version),
            "time_zone": self._quote(self.reader.time_zone),
            "settings": self._settings(),
            "window": {
                "first_at": _iso(self.first_at),
                "last_at": _iso(last_at),
                **window,
                "lines": self.lines,
                "run_start_seen": self.instances.run_start_seen,
                "silent_seconds": round(now - last, 3) if now is not None and last is not None else None,
            },
            "instances": [self._instance(run, at, now, offset) for run, at in _one_per_mode(runs)],
            "history": self._history(now),
            "relay": self.relay.result(),
            "events": [self._event(event, run) for event, run in self._events],
            "cut": {"events": self._decisive - len(self._events), "settings": 0},
        }

    def _quote(self, text: str | None, limit: int = 160) -> str | None:
        return quote(text, self.reader.secrets, limit) if text else None

    def _line(self, event: Event) -> dict[str, Any]:
        return {"at": _iso(event.at), "line": event.line, "quote": self._quote(event.text)}

    def _event(self, event: Event, run: Run) -> dict[str, Any]:
        return {
            "at": _iso(event.at),
            "line": event.line,
            "event": event.kind,
            "endpoint": run.mode,
            "quote": self._quote(event.text, 120),
        }

    def _settings(self) -> dict[str, str]:
        settings = next((run.settings for run in reversed(self.instances.runs) if run.settings), {})
        return {quote(name, limit=80): _setting(name, value, self.reader.secrets) for name, value in settings.items()}

    def _instance(self, run: Run, at: Standing, now: float | None, offset: float | None) -> dict[str, Any]:
        problem, evidence = at.problem, [self._line(event) for event in at.evidence]
        if problem is None:
            relayed = self.relay.problem(run, now)
            if relayed:
                problem, evidence = relayed[0], [self._line(event) for event in relayed[1]]
        ended = run if run.code is not None else run.previous
        return {
            "endpoint": _endpoint(run),
            "state": at.state,
            "since": _iso(run.since.at if run.since else None),
            "run_started_at": _iso(run.first.at if run.first and self.instances.run_start_seen else None),
            "run_kind": run.kind,
            "attempt_kind": run.attempt,
            "deadline": None if at.deadline is None or offset is None else iso(at.deadline + offset),
            "asks_again": run.asks_again,
            "open_windows": [self._quote(title, 80) for title in list(run.windows)[-8:]],
            "last_exit": _exit(ended),
            "problem": problem,
            "evidence": evidence if problem else [],
            "previous": _previous(run.previous),
        }

    def _history(self, now: float | None) -> dict[str, Any]:
        seen = self.instances
        recent = sum(1 for clock in seen.attempted_at if now is not None and now - clock <= 3600.0)
        return {
            "runs": seen.runs_seen,
            "login_attempts": seen.login_attempts,
            "login_attempts_last_hour": recent,
            "twofa_prompts": seen.twofa_prompts,
            "logins_completed": seen.logins_completed,
            "last_login_at": _iso(seen.last_login.at if seen.last_login else None),
            "last_full_login_at": _iso(seen.last_full_login.at if seen.last_full_login else None),
            "controller_restarts": seen.controller_restarts,
            "by_exit_code": {str(code): count for code, count in seen.by_exit_code.most_common(8)},
        }


def _one_per_mode(runs: Sequence[tuple[Run, Standing]]) -> list[tuple[Run, Standing]]:
    """One run per trading mode; of two of the same mode, which only a log of two containers has, the one in trouble."""
    chosen: dict[str | None, tuple[Run, Standing]] = {}
    for run, at in runs:
        other = chosen.get(_endpoint(run))
        if other is None or (at.problem is not None, at.state != "logged_in") >= (
            other[1].problem is not None,
            other[1].state != "logged_in",
        ):
            chosen[_endpoint(run)] = run, at
    return list(chosen.values())


def _endpoint(run: Run) -> str | None:
    configured = run.settings.get("TradingMode", "").strip().lower()
    return run.mode or (configured if configured in ("live", "paper") else None)


def _exit(run: Run | None) -> dict[str, Any] | None:
    return None if run is None or run.code is None else {"code": run.code, "meaning": exit_meaning(run.code)}


def _previous(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    furthest = next((state for state, rank in RANK.items() if rank == run.furthest), None)
    ended_at = _iso(run.last.at if run.last else None)
    return {"ended_at": ended_at, "exit": _exit(run), "problem": run.problem, "got_as_far_as": furthest}


def _setting(name: str, value: str, secrets: Iterable[str]) -> str:
    if is_secret(name):
        return "<set>" if value.strip() else "<empty>"
    return quote(value, secrets, 120)


def _iso(at: datetime | None) -> str | None:
    return iso(at.astimezone(timezone.utc).timestamp()) if at else None


def _fitted(gateway: dict[str, Any]) -> dict[str, Any]:
    """`gateway` within the size of a result: the oldest events go first, then settings; what went is counted."""
    while len(json.dumps(gateway)) > _RESULT_BYTES:
        part = "events" if gateway["events"] else "settings"
        if not gateway[part]:
            break
        drop = max(1, len(gateway[part]) // 8)
        if part == "events":
            gateway[part] = gateway[part][drop:]
        else:
            gateway[part] = dict(list(gateway[part].items())[:-drop])
        gateway["cut"][part] += drop
    return gateway
