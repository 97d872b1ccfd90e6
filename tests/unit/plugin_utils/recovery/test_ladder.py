# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ladder is climbed only as far as finding, operator and what was tried allow."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import ACTS, REMEDIES
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.ladder import (
    BEYOND_DIAGNOSIS,
    CUTS,
    LADDER,
    next_remedy,
    permitted,
)


@pytest.mark.parametrize(
    ("code", "asked", "tried", "ready", "remedy"),
    [
        ("gateway.hung", "soft_restart", [], False, "soft_restart"),
        ("gateway.hung", "soft_restart", ["restart"], False, "soft_restart"),
        ("gateway.hung", "soft_restart", ["soft_restart"], False, "restart"),
        ("gateway.hung", "soft_restart", ["soft_restart", "restart"], False, "none"),
        ("gateway.hung", "stop_to_protect_account", ["stop_to_protect_account"], False, "none"),
        ("api.silent", "soft_restart", ["soft_restart"], False, "none"),
        ("relay.down", "restart_relay", ["restart_relay"], False, "none"),
        ("relay.down", "restart", ["restart"], False, "none"),
        ("twofa.timed_out", "ask_person", [], False, "ask_person"),
        ("twofa.timed_out", "ask_person", [], True, "restart"),
        ("twofa.timed_out", "ask_person", ["restart"], True, "none"),
        ("twofa.timed_out", "wait", [], True, "wait"),
        ("login.credentials_rejected", "ask_person", [], True, "ask_person"),
        ("engine.down", "ask_person", [], False, "start_engine"),
        ("engine.down", "ask_person", ["start_engine"], True, "none"),
        ("engine.down", "none", [], True, "none"),
        (None, "none", [], True, "none"),
        (None, "start", ["start"], True, "none"),
    ],
)
def test_the_next_remedy_is_the_cheapest_that_was_not_tried_and_is_allowed(
    code: str | None, asked: str, tried: list[str], ready: bool, remedy: str
) -> None:
    assert next_remedy(code, asked, tried, ready) == remedy


@pytest.mark.parametrize("dearest", LADDER)
def test_max_remedy_bounds_the_ladder(dearest: str) -> None:
    assert [remedy for remedy in LADDER if permitted(remedy, dearest)] == list(LADDER[: LADDER.index(dearest) + 1])


@pytest.mark.parametrize(
    ("remedy", "cheapest_that_allows_it"), [("start_engine", "start"), ("stop_to_protect_account", "wait")]
)
def test_what_is_beside_the_ladder_is_as_dear_as_what_it_does(remedy: str, cheapest_that_allows_it: str) -> None:
    allowing = [dearest for dearest in LADDER if permitted(remedy, dearest)]
    assert allowing == list(LADDER[LADDER.index(cheapest_that_allows_it) :])


def test_what_can_be_done_is_a_rung_or_beside_the_ladder() -> None:
    assert set(CUTS) | {remedy for remedy, _ in BEYOND_DIAGNOSIS.values()} <= set(ACTS)
    assert set(REMEDIES) - set(LADDER) == {"ask_person", "start_engine", "stop_to_protect_account"}
