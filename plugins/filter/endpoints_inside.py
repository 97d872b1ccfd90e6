# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what health and handshake found to the endpoints that are to be asked again from inside their containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.endpoints import endpoints_inside

DOCUMENTATION = r"""
name: endpoints_inside
short_description: Where to ask again from inside the containers whose published ports did not serve
version_added: 0.1.0
description:
  - From results of M(ibgw.ops.ibgw_health) and M(ibgw.ops.ibgw_handshake) to the O(ibgw.ops.ibgw_handshake#module:endpoints) that tell
    whether it is the published port, the relay or the gateway.
  - There are two for each endpoint of a gateway that did not serve, or that is not published; the relay's port and the gateway's own.
  - There is none for an endpoint that served or where the gateway itself said why not, for a gateway that does not run or is proven to
    hang, for a container of an unknown family, or of an engine on another machine.
positional: _input, answers
options:
  answers:
    description: The C(endpoints) of the handshake result for the published endpoints.
    type: list
    elements: dict
    required: true
extends_documentation_fragment:
  - ibgw.ops.endpoints
seealso:
  - plugin: ibgw.ops.endpoints
    plugin_type: filter
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Ask again inside where nobody was served outside
  ibgw.ops.ibgw_handshake:
    endpoints: "{{ inside }}"
  vars:
    inside: "{{ seen.health.gateways | ibgw.ops.endpoints_inside(api.handshake.endpoints) }}"
  when: inside | length > 0
  become: true
"""

RETURN = r"""
_value:
  description:
    - Mappings as O(ibgw.ops.ibgw_handshake#module:endpoints) takes them, with C(gateway), C(endpoint), C(host), C(port), C(inside) and
      C(expect_mode).
    - C(count_orders) is whether O(logs) prove that the API is not read-only.
    - C(after_silence) leaves a gateway that was silent two connections in all.
  type: list
  elements: dict
"""


class FilterModule:
    """The collection's filter on the results of health and handshake."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"endpoints_inside": endpoints_inside}
