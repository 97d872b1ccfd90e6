"""What the simulator logs comes in the order in which real releases logged it in the same condition."""

from __future__ import annotations

import difflib
import time
from datetime import datetime, timedelta, timezone

import pytest

from tests.integration.simulated.conftest import KnownLogs, Running, Start
from tests.integration.simulated.order import events

#: IBC asks the phone once more after this; shorter here than the 180 s that the image fixes.
_SHORT = {"SecondFactorAuthenticationTimeout": "4"}
_PUSH = {"second_factor": "push"}


def as_in_life(running: Running, logs: list[str], newest_run_only: bool = False) -> None:
    ours = events(running.log())
    theirs = [_newest_run(events(log)) if newest_run_only else events(log) for log in logs]
    assert theirs, "no log of a real release for this condition"
    if ours not in theirs:
        nearest = max(theirs, key=lambda order: difflib.SequenceMatcher(None, order, ours).ratio())
        pytest.fail("\n".join(difflib.unified_diff(nearest, ours, "real", "simulated", lineterm="", n=2)))


def _newest_run(order: list[str]) -> list[str]:
    """From the last start script on: what comes before its first line belongs to an earlier container start."""
    starts = [number for number, event in enumerate(order[:-1]) if event == "Gateway finished"]
    return order[starts[-1] + 1 :] if starts else order


def test_live_login_with_push(start: Start, known_logs: KnownLogs) -> None:
    running = start("live", user=_PUSH).logged_in()
    as_in_life(running, known_logs("healthy", TRADING_MODE="live"))


@pytest.mark.parametrize("release", ["3.18.0", "3.20.0", "3.23.0", "3.24.1"])
def test_push_that_nobody_answers_yet(start: Start, known_logs: KnownLogs, release: str) -> None:
    running = start("live", user=_PUSH, release=release)
    running.wait_for_line("Second Factor Authentication initiated")
    as_in_life(running, known_logs("twofa.pending", release, TRADING_MODE="live"))


def test_push_that_expires_and_is_not_asked_again(start: Start, known_logs: KnownLogs) -> None:
    running = start("live", user={**_PUSH, "push_validity": 5}, controller_settings=_SHORT)
    running.wait_for_line("Authenticating...; event=Closed")
    as_in_life(running, known_logs("twofa.timed_out", TRADING_MODE="live"))


def test_wrong_password_leaves_its_window_open(start: Start, known_logs: KnownLogs) -> None:
    running = start("live", password="not-the-password")
    running.wait_for_line("Unrecognized Username or Password; event=Opened")
    as_in_life(running, known_logs("login.credentials_rejected", TRADING_MODE="live"), newest_run_only=True)


def test_missing_password_is_never_submitted(start: Start, known_logs: KnownLogs) -> None:
    running = start(password="")
    running.wait_for_line("Setting password")
    as_in_life(running, known_logs("config.credentials_missing", TRADING_MODE="paper"))


def test_other_session_wins_and_the_error_is_not_shown(start: Start, known_logs: KnownLogs) -> None:
    action = {"EXISTING_SESSION_DETECTED_ACTION": "secondary"}
    running = start("live", user={"answer_delay": 60}, environment=action, release="3.23.0")
    running.broker.log_in_elsewhere(running.user)
    running.broker.set_answer_delay(running.user, 0)
    assert running.wait_for_end() == 76
    as_in_life(running, known_logs("login.existing_session", "3.23.0", **action))


def test_failed_login_ends_where_the_cold_restart_is_not_found(start: Start, known_logs: KnownLogs) -> None:
    running = start(user={"refused_as": "login_failed"}, password="not-the-password", release="3.20.0")
    assert running.wait_for_end() == 0
    as_in_life(running, known_logs("login.credentials_rejected", "3.20.0"), newest_run_only=True)


def test_throttled_user_waits(start: Start, known_logs: KnownLogs) -> None:
    running = start(user={"throttled_until": time.time() + 287}, environment={"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes"})
    running.wait_for_line("IBKR Login; event=Closed")
    as_in_life(running, known_logs("login.throttled", TRADING_MODE="paper"))


def test_locked_user_is_told_so(start: Start, known_logs: KnownLogs) -> None:
    running = start(user={"locked": True})
    running.wait_for_line("Login Error; event=Opened")
    running.wait_for_line("Your account has been locked")
    as_in_life(running, known_logs("login.account_locked"))


@pytest.mark.parametrize(
    ("action", "stubborn"), [("secondary", False), ("primary", True)], ids=["gives way", "gives way the second time"]
)
def test_other_session_wins(start: Start, known_logs: KnownLogs, action: str, stubborn: bool) -> None:
    running = start("live", user={"answer_delay": 60}, environment={"EXISTING_SESSION_DETECTED_ACTION": action})
    running.broker.log_in_elsewhere(running.user, stubborn=stubborn)
    running.broker.set_answer_delay(running.user, 0)
    assert running.wait_for_end() == 76
    known = known_logs("login.existing_session", TRADING_MODE="live", EXISTING_SESSION_DETECTED_ACTION=action)
    as_in_life(running, known)


def test_daily_restart_keeps_or_loses_the_session(start: Start, known_logs: KnownLogs) -> None:
    # The next full minute, or the one after where that leaves too little time to log in.
    restart = {"AUTO_RESTART_TIME": f"{datetime.now(timezone.utc) + timedelta(seconds=75):%I:%M %p}"}
    kept, revoked, expired = (start("live", user=_PUSH, environment=restart) for _ in range(3))
    for running in (kept, revoked, expired):
        running.logged_in()
    kept.broker.revoke_tokens(revoked.user)
    kept.broker.expire_tokens(expired.user)

    kept.wait_for_line("Pending Tasks; event=Closed", times=2, timeout=120)
    as_in_life(kept, known_logs("healthy", TRADING_MODE="live"))
    assert kept.broker.count("push_sent", kept.user) == 1

    expired.wait_for_line("Second Factor Authentication initiated", times=2)
    as_in_life(expired, known_logs("twofa.pending", TRADING_MODE="live"))
    assert kept.broker.count("push_sent", expired.user) == 2

    revoked.wait_for_line("Unrecognized Username or Password; event=Opened")
    resumed = revoked.log().rpartition("Re-starting session")[2]
    assert "Setting user name" not in resumed
    assert "Login attempt" not in resumed
    assert kept.broker.count("login_attempt", revoked.user, kind="saved_session") == 1
    assert kept.broker.count("push_sent", revoked.user) == 1
