# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be known of a gateway's open orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.clients import orders_readable, orders_unread

DOCUMENTATION = r"""
name: gateway_orders
short_description: Whether a gateway may be asked about open orders, and why they are not known
version_added: 0.1.0
description:
  - A gateway whose API is, or may be, read-only may ask a person when it is asked about open orders. The record of its deployment tells,
    else the variables of its container.
positional: _input, answers
options:
  _input:
    description: A gateway of a result of M(ibgw.ops.ibgw_health).
    type: dict
    required: true
  answers:
    description: The C(endpoints) of results of M(ibgw.ops.ibgw_handshake) for it.
    type: list
    elements: dict
    default: []
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Say what is not known of its orders
  ansible.builtin.debug:
    msg: "{{ (seen.health.gateways[0] | ibgw.ops.gateway_orders(api.handshake.endpoints)).unread }}"
"""

RETURN = r"""
_value:
  description: C(readable) tells whether it may be asked; C(unread) is one sentence, empty where the answers have the number of its orders.
  type: dict
"""


def gateway_orders(gateway: Mapping[str, Any], answers: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Both as a plain mapping."""
    return {"readable": orders_readable(gateway), "unread": orders_unread(gateway, answers)}


class FilterModule:
    """The collection's filter on open orders."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"gateway_orders": gateway_orders}
