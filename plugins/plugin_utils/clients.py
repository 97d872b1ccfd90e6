# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who uses a gateway: what keeps it from being cut off, and what of that can not be known.

A client is live only while the API answers. One that is connected to an API that gives no answer protects the gateway still, until
it is proven dead from inside: a broken relay, or a probe that can not look, is no dead gateway.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Setting
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import SERVED
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import piled_up
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Connection, Endpoint, GatewayHealth, read

#: Outcomes in which nobody was there to answer, beside the silent ones.
_NOBODY = ("refused", "connect_timeout")

UNPROVEN = "the API gives no answer, and it is not proven from inside that it is dead"


def obstacle(gateway: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> str:
    """Who or what is cut off where a gateway ends, as a part of a sentence; empty where that is nobody.

    `gateway` is of a health result from before any connection of ours, `answers` are endpoints of the handshakes with it, from
    outside and from inside.
    """
    if not isinstance(gateway.get("sockets"), Mapping):
        return "it could not be seen who is connected"
    seen, asked = read(GatewayHealth, gateway), [read(Endpoint, answer) for answer in answers]
    family = BY_NAME.get(seen.family.name or "")
    # Behind the relay each client is one connection to the gateway's own port, too.
    connections = [one for one in seen.sockets.established if family is None or one.port in _own_ports(family)]
    protected = [one for one in connections if not _dead(seen, family, one, asked)]
    orders = sum((answer.get("account") or {}).get("open_orders") or 0 for answer in answers)
    unproven = protected and not any(answer.outcome in SERVED for answer in asked)
    parts = [
        _counted(len(protected), "client", "connected") + (f" ({UNPROVEN})" if unproven else "") if protected else "",
        _counted(orders, "order", "open") if orders else "",
    ]
    return " and ".join(part for part in parts if part)


def _counted(number: int, noun: str, state: str) -> str:
    return f"{number} {noun}{'s are' if number > 1 else ' is'} {state}"


def _own_ports(family: Family) -> set[int]:
    return {number for number, port in family.ports.items() if port.role == "gateway"}


def _dead(gateway: GatewayHealth, family: Family | None, connection: Connection, asked: Sequence[Endpoint]) -> bool:
    """Whether what a client is connected to serves nobody: proven twice from inside, by what piles up or by its silence."""
    port = family.ports[connection.port] if family and connection.port is not None else None
    about = [one for one in asked if port is None or port.endpoint is None or one.endpoint in (port.endpoint, None)]
    if any(one.outcome in SERVED for one in about):
        return False
    if piled_up(gateway, {connection.port} if connection.port is not None else ()):
        return True
    inside = [one for one in about if one.inside]
    own = [one for one in inside if family is None or one.port in _own_ports(family)]
    return all(map(_misses, own)) and sum(map(_misses, inside)) > 1 and bool(own)


def _misses(answer: Endpoint) -> int:
    """How many connections in a row nobody answered."""
    return (answer.attempts or 0) if answer.outcome in _NOBODY else answer.silences


def orders_readable(gateway: Mapping[str, Any]) -> bool:
    """Whether its API may be asked about open orders: one that is, or may be, read-only may ask a person about it.

    The record of a deployment tells, else the container's variable where its family goes by it.
    """
    record = gateway.get("deployment")
    if isinstance(record, Mapping) and isinstance(record.get("read_only_api"), bool):
        return record["read_only_api"] is False
    seen = read(GatewayHealth, gateway)
    family, environment = BY_NAME.get(seen.family.name or ""), seen.container.environment
    setting = family.words["read_only_api"] if family else None
    if family is None or not isinstance(setting, Setting):
        return False
    takes_orders = family.written("read_only_api", False)
    return any(family.reads(name, environment) and environment.get(name) == takes_orders for name in setting.variables)


def orders_unread(gateway: Mapping[str, Any], answers: Sequence[Mapping[str, Any]]) -> str:
    """Why the open orders of a gateway are not known, as a sentence; empty where they are."""
    served = [answer for answer in answers if answer.get("outcome") in SERVED]
    if not served:
        return "Open orders could not be read: the API does not serve."
    if all((answer.get("account") or {}).get("open_orders") is not None for answer in served):
        return ""
    if not orders_readable(gateway):
        return "Open orders were not counted: its API is, or may be, read-only."
    return "Open orders could not be read: the API told none in time."
