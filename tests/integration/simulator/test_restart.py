"""The Gateway restarts at a full minute of the clock, by schedule or by command, and keeps its session or loses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest

from tests.integration.gateways import COMMANDS_ON, PUSH, Running, Start
from tests.integration.simulator.conftest import KnownLogs
from tests.integration.simulator.order import as_in_life


@dataclass(frozen=True)
class Daily:
    """Gateways whose daily restart is ahead, by what has become of their saved session."""

    kept: Running
    revoked: Running
    expired: Running


@pytest.fixture(scope="module", autouse=True)
def daily(start: Start) -> Daily:
    """From the first test on: the minute for which that one waits serves these, too."""
    # The next full minute, or the one after where that leaves too little time to log in.
    restart = {"AUTO_RESTART_TIME": f"{datetime.now(timezone.utc) + timedelta(seconds=75):%I:%M %p}"}
    daily = Daily(*(start("live", user=PUSH, environment=restart) for _ in range(3)))
    for running in (daily.kept, daily.revoked, daily.expired):
        running.logged_in()
    daily.revoked.broker.revoke_tokens(daily.revoked.user)
    daily.expired.broker.expire_tokens(daily.expired.user)
    return daily


def test_command_restarts_once_and_keeps_the_session(start: Start) -> None:
    """Once for each Java machine; a pause ends the container until somebody starts it again."""
    with_commands = partial(start, "live", user=PUSH, controller_settings=COMMANDS_ON)
    replies = {"3.18.0": "Restarting at ", "3.20.0": "Restarting at ", "3.24.1": "RESTART at "}
    restarted = {release: with_commands(release=release) for release in replies}
    paused = with_commands()
    for release, reply in replies.items():
        (said,) = restarted[release].logged_in().command("RESTART")
        assert said.startswith(f"OK {reply}")
        assert restarted[release].command("RESTART") == ["ERROR RESTART already in progress"]
    assert paused.logged_in().command("PAUSE")[0].startswith("OK PAUSE at ")

    for release in ("3.20.0", "3.24.1"):
        restarted[release].wait_for_line("Re-starting session", timeout=90)
        restarted[release].wait_for_line("Login has completed", times=2)
    assert restarted["3.18.0"].wait_for_end() == 76  # it ends as soon as the saved session is there (IBC#228)
    assert "java.lang.NullPointerException" in restarted["3.18.0"].log()

    assert paused.wait_for_end() == 0
    assert "IBC is paused" in paused.log()
    paused.container.start()
    paused.wait_for_line("Login has completed", times=2)
    for running in (*restarted.values(), paused):
        assert running.broker.count("push_sent", running.user) == 1


def test_daily_restart_keeps_the_session(daily: Daily, known_logs: KnownLogs) -> None:
    kept = daily.kept
    kept.wait_for_line("Pending Tasks; event=Closed", times=2, timeout=120)
    as_in_life(kept.log(), known_logs("healthy", TRADING_MODE="live"))
    assert kept.broker.count("push_sent", kept.user) == 1


def test_session_that_expired_takes_a_second_factor(daily: Daily, known_logs: KnownLogs) -> None:
    expired = daily.expired
    expired.wait_for_line("Second Factor Authentication initiated", times=2, timeout=120)
    as_in_life(expired.log(), known_logs("twofa.pending", TRADING_MODE="live"))
    assert expired.broker.count("push_sent", expired.user) == 2


def test_session_that_was_revoked_is_refused_and_nothing_typed(daily: Daily) -> None:
    revoked = daily.revoked
    revoked.wait_for_line("Unrecognized Username or Password; event=Opened", timeout=120)
    resumed = revoked.log().rpartition("Re-starting session")[2]
    assert "Setting user name" not in resumed
    assert "Login attempt" not in resumed
    assert revoked.broker.count("login_attempt", revoked.user, kind="saved_session") == 1
    assert revoked.broker.count("push_sent", revoked.user) == 1
