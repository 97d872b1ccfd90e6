# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two gateways that write into one log without saying which of them a line is of: told apart, or said to be ambiguous."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log
from ansible_collections.ibgw.ops.tests.unit.module_utils.judged import result_of
from hypothesis import given, settings
from hypothesis import strategies as st

UNRECOGNIZED = "Unrecognized Username or Password"

Step = Callable[[Log], Log]

#: How a gateway starts, step by step, without the banner of the container.
START: tuple[Step, ...] = (Log.script, Log.jvm, Log.login_window, Log.attempt, Log.connecting)


def tries(log: Log, times: int) -> Log:
    """A gateway that has lost its link goes on writing of it."""
    for number in range(1, times + 1):
        log.wait(20).frame(f"Attempt {number}: connecting to server (trying for another 600 seconds)...")
    return log


#: What becomes of it then.
STORIES: dict[str, dict[str, tuple[Step, ...]]] = {
    "live": {
        "logs in": (*START, Log.prompt, lambda log: log.prompt_closes(8, 14), Log.completes, Log.configures),
        "waits for its person": (*START, Log.prompt),
        "loses the prompt": (*START, Log.prompt, Log.prompt_expires),
        "asks again": (*START, Log.prompt, lambda log: log.prompt_expires(relogin=True), lambda log: log.attempt(2)),
        "gives way": (
            *START,
            lambda log: log.meets_session("End this session and let the other session proceed", 2).exits(1100).ends(76),
        ),
        "is refused": (*START, lambda log: log.window(UNRECOGNIZED)),
        "loses its link": (
            *START,
            Log.prompt,
            lambda log: log.prompt_closes(8, 14),
            Log.completes,
            lambda log: log.wait(30).frame("Connecting to server..."),
            lambda log: tries(log, 12),
        ),
    },
    "paper": {
        "logs in": (
            *START,
            Log.completes,
            lambda log: log.window("Warning").ibc("Click button: I understand and accept").window("Warning", "Closed"),
        ),
        "is refused": (*START, lambda log: log.window(UNRECOGNIZED)),
        "is not typed": START[:3],
        "shows no window": (*START[:2], lambda log: log.wait(2).frame("IBKR-Gateway")),
        "loses its window again and again": (
            *START[:2],
            Log.login_window_missing,
            Log.jvm,
            Log.login_window_missing,
            Log.jvm,
        ),
        "restarts": (*START, Log.completes, Log.shuts_down, Log.resumes, Log.connecting, Log.completes),
        "is told to stop": (*START, Log.completes, lambda log: log.window("Shutdown progress").wait(2).ends(143)),
    },
}

_STAMPS = re.compile(r"(\S+)Z (?:(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}) IBC:)?")


def told(mode: str, story: str, steps: int, delay: float) -> Log:
    """The first `steps` of `story`, begun `delay` seconds after noon."""
    log = Log(mode, paired=True).wait(2 + delay)
    for step in STORIES[mode][story][:steps]:
        step(log.wait(1))
    return log


def slowed(lines: Sequence[str], pauses: Sequence[float]) -> list[tuple[datetime, str]]:
    """`lines` with a pause before each, in turn, and when they were written."""
    late, result = timedelta(), []
    for number, line in enumerate(lines):
        late += timedelta(seconds=pauses[number % len(pauses)])
        found = _STAMPS.match(line)
        assert found
        at = datetime.fromisoformat(found[1][:26]).replace(tzinfo=timezone.utc) + late
        own = f"{at:%Y-%m-%d %H:%M:%S}:{at.microsecond // 1000:03} IBC:" if found[2] else ""
        result.append((at, f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z {own}{line[found.end() :]}"))
    return result


def told_apart(*logs: list[tuple[datetime, str]]) -> dict[str, dict[str, Any]]:
    """The answer for each endpoint of a log that all of them were written into."""
    merged = sorted((entry for log in logs for entry in log), key=lambda entry: entry[0])
    read = result_of([*Log().container().lines, *(line for _, line in merged)], "2026-03-04T13:00:00Z")
    return {run["endpoint"]: run for run in read["instances"]}


def stands(run: dict[str, Any]) -> tuple[str, str | None]:
    return run["state"], run["problem"]


@given(
    st.sampled_from(sorted(STORIES["live"])),
    st.sampled_from(sorted(STORIES["paper"])),
    st.integers(1, 10),
    st.integers(1, 9),
    st.floats(0, 90),
    st.lists(st.floats(0, 2), min_size=1, max_size=9),
    st.lists(st.floats(0, 2), min_size=1, max_size=7),
)
@settings(max_examples=120)
def test_no_endpoint_is_given_the_verdict_of_the_other(
    live_story: str,
    paper_story: str,
    live_steps: int,
    paper_steps: int,
    delay: float,
    live_pauses: list[float],
    paper_pauses: list[float],
) -> None:
    live = slowed(told("live", live_story, live_steps, 0).lines, live_pauses)
    paper = slowed(told("paper", paper_story, paper_steps, delay).lines, paper_pauses)
    together = told_apart(live, paper)
    for mode, alone in (("live", live), ("paper", paper)):
        (expected,) = told_apart(alone).values()
        assert together[mode]["ambiguous"] or stands(together[mode]) == stands(expected), mode


@pytest.mark.parametrize(
    ("live_story", "paper_story", "live", "paper"),
    [
        ("logs in", "logs in", ("logged_in", None), ("logged_in", None)),
        ("waits for its person", "logs in", ("twofa_pending", "twofa.pending"), ("logged_in", None)),
        ("loses the prompt", "logs in", ("login_window", "twofa.timed_out"), ("logged_in", None)),
        ("gives way", "logs in", ("ended", "login.existing_session"), ("logged_in", None)),
        ("logs in", "is not typed", ("logged_in", None), ("login_window", "config.credentials_missing")),
        (
            "waits for its person",
            "loses its window again and again",
            ("twofa_pending", "twofa.pending"),
            ("gateway_starting", "gateway.login_window_unknown"),
        ),
    ],
)
@pytest.mark.parametrize("delay", [15.0, 40.0])
def test_what_the_lines_tell_apart_is_told_apart(
    live_story: str, paper_story: str, live: object, paper: object, delay: float
) -> None:
    """The second gateway is started some 15 seconds after the first (gnzsnz/ib-gateway-docker run.sh)."""
    runs = told_apart(
        slowed(told("live", live_story, 9, 0).lines, [0]), slowed(told("paper", paper_story, 9, delay).lines, [0])
    )
    assert (stands(runs["live"]), stands(runs["paper"])) == (live, paper)
    assert [run["ambiguous"] for run in runs.values()] == [False, False]


def test_what_is_likely_is_said_and_that_it_is_not_sure() -> None:
    """A gateway that serves may lose its link just when the other logs in; mostly it does not."""
    runs = told_apart(
        slowed(told("live", "logs in", 9, 0).lines, [0]), slowed(told("paper", "is refused", 9, 60).lines, [0])
    )
    assert stands(runs["live"]) == ("logged_in", None)
    assert stands(runs["paper"]) == ("connecting", "login.credentials_rejected")
    assert [run["ambiguous"] for run in runs.values()] == [True, True]


def test_what_either_may_have_done_is_ambiguous_until_it_makes_no_difference() -> None:
    live, paper = told("live", "logs in", 9, 0), told("paper", "logs in", 9, 15)
    live.now = paper.now
    lost = live.wait(60).frame("Connecting to server...")
    runs = told_apart(slowed(lost.lines, [0]), slowed(paper.lines, [0]))
    assert runs["live"]["ambiguous"]
    assert runs["paper"]["ambiguous"]
    assert {runs[mode]["problem"] for mode in runs} == {None, "ibkr.disconnected"}
    back = lost.wait(5).frame("Starting application...", "Closed")
    runs = told_apart(slowed(back.lines, [0]), slowed(paper.lines, [0]))
    assert [(run["state"], run["ambiguous"]) for run in runs.values()] == [("logged_in", False)] * 2


@pytest.mark.parametrize(("again", "ambiguous"), [(False, False), (True, True)], ids=["once", "twice"])
def test_who_connects_twice_may_be_two(again: bool, ambiguous: bool) -> None:
    """Its login tells of one window of connecting; by another the gateway that serves may have lost its link."""
    live, paper = told("live", "logs in", 9, 0), told("paper", "logs in", 5, 60)
    live.now = paper.now
    if again:
        live.wait(2).frame("Connecting to server...")
        paper.wait(2)
    runs = told_apart(slowed(live.lines, [0]), slowed(paper.wait(1).completes().lines, [0]))
    assert [run["state"] for run in runs.values()] == ["logged_in"] * 2
    assert runs["live"]["ambiguous"] is ambiguous


def test_the_only_instance_is_never_ambiguous() -> None:
    (run,) = told_apart(slowed(told("live", "loses its link", 9, 0).lines, [0])).values()
    assert run["ambiguous"] is False


@pytest.mark.parametrize(
    ("live_story", "paper_story"),
    [
        ("logs in", "logs in"),
        ("waits for its person", "logs in"),
        ("loses the prompt", "logs in"),
        ("logs in", "is refused"),
        ("is refused", "logs in"),
    ],
)
@pytest.mark.parametrize("delay", [3.0, 15.0])
def test_whose_start_was_cut_off_is_not_taken_for_the_other(live_story: str, paper_story: str, delay: float) -> None:
    live = slowed(told("live", live_story, 9, 0).lines, [0])
    paper = slowed(told("paper", paper_story, 9, delay).lines, [0])
    whole = told_apart(live, paper)
    lines = [line for _, line in sorted(live + paper, key=lambda entry: entry[0])]
    for cut in range(0, len(lines) - 1, 3):
        for run in result_of(lines[cut:], "2026-03-04T13:00:00Z")["instances"]:
            unsure = run["ambiguous"] or run["endpoint"] is None or run["problem"] is None
            assert unsure or stands(run) == stands(whole[run["endpoint"]]), lines[cut]
