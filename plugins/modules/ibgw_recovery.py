# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_recovery`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_recovery
short_description: "What recovery decides: check the settings, plan the fleet, say what comes next for a gateway, report"
version_added: 0.1.0
description:
  - Runs on the controller, connects to nothing, and does nothing to a gateway.
  - Reads what the hosts registered as C(diagnose_probed), C(recover_records), C(recover_recorded) and C(recover_worked), and the settings
    in the variables C(recover_*).
  - Private to the role P(ibgw.ops.recover#role).
options:
  stage:
    description:
      - V(check) only checks the settings, before anything is probed.
      - V(plan) judges every machine of the run, prints what may be done and why not, and says whose turn it is. Once for all hosts.
      - V(next) judges one gateway again and says what comes next for it.
      - V(report) prints the summary, writes C(recover.json) and publishes the outcomes as an artifact. Once for all hosts.
    type: str
    required: true
    choices: [check, plan, next, report]
  plan:
    description: With V(plan) the result of M(ibgw.ops.ibgw_preflight), later the result of V(plan).
    type: dict
    default: {}
  name:
    description: The gateway that V(next) is about; required there.
    type: str
  so_far:
    description: The RV(journal) of the round before, with V(next); empty in the first.
    type: dict
    default: {}
  outcome:
    description: How the remedy of the round before went, C(done) and C(said), with V(next).
    type: dict
    default: {}
  orders:
    description:
      - The C(endpoints) of a result of M(ibgw.ops.ibgw_handshake) that counted open orders, with V(next).
      - The same look is then judged once more.
    type: list
    elements: dict
  report_dir:
    description: Directory on the controller for C(recover.json), made when missing. Where it can not be written, a warning says so.
    type: str
    default: reports
  fail_on:
    description: The status from which on a gateway is listed in RV(failing).
    type: str
    choices: [never, down, waiting, degraded]
    default: down
  ascii:
    description: Print nothing but ASCII.
    type: bool
    default: false
attributes:
  action:
    support: full
    description: Runs on the controller.
  bypass_host_loop:
    support: none
    description: V(next) is for one host; the others are given C(run_once).
  check_mode:
    support: full
    description: In check mode nobody gets a turn.
  diff_mode:
    support: none
    description: Changes nothing on a machine, so there is nothing to show.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Plan what may be done, and print it
  ibgw.ops.ibgw_recovery:
    stage: plan
    plan: "{{ recover_asked }}"
  run_once: true
  delegate_to: localhost
  register: recover_plan
"""

RETURN = r"""
turns:
  description: The gateways of each machine on which is to be worked, in that order.
  returned: with V(plan)
  type: dict
  sample: {alpha: [ib-gateway]}
do:
  description: What comes next, V(act), V(look) again, V(count_orders) or V(stop).
  returned: with V(next)
  type: str
  sample: act
after:
  description: Seconds to wait before the next look.
  returned: with V(next)
  type: float
  sample: 5
reason:
  description: Why, in one sentence.
  returned: with V(next)
  type: str
  sample: it was killed, and nothing else ended it
outcome:
  description:
    - How it ended for the gateway, null before that.
    - One of V(nothing_to_do), V(healthy), V(improved), V(waiting_for_person), V(refused), V(not_seen), V(given_up).
  returned: with V(next)
  type: str
  sample: healthy
step:
  description: The remedy, what every guard says of it, what it costs, and what its tasks need to know.
  returned: with V(next)
  type: dict
journal:
  description: What this run saw of the gateway and did to it, for the next round and the report.
  returned: with V(next)
  type: dict
failing:
  description: The gateways, as C(machine/name), that reach O(fail_on) or were given up.
  returned: with V(report)
  type: list
  elements: str
  sample: [alpha/ib-gateway]
report_path:
  description: Path of the report on the controller; null where it could not be written.
  returned: with V(report)
  type: str
  sample: /home/me/reports/recover.json
verdict:
  description: Why the run is to fail or not, in one sentence.
  returned: with V(report)
  type: str
  sample: "1 of 3 gateways are not as they should be: alpha/ib-gateway (given_up)"
"""
