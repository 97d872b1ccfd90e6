# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A gateway is ended only when nobody loses by it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.filter.gateway_obstacle import FilterModule as Obstacle
from ansible_collections.ibgw.ops.plugins.filter.gateway_orders import FilterModule as Orders
from ansible_collections.ibgw.ops.plugins.plugin_utils.clients import UNPROVEN

obstacle = Obstacle().filters()["gateway_obstacle"]
orders = Orders().filters()["gateway_orders"]


def gateway(*ports: int, family: str | None = "gnzsnz-ibc", **sockets: Any) -> dict[str, Any]:
    """A gateway with an established connection on each of these ports of its container."""
    established = [{"port": port, "peer": "127.0.0.1:5"} for port in ports]
    return {"name": "gw", "family": {"name": family}, "sockets": {"established": established, **sockets}}


def answer(outcome: str = "account_ok", orders: int | None = None, **more: Any) -> dict[str, Any]:
    account = {"open_orders": orders}
    return {"gateway": "gw", "endpoint": "paper", "outcome": outcome, "attempts": 1, "account": account, **more}


SILENT = answer("silent_at_hello")


def inside(port: int = 4002, outcome: str = "silent_at_hello", attempts: int = 1, **more: Any) -> dict[str, Any]:
    return answer(outcome, inside="gw", port=port, attempts=attempts, **more)


FULL = {"listening": [{"port": 4002, "accept_queue": 51, "accept_limit": 50}]}
STUCK = f"1 client is connected ({UNPROVEN})"


@pytest.mark.parametrize(
    ("seen", "answers", "said"),
    [
        (gateway(), [answer()], ""),
        (gateway(4002), [answer()], "1 client is connected"),
        (gateway(4002, 4002), [answer("ready_ibkr_away")], "2 clients are connected"),
        (gateway(4004, 5900), [answer()], ""),  # the relay's end, the screen
        (gateway(7777, family=None), [answer()], "1 client is connected"),  # who can tell whose it is?
        ({"name": "gw", "sockets": None}, [answer()], "it could not be seen who is connected"),
        # It could not be asked, or only from outside: no proof.
        (gateway(4002), [], STUCK),
        (gateway(4002), [SILENT], STUCK),
        (gateway(4002), [answer("silent_at_hello", attempts=2)], STUCK),
        (gateway(4002), [answer("refused", attempts=2)], STUCK),
        # The relay is dead, and the gateway answers behind it.
        (gateway(4002), [answer("refused"), inside(outcome="account_ok")], "1 client is connected"),
        # Dead twice from inside.
        (gateway(4002), [SILENT, inside(4004), inside(4002)], ""),
        (gateway(4002), [SILENT, inside(4002, attempts=2)], ""),
        (gateway(4002), [answer("closed_at_open"), inside(4002, "refused", attempts=2)], ""),
        # Once, or by the relay alone.
        (gateway(4002), [SILENT, inside(4002)], STUCK),
        (gateway(4002), [SILENT, inside(4004, attempts=2)], STUCK),
        (gateway(4002), [SILENT, inside(4004), inside(4002, "closed_at_hello")], STUCK),
        # What piles up on its own port is proof enough.
        (gateway(4002, **FULL), [answer("not_asked")], ""),
        (gateway(4002, close_wait={"4002": 10}), [answer("not_asked")], ""),
        (gateway(4002, close_wait={"4002": 9}), [answer("not_asked")], STUCK),
        (gateway(4002, close_wait={"4004": 10}), [answer("not_asked")], STUCK),
        (gateway(4002, **FULL), [answer()], "1 client is connected"),
        # Of two endpoints one hangs.
        (gateway(4001, 4002), [SILENT, inside(attempts=2), answer(endpoint="live")], "1 client is connected"),
        (gateway(4002), [SILENT, inside(attempts=2), answer(endpoint="live")], ""),
        (gateway(), [answer(orders=1)], "1 order is open"),
        (gateway(4002), [answer(orders=2), answer(orders=1)], "1 client is connected and 3 orders are open"),
        (gateway(), [answer(orders=0)], ""),
    ],
)
def test_who_is_cut_off(seen: dict[str, Any], answers: list[dict[str, Any]], said: str) -> None:
    assert obstacle(seen, answers) == said


def with_(environment: dict[str, str] | None = None, record: Any = None, family: str = "gnzsnz-ibc") -> dict[str, Any]:
    return {**gateway(family=family), "container": {"environment": environment or {}}, "deployment": record}


@pytest.mark.parametrize(
    ("seen", "readable"),
    [
        (with_(record={"read_only_api": False}), True),
        (with_(record={"read_only_api": True}), False),
        (with_({"READ_ONLY_API": "no"}, {"read_only_api": True}), False),  # the record goes before
        (with_({"READ_ONLY_API": "no"}), True),
        (with_({"READ_ONLY_API": "no"}, {"unreadable": "x"}), True),
        (with_({"READ_ONLY_API": "no", "CUSTOM_CONFIG": "yes"}), False),  # its own config.ini tells
        (with_({"READ_ONLY_API": "yes"}), False),
        (with_({"READ_ONLY_API": "no"}, family="gnzsnz-ibcontroller"), False),  # another family's variable
        (with_({"IBC_READ_ONLY_API": "false"}, family="gnzsnz-ibcontroller"), True),
        (with_({}), False),
        (gateway(family=None), False),
    ],
)
def test_a_gateway_that_may_be_read_only_is_not_asked_about_orders(seen: dict[str, Any], readable: bool) -> None:
    assert orders(seen)["readable"] is readable


WRITABLE = with_(record={"read_only_api": False})


@pytest.mark.parametrize(
    ("seen", "answers", "words"),
    [
        (WRITABLE, [answer(orders=0)], ""),
        (WRITABLE, [answer("silent_at_hello"), inside(outcome="account_ok", orders=2)], ""),
        (WRITABLE, [answer()], "told none in time"),
        (WRITABLE, [answer(orders=0), answer(endpoint="live")], "told none in time"),
        (with_(), [answer()], "may be, read-only"),
        (WRITABLE, [answer("refused")], "the API does not serve"),
        (WRITABLE, [], "the API does not serve"),
    ],
)
def test_orders_that_can_not_be_read_are_reported(seen: Any, answers: list[dict[str, Any]], words: str) -> None:
    assert words in orders(seen, answers)["unread"]
    assert bool(orders(seen, answers)["unread"]) is bool(words)
