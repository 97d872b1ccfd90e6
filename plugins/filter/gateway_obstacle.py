# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a gateway can be ended without harm to who uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.clients import obstacle

DOCUMENTATION = r"""
name: gateway_obstacle
short_description: Why a gateway should not be ended now
version_added: 0.1.0
description:
  - A gateway can be ended when no client is connected to it and no order is open.
  - A client is live only while the API answers. Where it gives no answer, clients are left out of account once it is proven dead from
    inside, by two connections that nobody answered or by connections that pile up.
positional: _input
options:
  _input:
    description: A gateway of a result of M(ibgw.ops.ibgw_health), seen before the handshake.
    type: dict
    required: true
  answers:
    description:
      - The C(endpoints) of results of M(ibgw.ops.ibgw_handshake) for it, from outside and, where those did not serve, from inside; empty
        where it could not be asked.
    type: list
    elements: dict
    required: true
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Say who would be cut off
  ansible.builtin.debug:
    msg: "{{ seen.health.gateways[0] | ibgw.ops.gateway_obstacle(api.handshake.endpoints) }}"
"""

RETURN = r"""
_value:
  description: Part of a sentence; empty when nobody is cut off.
  type: str
"""


class FilterModule:
    """The collection's filter on who uses a gateway."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"gateway_obstacle": obstacle}
