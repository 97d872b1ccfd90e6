# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person who is woken by a failed login reads: first what does harm now, then how to mend it."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.log.scan import Scan
from ansible_collections.ibgw.ops.plugins.plugin_utils import verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import STOP_IT, Found, named
from ansible_collections.ibgw.ops.tests.unit.module_utils.ibc_log import Log

from tests.unit.plugin_utils.findings.rows import EXITED, said
from tests.unit.plugin_utils.findings.scene import NO_BACKEND, at, case, machine, merged


def leading(**changes: object) -> Found:
    """What leads for the one gateway of the machine."""
    (row,) = verdict.verdicts_of_machine(machine(**changes))
    assert row.leading is not None
    return row.leading


# A login that is tried again by itself

AGAIN = {"problem": "login.credentials_rejected", "got_as_far_as": "authenticating"}


@pytest.mark.parametrize(
    "code",
    ["login.credentials_rejected", "login.account_locked", "login.api_not_permitted", "login.throttled"],
)
def test_what_tries_again_is_stopped_before_anything_else(code: str) -> None:
    again = leading(**said(code, "cold_restarting", previous={**AGAIN, "problem": code}))
    assert again.remedy == "stop_to_protect_account"
    assert again.proof.fix[0] == named(STOP_IT, "gw", "alpha")
    assert again.proof.fix[-1].endswith(": ansible-playbook ibgw.ops.release -e release_only=alpha/ib-gateway")
    for window in ("Unrecognized Username or Password", "Login Error", "IBKR Gateway"):
        parked = leading(**said(code, "login_window", open_windows=[window]))
        assert parked.remedy != "stop_to_protect_account"


def test_a_refusal_of_what_the_log_does_not_show_blames_no_password() -> None:
    changes = said("login.credentials_rejected", open_windows=["Unrecognized Username or Password"])
    assert "were typed" in leading(**changes).proof.summary
    unseen = leading(**merged(changes, {"run": {"attempt_kind": None}})).proof
    assert "were typed" not in unseen.summary
    assert "Re-login to session" in unseen.fix[0]


@pytest.mark.parametrize(
    ("problem", "remedy"),
    [("login.account_locked", "stop_to_protect_account"), ("login.api_not_permitted", "ask_person")],
)
def test_a_log_alone_shows_no_restart_policy_that_would_prolong_a_lock(problem: str, remedy: str) -> None:
    log = Log().submitted().connecting().window("Login Error")
    log.ibc("Your account has been locked" if "locked" in problem else "API support is not available for this account")
    scan = Scan(50)
    scan.read([log.text.encode()])
    told = {"available": True, "gateways": scan.results("some.log", None, False)}
    (row,) = verdict.verdicts_of_log("some.log", told, log.now)
    assert row.leading is not None
    assert (row.leading.finding.code, row.leading.remedy) == (problem, remedy)


def test_a_loop_of_refused_logins_counts_them() -> None:
    looping = said("login.credentials_rejected", "submitted", previous=AGAIN)
    assert "14 attempts" in leading(**looping, log={"history": {"login_attempts_last_hour": 14}}).proof.summary
    partly = {"history": {"login_attempts_last_hour": 14}, "window": {"truncated": True}}
    assert "at least 14 attempts" in leading(**looping, log=partly).proof.summary
    once = said("login.credentials_rejected", "login_window", open_windows=["Unrecognized Username or Password"])
    assert "attempts" not in leading(**once, log={"history": {"login_attempts_last_hour": 1}}).proof.summary


@pytest.mark.parametrize(("completed", "code"), [(4, "gateway.crashed"), (1, "login.looping")])
def test_only_logins_that_led_to_no_session_are_a_loop(completed: int, code: str) -> None:
    run = {"state": "submitted", "problem": None, "since": at(3), "previous": {**AGAIN, "problem": "gateway.crashed"}}
    history = {"login_attempts_last_hour": 5, "logins_completed_last_hour": completed}
    assert leading(run=run, api=NO_BACKEND, log={"history": history}).finding.code == code


TURN = [
    {"state": "submitted", "problem": None, "previous": AGAIN},
    {"state": "authenticating", "problem": None, "previous": AGAIN},
    {"state": "authenticating", "problem": "login.credentials_rejected", "previous": AGAIN},
    {"state": "cold_restarting", "problem": "login.credentials_rejected", "previous": AGAIN},
    {"state": "ended", "problem": "login.credentials_rejected", "previous": AGAIN},
    {"state": "jvm_starting", "problem": "login.credentials_rejected", "previous": AGAIN},
    {"state": "gateway_starting", "problem": "login.credentials_rejected", "previous": AGAIN},
    {"state": "login_window", "problem": None, "previous": AGAIN},
]


@pytest.mark.parametrize("moment", TURN, ids=lambda moment: str(moment["state"]))
def test_a_loop_is_judged_alike_at_each_of_its_moments(moment: dict[str, object]) -> None:
    looping = {"history": {"login_attempts_last_hour": 9}}
    found = leading(run={**moment, "since": at(3)}, api=NO_BACKEND, log=looping)
    assert found.finding.code == "login.credentials_rejected"
    assert found.remedy == "stop_to_protect_account"
    assert "9 attempts within the last hour" in found.proof.summary


def test_what_the_log_tells_of_an_end_stands_before_how_docker_tells_it() -> None:
    gone = leading(**said("login.taken_over", "ended"), container={**EXITED, "exit_code": 0})
    assert [quote.source for quote in gone.proof.evidence] == ["log", "health"]


# A wait that IBKR imposed


def throttled(seconds_left: float, asks_again: bool = False) -> Found:
    run = {"deadline": at(-seconds_left), "asks_again": asks_again, "since": at(30)}
    return leading(**said("login.throttled", "throttled", **run))


def test_a_wait_says_until_when() -> None:
    waits = throttled(473)
    assert "wait until 12:07:53 UTC (7:53 min left)" in waits.proof.summary
    assert waits.remedy == "wait"
    assert waits.proof.deadline == at(-473)
    assert "12:07:53 UTC" in waits.proof.fix[0]


def test_a_wait_that_is_over_ends_by_a_person() -> None:
    over = throttled(-60)
    assert "was over at 11:59:00 UTC" in over.proof.summary
    assert (over.severity, over.remedy) == ("waiting", "ask_person")
    assert throttled(-60, asks_again=True).remedy == "stop_to_protect_account"


# Another session of the same user


def test_a_session_that_was_taken_names_the_one_command_that_fits() -> None:
    gone = leading(**said("login.taken_over", "ended"), container={**EXITED, "exit_code": 0})
    assert "docker start ib-gateway" in gone.proof.fix[1]
    assert "docker restart" not in gone.proof.fix[1]
    half = leading(**said("login.taken_over", "ended"))
    assert "docker restart -t 90 ib-gateway" in half.proof.fix[1]


def test_a_window_that_asks_about_another_session_stays_until_it_is_answered() -> None:
    asks = leading(**said("login.existing_session", "existing_session"))
    assert any("docker restart -t 90 ib-gateway" in step for step in asks.proof.fix)
    gave_way = leading(**said("login.existing_session", "ended"), container={**EXITED, "exit_code": 0})
    assert any("docker start ib-gateway" in step for step in gave_way.proof.fix)
    assert not any("docker restart" in step for step in gave_way.proof.fix)


def test_a_throttle_without_a_time_is_a_wait_all_the_same() -> None:
    proof = case(**said("login.throttled", "throttled"))
    assert proof.run.deadline is None
    assert leading(**said("login.throttled", "throttled")).remedy == "wait"
