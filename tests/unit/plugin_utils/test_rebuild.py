# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new container is kept when it gets as far as the old one, and no way back costs more than it can give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import findings
from ansible_collections.ibgw.ops.plugins.plugin_utils.rebuild import (
    ENDANGERED,
    IBKR_HOLDS,
    NEEDS_PERSON,
    checks,
    endangered,
    trial,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import STARTS
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings

from tests.unit.plugin_utils.findings.rows import NO_BACKEND, said
from tests.unit.plugin_utils.findings.scene import at, merged
from tests.unit.plugin_utils.recovery.situations import OURS, USED, records, situation

EARLY, LATE = 10.0, 10_000.0
START = STARTS * 120  # of gnzsnz-ibc


def row(code: str | None = None, **other: Any) -> dict[str, Any]:
    """The report's row of a gateway that a finding leads, with what the finding says of itself."""
    status, layer, remedy = "healthy", None, "none"
    if code:
        finding = findings()[code]
        status, layer, remedy = finding.severity, finding.layer, finding.remedy
    told = {"status": status, "code": code, "layer": layer, "remedy": remedy, "summary": "so it is", "since": None}
    return {**told, "checked_at": "2026-03-02T10:01:00Z", "family": "gnzsnz-ibc", **other}


def step(after: str | None, before: str | None = None, seconds: float = EARLY, **other: Any) -> str:
    return trial(row(after), row(before), other.pop("last_code", None), seconds, **other)["step"]


def test_what_serves_is_kept() -> None:
    assert step(None) == "keep"


@pytest.mark.parametrize("code", ["ibkr.disconnected", "ibkr.data_farm_down"])
def test_what_only_ibkr_withholds_is_no_fault_of_the_new_one(code: str) -> None:
    assert step(code) == "keep"


@pytest.mark.parametrize("code", ["gateway.starting", "login.in_progress"])
def test_a_start_is_given_its_time_and_no_more(code: str) -> None:
    assert step(code, seconds=START - 1) == "look"
    assert step(code, seconds=START + 1) == "roll_back"
    assert step(code, seconds=START + 1, settle=START + 2) == "look"


def test_what_is_down_is_looked_at_twice() -> None:
    assert step("container.failed") == "look"
    assert step("container.failed", last_code="gateway.starting") == "look"
    assert step("container.failed", last_code="container.failed") == "roll_back"
    assert step("container.failed", last_code="relay.down", seconds=LATE) == "roll_back"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("gateway.hung", "login.not_submitted", "keep"),
        ("gateway.hung", "gateway.hung", "keep"),
        ("gateway.hung", "relay.down", "roll_back"),
        ("login.not_submitted", "gateway.crashed", "roll_back"),
        ("container.stopped", "container.failed", "keep"),
        (None, "api.silent", "roll_back"),
        ("ibkr.disconnected", "api.silent", "roll_back"),
    ],
)
def test_it_has_to_get_as_far_as_the_old_one(before: str | None, after: str, expected: str) -> None:
    assert step(after, before, last_code=after) == expected


@pytest.mark.parametrize("code", ENDANGERED)
@pytest.mark.parametrize("before", [None, "login.credentials_rejected"])
def test_nothing_tries_again_what_endangers_the_account(code: str, before: str | None) -> None:
    assert step(code, before) == "protect"


def test_nothing_goes_on_that_the_verdict_would_stop() -> None:
    looping = row("login.server_unreachable", remedy="stop_to_protect_account")
    assert trial(looping, row(), None, EARLY)["step"] == "protect"


def test_a_person_is_given_time() -> None:
    assert step("twofa.pending", seconds=100, wait_for_person=180) == "look"
    assert step("twofa.pending", seconds=200, wait_for_person=180) == "leave"
    assert step("twofa.pending") == "leave"


def test_the_time_of_a_person_begins_with_the_prompt() -> None:
    asked = row("twofa.pending", since="2026-03-02T10:00:00Z")  # a minute ago
    assert trial(asked, row(), None, 200, wait_for_person=180)["step"] == "look"
    assert trial(asked, row(), None, 200, wait_for_person=59)["step"] == "leave"


@pytest.mark.parametrize("code", NEEDS_PERSON)
def test_a_push_that_nobody_answers_is_not_followed_by_another(code: str) -> None:
    assert step(code, last_code=code, seconds=LATE, wait_for_person=180) == "leave"


@pytest.mark.parametrize("code", IBKR_HOLDS)
def test_what_ibkr_holds_is_not_asked_for_again(code: str) -> None:
    assert step(code) == "look"
    assert step(code, last_code=code, seconds=LATE) == "leave"


def test_a_window_that_the_new_one_does_not_know_is_its_fault() -> None:
    assert step("login.dialog_blocking", seconds=LATE) == "roll_back"


def test_what_could_not_be_judged_decides_nothing() -> None:
    assert step("engine.hung") == "look"
    assert step("engine.hung", seconds=LATE) == "leave"


def test_it_says_what_it_saw() -> None:
    assert trial(row("container.failed"), row(), "container.failed", EARLY)["reason"] == "container.failed: so it is"


DEPLOYED = {"gateway": {"deployment": {"read_only_api": True}}}


def against(changes: Mapping[str, Any] = DEPLOYED, settings: Settings | None = None, **more: Any) -> str:
    said = checks(situation(merged(DEPLOYED, changes), **more), settings or Settings(), None)
    return "; ".join(check.reason for check in said if check.passed is False)


def test_nothing_stands_against_the_rebuild_of_a_healthy_gateway() -> None:
    assert against() == ""


def test_what_was_started_a_moment_ago_and_serves_is_not_starting() -> None:
    young = {"container": {"started_at": at(20)}}
    assert against(young) == ""
    assert "left to come up" in against(merged(young, {"api": NO_BACKEND}))


@pytest.mark.parametrize(
    ("changes", "more", "why"),
    [
        ({"gateway": USED}, {}, "rebuild_ignore_clients=true"),
        ({}, {"kept": records(hold={"code": None, "reason": "so", "by": "anna"})}, "a hold is on"),
        ({}, {"kept": records(corrupt={"hold": "can not be used"})}, "can not be used"),
        ({"gateway": {"hold": {"unreadable": "Input/output error"}}}, {}, "a hold is on"),
        ({}, {"kept": records(pause={"until": at(-60), "by": "anna"})}, "paused by anna"),
        ({}, {"kept": records(lock=OURS)}, "works on it"),
        ({}, {"kept": records(corrupt={"logins": "can not be used"})}, "can not be used"),
        (said("login.credentials_rejected", "ended"), {}, "harms the account"),
        ({"gateway": {"deployment": None}}, {}, "no record on the machine"),
        (
            {"run": {"state": "twofa_pending", "since": at(30), "endpoint": "live"}, "api": NO_BACKEND},
            {},
            "second factor",
        ),
    ],
)
def test_what_stands_against_a_rebuild_is_said(changes: dict[str, Any], more: dict[str, Any], why: str) -> None:
    assert why in against(changes, **more)


@pytest.mark.parametrize(("times", "why"), [(1, ""), (2, "2 of 2 for none")])
def test_rebuilds_of_a_healthy_gateway_have_a_budget_of_their_own(times: int, why: str) -> None:
    spent = [{"at": at(-60), "remedy": "rebuild", "cause": "none"}] * times
    said_of_it = against({}, kept=records(logins=spent))
    assert why in said_of_it
    assert bool(why) == ("are spent" in said_of_it)


def test_clients_stand_against_nothing_when_told() -> None:
    assert against({"gateway": USED}, Settings(ignore_clients=True)) == ""


def test_whoever_confirms_a_rebuild_is_ready_for_the_push() -> None:
    assert "person" not in against(said("twofa.timed_out", "ended"))


@pytest.mark.parametrize(("code", "harms"), [("login.credentials_rejected", True), ("login.not_submitted", False)])
def test_no_way_back_logs_in_where_that_harms_the_account(code: str, harms: bool) -> None:
    assert endangered(situation(said(code)), Settings()) is harms
