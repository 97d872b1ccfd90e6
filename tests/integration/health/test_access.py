# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What shows to a user who is not root, and in networks that containers share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from simulator.waiting import until

Start = Callable[..., Container]
Look = Callable[..., dict[str, Any]]

_NOBODY = 65534
_PATIENCE = 30.0

#: As a JVM may listen: for IPv6 and IPv4 alike.
_ON_BOTH = """
python3 -c "import socket, time; s = socket.create_server(('::', 4002), family=socket.AF_INET6, dualstack_ipv6=True); time.sleep(100000)" \
    -Xmx768m ibcalpha.ibc.IbcGateway &
socat TCP-LISTEN:4004,fork TCP:127.0.0.1:4002 &
wait
"""


def gateway(result: dict[str, Any]) -> dict[str, Any]:
    (only,) = result["gateways"]
    return dict(only)


def listening(look: Look, container: Container) -> dict[str, Any]:
    """The gateway once it and its relay listen."""

    def seen() -> dict[str, Any] | None:
        told = gateway(look(container))
        ports = {one["port"] for one in told["sockets"]["listening"]}
        return told if {4002, 4004} <= ports else None

    return until(seen, "the ports to listen", _PATIENCE)


@contextmanager
def somebody_of_the_group(engine_socket: str) -> Iterator[None]:
    """As a user who is not root may use the engine: by the group of its socket."""
    groups, group = os.getgroups(), os.stat(engine_socket).st_gid
    os.setgroups([group])
    os.setegid(_NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become somebody else")
def test_a_user_of_the_engines_group_sees_all_but_what_takes_root_and_is_told_what_that_is(
    start: Start, look: Look, address: str, tmp_path: Path
) -> None:
    private = tmp_path / "private" / "settings"
    private.mkdir(parents=True)
    private.parent.chmod(0o700)
    container = start(volumes=[f"{private}:/mnt/settings"])
    as_root = listening(look, container)

    with somebody_of_the_group(address.removeprefix("unix://")):
        result = look(container)

    seen = gateway(result)
    assert (result["available"], seen["available"]) == (True, True)
    assert [one["role"] for one in seen["processes"]] == [one["role"] for one in as_root["processes"]]
    assert seen["container"]["nofile"] == as_root["container"]["nofile"]
    assert seen["container"]["memory"]["usage"] > 2**20
    ports = {one["port"]: one["accept_limit"] for one in seen["sockets"]["listening"]}
    assert ports == {4002: None, 4004: None}
    (mount,) = seen["container"]["mounts"]
    assert (mount["source_exists"], mount["writable_by_gateway"]) == (None, None)

    reasons = {reason.partition(":")[0]: reason for reason in (*result["not_seen"], *seen["not_seen"])}
    assert {"accept_limit", "mounts"} <= reasons.keys()
    assert all("become" in reasons[what] for what in ("accept_limit", "mounts"))
    assert as_root["not_seen"] == []


def test_a_gateway_behind_another_containers_network_has_that_ones_ports_and_its_own_sockets(
    start: Start, look: Look
) -> None:
    vpn = start("vpn", command=["socat", "TCP-LISTEN:8080,fork", "-"], ports={"4004/tcp": ("127.0.0.1", None)})
    container = start(command=["bash", "-c", _ON_BOTH], network_mode=f"container:{vpn.id}")
    seen = listening(look, container)

    published = int(vpn.ports["4004/tcp"][0]["HostPort"])
    assert [(one["container_port"], one["host_port"], one["role"]) for one in seen["ports"]] == [
        (4004, published, "relay")
    ]
    there = {one["port"]: one["address"] for one in seen["sockets"]["listening"]}
    assert there == {4002: "::", 4004: "0.0.0.0"}, "the other container's own port is none of the gateway's"
    if os.geteuid() == 0:
        assert all(one["accept_limit"] for one in seen["sockets"]["listening"])
        late = start("late", command=["sleep", "1000"], network_mode=f"container:{vpn.id}")
        sockets = gateway(look(late))["sockets"]
        assert (sockets["listening"], sockets["taken"]) == ([], [4002, 4004]), (
            "whoever answers there is the other gateway"
        )
