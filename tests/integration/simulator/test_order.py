"""What the simulator logs comes in the order in which real releases logged it in the same condition."""

from __future__ import annotations

import time

import pytest

from tests.integration.gateways import PUSH, Start
from tests.integration.simulator.conftest import KnownLogs
from tests.integration.simulator.order import as_in_life

#: IBC asks the phone once more after this; shorter here than the 180 s that the image fixes.
_SHORT = {"SecondFactorAuthenticationTimeout": "4"}


def test_live_login_with_push(start: Start, known_logs: KnownLogs) -> None:
    running = start("live", user=PUSH).logged_in()
    as_in_life(running.log(), known_logs("healthy", TRADING_MODE="live"))


@pytest.mark.parametrize("release", ["3.18.0", "3.20.0", "3.23.0", "3.24.1"])
def test_push_that_nobody_answers_yet(start: Start, known_logs: KnownLogs, release: str) -> None:
    running = start("live", user=PUSH, release=release)
    running.wait_for_line("Second Factor Authentication initiated")
    as_in_life(running.log(), known_logs("twofa.pending", release, TRADING_MODE="live"))


def test_push_that_expires_and_is_not_asked_again(start: Start, known_logs: KnownLogs) -> None:
    running = start("live", user={**PUSH, "push_validity": 5}, controller_settings=_SHORT)
    running.wait_for_line("Authenticating...; event=Closed")
    as_in_life(running.log(), known_logs("twofa.timed_out", TRADING_MODE="live"))


def test_wrong_password_leaves_its_window_open(start: Start, known_logs: KnownLogs) -> None:
    running = start("live", password="not-the-password")
    running.wait_for_line("Unrecognized Username or Password; event=Opened")
    as_in_life(running.log(), known_logs("login.credentials_rejected", TRADING_MODE="live"), newest_run_only=True)


def test_missing_password_is_never_submitted(start: Start, known_logs: KnownLogs) -> None:
    running = start(password="")
    running.wait_for_line("Setting password")
    as_in_life(running.log(), known_logs("config.credentials_missing", TRADING_MODE="paper"))


def test_other_session_wins_and_the_error_is_not_shown(start: Start, known_logs: KnownLogs) -> None:
    action = {"EXISTING_SESSION_DETECTED_ACTION": "secondary"}
    running = start("live", user={"answer_delay": 60}, environment=action, release="3.23.0")
    running.broker.log_in_elsewhere(running.user)
    running.broker.set_answer_delay(running.user, 0)
    assert running.wait_for_end() == 76
    as_in_life(running.log(), known_logs("login.existing_session", "3.23.0", **action))


def test_failed_login_ends_where_the_cold_restart_is_not_found(start: Start, known_logs: KnownLogs) -> None:
    running = start(user={"refused_as": "login_failed"}, password="not-the-password", release="3.20.0")
    assert running.wait_for_end() == 0
    as_in_life(running.log(), known_logs("login.credentials_rejected", "3.20.0"), newest_run_only=True)


def test_throttled_user_waits(start: Start, known_logs: KnownLogs) -> None:
    running = start(user={"throttled_until": time.time() + 287}, environment={"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes"})
    running.wait_for_line("IBKR Login; event=Closed")
    as_in_life(running.log(), known_logs("login.throttled", TRADING_MODE="paper"))


def test_locked_user_is_told_so(start: Start, known_logs: KnownLogs) -> None:
    running = start(user={"locked": True})
    running.wait_for_line("Login Error; event=Opened")
    running.wait_for_line("Your account has been locked")
    as_in_life(running.log(), known_logs("login.account_locked"))


@pytest.mark.parametrize(
    ("action", "stubborn"), [("secondary", False), ("primary", True)], ids=["gives way", "gives way the second time"]
)
def test_other_session_wins(start: Start, known_logs: KnownLogs, action: str, stubborn: bool) -> None:
    running = start("live", user={"answer_delay": 60}, environment={"EXISTING_SESSION_DETECTED_ACTION": action})
    running.broker.log_in_elsewhere(running.user, stubborn=stubborn)
    running.broker.set_answer_delay(running.user, 0)
    assert running.wait_for_end() == 76
    known = known_logs("login.existing_session", TRADING_MODE="live", EXISTING_SESSION_DETECTED_ACTION=action)
    as_in_life(running.log(), known)
