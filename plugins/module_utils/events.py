# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happened to one container, as the engine's events tell it, and who did it.

The engine names nobody: who it was is told by what came before, by what is known of deeds from elsewhere, and else not at all.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso

#: Engine events that start, stop or change a container.
ACTIONS = ("create", "start", "restart", "stop", "kill", "die", "oom", "pause", "unpause", "rename", "update")

# The longest that a restart policy waits, in seconds, with some for the start (moby restartmanager.go: backoff up to a minute).
_POLICY_WAITS = 65

# How long after it came up an engine may still be starting what its policies ask for, and a compose project what it has created.
_ENGINE_STARTS, _CREATOR_STARTS = 120, 60

# The kernel's word and the engine's of one kill may be so far apart.
_KERNEL_APART = 5

# An exit code or a signal; labels of the container can stand in their place.
_CODE = re.compile(r"[0-9]{1,3}")

#: Signals that ask a process to end: hangup, interrupt, quit, kill, terminate. Of others nobody has to end.
_ENDING = (1, 2, 3, 9, 15)

#: How a process ends that was told to by one of them; who sent it, its exit code does not tell.
_BY_SIGNAL = tuple(128 + number for number in _ENDING)

_COMMAND, _KERNEL, _CONTAINER, _POLICY, _ENGINE = "command", "kernel", "container", "policy", "engine"


@dataclass(frozen=True)
class Deed:
    """What is known from elsewhere: who did which of an engine's actions, not before and not after these moments.

    Where it `ends`, too, it began by ending what runs there by other means than the engine's.
    """

    who: str
    since: float
    until: float
    does: frozenset[str]
    ends: bool = False


@dataclass(frozen=True)
class Known:
    """What else is known of a container when its events are read; empty where nothing is."""

    restart_policy: str | None = None
    restart_count: int | None = None
    engine_started: float | None = None
    killed_by_kernel: Sequence[float] = ()
    #: Whether the engine tells of each stop that it is asked for; Podman (4.3.1) tells only that it died.
    stops_are_told: bool = True
    creator: str | None = None
    deeds: Sequence[Deed] = ()
    #: Who could have done an action, by the action.
    candidates: Callable[[str], Sequence[str]] = field(default=lambda _action: ())


def events(seen: Iterable[Mapping[str, Any]], container: str, known: Known = Known()) -> list[dict[str, Any]]:
    """What happened to one container among all that the engine tells, newest last: `by` what kind of cause, `who` by name.

    `command` asked the engine for it, `kernel` killed for want of memory, `container` ended by itself, `policy` of the container started it
    again, `engine` started it as it came up. Both are None where that is not known. Of a command whose giver is not known the last event
    has as `candidates` who could have given it.
    """
    ours = [one for one in seen if one.get("Actor", {}).get("ID") == container]
    told = [_event(one) for one in ours]
    times = [one["timeNano"] / 1e9 if one.get("timeNano") else float(one["time"]) for one in ours]
    for one, by in zip(told, _by(told, times, known)):
        one["by"] = by
    calls = _calls(told)
    doers = _doers(calls, told, times, known)
    for call in calls:
        who = doers.get(call.first)
        for one in (told[at] for at in call.events):
            if who and one["by"] in (_CONTAINER, None):  # it ended what runs there without asking the engine
                one["by"] = _COMMAND
            one["who"] = who if one["by"] == _COMMAND else _of_cause(one["by"], known)
        if told[call.last]["by"] == _COMMAND and who is None:
            told[call.last]["candidates"] = list(known.candidates(call.action))
    return told


def bearer(seen: Iterable[Mapping[str, Any]], name: str) -> str | None:
    """The container, by its id, that somebody renamed and that had this name last before, among all that the engine tells."""
    renamed = [one["Actor"] for one in seen if one.get("Action") == "rename" and one.get("Actor")]
    had = [one.get("ID") for one in renamed if (one.get("Attributes") or {}).get("oldName", "").lstrip("/") == name]
    return had[-1] if had else None


def _event(event: Mapping[str, Any]) -> dict[str, Any]:
    told = event["Actor"].get("Attributes") or {}
    exit_code, number = told.get("exitCode", told.get("containerExitCode", "")), told.get("signal", "")
    return {
        "at": iso(event["time"]),
        "action": quote(event.get("Action") or ""),
        # Podman has one in every event.
        "exit_code": int(exit_code) if event.get("Action") == "die" and _CODE.fullmatch(exit_code) else None,
        "signal": int(number) if _CODE.fullmatch(number) else None,
        "by": None,
        "who": None,
        "candidates": [],
    }


# What kind of cause?


def _by(told: Sequence[Mapping[str, Any]], times: Sequence[float], known: Known) -> list[str | None]:
    causes: list[str | None] = []
    over: str | None = None  # what is ending, or has ended, the run of the container
    died: int | None = None
    policy_starts = _policy_starts(told, known)
    for at, one in enumerate(told):
        action = one["action"]
        by: str | None = _COMMAND
        if action == "oom":
            over = by = _KERNEL
            # An engine may tell it after the end that it caused.
            if died is not None and causes[died] is None and times[at] - times[died] <= _KERNEL_APART:
                causes[died] = _KERNEL
        elif action == "kill" and (one["signal"] is None or one["signal"] in _ENDING):
            over = _COMMAND
        elif action == "die":
            over = by = over or _ended_by(one["exit_code"], times[at], known)
            died = at
        elif action == "start":
            ended = None if died is None else times[died]
            before = {one["action"] for one in told[:at]}
            by = _started_by(at in policy_starts, over, ended, times[at], before, known)
            over = died = None
        causes.append(by)
    return causes


def _ended_by(code: int | None, at: float, known: Known) -> str | None:
    """What ended a container that the engine was not asked to end; a signal from elsewhere has a sender that nobody knows."""
    if code == 137 and any(abs(at - killed) <= _KERNEL_APART for killed in known.killed_by_kernel):
        return _KERNEL
    return None if code in _BY_SIGNAL or not known.stops_are_told else _CONTAINER


def _policy_starts(told: Sequence[Mapping[str, Any]], known: Known) -> set[int]:
    """Which starts can be the policy's: those that the engine has counted since somebody started it, and any before that."""
    starts = [at for at, one in enumerate(told) if one["action"] == "start"]
    if known.restart_count is None:
        return set(starts) if known.restart_policy != "no" else set()
    # A start by hand sets the count to zero (moby daemon/container ResetRestartManager).
    by_hand = len(starts) - known.restart_count - 1
    before = starts[: max(by_hand, 0)] if known.restart_policy != "no" else []
    return {*before, *starts[by_hand + 1 if by_hand >= 0 else 0 :]}


def _started_by(
    policy: bool, over: str | None, died: float | None, at: float, before: set[str], known: Known
) -> str | None:
    """What started a container: its policy waits a minute at most, and does so only where nobody has stopped it."""
    came_up = known.engine_started is not None and -2 <= at - known.engine_started <= _ENGINE_STARTS
    if came_up and over != _COMMAND and not before & {"create", "start"} and known.restart_policy not in (None, "no"):
        return _ENGINE
    if died is None:
        return _COMMAND if "create" in before else None
    return _POLICY if policy and over != _COMMAND and at - died <= _POLICY_WAITS else _COMMAND


def _of_cause(by: str | None, known: Known) -> str | None:
    """The name of a cause that is none of the commands."""
    policy = f"restart policy {known.restart_policy}" if known.restart_policy else "its restart policy"
    names = {
        _POLICY: policy,
        _ENGINE: f"the engine as it came up, by {policy}",
        _KERNEL: "the kernel, for want of memory",
        _CONTAINER: "what runs in it",
    }
    return names.get(by or "")


# Which command, and whose?


@dataclass(frozen=True)
class _Call:
    """Events that come of one request: their positions, and what was asked for."""

    action: str
    events: tuple[int, ...]

    @property
    def first(self) -> int:
        return self.events[0]

    @property
    def last(self) -> int:
        return self.events[-1]


# Events of one end, those that somebody asks for last; the engine tells a stop when it is done.
_ENDS = ("oom", "die", "kill", "stop")


def _calls(told: Sequence[Mapping[str, Any]]) -> list[_Call]:
    calls: list[_Call] = []
    for at, one in enumerate(told):
        action = one["action"]
        lately = [call.action for call in calls[-2:]]
        joined = 0
        if action in _ENDS and lately and lately[-1] in _ENDS[:-1]:
            joined, action = 1, max(action, lately[-1], key=_ENDS.index)
        elif action == "restart":  # told after what it consists of, which of a container that did not run is a start
            joined = 2 if lately == ["stop", "start"] else int(lately[-1:] == ["start"])
        parts = calls[len(calls) - joined :]
        del calls[len(calls) - joined :]
        calls.append(_Call(action, (*(event for call in parts for event in call.events), at)))
    return calls


def _doers(
    calls: Sequence[_Call], told: Sequence[Mapping[str, Any]], times: Sequence[float], known: Known
) -> dict[int, str]:
    """Who made a call, by its first event, as far as that is known."""
    found: dict[int, str] = {}
    for deed in known.deeds:
        for call in calls:
            begun, ended = times[call.first], times[call.last]
            asked = call.action in deed.does and any(told[at]["by"] == _COMMAND for at in call.events)
            ends = deed.ends and call.action in ("die", "kill")
            if (asked or ends) and begun <= deed.until and ended >= deed.since:
                found.setdefault(call.first, deed.who)
                if call.action in ("start", "restart"):  # a deed ends with it
                    break
    if known.creator:
        found = {**_created(calls, times, known.creator), **found}
    return found


def _created(calls: Sequence[_Call], times: Sequence[float], creator: str) -> dict[int, str]:
    """What whoever made the container did: its creation, and a first start soon after."""
    at = next((at for at, call in enumerate(calls) if call.action == "create"), None)
    if at is None:
        return {}
    made = calls[at].first
    after = next((call.first for call in calls[at + 1 :] if call.action == "start"), None)
    soon = after is not None and times[after] - times[made] <= _CREATOR_STARTS
    return {made: creator, **({after: creator} if soon and after is not None else {})}
