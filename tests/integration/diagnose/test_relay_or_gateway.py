"""Published port, relay or gateway? One diagnosis of gateways that look alike from outside, with the second look inside."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from ansible_collections.ibgw.ops.plugins.module_utils.health import probe
from docker import DockerClient
from docker.models.containers import Container

from simulator.containers import Simulation, build_image
from tests.integration.gateways import Running, Start
from tests.integration.playbooks import HERE, Play, Run, write_inventory

Diagnose = Callable[..., Run]


@pytest.fixture
def diagnose(address: str, ansible_playbook: Play, tmp_path: Path) -> Diagnose:
    """Diagnose these gateways in one run."""
    if os.geteuid() != 0:
        pytest.skip("takes root to enter a container's network")

    def diagnose(*gateways: Running) -> Run:
        names = [{"name": each.user} for each in gateways]
        inventory = write_inventory(tmp_path, {"here": {**HERE, "diagnose_docker_host": address, "gateways": names}})
        settings = ("-e", "diagnose_fail_on=never", "-e", "diagnose_api_timeout=4")
        ended = ansible_playbook("diagnose", "-i", inventory, "-vv", *settings)
        assert ended.status == 0, ended.output
        return ended

    return diagnose


def evidence(row: dict[str, Any], code: str) -> list[str]:
    """What the API probe met, in the evidence of a finding."""
    finding = next(found for found in row["findings"] if found["code"] == code)
    return [each["quote"] for each in finding["evidence"] if each["source"] == "api"]


def end_relay(gateway: Running) -> None:
    """End the relay, and the loop that would start it again."""
    for command in (["pkill", "-f", "run_socat.sh"], ["pkill", "-x", "socat"]):
        code, said = gateway.container.exec_run(command)
        assert code == 0, said


def sidecar(simulation: Simulation, *command: str) -> Container:
    """A container that lends its network, with the port of a paper gateway's relay published."""
    published = {"4004/tcp": ("127.0.0.1", None)}
    image = build_image(simulation.engine)
    container = simulation.create(f"{simulation.name}-sidecar", image, command=[*command], ports=published)
    container.start()
    return container


def close_wait(engine: DockerClient, gateway: Running) -> dict[str, int]:
    """Connections that the gateway does not close, by port."""
    seen = probe([str(gateway.container.name)], False, address_of(engine), 20.0, "1h")
    counted: dict[str, int] = seen["gateways"][0]["sockets"]["close_wait"]
    return counted


def test_each_is_told_by_what_was_answered_inside(
    engine: DockerClient, simulation: Simulation, start: Start, diagnose: Diagnose
) -> None:
    relay = sidecar(simulation, "socat", "TCP-LISTEN:4004,fork,reuseaddr", "TCP:127.0.0.1:4002")
    beside = start(ports={}, network_mode=f"container:{relay.id}")
    well, hung, no_relay, astray = start(), start(), start(), start()
    hidden, waits = start(ports={}), start(user={"second_factor": "push"})
    for each in (well, hung, no_relay, astray, hidden, beside):
        each.logged_in()
    waits.wait_for_line("Second Factor Authentication initiated")
    hung.broker.hang(hung.user)
    end_relay(no_relay)
    end_relay(astray)
    astray.container.exec_run(["socat", "TCP-LISTEN:4004,fork,reuseaddr", "TCP:127.0.0.1:9"], detach=True)

    beside.wait_for_line("Address already in use", times=2)
    rows = diagnose(well, hung, no_relay, astray, hidden, waits, beside).gateways

    def outcome(gateway: Running) -> tuple[str, str | None]:
        return rows[gateway.user]["status"], rows[gateway.user]["code"]

    assert outcome(well) == outcome(beside) == ("healthy", None)
    (told,) = [each for each in rows[beside.user]["findings"] if each["layer"] == "relay"]
    assert (told["code"], told["severity"]) == ("relay.port_taken", "advice")
    assert outcome(hung) == ("down", "gateway.hung")
    assert outcome(no_relay) == outcome(astray) == ("down", "relay.down")
    assert outcome(hidden) == ("degraded", "config.port_not_published")
    assert outcome(waits) == ("waiting", "twofa.pending")

    outside, relay, own = evidence(rows[hung.user], "gateway.hung")
    assert "from here: silent at hello," in outside
    assert f"127.0.0.1:4004 inside {hung.user}, through the relay: silent at hello," in relay
    assert f"127.0.0.1:4002 inside {hung.user}, the gateway's own port: silent at hello," in own
    assert close_wait(engine, hung) == {"4002": 3}, "once outside, and twice after that silence"

    _outside, relay, own = evidence(rows[no_relay.user], "relay.down")
    assert "through the relay: refused" in relay
    assert "the gateway's own port: ready" in own
    assert "passes nothing on" in rows[astray.user]["summary"]
    assert "the gateway's own port: refused" in evidence(rows[waits.user], "relay.no_backend")[-1]


def test_a_healthy_gateway_is_not_entered(start: Start, diagnose: Diagnose) -> None:
    well = start().logged_in()
    ended = diagnose(well)
    assert ended.gateways[well.user]["status"] == "healthy"
    asked = [line.split()[1] for line in ended.output.splitlines() if line.startswith("<here> ibgw_")]
    assert asked == ["ibgw_health", "ibgw_logscan", "ibgw_handshake"]
