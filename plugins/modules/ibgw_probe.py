# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_probe`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_probe
short_description: Probe the gateways of one machine by the runbook
version_added: 0.1.0
description:
  - Runs the probes of a machine one after the other, each for all of its gateways, and each with what the one before proved.
  - "First M(ibgw.ops.ibgw_health): engine, containers, processes and sockets, before any connection of ours is among them."
  - "Then M(ibgw.ops.ibgw_logscan): the log of every container that exists. Where there is none, or health could not look, that was all."
  - "Then M(ibgw.ops.ibgw_handshake): the API of every gateway that runs and is safe to ask, at its published ports
    (P(ibgw.ops.endpoints#filter))."
  - "Last M(ibgw.ops.ibgw_handshake) from inside the containers whose published port did not serve (P(ibgw.ops.endpoints_inside#filter));
    a healthy machine does without."
  - It is one task, for a task of its own for each step costs the controller more than all that is in it. With C(-vv) each step is told
    when it begins, and what is asked.
  - A later step that fails or runs out of its time is a warning, and what the others saw stays; a machine that can not be reached any more
    is asked nothing further. Where already the first step fails, so does the task; where it can not reach the machine, that is unreachable.
  - Takes its settings from the machine's variables C(gateways) and C(diagnose_*), as P(ibgw.ops.diagnose#role) has them. A step that has not
    come back after C(diagnose_task_timeout) seconds is given up.
  - Private to that role.
options:
  ask:
    description:
      - What the machine is asked about; C(names) of containers and whether to C(find) others too, as
        RV(ibgw.ops.ibgw_preflight#module:machines) has it.
    type: dict
    required: true
  only:
    description: The selection, RV(ibgw.ops.ibgw_preflight#module:only). Where there is one, nothing but C(names) is asked further.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - ibgw.ops.probe.looks
attributes:
  action:
    support: full
    description: Runs on the controller, and the modules that it names on the machine.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Probe every gateway of the machine
  ibgw.ops.ibgw_probe:
    ask: "{{ diagnose_plan.machines[inventory_hostname] }}"
    only: "{{ diagnose_plan.only }}"
  register: diagnose_probed
"""

RETURN = r"""
health:
  description: What M(ibgw.ops.ibgw_health) returned.
  returned: success
  type: dict
logscan:
  description: What M(ibgw.ops.ibgw_logscan) returned, or C(failed) or C(unreachable) with C(msg).
  returned: when a container exists
  type: dict
handshake:
  description: What M(ibgw.ops.ibgw_handshake) returned of the published ports, or C(failed) or C(unreachable) with C(msg).
  returned: when a container exists and the machine could still be reached
  type: dict
inside:
  description: What M(ibgw.ops.ibgw_handshake) returned from inside the containers, or C(failed) or C(unreachable) with C(msg).
  returned: when a published port did not serve
  type: dict
"""
