# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_rebuild`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_rebuild
short_description: Judge one gateway, and say what stands against its rebuild
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
obstacles:
  description: What stands against making it anew now, one sentence each.
  returned: success
  type: list
  elements: str
endangered:
  description: Whether the next login harms the account, whichever container makes it.
  returned: success
  type: bool
"""
