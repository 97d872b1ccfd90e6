# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a Docker engine can be started anew without harm to what runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.docker_engine import restart_obstacle

DOCUMENTATION = r"""
name: docker_engine_restart_obstacle
short_description: Why a Docker engine should not be started anew now
version_added: 0.1.0
description:
  - An engine can be started anew when no container runs, or when live-restore is in effect, the change is one that running containers
    survive, and no client is connected through a published port of the machine.
  - Private to the role P(ibgw.ops.docker_engine#role).
positional: _input
options:
  _input:
    description: Keys of C(daemon.json) whose change waits for a restart.
    type: list
    elements: str
    required: true
  info:
    description: What C(docker info) tells, as a mapping.
    type: dict
    required: true
  sockets:
    description: What C(ss --processes) tells of the established connections.
    type: str
    required: true
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Say what a restart would harm
  ansible.builtin.debug:
    msg: "{{ ['log-opts'] | ibgw.ops.docker_engine_restart_obstacle(info.stdout | from_json, connections.stdout) }}"
"""

RETURN = r"""
_value:
  description: Part of a sentence; empty when nothing is harmed.
  type: str
"""


class FilterModule:
    """The role's filter on what runs."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"docker_engine_restart_obstacle": restart_obstacle}
