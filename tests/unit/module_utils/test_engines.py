# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Engines that the tests' machine does not run, by what real ones told: Podman's Docker-compatible socket, and Docker without root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import health, machine, procfs
from ansible_collections.ibgw.ops.tests.unit.module_utils import recorded

PODMAN, ROOTLESS = "podman-4.3.1", "docker-20.10-rootless"


def look(name: str, directory: Path, *names: str) -> dict[str, Any]:
    with recorded.engine(name, directory) as address:
        return health.probe(names, False, address, 10.0, "24h")


def test_podman_is_told_as_podman_and_its_gateways_are_found(tmp_path: Path) -> None:
    seen = look(PODMAN, tmp_path)
    told = {"version": "4.3.1", "api_version": "1.41", "kind": "podman", "rootless": False}
    assert told.items() <= seen["engine"].items()
    assert [(one["name"], one["family"]["name"]) for one in seen["gateways"]] == [
        (name, "gnzsnz-ibc") for name in ("ended", "ib-gateway", "vpn")
    ]
    assert all(one["available"] for one in seen["gateways"])


def test_podman_tells_state_ports_and_events_as_docker_does(tmp_path: Path) -> None:
    ended = look(PODMAN, tmp_path, "ended")["gateways"][0]
    container = ended["container"]
    assert (container["status"], container["exit_code"], container["restart_policy"]) == ("exited", 137, "no")
    assert container["nofile"] == {"soft": 20000, "hard": 20000}
    assert (container["health"]["status"], container["health"]["last_output"]) == (None, None), "it has no health check"
    assert container["image_digest"].startswith("sha256:")
    assert container["environment"]["TWS_PASSWORD"] == "<set>"
    assert [(one["container_port"], one["host_port"], one["role"]) for one in ended["ports"]] == [
        (4004, 14004, "relay")
    ]
    told = [(one["action"], one["exit_code"], one["by"]) for one in ended["events"]]
    assert told == [("create", None, "command"), ("start", None, "command"), ("die", 137, None)]


def test_a_gateway_in_another_containers_network_has_the_ports_that_one_publishes(tmp_path: Path) -> None:
    inside = look(PODMAN, tmp_path, "ib-gateway")["gateways"][0]
    assert inside["container"]["network_mode"].startswith("container:")
    assert [(one["container_port"], one["host_port"], one["role"]) for one in inside["ports"]] == [
        (4004, 15004, "relay")
    ]


def test_without_control_groups_nothing_is_proven_and_it_is_said_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_same_machine", lambda *_: True)
    monkeypatch.setattr(procfs, "container_pids", lambda ids: {one: [] for one in ids})
    seen = look(ROOTLESS, tmp_path, "ib-gateway")
    (gateway,) = seen["gateways"]
    assert seen["engine"]["rootless"] is True
    assert (gateway["processes"], gateway["sockets"], gateway["container"]["memory"]["usage"]) == (None, None, None)
    assert any("without control groups" in reason and "cgroup v2" in reason for reason in gateway["not_seen"])
    assert {one["writable_by_gateway"] for one in gateway["container"]["mounts"]} == {None}
    assert any(reason.startswith("mounts") and "maps users" in reason for reason in gateway["not_seen"])


def test_processes_that_the_machine_hides_are_not_seen_and_it_is_said_how_they_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_same_machine", lambda *_: True)
    monkeypatch.setattr(procfs, "container_pids", lambda ids: {one: [] for one in ids})
    monkeypatch.setattr(procfs, "shows_others", lambda: False)
    (gateway,) = look(PODMAN, tmp_path, "ib-gateway")["gateways"]
    assert gateway["processes"] is None
    assert any("hidepid" in reason and "become" in reason for reason in gateway["not_seen"])
