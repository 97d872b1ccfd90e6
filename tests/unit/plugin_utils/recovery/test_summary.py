# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator reads of a plan, of what is being done, and of how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import ACTS
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import decide, next_move, opened
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.report import OUTCOMES, Worked
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Situation

from tests.unit.plugin_utils.findings.rows import UNREACHABLE, ended
from tests.unit.plugin_utils.recovery.situations import HUNG, KILLED, OURS, RELAY_DOWN, Changes, records, situation
from tests.unit.plugin_utils.recovery.worked import SETTINGS, reported, started

BESIDE_IT = "whether gateways there failed alike"
UNSEEN = {"tasks": dict.fromkeys(("health", "logscan", "handshake"), UNREACHABLE)}


def ended_so(built: dict[str, Any], width: int = 120, ascii_only: bool = False) -> list[str]:
    return [line.text for line in summary.lines(built, width, ascii_only)]


def planned(
    *situations: Situation, not_seen: Sequence[str] = (), settings: Settings = SETTINGS, **how: Any
) -> list[str]:
    moves = [(next_move(one, settings, opened(one, settings)), one.row) for one in situations]
    return [line.text for line in summary.plan(moves, not_seen, **{"width": 120, "ascii_only": False, **how})]


# The plan


def test_a_plan_shows_every_guard_and_what_it_costs() -> None:
    one = situation(KILLED, kept=records(lock={**OURS, "owner": "another\x1b[31m"}))
    said = "\n".join(planned(one, not_seen=["beta"]))
    assert all(check.guard in said for check in decide(one, SETTINGS).guards)
    assert "× another works on it" in said
    assert "Costs a login (paper), without a second factor" in said
    assert "not seen in this run: beta" in said
    assert "\x1b" not in said


def test_a_plan_that_may_be_carried_out_says_what_is_done_and_what_is_still_asked() -> None:
    assert planned(situation(KILLED)) == [
        "",
        "alpha/ib-gateway is DOWN: container.killed",
        "  × killed (exit code 137), not for memory; IBKR may still hold the session",
        "  Plan  start, which costs a login: nothing in the container is broken; IBKR may hold the old session for a while",
        "  Costs a login (paper), without a second factor",
        "  √ nothing against it from unknown, held, paused, locked, max_remedy, account, person, starting, reset_window, clock,",
        "    budget",
        "  - a second diagnosis has to say the same before it is done (agreement)",
    ]


def test_of_what_could_not_be_judged_a_plan_says_what_mends_that() -> None:
    task = {"failed": True, "msg": "Task failed: Missing sudo password"}
    said = planned(situation({"tasks": {"health": task, "logscan": None, "handshake": {"skipped": True}}}))
    assert any(line.startswith("  Fix   ") and "--ask-become-pass" in line for line in said)


def test_a_plan_that_is_refused_says_so_before_its_reasons() -> None:
    said = planned(situation(KILLED), settings=Settings(max_remedy="none"))
    assert "  Plan  start, which costs a login: not now" in said
    assert said[-2:] == [
        "  × recover_max_remedy=none does not allow start (max_remedy)",
        "  - a second diagnosis has to say the same before it is done (agreement)",
    ]


def test_what_refuses_has_the_colour_of_waiting() -> None:
    one = situation(KILLED)
    refused = Settings(max_remedy="none")
    move = next_move(one, refused, opened(one, refused))
    colours = {line.text[2]: line.colour for line in summary.plan([(move, one.row)], (), 120, False)[-2:]}
    assert colours == {"×": summary.COLOURS["waiting"], "-": None}


def test_what_nothing_is_done_about_has_no_guards_and_no_price() -> None:
    said = planned(situation(ended("login.account_locked")))
    assert any(line.startswith("  Plan  a person is needed: ") for line in said)
    assert not [line for line in said if "Costs" in line or "nothing against it" in line]


def test_what_is_healthy_takes_no_line() -> None:
    assert planned(situation({})) == []
    assert planned(situation({}), not_seen=["beta"])[0] == ""
    assert BESIDE_IT in planned(not_seen=["beta"])[1]


def test_a_plan_is_no_wider_than_the_terminal_nor_than_can_be_read() -> None:
    for width in (60, 100, 500):
        assert max(map(len, planned(situation(KILLED), width=width))) <= min(width, 120)
        assert max(map(len, ended_so(reported(started(KILLED, "given_up")), width))) <= min(width, 120)
    assert max(map(len, planned(situation(KILLED), width=500))) > 100


@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_terminal_without_unicode_gets_ascii(ascii_only: bool) -> None:
    said = "".join(planned(situation(KILLED), not_seen=["beta"], ascii_only=ascii_only))
    assert said.isascii() is ascii_only


# What is about to be done


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (situation(KILLED), "alpha/ib-gateway: start, which costs a login, because of container.killed"),
        (
            situation(RELAY_DOWN),
            "alpha/ib-gateway: restart the relay, because of relay.down; that can take a minute and a half",
        ),
        (
            situation(HUNG),
            "alpha/ib-gateway: restart, which costs a login, because of gateway.hung; it closes its session and stops first, which "
            "can take some minutes",
        ),
    ],
    ids=["start", "restart_relay", "restart"],
)
def test_what_takes_long_is_announced_with_its_time(one: Situation, said: str) -> None:
    assert summary.progress(decide(one, SETTINGS)) == said


def test_only_what_is_done_takes_time() -> None:
    assert set(summary.TAKES) <= set(ACTS)


# How it ended


def test_a_remedy_that_proved_nothing_is_told_without_a_proof() -> None:
    (step,) = started({}, "healthy").journal.steps
    journal = replace(started({}, "healthy").journal, steps=(replace(step, failed=True, proof=None),))
    assert "  Done  start failed" in ended_so(reported(started(KILLED, "given_up", journal=journal)))


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_can_be_shown(outcome: str) -> None:
    built = reported(started({}, outcome), not_seen=["beta"])
    said = ended_so(built)
    assert "alpha/ib-gateway" in "\n".join(said)
    assert "not seen in this run: beta" in "\n".join(said)
    assert "\n".join(ended_so(built, ascii_only=True)).isascii()


def test_the_summary_ends_with_the_worst_and_the_fleet() -> None:
    better = started({}, "healthy")
    worse = started(KILLED, "given_up")
    said = "\n".join(ended_so(reported(better, worse)))
    assert said.index("healthy again") < said.index("given up")
    assert said.endswith("2 gateways: 1 healthy, 1 given up; 2 logins spent.")


def test_what_was_done_is_told_from_before_to_after() -> None:
    assert ended_so(reported(started({}, "healthy"))) == [
        "",
        "alpha/ib-gateway is healthy again after 0:30 min: it is so",
        "  Was   down, container.killed",
        "  Done  start done: a new start time",
        "  Is    healthy, nothing wrong",
        "  Spent 1 login",
        "",
        "1 gateway: 1 healthy; 1 login spent.",
    ]


def untouched(then: Changes, outcome: str, **changed: Any) -> Worked:
    """A gateway on which nothing was done."""
    one = situation(then)
    journal = opened(one, SETTINGS)
    move = next_move(one, SETTINGS, journal)
    said = {"before": one.row, "after": one.row, "planned": move, "last": move, "journal": journal}
    return started(then, outcome, **{**said, **changed})


def test_what_was_and_is_healthy_takes_one_line() -> None:
    assert ended_so(reported(untouched({}, "nothing_to_do"))) == [
        "√ alpha/ib-gateway is healthy, and needs nothing",
        "",
        "1 gateway: 1 nothing to do.",
    ]
    not_healthy = ended_so(reported(untouched(UNSEEN, "nothing_to_do")))
    assert "alpha/ib-gateway needs nothing: it is so" in not_healthy


def test_without_gateways_the_fleet_is_said_all_the_same() -> None:
    assert ended_so(reported()) == ["", "0 gateways: none selected."]


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_the_plan_has_told_is_not_told_again(dry_run: bool) -> None:
    said = "\n".join(ended_so(reported(untouched(KILLED, "planned"), dry_run=dry_run, not_seen=["beta"])))
    assert ("alpha/ib-gateway would be worked on" in said) is not dry_run
    assert (BESIDE_IT in said) is not dry_run
    assert said.endswith("1 gateway: 1 planned.")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_what_stood_against_it_is_told_of_what_was_not_done(outcome: str) -> None:
    refusing = Settings(max_remedy="none")
    one = situation(KILLED)
    last = next_move(one, refusing, opened(one, refusing))
    said = ended_so(reported(untouched(KILLED, outcome, last=last)))
    assert any("(max_remedy)" in line for line in said) is (outcome in ("refused", "planned", "given_up"))
    assert not any("(unknown)" in line for line in said)  # what was passed is not told


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_how_a_person_mends_it_is_told_where_one_has_to(outcome: str) -> None:
    said = ended_so(reported(untouched(KILLED, outcome)))
    assert len([line for line in said if line.startswith("  Fix   ")]) == (
        outcome in ("waiting_for_person", "given_up")
    )
    assert not any(line.startswith("  Spent") for line in said)
