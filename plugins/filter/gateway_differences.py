# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In what a container that somebody else made is another than the one that is planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.differences import differences

DOCUMENTATION = r"""
name: gateway_differences
short_description: In what a container differs from the one that is planned
version_added: 0.1.0
description:
  - Compares image, names of variables (and values that are no secret), mounts, ports, restart policy, limits and network.
  - Private to the role P(ibgw.ops.gateway#role).
positional: _input, planned, images
options:
  _input:
    description: A gateway of a result of M(ibgw.ops.ibgw_health) that exists.
    type: dict
    required: true
  planned:
    description: The C(container) of a plan of M(ibgw.ops.ibgw_deployment).
    type: dict
    required: true
  images:
    description: What the engine tells of the found container's image; its own variables are no difference.
    type: list
    elements: dict
    required: true
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Say in what it differs
  ansible.builtin.debug:
    msg: "{{ seen.health.gateways[0] | ibgw.ops.gateway_differences(plan.gateways[0].container, image.images) }}"
"""

RETURN = r"""
_value:
  description: One line for each thing that differs; none holds a secret.
  type: list
  elements: str
"""


def gateway_differences(
    found: Mapping[str, Any], planned: Mapping[str, Any], images: Sequence[Mapping[str, Any]]
) -> list[str]:
    """The lines; an image that is gone has no variables of its own."""
    return differences(found, planned, [one for image in images for one in image["Config"].get("Env") or ()])


class FilterModule:
    """The role's filter on a container that is there."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"gateway_differences": gateway_differences}
