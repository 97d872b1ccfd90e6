# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_rebuild`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_rebuild
short_description: Judge one gateway, and say what stands against its rebuild, or what follows in a trial
version_added: 0.1.0
description:
  - Judges what the probes of P(ibgw.ops.diagnose#role) registered on the machine about one gateway.
  - Reads C(recover_login_budget) and C(recover_reset_windows), for a rebuild spends the same logins in the same hours.
  - Runs on the controller and connects to nothing.
options:
  name:
    description: The gateway.
    type: str
    required: true
  record:
    description: The result of M(ibgw.ops.ibgw_record) for it.
    type: dict
    required: true
  orders:
    description: The C(endpoints) of a result of M(ibgw.ops.ibgw_handshake) that was asked for open orders; default not asked.
    type: list
    elements: dict
  owner:
    description: What the lock of this run is told by, once it has taken it.
    type: str
  ignore_clients:
    description: Whether clients and open orders stand against nothing.
    type: bool
    default: false
  trial:
    description:
      - That this is a look at a new container on trial.
      - It is kept when its API serves, or when it gets at least as far as the old one got.
    type: dict
    suboptions:
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
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: Only looks, so check mode makes no difference.
  diff_mode:
    support: none
    description: Only looks, so there is nothing to show.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Judge a gateway that was looked at
  ibgw.ops.ibgw_rebuild:
    name: ib-gateway
    record: "{{ recorded.record }}"
  register: judged
"""

RETURN = r"""
row:
  description: What the gateway's row of the report says of its verdict.
  returned: success
  type: dict
guards:
  description: What every guard says of making it anew now that has a say.
  returned: success
  type: list
  elements: dict
  contains:
    guard:
      description: Its name.
      type: str
      sample: clients
    passed:
      description: Whether it lets the rebuild pass; null where that is not known yet.
      type: bool
    reason:
      description: Why, in one sentence.
      type: str
next:
  description:
    - What follows in the trial; null without O(trial).
    - C(step) is V(look) (again), V(keep) (the new one), V(roll_back) (to the old one), V(protect) (the old one is put back and not started) or
      V(leave) (both as they are). C(reason) is the verdict that it follows from.
  returned: success
  type: dict
endangered:
  description: Whether the next login harms the account, whichever container makes it.
  returned: success
  type: bool
"""
