# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of a gateway says what a decision rests on: each fact, and the nearest evidence that does not show it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import USUAL_START
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Records
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read

from tests.unit.plugin_utils.findings.rows import NO_BACKEND, ended, state
from tests.unit.plugin_utils.findings.scene import NAME, NOW, at, merged
from tests.unit.plugin_utils.recovery.situations import HUNG, KILLED, RELAY_DOWN, Changes, records, situation

BOTH: Changes = {"container": {"environment": {"TRADING_MODE": "both"}}, "declared": {"trading_mode": "both"}}
#: Paper serves, nobody is logged in to live.
LIVE_ENDED: Changes = {
    **BOTH,
    "runs": [{}, {"endpoint": "live", "state": "ended", "problem": "gateway.crashed", "since": at(600)}],
}
POLICY = {"restart_policy": "unless-stopped", "since": at(90)}
STOPPED: Changes = {"container": {"status": "exited", "exit_code": 143, "finished_at": at(60)}, "api": NO_BACKEND}


@pytest.mark.parametrize(
    ("told", "hold", "known"),
    [
        ({"available": True, "gateways": [{"name": NAME, "hold": "mine"}]}, "mine", True),
        ({"available": True, "gateways": [{"name": "other", "hold": "others"}]}, None, True),
        ({"available": False, "gateways": [{"name": NAME, "hold": "mine"}]}, None, False),
        (None, None, False),
    ],
    ids=["its own", "another's", "not readable", "not asked"],
)
def test_its_record_is_its_own_and_none_where_records_could_not_be_read(told: Any, hold: Any, known: bool) -> None:
    record = situation({}, kept=read(Records, told)).record
    assert (record is not None) is known
    if record is not None:
        assert (record.name, record.hold) == (NAME, hold)


@pytest.mark.parametrize(
    ("clock", "seconds_ahead"),
    [
        ({"ahead": 90.0, "now": at(-30)}, 90),
        ({"ahead": -90.0}, -90),
        ({"ahead": 0.0, "now": at(-30)}, 0),
        ({"now": at(-30)}, 30),
        ({"now": "noon"}, 0),
        ({}, 0),
    ],
)
def test_the_machines_clock_is_that_of_its_records(clock: dict[str, Any], seconds_ahead: int) -> None:
    kept = read(Records, {"available": True, **clock, "gateways": []})
    assert (situation({}, kept=kept).machine_now - NOW).total_seconds() == seconds_ahead


@pytest.mark.parametrize(
    ("changes", "serves"),
    [({}, True), (LIVE_ENDED, True), (RELAY_DOWN, True), (KILLED, False), (HUNG, False)],
    ids=["it serves", "one of two serves", "behind a dead relay", "killed", "hung"],
)
def test_it_serves_where_any_endpoint_does(changes: Changes, serves: bool) -> None:
    assert situation(changes).serves is serves


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [
        (state("twofa_pending", 30), True),
        (merged(state("twofa_pending", 30), {"log": {"history": {"unanswered_prompts": 1}}}), True),
        ({**BOTH, "runs": [{}, {"endpoint": "live", **state("twofa_pending", 30)["run"]}]}, True),
        (state("loading", 30), False),
        ({}, False),
    ],
)
def test_a_prompt_is_open_while_somebody_may_approve_it(changes: Changes, is_open: bool) -> None:
    assert situation(changes).prompt_open is is_open


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 0),
        ({"log": {"history": {"unanswered_prompts": 2}}}, 2),
        (merged(state("twofa_pending", 30), {"log": {"history": {"unanswered_prompts": 2}}}), 1),
        ({"tasks": {"logscan": {}}}, 0),
    ],
    ids=["none", "two expired", "the last one is open", "no log"],
)
def test_pushes_that_nobody_answered(changes: Changes, count: int) -> None:
    assert situation(changes).unanswered == count


@pytest.mark.parametrize(
    ("family", "seconds"),
    [("gnzsnz-ibc", 120), ("ibg-controller", 180), ("ibga", 300), (None, USUAL_START)],
)
def test_how_long_a_start_takes_is_its_familys_word(family: str | None, seconds: int) -> None:
    named = {"name": family, "controller": None}
    one = situation({"gateway": {"family": named}, "log": {"family": family}})
    assert one.start_takes == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("changes", "seconds_ago"),
    [
        ({}, 86_000),
        ({"container": {"started_at": at(50)}}, 50),
        ({"container": {"started_at": "0001-01-01T00:00:00Z"}, "run": {"run_started_at": None}}, None),
        (KILLED, None),
    ],
    ids=["the controller started it since", "the container is younger than the log says", "nobody knows", "it ended"],
)
def test_when_what_runs_now_was_started(changes: Changes, seconds_ago: int | None) -> None:
    started = situation(changes).started
    assert started == (None if seconds_ago is None else NOW - timedelta(seconds=seconds_ago))


def clients_on(*ports: int) -> Changes:
    return {"gateway": {"sockets": {"established": [{"port": port, "peer": "172.18.0.1"} for port in ports]}}}


# Inside the container of this family paper listens on 4002 and live on 4001; its relays on 4004 and 4003.
@pytest.mark.parametrize(
    ("changes", "dead", "cut_off"),
    [
        ({}, None, [4002]),
        (BOTH, "paper", [4002]),
        (BOTH, "live", [4001]),
        (BOTH, None, []),
    ],
    ids=["the only relay", "the one of paper", "the one of live", "none"],
)
def test_a_new_relay_cuts_off_only_whoever_is_behind_the_dead_one(
    changes: Changes, dead: str | None, cut_off: list[int]
) -> None:
    one = situation(merged(changes, clients_on(4001, 4002, 4003, 4004)))
    endpoints = {mode: {"code": "relay.down" if mode == dead else "api.silent"} for mode in ("live", "paper")}
    one = replace(one, row={**one.row, "endpoints": endpoints})
    health = one.behind_dead_relays
    assert [each["port"] for each in health["sockets"]["established"]] == cut_off
    assert health["sockets"]["listening"] == one.health["sockets"]["listening"]


@pytest.mark.parametrize("sockets", [None, "no permission"])
def test_who_is_behind_a_relay_stays_unknown_where_nobody_could_look(sockets: Any) -> None:
    one = situation({})
    one = replace(one, health={**one.health, "sockets": sockets})
    assert one.behind_dead_relays == one.health


@pytest.mark.parametrize(
    ("changes", "kept", "left"),
    [
        (STOPPED, {"policy": POLICY}, True),
        (KILLED, {"policy": POLICY}, True),
        (STOPPED, {}, False),
        (ended("gateway.crashed"), {"policy": POLICY}, False),
        ({}, {"policy": POLICY}, False),
    ],
    ids=["stopped by us", "killed by us", "stopped by a person", "it crashed", "it runs"],
)
def test_what_we_stopped_and_did_not_start_again(changes: Changes, kept: dict[str, Any], left: bool) -> None:
    assert situation(changes, kept=records(**kept)).left_stopped is left


def test_nothing_was_left_stopped_where_the_record_can_not_be_read() -> None:
    assert not situation(STOPPED, kept=read(Records, None)).left_stopped
