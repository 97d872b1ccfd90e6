"""Faults of gateways that the collection has deployed: what its record and the inventory let recover make again."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.conditions import PASSWORD
from simulator.containers import build_image
from simulator.servers import free_port
from tests.faults.lab import RECORDS, Lab

PRIVATE = Path("/etc/ibgw/gateways")


@pytest.fixture
def deployed(lab: Lab, name: str) -> Iterator[dict[str, Any]]:
    """What the inventory says of a gateway that is deployed and logged in, as variables of a run."""
    lab.broker.add_user(name, PASSWORD, "DU1234567")
    variables = {
        "gateways": [{"name": name, "trading_mode": "paper", "ports": {"paper": free_port()}}],
        "gateway_secrets": {name: {"user": name, "password": PASSWORD}},
        "gateway_image": build_image(lab.simulation.engine),
        "gateway_pull": "never",
        "gateway_network": lab.simulation.name,
        "gateway_java_heap_mb": 256,
        "gateway_python": sys.executable,
        "gateway_become": False,
    }
    playbook = [{"hosts": "gateway_hosts", "gather_facts": False, "roles": ["ibgw.ops.gateway"]}]
    (lab.directory / "deploy.yml").write_text(yaml.safe_dump(playbook), encoding="utf-8")
    try:
        made = lab.play(str(lab.directory / "deploy.yml"), (name,), (), variables)
        assert made.status == 0, made.output
        lab.logged_in(name)
        yield variables
    finally:
        shutil.rmtree(PRIVATE / name, ignore_errors=True)


@pytest.mark.smoke
def test_a_container_that_was_removed_is_made_again(lab: Lab, name: str, deployed: dict[str, Any]) -> None:
    old = lab.simulation.engine.containers.get(name)
    old.stop(timeout=60)
    old.remove()
    run = lab.recover(name, **deployed)
    told = run.gateways[name]
    assert told["before"]["code"] == "container.missing", run.output
    assert [step["remedy"] for step in told["steps"]] == ["recreate"], run.output
    assert told["after"]["status"] == "healthy", run.output
    assert lab.spent(name).logins == 2


def test_a_container_that_was_removed_is_not_made_again_without_its_secrets(
    lab: Lab, name: str, deployed: dict[str, Any]
) -> None:
    lab.simulation.engine.containers.get(name).remove(force=True)
    run = lab.recover(name, **{**deployed, "gateway_secrets": {}})
    told = run.gateways[name]
    assert told["steps"] == [], run.output
    assert "deployed" in [check["guard"] for check in told["guards"] if check["passed"] is False], run.output
    assert lab.spent(name).logins == 1


def test_what_a_deployment_stopped_and_did_not_make_is_started_again(
    lab: Lab, name: str, deployed: dict[str, Any]
) -> None:
    changed = {**deployed, "gateway_time_zone": "Europe/Berlin"}
    lab.cut_off(str(lab.directory / "deploy.yml"), name, "Leave what could not be stopped in order", **changed)
    (RECORDS / name / "lock.json").unlink()
    run = lab.recover(name, **deployed)
    assert run.gateways[name]["before"]["code"] == "container.stopped", run.output
    assert run.gateways[name]["after"]["status"] == "healthy", run.output
    policy = lab.simulation.engine.containers.get(name).attrs["HostConfig"]["RestartPolicy"]["Name"]
    assert policy == "unless-stopped"
    assert lab.spent(name).logins == 2
