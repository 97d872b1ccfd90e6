# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Real containers, each in one condition, and what the probe says of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from simulator.containers import BROKER_IMAGE
from simulator.waiting import until
from tests.integration.proxy import EngineProxy

Start = Callable[..., Container]
Look = Callable[..., dict[str, Any]]

PATIENCE = 30.0
PUBLISHED = {"4004/tcp": ("127.0.0.1", None)}


def only(result: dict[str, Any]) -> dict[str, Any]:
    (gateway,) = result["gateways"]
    return gateway


def serving(look: Look, container: Container) -> dict[str, Any]:
    """The gateway once both of its ports listen."""

    def seen() -> dict[str, Any] | None:
        gateway = only(look(container))
        ports = {one["port"] for one in gateway["sockets"]["listening"]}
        return gateway if {4002, 4004} <= ports else None

    return until(seen, "the ports to listen", PATIENCE)


def ended(container: Container) -> Container:
    container.wait(timeout=PATIENCE)
    return container


def test_a_running_gateway_is_seen_from_outside(engine: docker.DockerClient, start: Start, look: Look) -> None:
    container = start(
        environment={"TRADING_MODE": "paper", "TWS_USERID": "fredtrader", "TWS_PASSWORD": "hunter2!"},
        ports=PUBLISHED,
        mem_limit="256m",
        ulimits=[docker.types.Ulimit(name="nofile", soft=4096, hard=8192)],
        healthcheck={"test": ["CMD-SHELL", "echo fredtrader is fine"], "interval": 10**9},
    )
    gateway = serving(look, container)
    result = look(container)

    seen = gateway["container"]
    assert (gateway["exists"], gateway["declared"], gateway["available"]) == (True, True, True)
    assert (seen["id"], seen["status"], seen["pid"]) == (container.id, "running", container.attrs["State"]["Pid"])
    assert (seen["exit_code"], seen["oom_killed"], seen["restart_policy"]) == (None, False, "no")
    assert seen["nofile"] == {"soft": 4096, "hard": 8192}
    assert seen["memory"]["limit"] == 256 * 2**20
    assert 2**20 < seen["memory"]["usage"] < 256 * 2**20
    assert seen["environment"]["TRADING_MODE"] == "paper"
    assert seen["environment"]["TWS_PASSWORD"] == "<set>"
    assert gateway["family"]["name"] == "gnzsnz-ibc"
    (port,) = gateway["ports"]
    assert (port["container_port"], port["host_ip"], port["role"], port["endpoint"]) == (
        4004,
        "127.0.0.1",
        "relay",
        "paper",
    )
    assert port["host_port"] == int(container.ports["4004/tcp"][0]["HostPort"])
    roles = {one["role"]: one for one in gateway["processes"]}
    assert {"gateway", "relay"} <= roles.keys()
    assert roles["gateway"]["max_heap"] == 768 * 2**20
    assert roles["gateway"]["rss"] > 2**20
    assert [one["action"] for one in gateway["events"]][-2:] == ["create", "start"]

    healthy = until(lambda: only(look(container))["container"]["health"]["last_output"], "the health check", PATIENCE)
    assert healthy == "*** is fine"
    assert "hunter2" not in json.dumps(result)
    assert "fredtrader" not in json.dumps(result)

    assert result["available"] is True
    assert result["engine"]["version"] == engine.version()["Version"]
    assert result["engine"]["kind"] == "docker"
    assert result["host"]["memory"]["total"] == engine.info()["MemTotal"]
    assert [disk["path"] for disk in result["host"]["disks"]][0] == engine.info()["DockerRootDir"]


def test_a_pile_of_clients_is_seen_on_the_gateways_own_port(start: Start, look: Look) -> None:
    container = start(ports=PUBLISHED)
    serving(look, container)
    where = ("127.0.0.1", int(container.ports["4004/tcp"][0]["HostPort"]))

    def sockets(gateway: dict[str, Any]) -> tuple[int, int, int]:
        own = next(one for one in gateway["sockets"]["listening"] if one["port"] == 4002)
        clients = [one for one in gateway["sockets"]["established"] if one["port"] == 4004]
        return own["accept_queue"], len(clients), gateway["sockets"]["close_wait"].get("4002", 0)

    with ExitStack() as clients:
        for _ in range(2):
            clients.enter_context(socket.create_connection(where))
        until(lambda: sockets(only(look(container))) == (2, 2, 0), "two clients that nobody accepts", PATIENCE)
        if os.geteuid() == 0:  # how many may wait is seen from inside alone
            limits = {one["port"]: one["accept_limit"] for one in only(look(container))["sockets"]["listening"]}
            assert limits == {4002: 2, 4004: 5}  # what the two programs asked for
    until(
        lambda: sockets(only(look(container))) == (2, 0, 2), "two connections that the gateway does not close", PATIENCE
    )


@pytest.mark.parametrize(
    ("command", "status", "code", "meaning"),
    [
        ("exit 6", "exited", 6, "config.ini"),
        ("exit 88", "exited", 88, "login window"),
        ("exit 0", "exited", 0, "closed by itself"),
    ],
)
def test_an_ended_gateway_tells_its_code(
    start: Start, look: Look, command: str, status: str, code: int, meaning: str
) -> None:
    gateway = only(look(ended(start(command=["bash", "-c", command]))))

    assert (gateway["container"]["status"], gateway["container"]["exit_code"]) == (status, code)
    assert meaning in gateway["container"]["exit_meaning"]
    assert gateway["container"]["started_at"] <= gateway["container"]["finished_at"]
    assert gateway["processes"] == []
    assert gateway["sockets"] == {"listening": [], "established": [], "close_wait": {}, "taken": []}
    assert [(one["action"], one["exit_code"]) for one in gateway["events"]][-1] == ("die", code)


def test_stopped_and_killed_are_told_apart(start: Start, look: Look) -> None:
    stopped, killed = start("stopped", ports=PUBLISHED), start("killed")
    serving(look, stopped)
    stopped.stop()
    killed.kill()

    first, second = look(stopped, killed)["gateways"]

    assert (first["container"]["exit_code"], second["container"]["exit_code"]) == (143, 137)
    assert "orderly" in first["container"]["exit_meaning"]
    assert [one["signal"] for one in first["events"] if one["action"] == "kill"] == [15]
    assert [one["signal"] for one in second["events"] if one["action"] == "kill"] == [9]
    assert second["container"]["oom_killed"] is False
    assert first["ports"][0]["container_port"] == 4004


def test_a_gateway_that_wants_more_memory_than_its_limit_is_killed_for_it(start: Start, look: Look) -> None:
    hungry = start(command=["python3", "-c", "b'x' * 2**30"], mem_limit="32m", memswap_limit="32m")
    gateway = only(look(ended(hungry)))
    assert (gateway["container"]["exit_code"], gateway["container"]["oom_killed"]) == (137, True)
    assert gateway["container"]["host_oom_killed"] in (False, None)


def test_a_gateway_that_could_not_be_started_tells_why(create: Start, look: Look) -> None:
    container = create(command=["/nowhere/run.sh"])
    with pytest.raises(APIError):
        container.start()

    seen = only(look(container))["container"]

    assert (seen["status"], seen["started_at"], seen["exit_code"]) == ("created", None, None)
    assert "/nowhere/run.sh" in seen["error"]


def test_a_paused_gateway_says_so_and_still_shows_its_processes(start: Start, look: Look) -> None:
    container = start()
    serving(look, container)
    container.pause()
    gateway = only(look(container))
    assert gateway["container"]["status"] == "paused"
    assert "gateway" in {one["role"] for one in gateway["processes"]}


def test_a_crash_loop_shows_in_count_and_events(start: Start, look: Look) -> None:
    container = start(command=["bash", "-c", "exit 7"], restart_policy={"Name": "always"})

    def seen() -> dict[str, Any] | None:
        gateway = only(look(container))
        return gateway if gateway["container"]["restart_count"] >= 2 else None

    gateway = until(seen, "two restarts", PATIENCE)
    assert gateway["container"]["restart_policy"] == "always"
    assert [one["exit_code"] for one in gateway["events"] if one["action"] == "die"][:2] == [7, 7]


def test_names_that_do_not_exist_are_told_with_those_that_come_near(start: Start, look: Look) -> None:
    there = start("ib-gateway-paper")
    missing, found = look(there, names=[f"{there.name}r", there.name])["gateways"]

    assert (missing["exists"], missing["available"], missing["declared"]) == (False, True, True)
    assert missing["similar_names"][0] == there.name
    assert missing.keys() == found.keys()
    assert {missing[key] for key in ("container", "family", "ports", "processes", "sockets", "events")} == {None}


def test_a_container_that_was_renamed_is_told_by_its_new_name(create: Start, look: Look) -> None:
    container = create("live")
    name, new = container.name, f"aside-{uuid.uuid4().hex[:8]}"
    container.rename(new)
    (missing,) = look(container, names=[name])["gateways"]
    assert (missing["exists"], missing["renamed_to"]) == (False, new)


def test_gateways_are_found_by_what_they_are(
    engine: docker.DockerClient, create: Start, start: Start, look: Look, image: str
) -> None:
    engine.images.get(image).tag("health-renamed", "1")
    try:
        declared, retagged = start("declared"), start("retagged", image="health-renamed:1")
        stopped = create("stopped")
        stranger = start("stranger", image=BROKER_IMAGE, command=["sleep", "1000"])

        asked = {one["name"]: one for one in look(declared, find=True)["gateways"]}
        found = {one["name"] for one in look(names=None)["gateways"]}
    finally:
        engine.images.remove("health-renamed:1", force=True)

    assert asked[declared.name]["declared"] is True
    assert asked[retagged.name]["declared"] is False
    assert asked[retagged.name]["family"]["name"] == "gnzsnz-ibc"
    assert asked[stopped.name]["container"]["status"] == "created"
    assert stranger.name not in asked
    assert {declared.name, retagged.name, stopped.name} <= found

    named = only(look(stranger))
    assert named["family"] is None
    assert {one["role"] for one in named["processes"]} == {"other"}


def test_an_image_of_no_family_is_told_by_what_it_has_and_what_runs_in_it(start: Start, look: Look) -> None:
    copied = {"IBC_PATH": "/root/ibc", "TWS_PATH": "/root/Jts"}
    copy = start("copy", image=BROKER_IMAGE, command=["sleep", "1000"], environment=copied)
    inside = ["sh", "-c", "sleep 1000; : ibcalpha.ibc.IbcGateway /own/config.ini"]
    home_built = start("home-built", image=BROKER_IMAGE, command=inside)
    asked = {one["name"]: one for one in look(copy, find=True)["gateways"]}

    assert (asked[copy.name]["family"]["name"], asked[copy.name]["family"]["confidence"]) == ("unusualalpha", "low")
    assert home_built.name not in asked
    named = only(look(home_built))
    assert (named["family"]["name"], named["family"]["controller"]) == (None, "ibc")
    assert "gateway" in {one["role"] for one in named["processes"]}


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Directories of several owners; a machine's path, so the engine must be on this machine."""
    if os.geteuid() != 0:
        pytest.skip("takes root to give directories away")
    for name, owner, mode in (("own", 1000, 0o700), ("roots", 0, 0o755), ("open", 0, 0o777), ("gone", 1000, 0o700)):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, owner, owner)
        (tmp_path / name).chmod(mode)
    return tmp_path


def test_mounts_tell_what_is_behind_them(start: Start, look: Look, folders: Path) -> None:
    places = ("own", "roots", "open", "gone")
    binds = [f"{folders / name}:/mnt/{name}" for name in places] + [f"{folders / 'own'}:/mnt/ro:ro", "/mnt/anonymous"]
    container = start(volumes=binds, tmpfs={"/mnt/tmp": ""})
    serving(look, container)

    def mounts(gateway: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
        return {
            one["target"]: (one["type"], one["read_only"], one["source_exists"], one["writable_by_gateway"])
            for one in gateway["container"]["mounts"]
        }

    expected = {
        "/mnt/own": ("bind", False, True, True),
        "/mnt/roots": ("bind", False, True, False),
        "/mnt/open": ("bind", False, True, True),
        "/mnt/ro": ("bind", True, True, False),
        "/mnt/gone": ("bind", False, True, True),
    }
    while_it_runs = mounts(only(look(container)))
    assert expected.items() <= while_it_runs.items()
    assert while_it_runs["/mnt/anonymous"][:3] == ("volume", False, True)

    container.stop()
    shutil.rmtree(folders / "gone")
    expected["/mnt/gone"] = ("bind", False, False, None)
    assert expected.items() <= mounts(only(look(container))).items()


def test_a_gateway_in_the_machines_network_shows_only_its_own_ports(start: Start, look: Look) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebodys:
        container = start(command=["sleep", "1000"], network_mode="host")
        seen = only(look(container))["sockets"]["listening"]
        assert somebodys.getsockname()[1] not in {one["port"] for one in seen}


def test_a_talkative_container_is_cut_to_size(start: Start, look: Look) -> None:
    environment = {f"A_LONG_NAME_OF_A_VARIABLE_{number}": "x" for number in range(400)}
    container = start(environment=environment, labels={"org.opencontainers.image.title": "\U0001f600" * 5000})
    gateway = only(look(container))
    assert len(json.dumps(gateway)) <= 8192
    assert gateway["cut"]["container.environment"] > 0


def test_nothing_is_executed_and_nothing_changed(start: Start, look: Look, proxy: EngineProxy) -> None:
    container = start()
    result = look(container, docker_host=proxy.address, find=True)
    assert result["available"] is True
    assert all(request.startswith("GET ") for request in proxy.asked)
    assert not any("exec" in request or "attach" in request for request in proxy.asked)


def test_an_engine_whose_pids_are_not_ours_shows_no_processes_and_says_why(
    start: Start, look: Look, proxy: EngineProxy
) -> None:
    container = start()
    serving(look, container)
    proxy.edit = lambda inspected: inspected["State"].update(Pid=os.getpid())

    result = look(container, docker_host=proxy.address)

    gateway = only(result)
    assert (gateway["processes"], gateway["sockets"], gateway["container"]["host_oom_killed"]) == (None, None, None)
    assert gateway["container"]["status"] == "running"
    assert result["host"] is None
    assert "is not proven to run on this machine" in result["not_seen"][0]


def test_one_container_that_hangs_does_not_hide_the_others(start: Start, look: Look, proxy: EngineProxy) -> None:
    sick, well = start("sick"), start("well")
    proxy.hung = {f"/containers/{sick.id}/json"}
    began = time.monotonic()

    result = look(sick, well, docker_host=proxy.address, timeout=4.0)

    assert time.monotonic() - began < 8
    first, second = result["gateways"]
    assert (first["available"], first["problem"], first["exists"]) == (False, "engine.hung", True)
    assert sick.name in first["reason"]
    assert (second["available"], second["container"]["status"]) == (True, "running")
    assert second["events"]


def test_one_container_that_is_told_in_an_unknown_way_does_not_hide_the_others(
    start: Start, look: Look, proxy: EngineProxy
) -> None:
    odd, well = start("odd"), start("well")
    proxy.edit = lambda inspected: inspected.update(HostConfig=None) if inspected["Id"] == odd.id else None

    first, second = look(odd, well, docker_host=proxy.address)["gateways"]

    assert (first["available"], first["problem"], first["container"]) == (False, "probe.incomplete", None)
    assert odd.name in first["reason"]
    assert second["available"] is True


def test_an_engine_that_tells_no_events_still_tells_the_rest(start: Start, look: Look, proxy: EngineProxy) -> None:
    container = start()
    proxy.hung = {"/events"}
    result = look(container, docker_host=proxy.address, timeout=3.0)
    assert only(result)["events"] is None
    assert only(result)["container"]["status"] == "running"
    assert any("docker events" in reason for reason in result["not_seen"])


def test_a_stranger_that_hangs_costs_nothing(start: Start, look: Look, proxy: EngineProxy) -> None:
    stranger = start("stranger", image=BROKER_IMAGE, command=["sleep", "1000"])
    gateway = start("gw")
    proxy.hung = {f"/containers/{stranger.id}/json"}
    found = look(docker_host=proxy.address, names=None)["gateways"]
    assert gateway.name in {one["name"] for one in found}
    assert all(one["available"] for one in found)
