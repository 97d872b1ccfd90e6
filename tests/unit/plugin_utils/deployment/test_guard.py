# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A container is made anew only when nobody loses by it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.filter.gateway_obstacle import FilterModule

obstacle = FilterModule().filters()["gateway_obstacle"]


def gateway(*ports: int, family: str | None = "gnzsnz-ibc") -> dict[str, Any]:
    """A gateway with an established connection on each of these ports of its container."""
    established = [{"port": port, "peer": "127.0.0.1:5"} for port in ports]
    return {"name": "gw", "family": {"name": family}, "sockets": {"established": established}}


def answer(outcome: str = "account_ok", orders: int | None = None) -> dict[str, Any]:
    return {"gateway": "gw", "outcome": outcome, "account": {"open_orders": orders}}


@pytest.mark.parametrize(
    ("seen", "answers", "said"),
    [
        (gateway(), [answer()], ""),
        (gateway(4002), [answer()], "1 client is connected"),
        (gateway(4002, 4002), [answer("ready_ibkr_away")], "2 clients are connected"),
        (gateway(4002), [], "1 client is connected"),  # it could not be asked
        (gateway(4002), [answer("silent_at_hello"), answer()], "1 client is connected"),
        (gateway(4002), [answer("silent_at_hello")], ""),
        (gateway(4002), [answer("refused")], ""),
        (gateway(4004, 5900), [answer()], ""),  # the relay's end, the screen
        (gateway(7777, family=None), [answer()], "1 client is connected"),  # who can tell whose it is?
        (gateway(), [answer(orders=1)], "1 order is open"),
        (gateway(4002), [answer(orders=2), answer(orders=1)], "1 client is connected and 3 orders are open"),
        (gateway(), [answer(orders=0)], ""),
    ],
)
def test_who_is_cut_off(seen: dict[str, Any], answers: list[dict[str, Any]], said: str) -> None:
    assert obstacle(seen, answers) == said
