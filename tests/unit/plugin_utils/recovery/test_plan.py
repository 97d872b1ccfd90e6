# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What recovery does next, and what it never does. Tests named after a safety rule hold that rule (of seven of them, by number)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import Alike
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.ladder import LADDER
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import (
    Cost,
    Journal,
    Move,
    Outcome,
    began,
    decide,
    looked,
    next_move,
    opened,
    outcome,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import (
    ended as done,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Records
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read

from tests.unit.plugin_utils.findings.rows import NO_BACKEND, UNREACHABLE, ended, said, state
from tests.unit.plugin_utils.findings.scene import NOW, at, merged
from tests.unit.plugin_utils.recovery.situations import (
    HUNG,
    HUNG_SOFTLY,
    KILLED,
    OURS,
    OWNER,
    RELAY_DOWN,
    USED,
    Changes,
    records,
    situation,
    working,
)

SETTINGS = Settings()
LOCKED = records(lock=OURS)
CRASHED = ended("gateway.crashed")
REJECTED_PARKED = said("login.credentials_rejected", open_windows=["Unrecognized Username or Password"])
#: The restart policy would try the rejected password again.
REJECTED_AGAIN = merged(said("login.credentials_rejected", "ended"), {"container": {"restart_policy": "always"}})
PENDING = merged(state("twofa_pending", 30), {"run": {"endpoint": "live"}, "declared": {"trading_mode": "live"}})

LIVE = {"declared": {"trading_mode": "live"}, "container": {"environment": {"TRADING_MODE": "live"}}}
#: Nobody is logged in to live; paper, in the same container, serves.
BOTH = merged(
    {"container": {"environment": {"TRADING_MODE": "both"}}, "declared": {"trading_mode": "both"}},
    {"runs": [{}, {"endpoint": "live", "state": "ended", "problem": "gateway.crashed", "since": at(600)}]},
)


def move(
    changes: Changes, settings: Settings = SETTINGS, *, agreed: bool = True, journal: Journal | None = None, **more: Any
) -> Move:
    """What a run that holds the lock does next."""
    fleet = more.pop("fleet", ())
    one = situation(changes, **{"kept": LOCKED, **more})
    return next_move(one, settings, journal or working(one, settings, agreed=agreed), fleet, OWNER)


ACTIONS: dict[str, tuple[Changes, str]] = {
    "a killed container is started": (KILLED, "start"),
    "a relay is restarted": (RELAY_DOWN, "restart_relay"),
    "a hung gateway is restarted": (HUNG, "restart"),
    "softly where that is possible": (HUNG_SOFTLY, "soft_restart"),
    "a rejected password that is tried again is stopped": (REJECTED_AGAIN, "stop_to_protect_account"),
}


@pytest.mark.parametrize("row", ACTIONS)
def test_the_remedy_of_the_verdict_is_done(row: str) -> None:
    changes, remedy = ACTIONS[row]
    next_ = move(changes)
    assert (next_.do, next_.step.remedy) == ("act", remedy), next_.reason


STOPS: dict[str, tuple[Changes, Settings, str]] = {
    "healthy": ({}, SETTINGS, "nothing_to_do"),
    "a person stopped it": ({"container": {"status": "exited", "exit_code": 143}}, SETTINGS, "waiting_for_person"),
    "a push waits": (PENDING, SETTINGS, "waiting_for_person"),
    "IBKR is away": (
        {"api": {"outcome": "ready_ibkr_away", "problem": "ibkr.disconnected"}},
        SETTINGS,
        "nothing_to_do",
    ),
    "nobody could look": (
        {"tasks": dict.fromkeys(("health", "logscan", "handshake"), UNREACHABLE)},
        SETTINGS,
        "not_seen",
    ),
    "the operator allows nothing": (KILLED, Settings(max_remedy="none"), "refused"),
    "the operator allows less": (HUNG, Settings(max_remedy="start"), "refused"),
    "the password is wrong, and nothing tries again": (REJECTED_PARKED, SETTINGS, "waiting_for_person"),
}


@pytest.mark.parametrize("row", STOPS)
def test_what_needs_nothing_or_may_not_be_done(row: str) -> None:
    changes, settings, outcome = STOPS[row]
    next_ = move(changes, settings)
    assert (next_.do, next_.outcome) == ("stop", outcome), next_.reason
    assert next_.reason


@pytest.mark.parametrize("code", ["login.credentials_rejected", "login.throttled", "login.account_locked"])
@pytest.mark.parametrize("policy", ["no", "always"])
def test_rule_2_never_a_restart_on_rejected_credentials_throttling_or_a_lock(code: str, policy: str) -> None:
    for where in ("login_window", "throttled", "ended", "cold_restarting"):
        for status in ("running", "exited", "restarting"):
            changes = merged(
                said(code, where), {"container": {"restart_policy": policy, "status": status, "exit_code": 1}}
            )
            next_ = move(changes, Settings(person_ready=True, ignore_clients=True))
            assert next_.step.remedy not in LADDER[3:], (where, status)


def test_rule_3_a_refused_saved_session_is_one_restart() -> None:
    refused = said("login.saved_session_refused", "ended")
    assert move(refused).step.remedy == "restart"


def test_rule_4_unknown_never_acts() -> None:
    unseen = {"tasks": dict.fromkeys(("health", "logscan", "handshake"), UNREACHABLE)}
    one = situation(unseen, kept=LOCKED)
    for remedy in LADDER:
        asked = replace(one, row={**one.row, "remedy": remedy})
        assert decide(asked, SETTINGS, journal=working(asked, SETTINGS), owner=OWNER).act is False


def test_rule_5_live_clients_block_what_cuts_them() -> None:
    used = merged(BOTH, {"gateway": USED})
    for changes, do in ((used, "stop"), (BOTH, "act")):
        one = situation(changes, kept=LOCKED)
        asked = replace(one, row={**one.row, "code": "gateway.crashed", "remedy": "restart", "status": "down"})
        assert next_move(asked, SETTINGS, working(asked, SETTINGS), (), OWNER).do == do


def test_rule_5_clients_of_a_gateway_that_is_proven_dead_do_not_protect_it() -> None:
    assert move(merged(HUNG, {"gateway": USED})).do == "act"


@pytest.mark.parametrize(("code", "spent"), [("container.killed", 2), ("gateway.hung", 4)])
def test_rule_6_a_spent_budget_refuses(code: str, spent: int) -> None:
    logins = [{"at": at(60 * nth), "remedy": "start", "cause": code} for nth in range(1, spent + 1)]
    assert move(KILLED, kept=records(lock=OURS, logins=logins)).outcome == "refused"
    assert move(KILLED, kept=records(lock=OURS, logins=logins[1:])).do == "act"


def test_rule_6_a_budget_that_can_not_be_read_fails_closed() -> None:
    next_ = move(KILLED, kept=records(lock=OURS, corrupt={"logins": "logins.json can not be used"}))
    assert next_.outcome == "refused"
    assert "logins.json" in next_.reason
    # What costs no login is still done.
    assert move(RELAY_DOWN, kept=records(lock=OURS, corrupt={"logins": "logins.json can not be used"})).do == "act"


def test_several_that_fail_alike_are_not_restarted() -> None:
    alike = [Alike("beta/other", "down", "gateway.crashed", None)]
    assert move(CRASHED, fleet=alike).outcome == "refused"
    assert move(CRASHED).do == "act"


def test_it_looks_twice_before_a_login_and_not_before_a_relay() -> None:
    once = move(KILLED, agreed=False)
    assert (once.do, once.after) == ("look", 5)
    assert move(RELAY_DOWN, agreed=False).do == "act"


def test_without_the_lock_of_this_run_nothing_is_done() -> None:
    assert move(KILLED, kept=records()).outcome == "refused"
    assert move(RELAY_DOWN, kept=records(lock={**OURS, "owner": "another"})).outcome == "refused"


@pytest.mark.parametrize("exit_code", [143, 137])  # 137: the grace ran out, and the kill would be somebody's
def test_what_a_run_of_ours_stopped_and_did_not_start_again_is_started(exit_code: int) -> None:
    ended = {"status": "exited", "exit_code": exit_code, "finished_at": at(60)}
    stopped = {
        "container": ended,
        "gateway": {"events": [{"action": "stop", "at": at(61)}]},
        "api": NO_BACKEND,
    }
    policy = {"restart_policy": "unless-stopped", "since": at(90)}
    assert move(stopped, kept=records(lock=OURS, policy=policy)).step.remedy == "start"
    assert move(stopped).outcome == "waiting_for_person"


# After a remedy


def after(
    first: Changes, then: Changes, settings: Settings = SETTINGS, *, seconds: int = 10, looks: int = 1, **more: Any
) -> Move:
    """What comes next when the remedy for `first` was done and the gateway then looks so."""
    one = situation(first, kept=LOCKED)
    journal = working(one, settings)
    journal = began(journal, decide(one, settings, journal=journal, owner=OWNER), NOW)
    for nth in range(looks):
        now = NOW + timedelta(seconds=seconds * (nth + 1))
        one = situation(then, kept=LOCKED, now=now, **more)
        journal = looked(done(journal, one, settings, Outcome(True, "a new start time")), one)
    return next_move(one, settings, journal, (), OWNER)


AFTERWARDS: dict[str, tuple[Changes, Changes, dict[str, Any], tuple[str, str | None]]] = {
    "healthy": (KILLED, {}, {}, ("stop", "healthy")),
    "on its way": (KILLED, state("loading", 10), {}, ("look", None)),
    "as before, at first": (RELAY_DOWN, RELAY_DOWN, {}, ("look", None)),
    "as before, twice: nothing cheaper is left": (RELAY_DOWN, RELAY_DOWN, {"looks": 2}, ("stop", "given_up")),
    "a push waits": (KILLED, PENDING, {}, ("stop", "waiting_for_person")),
    "a push waits, and so do we": (KILLED, PENDING, {"settings": Settings(wait_for_person=60)}, ("look", None)),
    "a push waits too long": (
        KILLED,
        PENDING,
        {"settings": Settings(wait_for_person=60), "looks": 8},
        ("stop", "waiting_for_person"),
    ),
    "the soft restart did not help": (HUNG_SOFTLY, HUNG_SOFTLY, {"looks": 2}, ("act", None)),
    "the password is rejected and tried again": (CRASHED, REJECTED_AGAIN, {}, ("act", None)),
    "no more steps": (RELAY_DOWN, HUNG_SOFTLY, {"settings": Settings(steps=1), "looks": 2}, ("stop", "given_up")),
    "held": (
        REJECTED_AGAIN,
        merged(ended("login.credentials_rejected"), {"gateway": {"hold": {"code": "login.credentials_rejected"}}}),
        {"looks": 2},
        ("stop", "waiting_for_person"),
    ),
}


@pytest.mark.parametrize("row", AFTERWARDS)
def test_after_a_remedy(row: str) -> None:
    first, then, more, expected = AFTERWARDS[row]
    next_ = after(first, then, **more)
    assert (next_.do, next_.outcome) == expected, (next_.step, next_.reason)


def test_a_login_that_could_not_be_counted_was_not_spent() -> None:
    one = situation(KILLED, kept=LOCKED)
    journal = began(working(one, SETTINGS), decide(one, SETTINGS), NOW)
    for begun, logins in ((False, 0), (None, 1)):
        (step,) = done(journal, one, SETTINGS, Outcome(False, "no room", begun)).steps
        assert (step.failed, step.logins) == (True, logins)


def test_what_did_not_help_is_not_done_again() -> None:
    assert after(KILLED, KILLED, looks=3).do != "act"


COSTS: dict[str, tuple[Changes, str, int, int, str]] = {
    "paper": (KILLED, "start", 1, 0, "a login (paper), without a second factor"),
    "live": (merged(KILLED, LIVE), "start", 1, 1, "a login (live), and a push where the user has a second factor"),
    "both": (BOTH, "restart", 2, 1, "2 logins (paper and live), and a push where the user has a second factor"),
    "a session that is kept": (
        HUNG_SOFTLY,
        "soft_restart",
        0,
        0,
        "no login: the session is kept, and its clients are cut off for about a minute",
    ),
    "a relay": (RELAY_DOWN, "restart_relay", 0, 0, "no login"),
    "nothing": ({}, "none", 0, 0, "nothing"),
    "an engine": (
        KILLED,
        "start_engine",
        2,
        2,
        "a login for every gateway that starts with the engine: 2 at most",
    ),
}


@pytest.mark.parametrize("row", COSTS)
def test_what_a_remedy_costs_is_said(row: str) -> None:
    changes, remedy, *cost = COSTS[row]
    two = read(Records, {"available": True, "gateways": [{"name": "ib-gateway"}, {"name": "other"}]})
    one = situation(changes, kept=two)
    step = decide(replace(one, row={**one.row, "remedy": remedy}), SETTINGS)
    assert [step.cost.logins, step.cost.pushes, step.cost.says] == cost


def test_what_of_it_is_not_seen_costs_a_login_all_the_same() -> None:
    one = replace(situation(KILLED), cases=())
    assert decide(one, SETTINGS).cost == Cost(1, 0, "a login, without a second factor")


def test_a_plan_says_what_is_still_to_be_found_out() -> None:
    step = decide(situation(KILLED), SETTINGS)
    assert step.act is None
    assert [check.guard for check in step.guards if check.passed is None] == ["agreement"]
    assert move(KILLED).step.act is True
    assert move(KILLED, Settings(max_remedy="none")).step.act is False


@pytest.mark.parametrize(
    ("changes", "tried", "remedy"),
    [
        (ended("login.saved_session_refused"), [], "start"),
        (ended("login.saved_session_refused"), ["start"], "none"),
        (said("login.saved_session_refused", "ended"), [], "restart"),
        (said("login.saved_session_refused", "ended"), ["restart"], "none"),
    ],
    ids=["it ended", "it was started", "it runs", "it was restarted"],
)
def test_what_does_not_run_is_started_where_it_would_be_restarted(
    changes: Changes, tried: list[str], remedy: str
) -> None:
    one = situation(changes, kept=LOCKED)
    journal = working(one, SETTINGS)
    step = decide(one, SETTINGS, journal=journal)
    for each in tried:
        journal = done(began(journal, replace(step, remedy=each), NOW), one, SETTINGS, Outcome(True))
    step = decide(one, SETTINGS, journal=journal)
    assert step.remedy == remedy
    assert (step.reason == f"{', '.join(tried)} did not help, and nothing dearer is allowed") is (remedy == "none")


def test_what_helped_against_something_else_is_tried_again() -> None:
    one = situation(KILLED, kept=LOCKED)
    step = replace(decide(one, SETTINGS), code="gateway.crashed")
    for code, remedy in (("gateway.crashed", "start"), ("container.killed", "none")):
        journal = done(began(working(one, SETTINGS), replace(step, code=code), NOW), one, SETTINGS, Outcome(True))
        assert decide(one, SETTINGS, journal=journal).remedy == remedy


def test_why_nothing_is_done_is_the_verdicts_reason_else_its_summary() -> None:
    one = situation({"container": {"status": "exited", "exit_code": 143}})
    for reason, told in (("somebody stopped it", "somebody stopped it"), (None, one.row["summary"])):
        assert decide(replace(one, row={**one.row, "remedy_reason": reason}), SETTINGS).reason == told


def test_orders_are_counted_before_a_gateway_that_serves_is_cut_off() -> None:
    changes = merged(BOTH, {"gateway": {"deployment": {"read_only_api": False}}})
    one = situation(changes, kept=LOCKED)
    asked = replace(one, row={**one.row, "code": "gateway.crashed", "remedy": "restart", "status": "down"})
    answered = replace(asked, orders=({"outcome": "account_ok", "account": {"open_orders": 0}},))
    ordered = replace(asked, orders=({"outcome": "account_ok", "account": {"open_orders": 1}},))
    for looked_at, do in ((asked, "count_orders"), (answered, "act"), (ordered, "stop")):
        assert next_move(looked_at, SETTINGS, working(asked, SETTINGS), (), OWNER).do == do


@pytest.mark.parametrize(("started", "after"), [(110, 10), (50, 20)])
def test_it_looks_again_when_the_last_refusal_can_end_and_at_the_latest_soon(started: int, after: float) -> None:
    # Beside its start, a second diagnosis is missing, which could be had in five seconds.
    changes = merged(HUNG, {"container": {"started_at": at(started)}, "run": {"run_started_at": at(started)}})
    one = situation(changes, kept=LOCKED)
    asked = replace(one, row={**one.row, "code": "gateway.hung", "remedy": "restart", "status": "down"})
    next_ = next_move(asked, SETTINGS, working(asked, SETTINGS, agreed=False), (), OWNER)
    assert (next_.do, next_.after) == ("look", after), next_.reason


@pytest.mark.parametrize(
    ("settings", "changes", "seconds"),
    [
        (SETTINGS, KILLED, 240),
        (SETTINGS, merged(KILLED, {"gateway": {"family": {"name": "ibga"}}}), 600),
        (Settings(settle=30), KILLED, 30),
    ],
    ids=["its family's start, twice", "a slow family's", "as told"],
)
def test_how_long_a_gateway_is_looked_at_again(settings: Settings, changes: Changes, seconds: int) -> None:
    journal = opened(situation(changes), settings)
    assert moment(journal.settle_until) == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("before", "steps", "status", "code", "remedy", "how"),
    [
        ("healthy", False, "healthy", None, "none", "nothing_to_do"),
        ("down", False, "healthy", None, "none", "healthy"),
        ("down", True, "healthy", None, "none", "healthy"),
        ("healthy", True, "healthy", None, "none", "healthy"),
        ("down", False, "unknown", "probe.incomplete", "none", "not_seen"),
        ("down", True, "unknown", "probe.incomplete", "none", "given_up"),
        ("down", True, "down", "container.held", "none", "waiting_for_person"),
        ("down", False, "waiting", "twofa.pending", "ask_person", "waiting_for_person"),
        ("down", True, "degraded", "ibkr.disconnected", "none", "improved"),
        ("down", True, "down", "gateway.crashed", "none", "given_up"),
        ("degraded", True, "down", "gateway.crashed", "none", "given_up"),
        ("down", False, "down", "gateway.crashed", "restart", "refused"),
        ("down", False, "down", "ibkr.disconnected", "wait", "nothing_to_do"),
    ],
)
def test_how_it_ended(before: str, steps: bool, status: str, code: str | None, remedy: str, how: str) -> None:
    one = situation(KILLED)
    step = decide(one, SETTINGS)
    journal = working(one, SETTINGS)
    journal = replace(journal, diagnoses=(replace(journal.diagnoses[0], status=before),))
    if steps:
        journal = began(journal, step, NOW)
    assert outcome(replace(step, status=status, code=code, remedy=remedy), journal) == how


def test_each_remedy_of_a_run_is_ended_once() -> None:
    one = situation(KILLED, kept=LOCKED)
    step = decide(one, SETTINGS)
    journal = done(began(working(one, SETTINGS), step, NOW), one, SETTINGS, Outcome(True, "first"))
    journal = done(began(journal, step, NOW), one, SETTINGS, Outcome(False, "second"))
    assert [(each.proof, each.failed) for each in journal.steps] == [("first", False), ("second", True)]
    assert done(journal, one, SETTINGS, Outcome(True, "third")) == journal
