# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One pass over a log, and what it tells in the form of a result.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Union

from ansible_collections.ibgw.ops.plugins.module_utils import container
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibc_settings import KEYS
from ansible_collections.ibgw.ops.plugins.module_utils.log.event import SEEN, Event
from ansible_collections.ibgw.ops.plugins.module_utils.log.history import History
from ansible_collections.ibgw.ops.plugins.module_utils.log.instances import Instances
from ansible_collections.ibgw.ops.plugins.module_utils.log.lines import Line, Log, own_stamp
from ansible_collections.ibgw.ops.plugins.module_utils.log.passage import (
    LIMIT,
    MARKS,
    MESSAGES,
    Passage,
    Recent,
    marked,
    numbered,
)
from ansible_collections.ibgw.ops.plugins.module_utils.log.reader import Reader
from ansible_collections.ibgw.ops.plugins.module_utils.log.relay import RELAY_EVENTS, RelayLog
from ansible_collections.ibgw.ops.plugins.module_utils.log.run import RANK, Run
from ansible_collections.ibgw.ops.plugins.module_utils.log.standing import Standing, standing
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AVAILABLE, fit
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
    | {"splash_shown", "twofa_open", "obstacle_passed", "sign_of_life"}
)


# What can grow without bound; the rules read settings.
_CUTTABLE = ([("events",)], [("settings",)])


#: What tells of the launcher.log beside a run's log: it is written until the login is complete.
Launcher = Callable[[Run], Union[dict[str, Any], None]]


def _no_launcher(_run: Run) -> None:
    """Of a saved log there is nothing beside it."""


#: Settings whose values are told, by the controller that takes the file of anybody; of others there only whether they are set.
_PLAIN: Mapping[str, Collection[str]] = {"ibc": [key for key, known in KEYS.items() if known.kind == "plain"]}


_DAY = 86400.0
# IBKR ends every session on Sunday at the latest (ibkrguides.com auto-restart considerations).
_LONGEST_SESSION = 8 * _DAY


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
        """Whether the newest run and the one before are in what was read (of two instances, since the container's start), and what
        logins have cost lately.
        """
        return all(service.instances.understood(both) and service.far_enough for service in self.services.values())

    def read(self, chunks: Iterable[bytes]) -> None:
        """Take in the log that comes in `chunks`: quickly up to its last runs, and those line by line."""
        log = Log(self._counted(chunks))
        for line in log.head():
            self._service(line.service).begin(line)
        self._read(self._last_runs(log) if log.line_by_line else log.lines())
        for service in self.services.values():
            service.finish()

    def _last_runs(self, log: Log) -> Iterator[Line]:
        """The lines of the last runs, after a quick pass over what is before them."""
        passages: dict[str | None, Passage] = {}
        recent = Recent()
        for block in log.blocks():
            only = None if log.of_several else next(iter(passages.values()), None)
            for line in marked(log, block, only.marks if only else MARKS, recent.end):
                if line.service not in passages:
                    passages[line.service] = Passage(self._family, self._service(line.service).history)
                passages[line.service].read(line)
            recent.add(block)
            if recent.cut(min((passage.start for passage in passages.values()), default=0)):
                for tag, passage in passages.items():
                    passage.forget(recent.start)
                    self._service(tag).forget(passage.settings)
            while recent.size > LIMIT:
                number = recent.number
                yield from numbered(log, recent.pop(), MESSAGES, number)
                for passage in passages.values():
                    passage.leave(recent.start)
        self.lines = recent.number - 1
        yield from log.lines_of(recent, recent.number)

    def _read(self, lines: Iterable[Line]) -> None:
        for line in lines:
            self.lines = line.number
            self._service(line.service).read(line)
            self._cut = line.cut

    def _service(self, tag: str | None) -> Service:
        if tag not in self.services:
            self.services[tag] = Service(self._max_events, self._known, self._family)
        return self.services[tag]

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.bytes_read += len(chunk)
            yield chunk

    @property
    def blank(self) -> bool:
        """Whether nothing is written in it."""
        return not any(service.written for service in self.services.values())

    def results(
        self,
        name: str,
        moment: float | None,
        truncated: bool,
        damaged: bool = False,
        launcher: Launcher = _no_launcher,
    ) -> list[dict[str, Any]]:
        """One result per service that is a gateway's; none where there is no such. `launcher` tells what is beside a run's log."""
        known = {tag: service for tag, service in self.services.items() if service.reader.recognised}
        window = {"bytes_read": self.bytes_read, "lines": self.lines, "truncated": truncated, "damaged": damaged}
        return [
            fit(
                service.result(tag if tag and len(known) > 1 else name, moment, window, self._cut, launcher),
                *_CUTTABLE,
            )
            for tag, service in known.items()
        ]


def nothing_read(name: str, family: Family | None) -> dict[str, Any]:
    """The result of a log of which nothing was read."""
    window = {"bytes_read": 0, "lines": 0, "truncated": False, "damaged": False}
    return Service(0, frozenset(), family).result(name, None, window, cut=False)


class Service:
    """What the lines of one container of a log tell."""

    def __init__(self, max_events: int, known: frozenset[str], family: Family | None) -> None:
        self._known = known
        self._max_events = max_events
        self.history = History()
        self.written = 0
        self._first: Line | None = None
        self.reader = Reader(family)
        self._beginning = Reader(family)
        self.instances = Instances()
        self.forget()

    def forget(self, settings: Mapping[str | None, Event] | None = None) -> None:
        """Begin anew: what was read is long over, but for `settings` that may still be in effect."""
        self.history.runs += self.instances.runs_seen
        self.instances = Instances(settings or {})
        self.relay = RelayLog()
        self._events: deque[tuple[Event, Run]] = deque(maxlen=self._max_events)
        self._decisive = 0

    @property
    def far_enough(self) -> bool:
        """Whether what was read has the last full login; if not, a day, or of a session that was resumed as long as one can last."""
        first = self._first.at if self._first else None
        last = self.reader.grammar.last_moment[0]
        if self.history.last_full_login is not None or first is None or last is None:
            return True
        return last - first >= (_LONGEST_SESSION if self.history.last_login else _DAY)

    def begin(self, line: Line) -> None:
        """Take in one of the first lines, for the time that it tells, and for what only a container's start tells."""
        if self._first is None and (line.stamp or own_stamp(line.text)):
            self._first = line
        for _event in self._beginning.read(line):
            pass

    def read(self, line: Line) -> None:
        """Take in `line`."""
        self.written += bool(line.text.strip())
        for event in self.reader.read(line):
            self._happened(event)

    def finish(self) -> None:
        """Take in that there are no more lines."""
        for event in self.reader.finish():
            self._happened(event)
        for _event in self._beginning.finish():
            pass

    @property
    def family(self) -> Family | None:
        """The image family, as it was given, or as the log shows it."""
        return self.reader.family or self._beginning.family

    @property
    def _secrets(self) -> set[str]:
        """User names and the like that the log gave away."""
        return self.reader.grammar.secrets | self._beginning.grammar.secrets

    def _happened(self, event: Event) -> None:
        if event.kind in RELAY_EVENTS:
            self.relay.take(event)
            return
        self.history.take(event)
        before = [(run.state, run.problem) for run in self.instances.runs]
        run = self.instances.take(event)
        changed = [(run.state, run.problem) for run in self.instances.runs] != before
        if event.kind not in _MINOR and event.change != SEEN or changed:
            self._decisive += 1
            self._events.append((event, run))

    def result(
        self,
        name: str,
        moment: float | None,
        window: Mapping[str, Any],
        cut: bool,
        launcher: Launcher = _no_launcher,
    ) -> dict[str, Any]:
        """Everything that the contract asks for."""
        grammar = self.reader.grammar
        last_at, last = grammar.last_moment
        now = last if moment is None or last_at is None or cut else max(moment, last or moment)
        offset = last_at - last if last_at is not None and last is not None else None
        family = self.family
        ports = family.ports if family else {}
        # Of a gateway that hangs often nothing is pasted but what its relay writes.
        unseen = [run for run in (Run(None),) if not self.instances.runs and self.relay.problem(run, now, ports)]
        runs = [(run, standing(run, now)) for run in self.instances.runs or unseen]
        first_at = grammar.moment(self._first, own_stamp(self._first.text))[0] if self._first else None
        return {
            "name": quote(name),
            **AVAILABLE,
            "family": family.name if family else None,
            "controller": {
                "name": grammar.name if self.reader.recognised else None,
                "version": self._quote(grammar.version),
            },
            "gateway_version": self._quote(grammar.gateway_version),
            "time_zone": self._quote(grammar.time_zone),
            "settings": self._settings(),
            "window": {
                "first_at": _iso(first_at),
                "last_at": _iso(last_at),
                **window,
                "run_start_seen": self.instances.run_start_seen,
                "silent_seconds": round(now - last, 3) if now is not None and last is not None else None,
            },
            "instances": [self._instance(run, at, now, offset, launcher) for run, at in _one_per_mode(runs)],
            "history": {**self.history.result(now), "runs": self.history.runs + self.instances.runs_seen},
            "relay": self.relay.result(),
            "events": [self._event(event, run) for event, run in self._events],
            "cut": {"events": self._decisive - len(self._events), "settings": 0},
        }

    def _quote(self, text: str | None, limit: int = 160) -> str | None:
        return quote(text, self._known | self._secrets, limit) if text else None

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
        plain = _PLAIN.get(self.reader.grammar.controller, settings)
        return {
            quote(name, limit=80): _setting(name, value, self._secrets, name in plain)
            for name, value in settings.items()
        }

    def _instance(
        self, run: Run, at: Standing, now: float | None, offset: float | None, launcher: Launcher
    ) -> dict[str, Any]:
        problem, evidence = at.problem, [self._line(event) for event in at.evidence]
        if problem is None:
            relayed = self.relay.problem(run, now, self.family.ports if self.family else {})
            if relayed:
                problem, evidence = relayed[0], [self._line(event) for event in relayed[1]]
        ended = run if run.code is not None else run.previous
        deadline = None if at.deadline is None or offset is None else iso(at.deadline + offset)
        return {
            "endpoint": _endpoint(run),
            "ambiguous": run.ambiguous,
            "state": at.state,
            "since": _iso(run.since.at if run.since else None),
            "run_started_at": _iso(run.first.at if run.first and self.instances.run_start_seen else None),
            "run_kind": run.kind,
            "attempt_kind": run.attempt,
            "deadline": deadline,
            "asks_again": run.terms.asks_again,
            "read_only_api": run.read_only,
            "second_factor": self._second_factor(run, deadline),
            "open_windows": [self._quote(title, 80) for title in list(run.windows)[-8:]],
            "last_exit": self._exit(ended),
            "problem": problem,
            "evidence": evidence if problem else [],
            "launcher": launcher(run) if at.state != "logged_in" else None,
            "previous": self._previous(run.previous),
        }

    def _second_factor(self, run: Run, deadline: str | None) -> dict[str, Any] | None:
        if run.prompt is None:
            return None
        pending = run.state == "twofa_pending"
        return {
            "asked_at": _iso(run.prompt.at),
            "window": self._quote(run.prompt.title, 80),
            "open": pending,
            "expires_at": deadline if pending else None,
            "asked": run.prompts,
            "closed_at_once": run.refused_prompts,
        }

    def _exit(self, run: Run | None) -> dict[str, Any] | None:
        if run is None or run.code is None:
            return None
        meaning = self.reader.grammar.exit_meaning(run.code)
        return {"code": run.code, "meaning": meaning or container.exit_meaning(run.code, None)}

    def _previous(self, run: Run | None) -> dict[str, Any] | None:
        if run is None:
            return None
        furthest = next((state for state, rank in RANK.items() if rank == run.furthest), None)
        ended_at = _iso(run.last.at if run.last else None)
        return {"ended_at": ended_at, "exit": self._exit(run), "problem": run.problem, "got_as_far_as": furthest}


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
    return run.mode or run.terms.mode


def _setting(name: str, value: str, secrets: Iterable[str], plain: bool) -> str:
    if is_secret(name) or not plain:
        return SET if value.strip() else EMPTY
    return quote(value, secrets, 120)


def _iso(at: float | None) -> str | None:
    return None if at is None else iso(at)
