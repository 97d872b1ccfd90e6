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
