# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_bundle`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_bundle
short_description: "The last step of a bundle: judge what was seen, and pack it with what was fetched"
version_added: 0.1.0
description:
  - Reads what every host of the play registered of M(ibgw.ops.ibgw_probe) as C(diagnose_probed), and as C(bundle_place), C(bundle_collected) and
    C(bundle_fetched), and writes one C(tar.gz) with it, its report and a manifest.
  - Runs on the controller, connects to nothing, once for all hosts of the play. What could not be had is in the manifest, and no failure.
options:
  plan:
    description: The result of M(ibgw.ops.ibgw_preflight).
    type: dict
    required: true
  directory:
    description:
      - Directory on the controller for the bundle, made when missing. A relative one is relative to the current directory.
    type: str
    default: bundles
attributes:
  action:
    support: full
    description: Runs on the controller.
  bypass_host_loop:
    support: full
    description: Runs once for all hosts of the play.
  check_mode:
    support: full
    description: Writes its bundle in check mode too; nothing on a machine is changed by it.
  diff_mode:
    support: none
    description: Changes nothing on a machine, so there is nothing to show.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Judge and pack
  ibgw.ops.ibgw_bundle:
    plan: "{{ diagnose_plan }}"
    directory: /var/lib/ibgw/bundles
  run_once: true
"""

RETURN = r"""
path:
  description: The bundle on the controller.
  returned: success
  type: str
  sample: /home/me/bundles/ibgw-bundle-20260131T120000Z.tar.gz
masked:
  description: How much was taken out of all its files, by which rule.
  returned: success
  type: dict
  sample: {account_id: 12, named_value: 3}
missing:
  description: What could not be had, of which machine and gateway, and why.
  returned: success
  type: list
  elements: dict
  sample: [{machine: beta, gateway: null, what: all, reason: the machine did not answer}]
"""
