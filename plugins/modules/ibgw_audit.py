# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_audit`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_audit
short_description: "The last step of an audit: ask every rule of the checklist, print what fails, write the report, publish the results"
version_added: 0.1.0
description:
  - Reads what every host of the play registered of M(ibgw.ops.ibgw_probe) as C(diagnose_probed), and says of each gateway
    what of the production checklist it keeps, fails, or can not be told of.
  - Publishes counts and the codes that fail as artifacts under the key C(ibgw), keyed by C(machine/name), each below C(audit); an AWX job
    keeps them.
  - Runs on the controller, connects to nothing but the host of O(store_dir), once for all hosts of the play, and never fails because of what was found.
options:
  plan:
    description: The result of M(ibgw.ops.ibgw_preflight).
    type: dict
    required: true
  report_dir:
    description:
      - Directory on the controller for C(audit.json) (schema in C(docs/audit.schema.json)) and its page C(audit.html), made when missing. A
        relative one is relative to the current directory.
      - Where it can not be written, a warning says so.
    type: str
    default: reports
  fail_on:
    description:
      - The severity from which on a failed row puts its gateway in C(failing), unless it is accepted; V(any) also takes what only the
        audit tells of. A gateway that could not be looked at is there at every level but V(never).
    type: str
    choices: [never, down, degraded, advice, any]
    default: advice
  ascii:
    description: Print nothing but ASCII.
    type: bool
    default: false
  store_dir:
    description:
      - Directory of a report store on the host to which the task is delegated; empty without one. What the run reports is put in, and
        C(audit.json) and C(audit.html) of everything that is in it are published there.
      - Where it can not be used, a warning says so; what the run itself reports is not affected.
      - With C(store_only) in O(plan) only that is done, where audits were ever put in, only C(stale) is returned, and the task fails where
        the store can not be used.
    type: str
    default: ""
  stale_after:
    description: Seconds after which an audit in the store tells nothing any more; its gateway was not seen then, by C(probe.stale).
    type: float
    default: 172800
  forget:
    description: Machines, and gateways as C(machine/name), that the store is to forget.
    type: list
    elements: str
    default: []
attributes:
  action:
    support: full
    description: Runs on the controller.
  bypass_host_loop:
    support: full
    description: Runs once for all hosts of the play.
  check_mode:
    support: full
    description: Writes its report in check mode too, but nothing into a store; nothing on a machine is changed by it.
  diff_mode:
    support: none
    description: Changes nothing on a machine, so there is nothing to show.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Ask every rule of the checklist
  ibgw.ops.ibgw_audit:
    plan: "{{ diagnose_plan }}"
    report_dir: /var/lib/ibgw/reports
  run_once: true
  register: audit
"""

RETURN = r"""
fleet:
  description:
    - Counts of machines, gateways and results of rows, and what is C(failing).
    - C(accepted) lists what operators have accepted, each with the gateways on which it had effect.
  returned: success
  type: dict
  sample:
    machines: 1
    total: 1
    by_result: {fail: 2, accepted: 1, not_known: 1, pass: 24, not_applicable: 4}
    failing: [alpha/ib-gateway]
    accepted: []
report_path:
  description: Path of the report on the controller; null where it could not be written.
  returned: success
  type: str
  sample: /home/me/reports/audit.json
failing:
  description: The gateways, as C(machine/name), that reach O(fail_on).
  returned: success
  type: list
  elements: str
  sample: [alpha/ib-gateway]
verdict:
  description: Why the run is to fail or not, in one sentence.
  returned: success
  type: str
  sample: "1 of 3 gateways reach audit_fail_on=advice: alpha/ib-gateway (2 failed)"
stale:
  description: Which gateways of the store nobody has audited for O(stale_after) seconds, in one sentence; null where there is none.
  returned: success
  type: str
  sample: null
"""
