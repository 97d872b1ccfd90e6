# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What happened to a container, and who did it as far as that is known."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.events import Deed, Known, bearer, events


def happened(*actions: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Events of one container: action, time, and the exit code or the signal where there is one."""
    return [
        {
            "Action": action,
            "time": at,
            "Actor": {
                "ID": "a",
                "Attributes": {{"die": "exitCode"}.get(action, "signal"): str(more[0])} if more else {},
            },
        }
        for action, at, *more in actions
    ]


def told(actions: list[tuple[Any, ...]], key: str, **known: Any) -> list[Any]:
    return [one[key] for one in events(happened(*actions), "a", Known(**known))]


def test_a_container_that_was_renamed_is_known_by_the_name_that_it_had() -> None:
    def rename(container: str, old: str) -> dict[str, Any]:
        return {"Action": "rename", "Actor": {"ID": container, "Attributes": {"oldName": f"/{old}"}}}

    seen = [rename("a", "gw"), rename("b", "gw"), rename("a", "aside"), *happened(("die", 1))]
    assert (bearer(seen, "gw"), bearer(seen, "aside"), bearer(seen, "other")) == ("b", "a", None)
    assert bearer([{"Action": "rename", "Actor": {"ID": "c", "Attributes": {}}}], "other") is None


STOPPED = [("kill", 4, 15), ("die", 5, 143), ("stop", 5)]
RESTARTED = [*STOPPED, ("start", 6), ("restart", 6)]
KILLED = [("kill", 4, 9), ("die", 4, 137)]


def test_events_are_those_of_the_container_with_code_and_signal() -> None:
    others = [{**one, "Actor": {"ID": "b", "Attributes": {}}} for one in happened(("die", 1))]
    seen = events([*others, *happened(("start", 1700000000), ("kill", 1700000001, 15), ("die", 1700000001, 143))], "a")
    assert [(one["action"], one["exit_code"], one["signal"]) for one in seen] == [
        ("start", None, None),
        ("kill", None, 15),
        ("die", 143, None),
    ]
    assert seen[0]["at"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("odd", ["²", "9" * 5000, "-1", "", "{{ 7 }}"])
def test_labels_that_pose_as_code_or_signal_of_an_event_cost_no_more_than_that(odd: str) -> None:
    """The engine puts a container's labels among the attributes of its events (moby daemon/events.go, copyAttributes)."""
    attributes = {"exitCode": odd, "signal": odd}
    (seen,) = events([{"Action": "start", "time": 1, "Actor": {"ID": "a", "Attributes": attributes}}], "a")
    assert (seen["exit_code"], seen["signal"]) == (None, None)


@pytest.mark.parametrize(
    ("actions", "by"),
    [
        ([("create", 0), ("start", 1)], ["command", "command"]),
        ([("start", 0)], [None]),
        ([("die", 5, 1), ("start", 6)], ["container", "policy"]),
        ([("die", 5, 1), ("start", 500)], ["container", "command"]),
        ([("oom", 4), ("die", 5, 137), ("start", 6)], ["kernel", "kernel", "policy"]),
        ([("die", 5, 137), ("oom", 5)], ["kernel", "kernel"]),
        ([("die", 5, 137)], [None]),  # a signal that the engine did not send
        ([("die", 5, 143)], [None]),
        (STOPPED, ["command"] * 3),
        (RESTARTED, ["command"] * 5),
        ([("oom", 1), *STOPPED], ["kernel", *["command"] * 3]),  # of what was killed before, it lived on
        ([("kill", 4, 10), ("die", 9, 1)], ["command", "container"]),  # SIGUSR1 ends nobody who heeds it
        ([*KILLED, ("start", 6), ("die", 20, 1), ("start", 21)], [*["command"] * 3, "container", "policy"]),
    ],
)
def test_events_tell_what_kind_of_cause_they_have(actions: list[tuple[Any, ...]], by: list[str | None]) -> None:
    assert told(actions, "by") == by


DIES_TWICE = [("die", 1, 1), ("start", 2), ("die", 3, 1), ("start", 4)]


@pytest.mark.parametrize(
    ("count", "policy", "starters"),
    [
        (2, "always", ["policy", "policy"]),
        (9, "always", ["policy", "policy"]),
        (1, "always", ["command", "policy"]),
        (0, "always", ["policy", "command"]),
        (0, "no", ["command", "command"]),
        (None, "no", ["command", "command"]),
        (1, "no", ["command", "policy"]),  # turned off since
    ],
)
def test_the_engines_own_count_tells_a_policys_start_from_one_by_hand(
    count: int | None, policy: str, starters: list[str]
) -> None:
    by = told(DIES_TWICE, "by", restart_count=count, restart_policy=policy)
    assert [by[1], by[3]] == starters


@pytest.mark.parametrize(
    ("came_up", "policy", "by", "who"),
    [
        (95, "always", "engine", "the engine as it came up, by restart policy always"),
        (95, "no", None, None),
        (20, "always", None, None),  # the engine was up long before
        (101, "always", "engine", "the engine as it came up, by restart policy always"),  # a clock of whole seconds
        (None, "always", None, None),
    ],
)
def test_a_start_as_the_engine_came_up_is_its_own(
    came_up: float | None, policy: str, by: str | None, who: str | None
) -> None:
    start = [("start", 100 if came_up != 20 else 200)]
    known = {"engine_started": came_up, "restart_policy": policy}
    assert (told(start, "by", **known), told(start, "who", **known)) == ([by], [who])


@pytest.mark.parametrize(
    ("actions", "by"),
    [
        ([("die", 99, 143), ("start", 100)], "engine"),  # what it found ended, as it came up
        ([("start", 98), ("die", 99, 1), ("start", 100)], "command"),  # its own start was the first
        ([*STOPPED, ("start", 100)], "command"),
        ([("create", 99), ("start", 100)], "command"),
    ],
)
def test_only_the_first_start_of_what_nobody_stopped_is_the_engines(actions: list[tuple[Any, ...]], by: str) -> None:
    assert told(actions, "by", engine_started=97, restart_policy="always", restart_count=0)[-1] == by


def test_the_kernels_own_word_names_it_where_the_engine_has_none() -> None:
    assert told([("die", 50, 137)], "by", killed_by_kernel=[49.2]) == ["kernel"]
    assert told([("die", 50, 137)], "by", killed_by_kernel=[20.0]) == [None]
    assert told([("die", 50, 1)], "by", killed_by_kernel=[49.2]) == ["container"], "it died of something else"


def deed(since: float, *does: str, ends: bool = False) -> Deed:
    return Deed("autoheal (container healer)", since, since + 100, frozenset(does), ends)


@pytest.mark.parametrize(
    ("actions", "deeds", "named"),
    [
        (RESTARTED, [deed(3, "restart")], [True] * 5),
        (RESTARTED, [deed(3, "start")], [False] * 5),  # it restarts nothing
        (RESTARTED, [deed(50, "restart")], [False] * 5),  # too late
        (STOPPED, [deed(3, "restart")], [False] * 3),
        (
            [*RESTARTED, ("kill", 40, 15), ("die", 41, 143), ("stop", 41)],
            [deed(3, "restart", "stop")],
            [True] * 5 + [False] * 3,
        ),
        ([("die", 5, 137), ("start", 6)], [deed(3, "start", ends=True)], [True, True]),  # Java was ended first
        ([("die", 5, 1), ("start", 6)], [deed(3, "start", ends=True)], [True, True]),
        ([("die", 5, 137), ("start", 6)], [deed(3, "start")], [False, True]),
        ([("start", 6), ("restart", 6)], [deed(3, "restart")], [True, True]),  # of one that did not run
        ([("oom", 3), *STOPPED], [deed(3, "stop")], [False, True, True, True]),
    ],
)
def test_a_deed_of_somebody_names_what_came_of_it(
    actions: list[tuple[Any, ...]], deeds: list[Deed], named: list[bool]
) -> None:
    who = told(actions, "who", deeds=deeds, restart_policy="no")
    assert [one == "autoheal (container healer)" for one in who] == named


def test_whoever_created_it_is_named_for_that_and_for_a_start_soon_after() -> None:
    actions = [("create", 0), ("start", 1), *STOPPED, ("start", 9)]
    assert told(actions, "who", creator="compose") == ["compose", "compose", None, None, None, None]
    assert told([("create", 0), ("start", 900)], "who", creator="compose") == ["compose", None]
    assert told([("start", 1)], "who", creator="compose") == [None]


def test_who_could_have_given_a_command_is_told_as_that_and_once() -> None:
    def candidates(action: str) -> list[str]:
        return {"stop": ["a.service"], "restart": ["autoheal"], "kill": ["b.service"]}.get(action, [])

    assert told(STOPPED, "candidates", candidates=candidates) == [[], [], ["a.service"]]
    assert told(RESTARTED, "candidates", candidates=candidates) == [[], [], [], [], ["autoheal"]]
    assert told(KILLED, "candidates", candidates=candidates) == [[], ["b.service"]]
    assert told(STOPPED, "candidates", candidates=candidates, deeds=[deed(3, "stop")]) == [[], [], []]
    assert told([("die", 5, 1)], "candidates", candidates=candidates) == [[]]


def test_an_end_of_its_own_is_known_only_where_the_engine_tells_of_stops() -> None:
    ended = [("start", 1), ("die", 5, 0)]
    assert told(ended, "by")[-1] == "container"
    assert told(ended, "by", stops_are_told=False)[-1] is None
    assert told([("kill", 4, 9), ("die", 5, 137)], "by", stops_are_told=False)[-1] == "command"
