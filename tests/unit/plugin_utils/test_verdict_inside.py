# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Relay or gateway? What asking from inside the container makes of a verdict."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.relay import START_RELAY

from tests.unit.plugin_utils.findings.rows import (
    CLOSES,
    NOT_ENTERED,
    OUTSIDE_CLOSED,
    OUTSIDE_FILTERED,
    OUTSIDE_REFUSED,
    OUTSIDE_SILENT,
    SHUT,
    SILENT,
    UNPUBLISHED,
    UNREACHABLE,
    met,
    state,
)
from tests.unit.plugin_utils.findings.scene import NAME, machine, merged

READY = {"relay_inside": {}, "inside": {}}
MUTE = {"relay_inside": SILENT, "inside": SILENT}
NOBODY = {"relay_inside": CLOSES, "inside": SHUT}
SLOW = {
    "relay_inside": {"outcome": "start_incomplete", "reached": "start", "problem": "api.start_incomplete"},
    "inside": {},
}
LIVE_PORT = {"container_port": 4003, "host_ip": "127.0.0.1", "host_port": 4001, "role": "relay", "endpoint": "live"}
NO_RELAY = {"gateway": {"processes": None, "sockets": None}}  # as somebody without rights sees it
NETWORK_CLIENT = {"sockets": {"established": [{"port": 4004, "peer": "172.18.0.5:40000"}]}}


def judged(*changes):
    """The verdict on the one gateway of the machine, with all these changes."""
    given = {}
    for change in changes:
        given = merged(given, change)
    (only,) = verdict.verdicts_of_machine(machine(**given))
    return only


LEADING = {
    "the relay is gone": ((OUTSIDE_REFUSED, {"relay_inside": SHUT, "inside": {}}), ("down", "relay.down")),
    "the relay hangs": ((OUTSIDE_SILENT, {"relay_inside": SILENT, "inside": {}}), ("down", "relay.down")),
    "both are slow, the relay a little more": (
        (met("api.start_incomplete", "start_incomplete", reached="start"), SLOW),
        ("down", "api.start_incomplete"),
    ),
    "the relay leads nowhere": ((OUTSIDE_CLOSED, {"relay_inside": CLOSES, "inside": {}}), ("down", "relay.down")),
    "nobody behind the relay": ((OUTSIDE_CLOSED, NOBODY), ("down", "relay.no_backend")),
    "nobody behind the relay yet": ((state("twofa_pending", 30), NOBODY), ("waiting", "twofa.pending")),
    "an open port has overtaken the log": (
        (state("twofa_pending", 30), OUTSIDE_REFUSED, {"relay_inside": SHUT, "inside": {}}),
        ("down", "relay.down"),
    ),
    "the gateway hangs": ((OUTSIDE_SILENT, MUTE), ("down", "gateway.hung")),
    "the gateway hangs behind a filter": ((OUTSIDE_FILTERED, MUTE), ("down", "gateway.hung")),
    "a filter": ((OUTSIDE_FILTERED, READY), ("down", "api.unreachable")),
    "the port leads elsewhere": ((OUTSIDE_REFUSED, READY), ("down", "api.unreachable")),
    "one silence that nobody heard again": ((OUTSIDE_SILENT, READY), ("degraded", "api.unreachable")),
    "past the relay": (
        (
            OUTSIDE_CLOSED,
            {
                "gateway": {
                    "ports": [{"container_port": 4002, "host_port": 4002, "role": "gateway", "endpoint": "paper"}]
                }
            },
            READY,
        ),
        ("down", "config.port_bypasses_relay"),
    ),
    "not published": ((UNPUBLISHED, READY), ("degraded", "config.port_not_published")),
    "in the machine's own network": (
        (UNPUBLISHED, {"container": {"network_mode": "host"}}, READY),
        ("healthy", None),
    ),
    "published by the container whose network it shares": (
        (UNPUBLISHED, {"container": {"network_mode": "container:" + "a" * 64}}, READY),
        ("healthy", None),
    ),
    "not published, for clients in its network": (
        (UNPUBLISHED, {"gateway": NETWORK_CLIENT}, READY),
        ("healthy", None),
    ),
    "not published, and a push is out": (
        (UNPUBLISHED, state("twofa_pending", 30), NOBODY),
        ("waiting", "twofa.pending"),
    ),
    "not published, and it hangs": ((UNPUBLISHED, MUTE), ("down", "gateway.hung")),
    "not published, and can not be entered": (
        (UNPUBLISHED, {"relay_inside": NOT_ENTERED, "inside": NOT_ENTERED}),
        ("unknown", "probe.incomplete"),
    ),
    "published for the other mode": (
        (UNPUBLISHED, {"gateway": {"ports": [LIVE_PORT]}}, READY),
        ("degraded", "config.mode_port_mismatch"),
    ),
    "nobody in the container: its port is Docker's own": (
        (OUTSIDE_CLOSED, NO_RELAY, {"relay_inside": SHUT, "inside": SHUT}),
        ("down", "api.not_listening"),
    ),
    "accepted by a relay, or by Docker's own forwarder": (
        (OUTSIDE_CLOSED, NO_RELAY, {"relay_inside": NOT_ENTERED, "inside": NOT_ENTERED}),
        ("unknown", "probe.incomplete"),
    ),
    "its own port accepts where Docker forwards nothing": (
        (OUTSIDE_CLOSED, NO_RELAY, {"container": {"network_mode": "host"}}),
        ("down", "relay.no_backend"),
    ),
    "what can not be entered changes nothing": (
        (OUTSIDE_CLOSED, {"relay_inside": NOT_ENTERED, "inside": NOT_ENTERED}),
        ("down", "relay.no_backend"),
    ),
}


@pytest.mark.parametrize(("changes", "expected"), LEADING.values(), ids=LEADING)
def test_leads(changes, expected):
    row = judged(*changes)
    assert (row.status, row.leading.finding.code if row.leading else None) == expected


def test_the_evidence_says_from_where_it_was_seen():
    row = judged(OUTSIDE_REFUSED, {"relay_inside": SHUT, "inside": {}})
    quotes = [each.quote for each in row.leading.proof.evidence if each.source == "api"]
    assert [quote.split(", reached")[0] for quote in quotes] == [
        "127.0.0.1:4002 from alpha: refused",
        f"127.0.0.1:4004 inside {NAME}, through the relay: refused",
        f"127.0.0.1:4002 inside {NAME}, the gateway's own port: ready",
    ]


def test_a_claim_that_was_refuted_inside_is_not_made():
    row = judged(OUTSIDE_CLOSED, {"relay_inside": CLOSES, "inside": {}})
    assert "relay.no_backend" not in [each.finding.code for each in row.found]


def test_where_no_relay_was_seen_the_way_to_see_it_is_told():
    row = judged(OUTSIDE_CLOSED, NO_RELAY, {"relay_inside": NOT_ENTERED, "inside": NOT_ENTERED})
    assert "relay.no_backend" not in [each.finding.code for each in row.found]
    unseen = judged(OUTSIDE_CLOSED, NO_RELAY)
    assert "the API answer is: closed at open" in unseen.summary
    assert "ansible_become" in unseen.leading.proof.fix[0]


def test_a_relay_that_passes_nothing_on_is_ended_and_the_container_is_not():
    row = judged(OUTSIDE_CLOSED, {"relay_inside": CLOSES, "inside": {}})
    assert row.leading.remedy == "restart_relay"
    assert row.leading.proof.fix[0] == START_RELAY
    assert "docker restart" not in " ".join(row.leading.proof.fix)


def test_what_stands_between_is_no_reason_to_touch_the_gateway():
    row = judged(OUTSIDE_FILTERED, READY)
    assert row.leading.remedy == "ask_person"
    assert row.leading.proof.fix[-1] == "Leave the gateway alone: it serves."


def test_an_api_that_failed_outside_and_inside_alike_failed_twice():
    incomplete = {"outcome": "start_incomplete", "reached": "start", "problem": "api.start_incomplete", "accounts": []}
    soft = {"log": {"settings": {"CommandServerPort": "7462", "AutoRestartTime": "11:59 PM"}}}
    outside = {"api": {**incomplete, "account_mode": None}}
    assert judged(soft, outside).leading.remedy == "ask_person"
    assert judged(soft, outside, {"inside": {**incomplete, "account_mode": None}}).leading.remedy == "soft_restart"


def test_a_second_look_that_failed_costs_no_verdict():
    row = judged(OUTSIDE_CLOSED, {"tasks": {"inside": UNREACHABLE}})
    assert row.leading.finding.code == "relay.no_backend"
    (incomplete,) = [each for each in row.found if each.finding.code == "probe.incomplete"]
    assert incomplete.proof.summary.startswith("inside: the machine stopped answering")


def test_a_gateway_that_was_asked_inside_alone_says_so_when_it_is_healthy():
    assert judged(UNPUBLISHED, {"gateway": NETWORK_CLIENT}, READY).summary.endswith("from inside the container")
