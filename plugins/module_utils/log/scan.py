# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One pass over a log, and what it tells in the form of a result.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import container
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.grammars.ibc import Reader, exit_meaning
from ansible_collections.ibgw.ops.plugins.module_utils.log.instances import Instances
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line, lines
from ansible_collections.ibgw.ops.plugins.module_utils.log.relay import RELAY_EVENTS, RelayLog
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK, SEEN, Event, Run
from ansible_collections.ibgw.ops.plugins.module_utils.log.standing import Standing, standing
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, Unavailable, fit
from ansible_collections.ibgw.ops.plugins.module_utils.redact import EMPTY, SET, is_secret, quote
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso

# Steps of a normal start that decide nothing.
_MINOR = frozenset(
    {
        "window",
        "configuring",
        "controller_version",
        "provider_named",
        "directory_named",
        "mode_named",
        "gateway_version",
        "settings_begun",
    }
    | {"settings", "script_began", "gateway_called", "gateway_shown", "typed", "disclaimer_accepted", "heap_malformed"}
)


# What can grow without bound; the rules read settings.
_CUTTABLE = ([("events",)], [("settings",)])


class Scan:
    """One pass over a log, which can hold several services; `known` are values that must not be quoted, `family` is the image's if known."""

    def __init__(self, max_events: int, known: frozenset[str] = frozenset(), family: Family | None = None) -> None:
        self._known = known
        self._family = family
        self.lines = 0
        self.bytes_read = 0
        self._max_events = max_events
        self.services: dict[str | None, Service] = {}
        self._cut = False

    @property
    def family(self) -> Family | None:
        """The image family of what writes the log."""
        return next((service.family for service in self.services.values()), self._family)

    def understood(self, both: bool) -> bool:
        """Whether the newest run and the one before are in what was read; of two instances, since the container's start."""
        return all(service.instances.understood(both) for service in self.services.values())

    def read(self, chunks: Iterable[bytes]) -> None:
        """Take in the log that comes in `chunks`."""
        for line in lines(self._counted(chunks)):
            self.lines += 1
            service = self.services.get(line.service)
            if service is None:
                service = self.services[line.service] = Service(self._max_events, self._known, self._family)
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
            fit(service.result(tag if tag and len(known) > 1 else name, moment, window, self._cut), *_CUTTABLE)
            for tag, service in known.items()
        ]


def _unknown_log(name: str, services: Iterable[Service]) -> Unavailable:
    written = sum(service.written for service in services)
    what = f"none of its {written} lines is of a controller that this probe knows" if written else "it is empty"
    fix = "give the log of the gateway's container (docker logs -t NAME), from its start if that is possible"
    return Unavailable("probe.incomplete", f"the log {name} tells nothing: {what}", fix)


def nothing_read(name: str, family: Family | None) -> dict[str, Any]:
    """The result of a log of which nothing was read."""
    return Service(0, frozenset(), family).result(name, None, {"bytes_read": 0, "truncated": False}, cut=False)


class Service:
    """What the lines of one container of a log tell."""

    def __init__(self, max_events: int, known: frozenset[str], family: Family | None) -> None:
        self._known = known
        self._family = family
        self.reader = Reader()
        self.instances = Instances()
        self.relay = RelayLog()
        self.lines = 0
        self.written = 0
        self.first_at: float | None = None
        self._events: deque[tuple[Event, Run]] = deque(maxlen=max_events)
        self._decisive = 0

    @property
    def family(self) -> Family | None:
        """The image family, as it was given, or as the log shows it."""
        return self._family or BY_NAME.get(self.reader.family or "")

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
        offset = last_at - last if last_at is not None and last is not None else None
        runs = [(run, standing(run, now)) for run in self.instances.runs]
        return {
            "name": quote(name),
            **AVAILABLE,
            "family": self.family.name if self.family else None,
            "controller": {
                "name": self.reader.name if self.reader.recognised else None,
                "version": self._quote(self.reader.version),
            },
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
        return quote(text, self._known | self.reader.secrets, limit) if text else None

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
            relayed = self.relay.problem(run, now, self.family.ports if self.family else {})
            if relayed:
                problem, evidence = relayed[0], [self._line(event) for event in relayed[1]]
        ended = run if run.code is not None else run.previous
        return {
            "endpoint": _endpoint(run),
            "ambiguous": run.ambiguous,
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
            "unanswered_prompts": seen.unanswered_prompts,
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
    if run is None or run.code is None:
        return None
    return {"code": run.code, "meaning": exit_meaning(run.code) or container.exit_meaning(run.code, None)}


def _previous(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    furthest = next((state for state, rank in RANK.items() if rank == run.furthest), None)
    ended_at = _iso(run.last.at if run.last else None)
    return {"ended_at": ended_at, "exit": _exit(run), "problem": run.problem, "got_as_far_as": furthest}


def _setting(name: str, value: str, secrets: Iterable[str]) -> str:
    if is_secret(name):
        return SET if value.strip() else EMPTY
    return quote(value, secrets, 120)


def _iso(at: float | None) -> str | None:
    return None if at is None else iso(at)
