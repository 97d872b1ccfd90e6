# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the filters from health results to endpoints share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the filters."""

    DOCUMENTATION = r"""
options:
  _input:
    description: The C(gateways) of a health result.
    type: list
    elements: dict
    required: true
  gateways:
    description: The machine's C(gateways) as the inventory declares them.
    type: list
    elements: dict
    default: []
  docker_host:
    description: Address of the engine when it is not the machine's own; its published ports are then looked for there.
    type: str
  logs:
    description:
      - The C(gateways) of a result of M(ibgw.ops.ibgw_logscan). Open orders are counted only where one proves that the API is not
        read-only.
    type: list
    elements: dict
    default: []
"""
