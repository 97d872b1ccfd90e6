# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what health found on a machine to the published endpoints that the handshake is to ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.endpoints import endpoints

DOCUMENTATION = r"""
name: endpoints
short_description: The published API endpoints of a machine's gateways, from what health found
version_added: 0.1.0
description:
  - Turns the published API ports in a result of M(ibgw.ops.ibgw_health) into the O(ibgw.ops.ibgw_handshake#module:endpoints)
    of M(ibgw.ops.ibgw_handshake).
  - A gateway that does not run, or that publishes no API port, has no endpoint.
  - A gateway that is proven to hang gets an endpoint with C(skip), so that asking adds nothing to its pile of connections.
positional: _input
extends_documentation_fragment:
  - ibgw.ops.endpoints
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Look at the gateways of the machine
  ibgw.ops.ibgw_health:
  register: seen

- name: Ask the API of every one that runs
  ibgw.ops.ibgw_handshake:
    endpoints: "{{ running }}"
  vars:
    running: "{{ seen.health.gateways | ibgw.ops.endpoints(gateways | default([])) }}"
  when: running | length > 0
"""

RETURN = r"""
_value:
  description:
    - One mapping for each published API port, as O(ibgw.ops.ibgw_handshake#module:endpoints) takes it.
    - C(gateway) is the container's name, C(endpoint) V(paper), V(live) or null, C(host) and C(port) where it is reached from the machine.
      C(expect_mode) is the declared trading mode, else the endpoint. C(inside) is always null.
    - C(after_silence) is V(0) where the gateway can be asked again from inside its container (P(ibgw.ops.endpoints_inside#filter)).
    - C(count_orders) is whether O(logs) prove that the API is not read-only.
    - C(skip) is null, or says why the gateway must not be asked.
  type: list
  elements: dict
"""


class FilterModule:
    """The collection's filter on health results."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"endpoints": endpoints}
