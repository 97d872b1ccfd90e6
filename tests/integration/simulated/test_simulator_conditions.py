"""Conditions that the broker brings about in a gateway that is logged in, and what our own probes say of each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from docker import DockerClient

from tests.integration.simulated.conftest import Running, Start
from tests.integration.simulated.diagnosis import Diagnosis, diagnose

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
