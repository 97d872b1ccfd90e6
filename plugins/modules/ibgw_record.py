#!/usr/bin/python
# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ibgw_record."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_record
short_description: Keep on the machine what was done to a gateway
version_added: 0.1.0
author:
  - ibgw.ops contributors (@ibgw)
description:
  - Reads and changes what is recorded under C(/var/lib/ibgw/) about gateways. It survives runs, controllers and reboots, and every
    controller sees the same.
  - Each part is replaced as a whole, under a lock, so that of two controllers only one wins. Times are by the machine's clock.
  - A part that can not be understood is told as corrupt and never replaced, except that O(release) clears a hold of which nothing is
    understood. Whoever reads it has to take it for the worst.
  - It holds no secrets.
extends_documentation_fragment:
  - ibgw.ops.probe
  - ibgw.ops.probe.acts
options:
  names:
    description:
      - Names of gateways, by default all of which there is a record.
      - All of them are read. Any change but that of O(healthy) is for one gateway, and one change is made in a call.
    type: list
    elements: str
    aliases: [name]
  lock:
    description: Take the lock on a gateway, or renew one's own. Refused while another's has not run out; one that has is taken over.
    type: dict
    suboptions:
      owner:
        description: What tells this run from every other.
        type: str
        required: true
      seconds:
        description: When the lock runs out by itself, counted from now. At most a day.
        type: int
        required: true
  unlock:
    description: The owner whose lock is given back. Refused when it is another's by now.
    type: str
  login:
    description:
      - Count one more login, just before it is spent. Never idempotent.
      - Logins are remembered for a week, the newest 40 of them.
    type: dict
    suboptions:
      remedy:
        description: What spends it, such as V(restart).
        type: str
        required: true
      cause:
        description: The finding because of which.
        type: str
        required: true
  hold:
    description: Hold a gateway. Every later run leaves it alone until a person has acted. A hold that is there already stays as it is.
    type: dict
    suboptions:
      code:
        description: The finding because of which, if there is one.
        type: str
      reason:
        description: What a person has to know, one sentence.
        type: str
        required: true
      by:
        description: Who holds it, a person or a run.
        type: str
        required: true
      restart_policy:
        description: The container's restart policy before it was turned off, for whoever releases it.
        type: str
  release:
    description: Clear the hold.
    type: bool
  pause:
    description: Leave a gateway alone for a time.
    type: dict
    suboptions:
      until:
        description: Until when, such as V(2026-01-31T12:00:00Z); empty ends the pause.
        type: str
        required: true
      by:
        description: Who wants it.
        type: str
  policy:
    description:
      - Remember the container's restart policy before it is turned off for a while; empty forgets it.
      - One that is remembered already stays, for what is seen after it is what a run that was cut off has left behind.
    type: str
  healthy:
    description:
      - Those of O(names) that were seen healthy just now. The others were looked at, too, and were not.
      - Looks that all saw a gateway healthy are one period, from the first to the last.
    type: list
    elements: str
  rearm_after:
    description: With O(healthy), how many seconds such a period has to last to forgive the logins before it.
    type: int
    default: 3600
  controller_now:
    description: The controller's time, such as V(2026-01-31T12:00:00Z), to compare the clocks.
    type: str
"""

EXAMPLES = r"""
- name: Read what is recorded of two gateways
  ibgw.ops.ibgw_record:
    names: [ib-gateway, ib-gateway-paper]

- name: Work on a gateway alone, for a quarter of an hour at most
  ibgw.ops.ibgw_record:
    name: ib-gateway
    lock: {owner: "{{ ansible_play_uuid }}", seconds: 900}
  register: locked
  failed_when: not locked.record.done

- name: Count a login before it is spent
  ibgw.ops.ibgw_record:
    name: ib-gateway
    login: {remedy: restart, cause: gateway.crashed}

- name: Leave a gateway alone until noon
  ibgw.ops.ibgw_record:
    name: ib-gateway
    pause: {until: "2026-01-31T12:00:00Z", by: anna}
"""

RETURN = r"""
record:
  description: What is recorded, after the change. Every key is there in every outcome.
  returned: success
  type: dict
  contains:
    available:
      description: Whether the records could be read, and the change be written.
      type: bool
    problem:
      description: Finding code when they could not, V(probe.incomplete) or V(host.disk_full).
      type: str
    reason:
      description: What was tried and what came back, when they could not.
      type: str
    fix:
      description: What mends it, when they could not.
      type: str
    now:
      description: The machine's time.
      type: str
    ahead:
      description: Seconds that the machine's clock is ahead of O(controller_now); null when that was not given, or the record could not be read.
      type: float
    done:
      description:
        - Whether what was asked for is so now; in check mode, whether it would be.
        - V(false) when a lock is another's, or the part can not be understood. Null when nothing was asked for.
      type: bool
    said:
      description: One sentence about it where a person should know more, such as whose lock it is; else null.
      type: str
    gateways:
      description: The records, in the order of O(names). In check mode as they are, not as they would be.
      type: list
      elements: dict
      contains:
        name:
          description: The gateway.
          type: str
        lock:
          description: The run that works on it; it may have run out. Null without one.
          type: dict
          contains:
            owner:
              description: Which run.
              type: str
            since:
              description: Since when.
              type: str
            until:
              description: When the lock runs out.
              type: str
        logins:
          description: Logins that were spent on it, oldest first. Null when none was ever.
          type: list
          elements: dict
          contains:
            at:
              description: When.
              type: str
            remedy:
              description: What spent it.
              type: str
            cause:
              description: The finding because of which.
              type: str
        hold:
          description: The hold, or null. Whatever of it is not told is null.
          type: dict
          contains:
            code:
              description: The finding because of which.
              type: str
            reason:
              description: Why.
              type: str
            by:
              description: Who holds it.
              type: str
            at:
              description: Since when.
              type: str
            restart_policy:
              description: The container's restart policy before.
              type: str
        pause:
          description: The pause, which may be over; null without one.
          type: dict
          contains:
            until:
              description: Until when.
              type: str
            by:
              description: Who wants it; may be empty.
              type: str
        policy:
          description: The restart policy that has to be restored, because a run has turned it off. Null when none has.
          type: dict
          contains:
            restart_policy:
              description: The policy.
              type: str
            since:
              description: When it was turned off.
              type: str
        healthy:
          description: The newest period in which each look saw it healthy; null when none ever did.
          type: dict
          contains:
            since:
              description: The first look.
              type: str
            last:
              description: The last look that saw it healthy.
              type: str
            now:
              description: Whether the newest look saw it healthy.
              type: bool
            rearmed:
              description: When the newest period began that lasted O(rearm_after); logins before it are forgiven. Null when none did.
              type: str
        corrupt:
          description: Parts that can not be understood, each with the reason. These parts are null.
          type: dict
  sample:
    available: true
    problem: null
    reason: null
    fix: null
    now: "2026-01-31T11:45:10Z"
    ahead: 0.4
    done: true
    said: null
    gateways:
      - name: ib-gateway
        lock: {owner: "ops.example 4711", since: "2026-01-31T11:45:10Z", until: "2026-01-31T12:00:10Z"}
        logins:
          - {at: "2026-01-30T03:12:44Z", remedy: restart, cause: gateway.crashed}
        hold: null
        pause: null
        policy: null
        healthy: {since: "2026-01-30T03:14:02Z", last: "2026-01-31T10:00:03Z", now: false, rearmed: "2026-01-30T03:14:02Z"}
        corrupt: {}
"""

from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import run_probe
from ansible_collections.ibgw.ops.plugins.module_utils.record import NOTHING, probe

ARGUMENTS: dict[str, dict[str, Any]] = {
    "names": {"type": "list", "elements": "str", "aliases": ["name"]},
    "lock": {
        "type": "dict",
        "options": {"owner": {"type": "str", "required": True}, "seconds": {"type": "int", "required": True}},
    },
    "unlock": {"type": "str"},
    "login": {
        "type": "dict",
        "options": {"remedy": {"type": "str", "required": True}, "cause": {"type": "str", "required": True}},
    },
    "hold": {
        "type": "dict",
        "options": {
            "code": {"type": "str"},
            "reason": {"type": "str", "required": True},
            "by": {"type": "str", "required": True},
            "restart_policy": {"type": "str"},
        },
    },
    "release": {"type": "bool"},
    "pause": {"type": "dict", "options": {"until": {"type": "str", "required": True}, "by": {"type": "str"}}},
    "policy": {"type": "str"},
    "healthy": {"type": "list", "elements": "str"},
    "rearm_after": {"type": "int", "default": 3600},
    "controller_now": {"type": "str"},
}


def main() -> None:
    """Run the record as a module."""
    run_probe("record", ARGUMENTS, probe, NOTHING, needs=lambda _arguments: [], acts=True)


if __name__ == "__main__":
    main()
