# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Of which family an image is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import recognise

DOCUMENTATION = r"""
name: image_family
short_description: Of which family an image is
version_added: 0.1.0
description:
  - Goes by what the image holds, not by its name; images are tagged anew, and built upon.
positional: _input
options:
  _input:
    description: An image as the engine tells it, for example an item of C(images) of M(community.docker.docker_image_info).
    type: dict
    required: true
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Say what the image is
  ansible.builtin.debug:
    msg: "{{ found.images[0] | ibgw.ops.image_family }}"
"""

RETURN = r"""
_value:
  description: The family's name; empty where the image is of none that is known.
  type: str
"""


def image_family(image: Mapping[str, Any]) -> str:
    """The name of the family whose marks the image carries."""
    recognised = recognise(traits(image["Config"]))
    return recognised.family.name if recognised else ""


class FilterModule:
    """The collection's filter on images."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"image_family": image_family}
