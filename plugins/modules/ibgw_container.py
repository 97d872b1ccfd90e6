#!/usr/bin/python
# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ibgw_container."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_container
short_description: Start, stop or mend a gateway's container
version_added: 0.1.0
author:
  - ibgw.ops contributors (@ibgw)
description:
  - Does one thing to the container of a gateway, and proves it.
  - It knows no other stop than an orderly one, and never removes a container.
  - It decides nothing. Whether a login may be spent, clients be cut off or a hold be broken is up to whoever calls it;
    the C(recover.yml) playbook looks before.
extends_documentation_fragment:
  - ibgw.ops.probe
  - ibgw.ops.probe.acts
  - ibgw.ops.probe.engine
options:
  name:
    description: The container's name.
    type: str
    required: true
  id:
    description: The id that the container of this name had when it was judged. With another one by now, nothing is done.
    type: str
  timeout:
    description: Seconds that the engine may take to answer. What an act itself waits for comes on top.
  start:
    description: Start it. One that runs already is left alone.
    type: bool
    default: false
  stop:
    description:
      - Stop it, as its image family does that in an orderly way, and then by the engine.
      - Where the image would harm the session, its Java machine is asked to end first, by C(STOP) of the command server, else by
        C(SIGTERM).
      - Its restart policy is turned off before, so that nothing starts it when it ends, and stays off. Write it down first.
    type: dict
    suboptions:
      grace:
        description: Seconds that the engine waits before it kills.
        type: int
        default: 90
      command_port:
        description: The port of the controller's command server, if that is on.
        type: int
      stays:
        description: For how many seconds it is watched whether something starts it again.
        type: int
        default: 0
  restart_policy:
    description: Set the restart policy to V(no), V(always), V(unless-stopped), V(on-failure) or V(on-failure:N). Nothing is restarted.
    type: str
  rename:
    description: Give it this name, while it is stopped. Refused where another container has it.
    type: str
  soft_restart:
    description:
      - Restart the Java machine and keep its session, by C(RESTART) of IBC's command server, at the next full minute.
      - IBC takes it once in the life of a Java machine.
    type: dict
    suboptions:
      command_port:
        description: The port of the command server.
        type: int
        required: true
      wait:
        description: Seconds that the new Java machine may take to come.
        type: int
        default: 180
  restart_relay:
    description:
      - Bring back each relay that does not listen though the gateway behind it does, and its loop where that is gone.
    type: dict
    suboptions:
      cut:
        description:
          - Whether clients are cut off that are still connected through what is left of the relay.
          - Unless they are, they keep the port from the next one, and nothing is done.
        type: bool
        default: false
      wait:
        description: Seconds until it has to listen. Closed connections of the one before can keep the port for a minute.
        type: int
        default: 90
  forget_session:
    description: Remove the C(autorestart) files of a saved session, which keep IBC from typing the credentials when they are stale.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Start a gateway, which costs a login
  ibgw.ops.ibgw_container:
    name: ib-gateway
    start: true

- name: Stop a gateway so that nothing starts it again
  block:
    - name: Turn its restart policy off
      ibgw.ops.ibgw_container:
        name: ib-gateway
        restart_policy: "no"

    - name: Close its session, stop it, and watch for ten seconds
      ibgw.ops.ibgw_container:
        name: ib-gateway
        stop: {command_port: 7462, stays: 10}
      register: stopped
      failed_when: not stopped.acted.done

- name: Restart its Java machine and keep the session
  ibgw.ops.ibgw_container:
    name: ib-gateway
    soft_restart: {command_port: 7462}
"""

RETURN = r"""
acted:
  description: What was done. Every key is there in every outcome.
  returned: success
  type: dict
  contains:
    available:
      description: Whether the engine could be asked.
      type: bool
    problem:
      description: Finding code when it could not, such as V(engine.down), V(engine.denied), V(engine.hung), V(probe.incomplete).
      type: str
    reason:
      description: What was tried and what came back, when it could not be asked.
      type: str
    fix:
      description: What mends it, when it could not be asked.
      type: str
    done:
      description: Whether what was asked for is so now, proven; in check mode, whether it is expected. Null when the engine could not be asked.
      type: bool
    said:
      description: One sentence about how it went, or why it did not; null where there is nothing to add.
      type: str
    before:
      description: The container before the act; null when there is none, or it is another one.
      type: dict
      contains:
        id:
          description: Its full id.
          type: str
        status:
          description: Its status in the engine's words.
          type: str
        started_at:
          description: When it was last started; null when never.
          type: str
        finished_at:
          description: When it last ended; null when never.
          type: str
        exit_code:
          description: Exit code of the last run; null while it runs.
          type: int
        restart_policy:
          description: Its restart policy.
          type: str
    after:
      description: The same after the act.
      type: dict
    starters:
      description: Of a stop, what may start the container again beside the engine's restart policy, one sentence each.
      type: list
      elements: str
  sample:
    available: true
    problem: null
    reason: null
    fix: null
    done: true
    said: its Java machine ended on SIGTERM
    before:
      id: 4c01db0b339cd6f3a5b8e2c5c5f0b1b4c8f2a7f84f0c1b6d9e1f3a5b7c9d1e2f
      status: running
      started_at: "2026-01-30T03:12:44Z"
      finished_at: "2026-01-30T03:12:40Z"
      exit_code: null
      restart_policy: "no"
    after:
      id: 4c01db0b339cd6f3a5b8e2c5c5f0b1b4c8f2a7f84f0c1b6d9e1f3a5b7c9d1e2f
      status: exited
      started_at: "2026-01-30T03:12:44Z"
      finished_at: "2026-01-31T11:45:12Z"
      exit_code: 143
      restart_policy: "no"
    starters: []
"""

from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.acts import NOTHING, probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import run_probe

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "id": {"type": "str"},
    "docker_host": {"type": "str"},
    "timeout": {"type": "float", "default": 10},
    "start": {"type": "bool", "default": False},
    "stop": {
        "type": "dict",
        "options": {
            "grace": {"type": "int", "default": 90},
            "command_port": {"type": "int"},
            "stays": {"type": "int", "default": 0},
        },
    },
    "restart_policy": {"type": "str"},
    "rename": {"type": "str"},
    "soft_restart": {
        "type": "dict",
        "options": {"command_port": {"type": "int", "required": True}, "wait": {"type": "int", "default": 180}},
    },
    "restart_relay": {
        "type": "dict",
        "options": {"cut": {"type": "bool", "default": False}, "wait": {"type": "int", "default": 90}},
    },
    "forget_session": {"type": "bool", "default": False},
}


def main() -> None:
    """Run the act as a module."""
    run_probe("acted", ARGUMENTS, probe, NOTHING, needs=lambda _arguments: ["docker"], acts=True)


if __name__ == "__main__":
    main()
