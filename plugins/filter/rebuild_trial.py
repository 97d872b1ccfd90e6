# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows in the trial of a new container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.rebuild import trial

DOCUMENTATION = r"""
name: rebuild_trial
short_description: Whether a new container is kept, looked at again, or gives way to the old one
version_added: 0.1.0
description:
  - A new container is kept when its API serves, or when it gets at least as far as the old one got.
  - Private to the role P(ibgw.ops.rebuild#role).
positional: _input
options:
  _input:
    description: The row of the report for the new container.
    type: dict
    required: true
  before:
    description: The row of the old one, from before it was stopped.
    type: dict
    required: true
  last_code:
    description: The finding that led at the look before this one; none at the first.
    type: str
  seconds:
    description: How long the trial lasts.
    type: float
    required: true
  settle:
    description: Seconds that a start may take; V(0) for twice the start time of the family.
    type: float
    default: 0
  wait_for_person:
    description: Seconds that a person has for the second factor.
    type: float
    default: 0
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Say what follows
  ansible.builtin.debug:
    msg: "{{ row | ibgw.ops.rebuild_trial(row_before, last_code, seconds) }}"
"""

RETURN = r"""
_value:
  description:
    - C(step) is V(look) (again), V(keep) (the new one), V(roll_back) (to the old one), V(protect) (the old one is put back and not started) or
      V(leave) (both as they are).
    - C(reason) is the verdict that it follows from.
  type: dict
"""


class FilterModule:
    """The role's filter on the trial of a new container."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"rebuild_trial": trial}
