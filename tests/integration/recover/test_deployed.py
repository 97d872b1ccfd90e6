"""A gateway that the collection has deployed: what its record and the inventory let recover do for it."""

from __future__ import annotations

import pytest

from tests.integration.deployed import Deploy
from tests.integration.playbooks import kill_at


def test_a_container_that_was_removed_is_made_again(deploy: Deploy) -> None:
    gateway = deploy()
    old = gateway.container()
    assert old is not None
    old.stop(timeout=60)
    old.remove()
    run = gateway.play("recover")
    told = run.gateways[gateway.name]
    assert told["before"]["code"] == "container.missing", run.output
    assert [step["remedy"] for step in told["steps"]] == ["recreate"], run.output
    assert told["after"]["status"] == "healthy", run.output
    assert gateway.logins() == 2


@pytest.mark.long
def test_a_container_that_was_removed_is_not_made_again_without_its_secrets(deploy: Deploy) -> None:
    gateway = deploy()
    removed = gateway.container()
    assert removed is not None
    removed.remove(force=True)
    run = gateway.play("recover", gateway_secrets={})
    told = run.gateways[gateway.name]
    assert told["steps"] == [], run.output
    assert "deployed" in [check["guard"] for check in told["guards"] if check["passed"] is False], run.output
    assert gateway.logins() == 1


@pytest.mark.long
def test_what_a_deployment_stopped_and_did_not_make_is_started_again(deploy: Deploy) -> None:
    gateway = deploy()
    changed = gateway.begin(gateway.role, gateway_time_zone="Europe/Berlin")
    kill_at(changed, "Leave what could not be stopped in order")
    gateway.record_of("lock").unlink()
    run = gateway.play("recover")
    told = run.gateways[gateway.name]
    assert told["before"]["code"] == "container.stopped", run.output
    assert told["after"]["status"] == "healthy", run.output
    found = gateway.container()
    assert found is not None
    assert found.attrs["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert gateway.logins() == 2
