# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports by what each image has where, and by the address at which the machine has them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
)

from tests.unit.plugin_utils.findings.rows import Changes, met
from tests.unit.plugin_utils.findings.scene import answer


def port(
    container_port: int, role: str, endpoint: str | None = None, host_ip: str = "127.0.0.1", **more: Any
) -> Changes:
    return {
        "container_port": container_port,
        "host_ip": host_ip,
        "host_port": 4002,
        "role": role,
        "endpoint": endpoint,
        **more,
    }


def of(family: str | None, *ports: Changes, **gateway: Any) -> Changes:
    return {"gateway": {"family": {"name": family}, "ports": list(ports), **gateway}}


CLOSED = met("relay.no_backend", "closed_at_open")


@pytest.mark.parametrize(
    ("family", "own", "endpoint", "wanted"),
    [
        ("gnzsnz-ibc", 4002, "paper", "127.0.0.1:4002:4004"),
        ("gnzsnz-ibcontroller", 4002, "paper", "127.0.0.1:4002:4004"),
        ("gnzsnz-ibc", 7497, "paper", "127.0.0.1:4002:7499"),
        ("ibga", 9000, None, "127.0.0.1:4002:4000"),
        ("extrange", 4002, "paper", "127.0.0.1:4002:8888"),
        ("manhinhang", 4001, None, "127.0.0.1:4002:4002"),
        ("unusualalpha", 4000, None, "127.0.0.1:4002:4002"),
    ],
)
def test_what_leads_past_the_relay_is_led_to_that_of_the_image(
    family: str, own: int, endpoint: str | None, wanted: str
) -> None:
    proof = answer("config.port_bypasses_relay", **{**CLOSED, **of(family, port(own, "gateway", endpoint))})
    assert isinstance(proof, Proof)
    assert proof.change is not None
    assert proof.change.defined == f'ports: ["{wanted}"]'
    assert wanted in proof.fix[0]
    assert proof.severity is None


def test_of_a_container_that_does_not_run_it_is_advice() -> None:
    created = {"container": {"status": "created"}, **of("gnzsnz-ibc", port(4002, "gateway", "paper"))}
    proof = answer("config.port_bypasses_relay", **{**CLOSED, **created})
    assert isinstance(proof, Proof)
    assert proof.severity == "advice"


@pytest.mark.parametrize(
    ("ports", "changes", "expected"),
    [
        ([port(4004, "relay", "paper")], {}, Passed),
        ([port(4004, "relay", "paper"), port(4002, "gateway", "paper")], CLOSED, Passed),
        ([port(4002, "gateway", "paper")], {}, Passed),  # whoever asks there is served
        ([], CLOSED, NotApplicable),
    ],
)
def test_what_serves_is_no_bypass(ports: list[Changes], changes: Changes, expected: type) -> None:
    assert isinstance(answer("config.port_bypasses_relay", **{**changes, **of("gnzsnz-ibc", *ports)}), expected)


LIVE = {"container_port": 4003, "host_ip": "127.0.0.1", "host_port": 4001, "role": "relay", "endpoint": "live"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Passed),
        (CLOSED, Passed),
        ({**CLOSED, "declared": {"trading_mode": "both"}, **of("gnzsnz-ibc", LIVE)}, NotApplicable),
        ({**CLOSED, **of("ibga", port(4000, "relay"))}, NotApplicable),
        ({**CLOSED, **of("gnzsnz-ibc", LIVE), "container": {"status": "exited"}}, Proof),
    ],
)
def test_a_port_is_that_of_the_mode(changes: Changes, expected: type) -> None:
    assert isinstance(answer("config.mode_port_mismatch", **changes), expected)


def test_a_port_of_the_other_mode_is_led_to_the_relay_of_the_mode_in_use() -> None:
    proof = answer("config.mode_port_mismatch", **{**CLOSED, **of("gnzsnz-ibc", LIVE)})
    assert isinstance(proof, Proof)
    assert proof.change is not None
    assert proof.change.defined == 'ports: ["127.0.0.1:4002:4004"]'


def test_where_the_mode_was_not_seen_nothing_is_said_of_its_port() -> None:
    unseen: Changes = {
        **CLOSED,
        **of("gnzsnz-ibc", LIVE),
        "declared": {"trading_mode": None},
        "container": {"environment": {"TRADING_MODE": "<empty>"}},
        "log": {"settings": {"TradingMode": ""}},
        "run": {"endpoint": None},
    }
    unseen["api"] = {**unseen["api"], "endpoint": None}
    assert isinstance(answer("config.mode_port_mismatch", **unseen), NotKnown)


NOBODY = {"handshake": {"endpoints": []}}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Passed),
        ({**NOBODY, **of("gnzsnz-ibc")}, NotKnown),
        ({**NOBODY, **of("gnzsnz-ibc"), "container": {"network_mode": "host"}}, NotApplicable),
        ({**NOBODY, **of("gnzsnz-ibc"), "container": {"network_mode": "container:c0ffee"}}, NotApplicable),
        ({**NOBODY, **of("gnzsnz-ibc"), "container": {"environment": {"SSH_TUNNEL": "both"}}}, NotApplicable),
        ({**NOBODY, **of("gnzsnz-ibc", port(4002, "gateway", "paper"))}, NotApplicable),
        ({**NOBODY, **of("gnzsnz-ibc", LIVE)}, NotApplicable),
        ({**NOBODY, **of("ibga", port(8080, "other"))}, NotKnown),
    ],
)
def test_a_port_that_is_not_published_may_be_meant(changes: Changes, expected: type) -> None:
    assert isinstance(answer("config.port_not_published", **changes), expected)


def test_a_port_of_another_image_shows_that_clients_are_outside() -> None:
    """`-p 4001:4001` with ibga, as public compose files have it."""
    proof = answer("config.port_not_published", **{**NOBODY, **of("ibga", port(4001, "other", host_port=4001))})
    assert isinstance(proof, Proof)
    assert proof.change is not None
    assert (proof.severity, proof.change.defined) == ("advice", 'ports: ["127.0.0.1:4001:4000"]')


def test_a_port_at_which_something_listens_is_none_of_another_image() -> None:
    listening = {"sockets": {"listening": [{"port": 4001, "address": "0.0.0.0"}]}}
    changes = of("ibga", port(4001, "other", host_port=4001), **listening)
    assert isinstance(answer("config.port_not_published", **{**NOBODY, **changes}), NotKnown)


@pytest.mark.parametrize(
    ("address", "shown"),
    [("0.0.0.0", "0.0.0.0:4002"), ("::", "[::]:4002"), ("", "*:4002"), ("192.168.1.5", "192.168.1.5:4002")],
)
def test_every_address_beyond_loopback_is_told(address: str, shown: str) -> None:
    proof = answer("config.port_exposed", **of("gnzsnz-ibc", port(4004, "relay", "paper", address)))
    assert isinstance(proof, Proof)
    assert f"{shown} -> 4004 (relay)" in proof.summary
    assert ("on every address" in proof.summary) is (address != "192.168.1.5")
    assert proof.change is not None
    assert proof.change.defined == 'ports: ["127.0.0.1:4002:4004"]'
    assert "bind_address: 127.0.0.1" in (proof.change.inventory or "")


def test_what_leads_past_the_relay_is_not_only_put_on_loopback() -> None:
    proof = answer("config.port_exposed", **of("gnzsnz-ibc", port(4002, "gateway", "paper", "0.0.0.0")))
    assert isinstance(proof, Proof)
    assert proof.change is not None
    assert proof.change.defined == 'ports: ["127.0.0.1:4002:4004"]'


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "::1"])
def test_loopback_is_not_exposed(address: str) -> None:
    assert isinstance(answer("config.port_exposed", **of("gnzsnz-ibc", port(4004, "relay", "paper", address))), Passed)


def test_an_address_of_both_kinds_is_mended_once() -> None:
    both = of("gnzsnz-ibc", port(4004, "relay", "paper", "0.0.0.0"), port(4004, "relay", "paper", "::"))
    proof = answer("config.port_exposed", **both)
    assert isinstance(proof, Proof)
    assert proof.change is not None
    assert proof.change.defined == 'ports: ["127.0.0.1:4002:4004"]'


@pytest.mark.parametrize("said", [{"declared": {"expose": True}}, {"variables": {"gateway_expose": True}}])
def test_what_the_inventory_says_is_meant_and_shown(said: Changes) -> None:
    open_ = of("gnzsnz-ibc", port(4004, "relay", "paper", "10.0.0.5"))
    kept = answer("config.port_exposed", **open_, **said)
    assert isinstance(kept, Passed)
    assert "10.0.0.5" in kept.summary
    screen = of("gnzsnz-ibc", port(5900, "vnc", host_ip="0.0.0.0", host_port=5900))
    assert isinstance(answer("config.port_exposed", **screen, **said), Proof)


def test_what_the_inventory_says_of_one_gateway_goes_before_its_machine() -> None:
    open_ = of("gnzsnz-ibc", port(4004, "relay", "paper", "10.0.0.5"))
    said = {"declared": {"expose": False}, "variables": {"gateway_expose": True}}
    assert isinstance(answer("config.port_exposed", **open_, **said), Proof)


def test_a_port_that_is_no_matter_of_ours_may_be_open() -> None:
    assert isinstance(answer("config.port_exposed", **of("gnzsnz-ibc", port(9100, "other", host_ip="0.0.0.0"))), Passed)
    # Of an image that nobody knows it is not known whose matter it is.
    unknown = {**of(None, port(9100, "other", host_ip="0.0.0.0")), "log": {"family": None}}
    assert isinstance(answer("config.port_exposed", **unknown), NotKnown)


HOST = {"container": {"network_mode": "host"}}


@pytest.mark.parametrize(
    ("listening", "expected"),
    [
        ([{"port": 4004, "address": "0.0.0.0"}], Proof),
        ([{"port": 4004, "address": "::"}], Proof),
        ([{"port": 4004, "address": "127.0.0.1"}], NotKnown),
        ([{"port": 22, "address": "0.0.0.0"}, {"port": 4002, "address": "127.0.0.1"}], NotKnown),
        ([], Proof),  # nothing of it runs, and the relay of each image takes every address
    ],
)
def test_in_the_machines_network_what_listens_is_open(listening: list[Changes], expected: type) -> None:
    changes = {**HOST, **of("gnzsnz-ibc", sockets={"listening": listening})}
    assert isinstance(answer("config.port_exposed", **changes), expected)


def test_in_the_machines_network_it_may_be_meant() -> None:
    assert isinstance(answer("config.port_exposed", **HOST, declared={"expose": True}), Passed)


def test_the_machines_network_is_left_for_a_port_on_loopback() -> None:
    """The sample of manhinhang has it."""
    proof = answer("config.port_exposed", **{**HOST, **of("manhinhang", sockets={"listening": []})})
    assert isinstance(proof, Proof)
    assert proof.change is not None
    assert proof.change.defined == 'network_mode: bridge, ports: ["127.0.0.1:4002:4002"]'


def test_in_the_network_of_another_container_its_ports_are_not_known() -> None:
    changes = {"container": {"network_mode": "container:c0ffee"}, **of("gnzsnz-ibc")}
    assert isinstance(answer("config.port_exposed", **changes), NotKnown)
