"""The order of events in a container's log, without what differs from run to run: times, ids, focus, dumps, threads."""

from __future__ import annotations

import difflib
import re
from itertools import groupby

import pytest

_DOCKER_STAMP = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z ")
_IBC = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3} IBC: ")
_FOCUS = re.compile(r"event=(?:Activated|Deactivated|Focused|Lost focus)$")
_SCRIPT = re.compile(
    r"IBC (?:returned|will|is paused)|autorestart file|AUTORESTART_OPTION|Gateway finished|Finding auto"
)
#: Each configuration task is a thread of its own and all begin at once; their lines come in any order.
_THREADS = re.compile(
    r"(?:Getting|Creating|Waiting for|Got) (?:config dialog|main window)"
    r"|Setting (?:ReadOnlyApi|Auto)|Read-Only API checkbox|Auto restart time set"
)
_DIFFERENT_EACH_TIME = (
    (re.compile(r"\bD?U\d{5,9}\b"), "ACCOUNT"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}"), "MOMENT"),
    (re.compile(r"\d\d:\d\d [AP]M"), "TIME"),
    (re.compile(r"(?<=[/=])[a-p]{20,}"), "USER"),
    (re.compile(r"\b(?:\d+ minutes & )?\d+ seconds?\b"), "SECONDS"),
)


def as_in_life(log: str, known: list[str], newest_run_only: bool = False) -> None:
    """Fail unless the log's order of events is that of one of the known ones, or of the newest run of one."""
    ours = events(log)
    theirs = [_newest_run(events(one)) if newest_run_only else events(one) for one in known]
    assert theirs, "no log of a real release for this condition"
    if ours not in theirs:
        nearest = max(theirs, key=lambda order: difflib.SequenceMatcher(None, order, ours).ratio())
        pytest.fail("\n".join(difflib.unified_diff(nearest, ours, "real", "simulated", lineterm="", n=2)))


def _newest_run(order: list[str]) -> list[str]:
    """From the last start script on: what comes before its first line belongs to an earlier container start."""
    starts = [number for number, event in enumerate(order[:-1]) if event == "Gateway finished"]
    return order[starts[-1] + 1 :] if starts else order


def events(log: str) -> list[str]:
    """What IBC and its start script say about windows, logins and ends, in their order."""
    said = [text for line in log.splitlines() if (text := _event(_DOCKER_STAMP.sub("", line, count=1)))]
    ordered: list[str] = []
    for concurrent, run in groupby(said, key=lambda text: bool(_THREADS.match(text))):
        texts = list(run)
        ordered += sorted(texts) if concurrent else texts
    return ordered


def _event(line: str) -> str:
    stamp = _IBC.match(line)
    text = line[stamp.end() :] if stamp else line
    if _FOCUS.search(text) or not (stamp or _SCRIPT.match(text)):
        return ""
    for pattern, alike in _DIFFERENT_EACH_TIME:
        text = pattern.sub(alike, text)
    return text
