# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From health to the endpoints that are asked: the right address, and nobody who is proven to hang."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.ibgw.ops.plugins.filter.endpoints import endpoints
from ansible_collections.ibgw.ops.plugins.filter.endpoints_inside import endpoints_inside
from ansible_collections.ibgw.ops.plugins.modules.ibgw_handshake import ARGUMENTS
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import PILE


def port(
    container_port: int,
    host_port: int | None,
    role: str = "relay",
    endpoint: str | None = "paper",
    host_ip: str = "127.0.0.1",
) -> dict[str, Any]:
    return {
        "container_port": container_port,
        "host_ip": host_ip,
        "host_port": host_port,
        "role": role,
        "endpoint": endpoint,
    }


def gateway(*ports: dict[str, Any], status: str = "running", **more: Any) -> dict[str, Any]:
    container = {
        "status": status,
        "network_mode": more.pop("network_mode", "bridge"),
        "environment": more.pop("environment", {}),
    }
    return {"name": "gw", "exists": True, "container": container, "ports": list(ports), **more}


def sockets(listening: list[tuple[int, int, int | None]], close_wait: dict[str, int] | None = None) -> dict[str, Any]:
    return {
        "listening": [
            {"port": number, "address": "127.0.0.1", "accept_queue": queue, "accept_limit": limit}
            for number, queue, limit in listening
        ],
        "established": [],
        "close_wait": close_wait or {},
    }


def test_a_published_relay_is_asked_where_it_is_published() -> None:
    assert endpoints([gateway(port(4004, 4002))], [{"name": "gw", "trading_mode": "paper"}]) == [
        {
            "gateway": "gw",
            "endpoint": "paper",
            "host": "127.0.0.1",
            "port": 4002,
            "inside": None,
            "expect_mode": "paper",
            "after_silence": 1,
            "skip": None,
            "count_orders": False,
        }
    ]


@pytest.mark.parametrize(
    ("more", "docker_host", "times"),
    [
        ({"family": {"name": "gnzsnz-ibc"}}, None, 0),
        ({"family": {"name": "gnzsnz-ibc"}}, "tcp://engine:2375", 1),
        ({"family": {"name": "gnzsnz-ibc"}, "network_mode": "host"}, None, 0),
        ({"family": None}, None, 1),
    ],
    ids=["can be entered", "engine elsewhere", "the machine's own network", "unknown family"],
)
def test_who_can_be_asked_again_inside_is_asked_once_after_silence_outside(
    more: dict[str, Any], docker_host: str | None, times: int
) -> None:
    (asked,) = endpoints([gateway(port(4004, 4002, host_ip="0.0.0.0"), **more)], [], docker_host)
    assert asked["after_silence"] == times


@pytest.mark.parametrize(
    ("host_ip", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("::", "::1"),
        ("10.0.0.5", "10.0.0.5"),
        ("::1", "::1"),
    ],
)
def test_address(host_ip: str, host: str) -> None:
    (asked,) = endpoints([gateway(port(4004, 4002, host_ip=host_ip))])
    assert asked["host"] == host


@pytest.mark.parametrize(
    ("host_ip", "host", "skipped"),
    [("0.0.0.0", "engine", False), ("10.0.0.5", "10.0.0.5", False), ("127.0.0.1", "127.0.0.1", True)],
)
def test_address_with_an_engine_elsewhere(host_ip: str, host: str, skipped: bool) -> None:
    (asked,) = endpoints([gateway(port(4004, 4002, host_ip=host_ip))], [], "tcp://engine:2375")
    assert asked["host"] == host
    assert (asked["skip"] is not None) == skipped


@pytest.mark.parametrize(
    "found",
    [
        gateway(port(4004, 4002), status="exited"),
        gateway(port(4004, 4002), status="paused"),
        gateway(port(4004, None)),
        gateway(port(5900, 5900, role="vnc", endpoint=None)),
        gateway(),
        {"name": "gw", "exists": False, "container": None, "ports": None},
    ],
    ids=["stopped", "paused", "not published", "only the screen", "no ports", "missing"],
)
def test_nothing_to_ask(found: dict[str, Any]) -> None:
    assert endpoints([found]) == []


def test_of_an_image_that_nobody_knows_the_ports_are_asked_that_the_inventory_names() -> None:
    found = gateway(port(8081, 8081, role="other", endpoint=None), port(9000, 9000, role="other", endpoint=None))
    declared = {"name": "gw", "ports": {"paper": 9000, "vnc": 8081}}
    (asked,) = endpoints([found], [declared])
    assert (asked["port"], asked["endpoint"], asked["expect_mode"]) == (9000, "paper", "paper")
    assert endpoints([found], [{"name": "gw", "trading_mode": "paper"}]) == []


def test_a_port_that_bypasses_the_relay_is_asked_too() -> None:
    (asked,) = endpoints([gateway(port(4002, 4002, role="gateway"))])
    assert (asked["port"], asked["skip"]) == (4002, None)


def test_a_port_published_on_both_address_families_is_asked_once() -> None:
    found = gateway(port(4004, 4002, host_ip="0.0.0.0"), port(4004, 4002, host_ip="::"))
    assert [asked["host"] for asked in endpoints([found])] == ["127.0.0.1"]


def test_a_gateway_of_which_nobody_knows_the_mode_costs_no_other_its_answer() -> None:
    asked = endpoints([gateway(port(8888, 4002, endpoint=None)), gateway(port(4004, 4002))])
    assert [each["expect_mode"] for each in asked] == [None, "paper"]
    assert ArgumentSpecValidator(ARGUMENTS).validate({"endpoints": asked}).error_messages == []


def test_a_container_in_the_hosts_network_publishes_nothing_and_is_asked() -> None:
    (asked,) = endpoints([gateway(port(4004, None), network_mode="host")])
    assert asked["port"] == 4004


def test_both_endpoints_of_one_container() -> None:
    found = gateway(port(4003, 4001, endpoint="live"), port(4004, 4002, endpoint="paper"))
    asked = endpoints([found], [{"name": "gw", "trading_mode": "both"}])
    assert [(each["endpoint"], each["expect_mode"]) for each in asked] == [("live", "live"), ("paper", "paper")]


@pytest.mark.parametrize("effective", ["environment", "declaration"])
def test_the_port_of_the_mode_that_is_not_in_effect_is_not_asked(effective: str) -> None:
    environment = {"TRADING_MODE": "paper"} if effective == "environment" else {}
    declared = [{"name": "gw", "trading_mode": "paper" if effective == "declaration" else "live"}]
    found = gateway(port(4003, 4001, endpoint="live"), port(4004, 4002, endpoint="paper"), environment=environment)
    assert [asked["port"] for asked in endpoints([found], declared)] == [4002]


def test_what_is_expected_is_what_the_inventory_declares() -> None:
    found = gateway(port(4003, 4001, endpoint="live"), environment={"TRADING_MODE": "live"})
    (asked,) = endpoints([found], [{"name": "gw", "trading_mode": "paper"}])
    assert (asked["endpoint"], asked["expect_mode"]) == ("live", "paper")


def test_a_port_of_unknown_kind_is_told_by_its_declaration() -> None:
    (asked,) = endpoints(
        [gateway(port(8888, 4002, endpoint=None))], [{"name": "gw", "trading_mode": "both", "ports": {"paper": 4002}}]
    )
    assert asked["endpoint"] == "paper"


RELAY = port(4004, 4002)


@pytest.mark.parametrize(
    ("seen", "skipped"),
    [
        (sockets([(4002, 50, 50), (4004, 0, 5)]), True),
        (sockets([(4002, 51, 50)]), True),
        (sockets([(4002, 49, 50)]), False),
        (sockets([(4002, PILE, None)]), True),  # how long the queue may get was not seen
        (sockets([(4002, PILE - 1, None)]), False),
        (sockets([(4004, 5, 5), (4002, 0, 50)]), False),  # the relay's own queue proves nothing about the gateway
        (sockets([(4002, 0, 50)], {"4002": PILE}), True),
        (sockets([(4002, 0, 50)], {"4002": PILE - 1}), False),
        (sockets([(4002, 0, 50)], {"4004": 99}), False),
        (None, False),
    ],
)
def test_a_gateway_that_is_proven_to_hang_is_not_asked(seen: dict[str, Any] | None, skipped: bool) -> None:
    (asked,) = endpoints([gateway(RELAY, family={"name": "gnzsnz-ibc"}, sockets=seen)])
    assert (asked["skip"] is not None) == skipped


def apart(name: str, *ports: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**gateway(*ports, **more), "name": name}


@pytest.mark.parametrize(
    ("modes", "asked"),
    [
        (("bridge", "bridge"), {}),
        (("bridge", "host"), {"one"}),
        (("host", "bridge"), {"two"}),
        (("host", "host"), {}),
    ],
)
def test_an_address_at_which_two_gateways_would_be_is_asked_only_of_the_one_that_docker_proves(
    modes: tuple[str, str], asked: set[str]
) -> None:
    given = [
        apart(name, port(4002, None if mode == "host" else 4002), network_mode=mode)
        for name, mode in zip(("one", "two"), modes, strict=True)
    ]
    told = {each["gateway"]: each["skip"] for each in endpoints(given)}
    assert {name for name, skip in told.items() if skip is None} == set(asked)
    assert all("would be at the same address" in skip for skip in told.values() if skip)


@pytest.mark.parametrize(
    ("network", "taken", "skipped", "inside"),
    [
        ("container:abc", [], False, [4004, 4002]),
        ("container:abc", [4004], False, [4004, 4002]),
        ("bridge", [4004], False, [4004, 4002]),
        ("host", [4004], True, [4002]),
        ("container:abc", [4002], True, []),
        ("container:abc", [4002, 4004], True, []),
        ("container:abc", [4001], False, [4004, 4002]),
        ("container:abc", [5900], False, [4004, 4002]),
    ],
)
def test_where_anothers_process_listens_only_a_relay_to_the_gateways_own_port_is_asked_on_its_behalf(
    network: str, taken: list[int], skipped: bool, inside: list[int]
) -> None:
    listening: list[tuple[int, int, int | None]] = [(4004, 0, 5), (4002, 0, 50)]
    seen = {**sockets([one for one in listening if one[0] not in taken]), "taken": taken}
    relay = port(4004, 4004)
    given = gateway(relay, family={"name": "gnzsnz-ibc"}, network_mode=network, sockets=seen)
    (asked,) = endpoints([given])
    assert (asked["skip"] is not None) == skipped
    again = endpoints_inside([given], [{"gateway": "gw", "endpoint": "paper", "outcome": "refused"}])
    assert [each["port"] for each in again] == inside


def test_a_relay_of_another_container_is_not_asked_before_the_gateways_own_port_is_open() -> None:
    seen = {**sockets([]), "taken": [4004]}
    given = gateway(port(4004, 4004), family={"name": "gnzsnz-ibc"}, network_mode="container:abc", sockets=seen)
    (asked,) = endpoints([given])
    assert "another's process listens on 4004" in asked["skip"], "it may lead to any other gateway"


def log_of(name: str, *runs: tuple[str | None, bool | None]) -> dict[str, Any]:
    return {"name": name, "instances": [{"endpoint": endpoint, "read_only_api": told} for endpoint, told in runs]}


@pytest.mark.parametrize(
    ("logs", "counted"),
    [
        ([log_of("gw", ("paper", False))], True),
        ([log_of("gw", (None, False))], True),
        ([log_of("gw", ("live", True), ("paper", False))], True),
        ([log_of("gw", ("live", False), ("paper", True))], False),
        ([log_of("gw", ("live", False))], False),
        ([log_of("gw", ("paper", None))], False),
        ([log_of("other", ("paper", False))], False),
        ([log_of("gw")], False),
        ([{"name": "gw", "available": False}], False),
        ([], False),
    ],
)
def test_orders_are_counted_only_where_the_log_proves_that_the_api_takes_some(
    logs: list[dict[str, Any]], counted: bool
) -> None:
    (asked,) = endpoints([gateway(port(4004, 4002))], [], None, logs)
    assert asked["count_orders"] is counted
