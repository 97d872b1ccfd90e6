# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration of a machine's Docker engine as it is to be, and what it takes for it to take effect."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.docker_engine import FILE, Refused, plan

DOCUMENTATION = r"""
name: docker_engine_plan
short_description: What is to happen to C(daemon.json) and to the engine that reads it
version_added: 0.1.0
description:
  - Merges settings into the text of C(/etc/docker/daemon.json), and tells which of the changes wait for a restart of the engine.
  - Private to the role P(ibgw.ops.docker_engine#role).
positional: _input
options:
  _input:
    description: The file as M(ansible.builtin.slurp) returns it, in base64; none where there is no file.
    type: str
    required: true
  settings:
    description: Keys of C(daemon.json) to set.
    type: dict
    required: true
  extra:
    description: Keys of C(daemon.json) that win over O(settings).
    type: dict
    default: {}
  unit:
    description: What C(systemctl show docker.service) tells; empty where there is no unit.
    type: str
    default: ""
  environment:
    description: The environment file of the unit, in base64.
    type: str
    default: ""
  waiting:
    description: The C(note) of an earlier plan, in base64.
    type: str
    default: ""
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Show what would be in the file
  ansible.builtin.debug:
    msg: "{{ (file.content | ibgw.ops.docker_engine_plan({'live-restore': true})).text }}"
"""

RETURN = r"""
_value:
  description:
    - C(problem), one sentence why nothing may be changed; empty, and only then there is more.
    - C(text) of the file, and whether it C(differs) from what is there and holds a C(secret); C(live_restore) as it sets it.
    - C(waiting), the keys that take effect only when the engine is started anew, also of earlier changes, and the C(note) that
      keeps them. C(pid) of the engine, 0 where none runs.
    - C(unread), the keys that the engine takes over when it reads the file again, also of a run that was cut off before that, and C(begun),
      the note that keeps them and C(waiting) until it has.
  type: dict
"""


def docker_engine_plan(
    current: str | None,
    settings: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
    unit: str = "",
    environment: str = "",
    waiting: str = "",
) -> dict[str, Any]:
    """The plan as a plain mapping, or the problem that forbids one."""
    try:
        text = None if current is None else base64.b64decode(current).decode("utf-8")
    except UnicodeDecodeError:
        return {"problem": f"{FILE} is not text in UTF-8; mend it or move it away"}
    try:
        made = plan(
            text,
            _plain(settings),
            _plain(extra or {}),
            unit,
            base64.b64decode(environment).decode("utf-8", errors="replace"),
            base64.b64decode(waiting).decode("utf-8", errors="replace"),
        )
    except Refused as refused:
        return {"problem": str(refused)}
    return {
        "problem": "",
        **asdict(made),
        "waiting": list(made.waiting),
        "unread": list(made.unread),
        "note": made.note,
        "begun": made.begun,
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without Ansible's lazy and tagged types."""
    return dict(json.loads(json.dumps(values)))


class FilterModule:
    """The role's filter on `daemon.json`."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """The filter's name and function."""
        return {"docker_engine_plan": docker_engine_plan}
