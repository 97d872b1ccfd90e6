# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What keeps a container that runs from being made anew: somebody uses its gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import SERVED
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Endpoint, GatewayHealth, read


def obstacle(gateway: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> str:
    """Who or what a new container cuts off, as a part of a sentence; empty where that is nobody.

    `gateway` is of a health result from before any connection of ours, `answers` are endpoints of a handshake result.
    """
    if answers and not any(read(Endpoint, answer).outcome in SERVED for answer in answers):
        return ""  # clients of a gateway that serves nobody have nothing to lose
    clients, orders = _clients(read(GatewayHealth, gateway)), _orders(answers)
    parts = [
        f"{clients} client{'s are' if clients > 1 else ' is'} connected" if clients else "",
        f"{orders} order{'s are' if orders > 1 else ' is'} open" if orders else "",
    ]
    return " and ".join(part for part in parts if part)


def _clients(gateway: GatewayHealth) -> int:
    family = BY_NAME.get(gateway.family.name or "")
    # Behind the relay each client is one connection to the gateway's own port, too.
    own = {number for number, port in family.ports.items() if port.role == "gateway"} if family else None
    return sum(own is None or connection.port in own for connection in gateway.sockets.established)


def _orders(answers: Sequence[Mapping[str, Any]]) -> int:
    return sum((answer.get("account") or {}).get("open_orders") or 0 for answer in answers)
