# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_report`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_report
short_description: "The last step of a diagnosis: judge, print the summary, write the report, publish the verdicts"
version_added: 0.1.0
description:
  - Reads what every host of the play registered of M(ibgw.ops.ibgw_probe) as C(diagnose_probed), and turns it into one verdict per gateway. A
    host that could not be looked at gets the verdict C(unknown).
  - Runs on the controller, connects to nothing but the host of O(store_dir), once for all hosts of the play, and never fails because of what
    was found.
  - Publishes the verdicts as an artifact (C(set_stats)) with the one key C(ibgw).
options:
  plan:
    description: The result of M(ibgw.ops.ibgw_preflight).
    type: dict
    required: true
  report_dir:
    description:
      - Directory on the controller for C(report.json) and its page C(report.html), made when missing. A relative one is relative to the current directory.
      - Where it can not be written, a warning says so.
    type: str
    default: reports
  fail_on:
    description: The level from which on a gateway is listed in C(failing), unless its verdict is suppressed.
    type: str
    choices: [never, down, waiting, degraded]
    default: down
  metrics_file:
    description:
      - A file for the verdicts as Prometheus metrics, in a directory that is there; none by default. On the controller, and with O(store_dir) an
        absolute path on its host, where it tells what the store has.
      - It is left as it is by a run that looks at a part of the fleet only. Where it can not be written, a warning says so.
    type: str
    default: ""
  remind_before:
    description: Seconds before its next forced login from which on a gateway is listed in C(fleet.logins_due); 0 lists none.
    type: float
    default: 0
  ascii:
    description: Print nothing but ASCII.
    type: bool
    default: false
  store_dir:
    description:
      - Directory of a report store on the host to which the task is delegated; empty without one. What the run reports is put in, and
        C(report.json) and C(report.html) of everything that is in it are published there.
      - Where it can not be used, a warning says so; what the run itself reports is not affected.
      - With C(store_only) in O(plan) that report is printed and returned, and the task fails where the store can not be used.
    type: str
    default: ""
  stale_after:
    description: Seconds after which a diagnosis in the store tells nothing any more; its gateway is C(unknown) then, by C(probe.stale).
    type: float
    default: 900
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
    description: Writes its report and its metrics in check mode too, but nothing into a store; nothing on a machine is changed by it.
  diff_mode:
    support: none
    description: Changes nothing on a machine, so there is nothing to show.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Judge, print the summary and write the report
  ibgw.ops.ibgw_report:
    plan: "{{ diagnose_plan }}"
    report_dir: /var/lib/ibgw/reports
    fail_on: degraded
  run_once: true
  register: diagnosis
"""

RETURN = r"""
fleet:
  description:
    - Counts of machines, gateways and statuses, the most urgent status (null where there is no gateway), and what is C(failing).
    - C(suppressed) lists the suppressions of the run, each with the gateways on which it had effect.
    - C(logins_due) lists the gateways whose next forced login is near, and when, the soonest first.
  returned: success
  type: dict
  sample:
    machines: 2
    total: 3
    by_status: {healthy: 2, unknown: 0, degraded: 0, starting: 0, waiting: 1, down: 0}
    worst: waiting
    failing: []
    suppressed: []
    logins_due: []
report_path:
  description: Path of the report on the controller; null where it could not be written.
  returned: success
  type: str
  sample: /home/me/reports/report.json
failing:
  description: The gateways, as C(machine/name), that reach O(fail_on) and whose verdict is not suppressed.
  returned: success
  type: list
  elements: str
  sample: [alpha/ib-gateway]
verdict:
  description: Why the run is to fail or not, in one sentence.
  returned: success
  type: str
  sample: "1 of 3 gateways reach diagnose_fail_on=down: alpha/ib-gateway (relay.down)"
reminder:
  description: Whose next login has to be prepared, in one sentence; empty where nobody's is near.
  returned: success
  type: str
  sample: "1 gateway needs a full login soon (diagnose_remind_before): alpha/ib-gateway (2026-03-01T06:00:00Z)"
"""
