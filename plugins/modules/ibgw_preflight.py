# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_preflight`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_preflight
short_description: Check what was given before anything is probed, and plan who is asked what
version_added: 0.1.0
description:
  - Reads the inventory's C(gateways) and the C(diagnose_*) and C(audit_*) variables of every machine in the play and fails with one sentence
    when something makes no sense.
  - Runs on the controller, connects to nothing, once for all hosts of the play.
options:
  group:
    description:
      - Inventory group that must exist, hold machines, and keep some of them under C(--limit).
      - The default is to take the hosts of the play as they are.
    type: str
  health:
    description:
      - Name of what the hosts have of M(ibgw.ops.ibgw_health), C(diagnose_health) for what they registered of M(ibgw.ops.ibgw_probe). With it, a selection in
        O(only) that names nothing declared or found fails too.
    type: str
  only:
    description:
      - Name of the variable that selects gateways, each as C(name) or C(machine/name).
    type: str
    default: diagnose_only
  writes_metrics:
    description: Whether the run is to write metrics, so that C(diagnose_metrics_file) and the library for them are checked.
    type: bool
    default: false
  machines_only:
    description:
      - Fail when C(diagnose_log_path) or C(diagnose_bundle) is set, instead of planning to judge what was saved.
    type: bool
    default: false
  store_only:
    description:
      - "Check the settings alone: no machine is asked, and what the report store has is to be shown."
    type: bool
    default: false
attributes:
  action:
    support: full
    description: Runs on the controller.
  bypass_host_loop:
    support: full
    description: Runs once for all hosts of the play.
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
- name: Check the inventory and the settings
  ibgw.ops.ibgw_preflight:
    group: gateway_hosts
  run_once: true
  register: plan
"""

RETURN = r"""
log:
  description: Absolute path of the saved log to judge instead of machines, or null.
  returned: success
  type: str
  sample: null
bundle:
  description: Absolute path of the evidence bundle to judge instead of machines, or null. The other keys are then as it holds them.
  returned: success
  type: str
  sample: null
store_only:
  description: Whether only the report store is to be shown; missing with a bundle.
  returned: success
  type: bool
  sample: false
machines:
  description:
    - "What each machine is asked: C(names) to ask for, C(find) whether to find other gateways too."
    - A machine that the selection leaves out is not in it. Empty for a saved log.
  returned: success
  type: dict
  sample: {alpha: {names: [ib-gateway], find: true}}
only:
  description: The selection as a list, empty when everything is asked for.
  returned: success
  type: list
  elements: str
  sample: [alpha/ib-gateway]
suppress:
  description:
    - The suppressions in C(diagnose_suppress), also those that are over.
    - C(host) is null for one that holds everywhere, C(until) (ISO 8601, UTC) for one without end.
  returned: success
  type: list
  elements: dict
  sample: [{code: relay.down, host: alpha, reason: being mended, until: "2026-03-31T23:59:59Z"}]
accept:
  description: What the audit is to accept, C(audit_accept), in the same form; C(until) is never null.
  returned: success
  type: list
  elements: dict
  sample: [{code: config.vnc_enabled, host: alpha, reason: the screen is needed until the move, until: "2027-03-31T23:59:59Z"}]
"""
