"""A container of the collection's own that was removed: its record and the inventory let recover make it again."""

from __future__ import annotations

from tests.integration.deployed import Deploy


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
