"""The demo fleet, diagnosed as a user does it: every condition is found out, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from simulator import client, fleet
from simulator.containers import BROKER_IMAGE
from tests.integration.diagnosis import diagnose
from tests.integration.playbooks import CHECKOUT, HERE, Play, run, write_inventory

PLAYBOOK = CHECKOUT / "playbooks" / "diagnose.yml"
INVENTORY = CHECKOUT / "inventories" / "demo"


@pytest.fixture(scope="module")
def demo(engine: docker.DockerClient) -> Iterator[fleet.Fleet]:
    try:
        yield fleet.up(engine)
    finally:
        fleet.down(engine)


@pytest.fixture(scope="module")
def diagnosis(demo: fleet.Fleet, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """What a user sees, and the report, of one run over the whole fleet right after it came up."""
    ended = run(tmp_path_factory.mktemp("demo"), PLAYBOOK, "-i", INVENTORY, "-e", "diagnose_fail_on=never")
    assert ended.status == 0, ended.output
    assert ended.report is not None
    return ended.output, ended.report


def row(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in report["gateways"] if row["name"] == name)


EXPECTED = {gateway.name: gateway.expected for gateway in fleet.FLEET} | fleet.WITHOUT_CONTAINER


@pytest.mark.parametrize("name", EXPECTED)
def test_each_condition_is_found_out(diagnosis: tuple[str, dict[str, Any]], name: str) -> None:
    _, report = diagnosis
    judged = row(report, name)
    if EXPECTED[name]:
        assert judged["code"] in EXPECTED[name], judged
    else:
        assert judged["status"] == "healthy", judged


def test_every_row_is_in_the_summary(diagnosis: tuple[str, dict[str, Any]]) -> None:
    printed, report = diagnosis
    for judged in report["gateways"]:
        assert judged["name"] in printed
        assert judged["code"] is None or judged["code"] in printed


def test_a_pending_push_has_a_deadline(diagnosis: tuple[str, dict[str, Any]]) -> None:
    _, report = diagnosis
    assert row(report, "live-2fa")["deadline"] > report["generated_at"]


def test_each_endpoint_of_a_container_has_its_verdict(diagnosis: tuple[str, dict[str, Any]]) -> None:
    _, report = diagnosis
    judged = row(report, "both")
    assert {name: (half["status"], half["code"]) for name, half in judged["endpoints"].items()} == {
        "paper": ("healthy", None),
        "live": ("waiting", "twofa.pending"),
    }
    assert any("paper runs in the same container" in step for step in judged["fix"])


def test_a_throttled_login_says_until_when(diagnosis: tuple[str, dict[str, Any]]) -> None:
    _, report = diagnosis
    judged = row(report, "live-throttled")
    assert (judged["status"], judged["remedy"]) == ("waiting", "wait")
    assert judged["deadline"] > report["generated_at"]


def test_what_failed_before_a_login_is_over(diagnosis: tuple[str, dict[str, Any]]) -> None:
    printed, report = diagnosis
    judged = row(report, "live-ok")
    assert [found["code"] for found in judged["findings"] if found["severity"] not in ("note", "advice")] == []
    assert judged["facts"]["login_attempts_last_hour"] == 2
    assert judged["facts"]["logged_in_since"] < judged["facts"]["next_forced_login"]
    assert "next forced login" in printed


@pytest.mark.parametrize(
    ("name", "status", "remedy"),
    [
        ("paper-loginloop", "down", "stop_to_protect_account"),
        ("paper-oom", "down", "ask_person"),
        ("paper-heap", "down", "ask_person"),
        ("paper-loop", "down", "ask_person"),
        ("paper-readonly", "down", "ask_person"),
        ("live-hung", "down", "restart"),
        ("live-kicked", "down", "ask_person"),
        ("live-2fa-missed", "down", "ask_person"),
        ("paper-manual", "waiting", "ask_person"),
        ("away", "waiting", "wait"),
        ("ib-gateway", "unknown", "none"),
    ],
)
def test_a_remedy_does_no_harm(diagnosis: tuple[str, dict[str, Any]], name: str, status: str, remedy: str) -> None:
    _, report = diagnosis
    judged = row(report, name)
    assert (judged["status"], judged["remedy"]) == (status, remedy)


def test_who_may_not_ask_is_named(diagnosis: tuple[str, dict[str, Any]]) -> None:
    _, report = diagnosis
    assert "user observer may not use the Docker engine" in row(report, "ib-gateway")["summary"]


def test_a_loop_is_judged_alike_at_every_moment(engine: docker.DockerClient, demo: fleet.Fleet) -> None:
    """Over three turns of the fastest of them, and ten looks; the others go through at least one turn meanwhile, or wait for it."""
    loops = ("paper-loginloop", "paper-loop", "paper-readonly")
    turns = demo.broker.count("login_refused", "paper-loginloop") + 3
    seen: dict[str, list[tuple[str | None, str]]] = {name: [] for name in loops}
    while demo.broker.count("login_refused", "paper-loginloop") < turns or len(seen["paper-loginloop"]) < 10:
        for name in loops:
            diagnosed = diagnose(engine, name, depth="api")
            seen[name].append((diagnosed.code, diagnosed.run["state"]))
    assert len({state for _, state in seen["paper-loginloop"]}) >= 3, "it was always looked at in the same moments"
    for name, moments in seen.items():
        assert len({code for code, _ in moments}) == 1, (name, moments)
        assert moments[0][0] in EXPECTED[name]


def test_a_missing_container_names_what_comes_near(demo: fleet.Fleet, ansible_playbook: Play, tmp_path: Path) -> None:
    inventory = write_inventory(tmp_path, {"here": {**HERE, "gateways": [{"name": "paper-okay"}]}})
    ended = ansible_playbook("diagnose", "-i", inventory)
    assert ended.status == 2
    assert "paper-ok" in ended.gateways["paper-okay"]["summary"]


def test_one_gateway_alone(demo: fleet.Fleet, ansible_playbook: Play) -> None:
    ended = ansible_playbook(PLAYBOOK, "-i", INVENTORY, "-l", "demo", "-e", "diagnose_only=paper-bypass")
    assert ended.status == 2, ended.output
    assert list(ended.gateways) == ["paper-bypass"]


def test_gateways_are_found_where_none_is_declared(demo: fleet.Fleet, ansible_playbook: Play) -> None:
    ended = ansible_playbook(PLAYBOOK, "-i", CHECKOUT / "inventories" / "local", "-e", "diagnose_fail_on=never")
    found = {name for name, row in ended.gateways.items() if not row["declared"]}
    assert {gateway.name for gateway in fleet.FLEET} <= found
    assert not found & {"ibgw-demo-broker", "ibgw-demo-machine"}


@pytest.mark.parametrize("name", ["live-2fa", "both"])
def test_approving_the_push_makes_it_healthy(demo: fleet.Fleet, ansible_playbook: Play, name: str) -> None:
    demo.broker.approve(name)
    demo.logged_in(name)
    ended = ansible_playbook(PLAYBOOK, "-i", INVENTORY, "-l", "demo", "-e", f"diagnose_only={name}")
    assert ended.status == 0, ended.output
    assert ended.gateways[name]["status"] == "healthy"


def test_a_diagnosis_costs_no_login_and_cuts_no_client(demo: fleet.Fleet, ansible_playbook: Play) -> None:
    demo.logged_in("paper-starting")  # what it was about to do is not the diagnosis' doing
    before = demo.broker.ledger()
    ended = ansible_playbook(PLAYBOOK, "-i", INVENTORY, "-l", "demo", "-e", "diagnose_depth=account")
    since = [entry for entry in demo.broker.ledger() if entry not in before]
    assert [entry for entry in since if entry["user"] != "paper-loginloop"] == []  # that one logs in all the time
    assert ended.gateways["paper-ok"]["status"] == "healthy"
    assert client.runs()


def test_a_name_that_is_taken_is_refused(engine: docker.DockerClient, demo: fleet.Fleet) -> None:
    engine.containers.get("paper-stopped").remove()
    stranger = engine.containers.create(BROKER_IMAGE, name="paper-stopped")
    try:
        with pytest.raises(fleet.CanNotSimulate, match="paper-stopped"):
            fleet.up(engine)
        stranger.reload()
        assert demo.simulation.gateways(), "the running fleet was touched"
    finally:
        stranger.remove()
