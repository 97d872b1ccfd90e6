# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who is asked again inside the container: whoever leaves the question, relay or gateway, and can be asked without harm."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.filter.endpoints_inside import endpoints_inside
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Port
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import PILE

from tests.unit.filter.test_endpoints import gateway, port, sockets

FAMILY = {"name": "gnzsnz-ibc"}
PAPER = port(4004, 4002)
LISTENING = sockets([(4002, 0, 50), (4004, 0, 5)])


def paper(*ports: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A gateway in mode paper."""
    return gateway(*ports, **{"family": FAMILY, "environment": {"TRADING_MODE": "paper"}, "sockets": LISTENING, **more})


def answer(outcome: str, endpoint: str = "paper", name: str = "gw") -> dict[str, Any]:
    return {"gateway": name, "endpoint": endpoint, "outcome": outcome}


def asked(found: dict[str, Any], *answers: dict[str, Any], **more: Any) -> list[tuple[int, int]]:
    """Ports, and how often each is asked again after silence."""
    return [(each["port"], each["after_silence"]) for each in endpoints_inside([found], answers, **more)]


def test_relay_and_gateway_are_asked_where_the_published_port_did_not_serve() -> None:
    common = {"gateway": "gw", "endpoint": "paper", "host": "127.0.0.1", "inside": "gw", "expect_mode": "paper"}
    assert endpoints_inside([paper(PAPER)], [answer("closed_at_open")]) == [
        {**common, "port": 4004, "after_silence": 0, "count_orders": False},
        {**common, "port": 4002, "after_silence": 0, "count_orders": False},
    ]


def test_orders_are_counted_inside_on_the_same_proof_as_outside() -> None:
    logs = [{"name": "gw", "instances": [{"endpoint": "paper", "read_only_api": False}]}]
    found = endpoints_inside([paper(PAPER)], [answer("closed_at_open")], logs=logs)
    assert [each["count_orders"] for each in found] == [True, True]


@pytest.mark.parametrize(
    "outcome",
    [
        *("refused", "connect_timeout", "name_unknown", "error", "closed_at_open", "not_tws", "closed_at_hello"),
        *("silent_at_hello", "closed_at_start", "silent_at_start", "start_incomplete", "protocol_error"),
    ],
)
def test_a_question_is_left(outcome: str) -> None:
    assert asked(paper(PAPER), answer(outcome)) == [(4004, 0), (4002, 0)]


@pytest.mark.parametrize(
    "outcome",
    [
        *("connected", "ready", "ready_ibkr_away", "account_ok", "account_silent", "not_asked"),
        *("version_refused", "client_id_taken", "disclaimer_pending", "port_changed"),
    ],
)
def test_nothing_is_left_to_ask(outcome: str) -> None:
    assert asked(paper(PAPER), answer(outcome)) == []


def test_of_several_published_ports_one_that_serves_is_enough() -> None:
    found = paper(PAPER, port(4004, 5002, host_ip="10.0.0.5"))
    assert asked(found, answer("connect_timeout"), answer("ready")) == []


def test_a_gateway_is_asked_twice_whether_or_not_it_has_a_relay() -> None:
    found = paper(PAPER, sockets=sockets([(4002, 0, 50)]))
    assert asked(found, answer("refused")) == [(4004, 0), (4002, 1)]


def test_a_tunnel_in_the_relays_place_leaves_the_gateways_own_port() -> None:
    tunnel = {"TRADING_MODE": "paper", "SSH_TUNNEL": "yes"}
    assert asked(paper(environment=tunnel, sockets=sockets([(4002, 0, 50)]))) == [(4002, 1)]


def test_in_the_machines_own_network_nothing_needs_to_be_published() -> None:
    assert asked(paper(network_mode="host")) == [(4004, 0), (4002, 0)]


@pytest.mark.parametrize("ports", [(), (port(4004, None),), (port(5900, 5900, role="vnc", endpoint=None),)])
def test_a_gateway_that_publishes_nothing_is_asked_too(ports: tuple[dict[str, Any], ...]) -> None:
    assert asked(paper(*ports)) == [(4004, 0), (4002, 0)]


def test_one_that_publishes_only_the_other_modes_port_is_asked_too() -> None:
    assert asked(paper(port(4003, 4001, endpoint="live"))) == [(4004, 0), (4002, 0)]


def test_a_published_port_without_an_answer_is_no_question() -> None:
    assert asked(paper(PAPER)) == []
    assert asked(paper(PAPER), answer("refused", name="another")) == []


@pytest.mark.parametrize(
    "more",
    [
        {"status": "exited"},
        {"status": "paused"},
        {"family": None},
        {"sockets": sockets([(4002, 50, 50)])},
        {"sockets": sockets([(4002, 0, 50)], {"4002": PILE})},
    ],
    ids=["stopped", "paused", "unknown family", "full accept queue", "pile"],
)
def test_who_can_not_or_must_not_be_asked(more: dict[str, Any]) -> None:
    assert asked(paper(**more)) == []
    assert asked(paper(PAPER, **more), answer("silent_at_hello")) == []


def test_an_engine_elsewhere_has_no_containers_to_enter() -> None:
    assert asked(paper(), docker_host="tcp://engine:2375") == []
    assert asked(paper(), docker_host="tcp://127.0.0.1:2375") != []


@pytest.mark.parametrize("effective", ["environment", "declaration"])
def test_of_two_in_one_container_only_the_one_that_failed(effective: str) -> None:
    environment = {"TRADING_MODE": "both"} if effective == "environment" else {}
    declared = [{"name": "gw", "trading_mode": "both"}]
    found = paper(port(4003, 4001, endpoint="live"), PAPER, environment=environment)
    assert asked(found, answer("ready"), answer("closed_at_open", "live"), gateways=declared) == [(4003, 0), (4001, 1)]


def test_where_the_mode_is_not_known_what_listens_tells_it() -> None:
    assert asked(paper(environment={}, sockets=sockets([(4001, 0, 50), (4003, 0, 5)]))) == [(4003, 0), (4001, 0)]
    assert asked(paper(environment={}, sockets=None)) == []


def test_a_family_with_two_programs_is_asked_where_its_program_listens() -> None:
    assert asked(paper(sockets=sockets([(7497, 0, 50), (7499, 0, 5)]))) == [(7499, 0), (7497, 0)]
    assert asked(paper(port(7499, 7497), sockets=sockets([])), answer("closed_at_open")) == [(7499, 0), (7497, 1)]


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ({4002: Port("gateway", "paper")}, [(4002, 1)]),
        ({4001: Port("gateway", "live"), 4002: Port("gateway", "paper"), 4000: Port("relay")}, [(4000, 0), (4002, 1)]),
        ({5900: Port("vnc")}, []),
    ],
    ids=["no relay", "one relay for either", "nothing known"],
)
def test_families_differ(
    monkeypatch: pytest.MonkeyPatch, ports: dict[int, Port], expected: list[tuple[int, int]]
) -> None:
    other = dataclasses.replace(BY_NAME["gnzsnz-ibc"], name="other", ports=ports)
    monkeypatch.setitem(BY_NAME, "other", other)
    assert asked(paper(family={"name": "other"}, sockets=sockets([]))) == expected


def test_what_is_expected_is_what_the_inventory_declares() -> None:
    found = paper(environment={"TRADING_MODE": "live"})
    inside = endpoints_inside([found], [], [{"name": "gw", "trading_mode": "paper"}])
    assert {(each["endpoint"], each["expect_mode"]) for each in inside} == {("live", "paper")}


@pytest.mark.parametrize(
    ("family", "environment", "published", "listening", "ports"),
    [
        ("ibga", {"IB_LOGINTYPE": "Paper Trading"}, 4000, (9000, 4000), [(4000, 0), (9000, 0)]),
        ("extrange", {"IBC_TradingMode": "paper"}, 8888, (4002, 8888), [(8888, 0), (4002, 0)]),
        ("extrange", {"IBC_TradingMode": "paper"}, 8888, (7497, 8888), [(8888, 0), (7497, 0)]),
        ("gnzsnz-ibcontroller", {"IBC_TRADING_MODE": "paper"}, 4004, (4002, 4004), [(4004, 0), (4002, 0)]),
    ],
    ids=["ibga", "extrange", "extrange with TWS", "gnzsnz-ibcontroller"],
)
def test_each_familys_own_port_and_relay_are_asked(
    family: str, environment: dict[str, str], published: int, listening: tuple[int, int], ports: list[tuple[int, int]]
) -> None:
    found = paper(
        port(published, 4002, endpoint="paper" if published == 4004 else None),
        family={"name": family},
        environment=environment,
        sockets=sockets([(number, 0, 50) for number in listening]),
    )
    assert asked(found, answer("closed_at_open")) == ports
