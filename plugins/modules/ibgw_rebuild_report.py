# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action `ibgw_rebuild_report`."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_rebuild_report
short_description: Keep what there is new of a rebuild, and write its report anew
version_added: 0.1.0
description:
  - Writes C(rebuild.json) with everything that is known by now of all gateways of the run, so that a run that is cut off has a report too, and
    publishes how each ended as an artifact.
  - What it told before is found in what its task registered as C(rebuild_reported).
  - Runs on the controller and connects to nothing. Private to the role P(ibgw.ops.rebuild#role).
options:
  names:
    description: The gateways of the machine of which there is news; without one, the report is only written.
    type: list
    elements: str
    default: []
  news:
    description:
      - A C(step) that begins, or an C(outcome), with C(reason); and what of C(intent), C(cost), C(guards), C(before), C(after), C(image),
        C(backup) and C(logins) is known by now. What is null or absent is nothing new.
    type: dict
    default: {}
  confirmed:
    description: Whether it is to be done at all.
    type: bool
    default: false
  report_dir:
    description: Directory on the controller for C(rebuild.json), made when missing. Where it can not be written, a warning says so.
    type: str
    default: reports
attributes:
  action:
    support: full
    description: Runs on the controller.
  check_mode:
    support: full
    description: The report then says that nothing was to be done.
  diff_mode:
    support: none
    description: Changes nothing on a machine, so there is nothing to show.
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: Report that the new container is tried
  ibgw.ops.ibgw_rebuild_report:
    names: [ib-gateway]
    news: {step: try}
    confirmed: true
  register: rebuild_reported
"""

RETURN = r"""
journals:
  description: What is known of the machine's gateways by now, by name.
  returned: success
  type: dict
report_path:
  description: Path of the report on the controller; null where it could not be written.
  returned: success
  type: str
  sample: /home/me/reports/rebuild.json
failing:
  description: The gateways, as C(machine/name), because of which the run fails.
  returned: success
  type: list
  elements: str
  sample: [alpha/ib-gateway]
verdict:
  description: Which gateways are not as they should be, in one sentence.
  returned: success
  type: str
  sample: "1 of 3 gateways are not rebuilt as they should be: alpha/ib-gateway (rolled_back)"
"""
