"""Conditions that the broker brings about in a gateway that is logged in, and what our own probes say of each."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import pytest
from docker import DockerClient

from simulator.waiting import until
from tests.integration.diagnosis import Diagnosis, diagnose
from tests.integration.gateways import Running, Start

Diagnose = Callable[[Running], Diagnosis]


@pytest.fixture(scope="module", name="diagnose")
def diagnose_running(engine: DockerClient) -> Diagnose:
    return lambda running: diagnose(engine, running.user)


def test_a_lost_link_leaves_the_api_up(start: Start, diagnose: Diagnose) -> None:
    away, beside = start().logged_in(), start().logged_in()
    away.broker.link(False, away.user)
    away.wait_for_line("Attempt 2: Connecting to server")
    seen = diagnose(away)
    assert (seen.run["state"], seen.run["problem"]) == ("connection_lost", "ibkr.disconnected")
    assert seen.api is not None
    assert {notice["code"] for notice in seen.api["notices"]} >= {2110, 2103}
    assert seen.api["account"]["net_liquidation_seen"]
    assert (seen.code, seen.verdict.status) == ("ibkr.disconnected", "waiting")
    assert diagnose(beside).verdict.status == "healthy"

    away.broker.link(True, away.user)
    away.wait_for_line("Starting application...; event=Closed", times=2)
    assert diagnose(away).verdict.status == "healthy"
    assert [entry["event"] for entry in away.broker.ledger(away.user)][-2:] == ["link_down", "link_up"]


def test_clients_that_give_up_pile_up_on_a_gateway_that_hangs(start: Start, diagnose: Diagnose) -> None:
    hung = start("live").logged_in()
    with socket.create_connection(("127.0.0.1", hung.port(4003))):  # by a client that was there before
        said_until_then = hung.log()
        hung.broker.hang(hung.user)
        seen = diagnose(hung)
        assert seen.api is not None
        assert (seen.api["outcome"], seen.run["state"]) == ("silent_at_hello", "logged_in")
    for _ in range(12):
        with socket.create_connection(("127.0.0.1", hung.port(4003))) as impatient:
            impatient.sendall(b"API\0\0\0\0\x09v100..178")

    def with_pile() -> Diagnosis | None:
        seen = diagnose(hung)
        return seen if seen.health["sockets"]["close_wait"].get("4001", 0) >= 12 else None

    seen = until(with_pile, "the connections to pile up", 20)
    assert (seen.code, seen.verdict.status) == ("gateway.hung", "down")
    assert seen.api is not None
    assert seen.api["outcome"] == "not_asked"
    assert hung.log() == said_until_then
    assert hung.broker.ledger(hung.user)[-1]["event"] == "hang"


def test_more_data_than_the_heap_holds_ends_the_api_but_not_the_container(start: Start, diagnose: Diagnose) -> None:
    full = start(environment={"JAVA_HEAP_SIZE": "48"}, release="3.20.0").logged_in()
    full.broker.flood(full.user, megabytes=64)
    full.wait_for_line("java.lang.OutOfMemoryError: Java heap space")
    seen = diagnose(full)
    assert seen.health["container"]["status"] == "running"
    assert seen.run["problem"] == "gateway.heap_exhausted"
    assert seen.api is not None
    assert seen.api["outcome"] == "silent_at_hello"
    assert (seen.code, seen.verdict.status) == ("gateway.heap_exhausted", "down")
    assert full.broker.ledger(full.user)[-1]["event"] == "flood"


def test_more_data_than_the_container_may_hold_is_ended_by_the_kernel(start: Start, diagnose: Diagnose) -> None:
    asks = {"EXISTING_SESSION_DETECTED_ACTION": "manual"}
    killed = start(user={"slot_hold": 600}, environment=asks, mem_limit="160m", memswap_limit="160m").logged_in()
    killed.broker.flood(killed.user)
    assert killed.wait_for_end() == 137
    seen = diagnose(killed)
    assert (seen.health["container"]["exit_code"], seen.health["container"]["oom_killed"]) == (137, True)
    assert "IBC returned exit status 137" in killed.log()
    assert (seen.code, seen.verdict.status) == ("container.out_of_memory", "down")
    killed.broker.wait_for("session_ended", killed.user)

    killed.container.start()
    killed.wait_for_line("(scenario 1)")
    assert diagnose(killed).code == "login.existing_session"
    assert [session["kind"] for session in killed.broker.sessions() if session["user"] == killed.user] == ["held"]


def test_a_user_who_failed_too_often_elsewhere_has_to_wait(start: Start, diagnose: Diagnose) -> None:
    paper = start(user={"throttled_until": time.time() + 300})
    paper.wait_for_line("Too many failed login attempts. Please wait 4 minutes & 5")
    seen = diagnose(paper)
    assert (seen.code, seen.verdict.status) == ("login.throttled", "waiting")
    assert seen.run["deadline"] > seen.verdict.checked_at
    assert [entry.get("why") for entry in paper.broker.ledger(paper.user)] == [None, "throttled"]


@pytest.mark.parametrize(
    ("limit", "says", "last", "codes"),
    [
        (
            "throttle_after",
            "Too many failed login attempts",
            "throttled",
            ["login.credentials_rejected", "login.throttled"],
        ),
        ("lock_after", "Your account has been locked due to too many", "locked", ["login.account_locked"]),
    ],
)
def test_failed_attempts_in_a_row_throttle_or_lock_the_user(
    start: Start, diagnose: Diagnose, limit: str, says: str, last: str, codes: list[str]
) -> None:
    paper = start(user={"refused_as": "login_failed", limit: 2}, password="not-the-password")
    paper.wait_for_line(says)
    seen = diagnose(paper)
    assert seen.code == codes[0]
    assert seen.codes >= set(codes)
    assert seen.run["problem"] == codes[-1]
    refusals = [entry["why"] for entry in paper.broker.ledger(paper.user) if entry["event"] == "login_refused"]
    assert refusals == ["wrong_password", "wrong_password", last]
