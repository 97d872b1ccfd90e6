# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the clients of a gateway are counted."""

from __future__ import annotations

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import findings

from tests.unit.plugin_utils.findings.scene import case

PEERS = [{"port": 4002, "peer": f"10.0.0.1:{port}"} for port in (50000, 50001)]


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        ({}, "2 clients connected"),
        ({"sockets.established": 9}, "at least 2 clients connected"),
        ({"ports": 9}, "2 clients connected"),
    ],
)
def test_of_a_list_that_was_cut_only_the_least_is_known(cut, said):
    proof = findings()["clients.connected"].prove(case(gateway={"sockets": {"established": PEERS}, "cut": cut}))
    assert proof.summary == said


DIRECT = {"port": 4002, "peer": "127.0.0.1:50000"}


@pytest.mark.parametrize(
    ("established", "said"),
    [
        (
            [DIRECT, {"port": 4004, "peer": "172.17.0.1:39000"}],
            "on the relay's port 4004: 172.17.0.1:39000; who is behind",
        ),
        ([DIRECT], "from within the container, or through its relay: who that is does not show"),
        (PEERS, None),
    ],
)
def test_who_is_behind_a_relay_or_a_forwarded_port_is_said_not_to_show(established, said):
    proof = findings()["clients.connected"].prove(case(gateway={"sockets": {"established": established}}))
    doubts = [quote.quote for quote in proof.evidence[1:]]
    assert len(doubts) == (said is not None)
    assert all(said in doubt for doubt in doubts)
