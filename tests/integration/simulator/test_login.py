"""Logins that a person or the broker decides while they are under way."""

from __future__ import annotations

import pytest

from tests.integration.gateways import PUSH, Start


def test_unanswered_push_is_asked_again_when_told_to(start: Start) -> None:
    live = start(
        "live",
        user={**PUSH, "push_validity": 3},
        environment={"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes"},
        controller_settings={"SecondFactorAuthenticationTimeout": "2"},
    )
    live.wait_for_line("Login attempt: 2")
    live.wait_for_line("Second Factor Authentication initiated", times=2)
    live.broker.approve(live.user)
    live.wait_for_line("Login has completed")
    assert live.broker.count("push_sent", live.user) == 2
    assert live.broker.count("push_expired", live.user) == 1


def test_refused_push_ends_or_restarts_the_controller(start: Start) -> None:
    live = start(
        "live",
        user=PUSH,
        environment={
            "RELOGIN_AFTER_TWOFA_TIMEOUT": "yes",
            "TWOFA_TIMEOUT_ACTION": "restart",
            "TWOFA_EXIT_INTERVAL": "1",
        },
    )
    live.wait_for_line("Second Factor Authentication initiated")
    live.broker.refuse(live.user)
    live.wait_for_line("Exiting after error with exit code=1111")
    live.wait_for_line("IBC returned exit status 87")
    live.wait_for_line("Second Factor Authentication initiated", times=2)


def test_a_push_that_is_not_sent_shows_a_prompt_for_a_moment(start: Start) -> None:
    live = start(
        "live",
        user={**PUSH, "push_validity": 3, "unanswered_limit": 1},
        environment={
            "RELOGIN_AFTER_TWOFA_TIMEOUT": "yes",
            "TWOFA_TIMEOUT_ACTION": "restart",
            "TWOFA_EXIT_INTERVAL": "1",
        },
        controller_settings={"SecondFactorAuthenticationTimeout": "2"},
    )
    live.broker.wait_for("push_withheld", live.user, times=3, timeout=60)
    assert live.broker.count("push_sent", live.user) == 1


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("", "You should specify the required second factor device using the SecondFactorDevice setting in config.ini"),
        ("ib key", "could not find second factor device 'ib key' in the list"),
        ("IB Key", "Second Factor Authentication initiated"),
    ],
)
def test_of_several_second_factors_one_is_chosen_by_its_name(start: Start, device: str, said: str) -> None:
    live = start("live", user={**PUSH, "devices": ["IB Key", "Card"]}, environment={"TWOFA_DEVICE": device})
    live.wait_for_line(said)
    assert live.broker.count("device_asked", live.user) == 1
    assert live.broker.count("device_chosen", live.user, device="IB Key") == (device == "IB Key")


def test_slow_broker_keeps_a_login_under_way(start: Start) -> None:
    paper = start(user={"answer_delay": 600})
    paper.wait_for_line("Connecting to server...; event=Opened")
    assert paper.broker.count("login_attempt", paper.user) == 0
    paper.broker.set_answer_delay(paper.user, 0)
    paper.wait_for_line("Login has completed")


@pytest.mark.parametrize(
    ("action", "scenario", "kept"), [("primary", 5, True), ("primaryoverride", 6, False), ("manual", 1, None)]
)
def test_somebody_logs_in_while_this_session_runs(start: Start, action: str, scenario: int, kept: bool | None) -> None:
    paper = start(environment={"EXISTING_SESSION_DETECTED_ACTION": action}).logged_in()
    paper.broker.log_in_elsewhere(paper.user)
    paper.wait_for_line(f"(scenario {scenario})")
    if kept:
        paper.broker.wait_for("session_reclaimed", paper.user)
    elif kept is False:
        assert paper.wait_for_end() == 0


def test_relogin_with_a_revoked_token_is_refused(start: Start) -> None:
    paper = start().logged_in()
    paper.broker.revoke_tokens(paper.user)
    paper.broker.require_relogin(paper.user)
    paper.wait_for_line("Re-login to session")
    paper.wait_for_line("Unrecognized Username or Password; event=Opened")
    assert paper.broker.count("login_attempt", paper.user, kind="relogin") == 1


def test_relogin_with_a_good_token_completes_again(start: Start) -> None:
    paper = start().logged_in()
    paper.broker.require_relogin(paper.user)
    paper.wait_for_line("Login has completed", times=2)
    assert [session["user"] for session in paper.broker.sessions()].count(paper.user) == 1
