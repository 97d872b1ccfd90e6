#!/usr/bin/python
# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Module ibgw_store."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ibgw_store
short_description: Keep what was last reported of every gateway in one place
version_added: 0.1.0
description:
  - A report store is a directory on one host. Runs of several controllers, or slices of one, put their rows in and get those of all.
  - M(ibgw.ops.ibgw_report) and M(ibgw.ops.ibgw_audit) run it where they are given a C(store_dir); nobody else has to.
  - The state is one file, O(name) with C(.state.json), replaced as a whole by whoever holds the lock beside it. One of a newer version of the
    collection is left alone; one that can not be understood is kept under another name, and the store begins anew.
extends_documentation_fragment:
  - ibgw.ops.probe
options:
  directory:
    description: Absolute path of the store's directory; made with mode 0750 when something is put in.
    type: str
    required: true
  name:
    description: Which of its states, after the report that it is of.
    type: str
    choices: [report, audit]
    required: true
  put:
    description: What a run reports.
    type: dict
    suboptions:
      at:
        description: When the run judged, by the clock of its controller (ISO 8601). It tells which of two runs is newer.
        type: str
        required: true
      controller:
        description: Whose clock that is.
        type: str
        required: true
      machines:
        description:
          - Every machine that the run asked; null for one of which all gateways were asked for, else their names.
          - The rows of a machine that was asked as a whole are all replaced, else those of the names; not where a newer run has put in its own.
          - What is more than 300 seconds ahead of O(put.at) is not newer. A clock is wrong then, and what comes last counts.
        type: dict
        required: true
      rows:
        description: Its rows, each a mapping with C(host) and C(name).
        type: list
        elements: dict
        required: true
  forget:
    description: Machines, and gateways as C(machine/name), whose rows are removed before O(put).
    type: list
    elements: str
  publish:
    description: Files made of what the store has. In check mode only whether they would be published is told.
    type: dict
    suboptions:
      revision:
        description: The RV(store.revision) of which they were made; nothing is published when that of a newer one has been.
        type: int
        required: true
      files:
        description: The text of each file by its name in O(directory), or by an absolute path elsewhere.
        type: dict
        required: true
  timeout:
    description: Seconds to wait for another process to release the lock.
    type: float
    default: 60
attributes:
  check_mode:
    support: full
    description: Tells what the store would have, and writes nothing.
  diff_mode:
    support: none
    description: What changes are rows of a report.
  idempotent:
    support: none
    description: Each change is a new revision.
notes:
  - A store that can not be used is a result with C(available=false), a finding code in C(problem), a C(reason) and a C(fix).
author:
  - ibgw.ops contributors (@ibgw)
"""

EXAMPLES = r"""
- name: See what was last reported
  ibgw.ops.ibgw_store:
    directory: /var/lib/ibgw-reports
    name: report
  register: reported

- name: Forget a machine that is gone
  ibgw.ops.ibgw_store:
    directory: /var/lib/ibgw-reports
    name: report
    forget: [alpha]
"""

RETURN = r"""
store:
  description: What the store has. Every key is there in every outcome.
  returned: success
  type: dict
  contains:
    available:
      description: Whether the store could be used.
      type: bool
    problem:
      description: Finding code when it could not, V(probe.incomplete) or V(host.disk_full).
      type: str
    reason:
      description: What was tried and what came back, when it could not.
      type: str
    fix:
      description: What mends it, when it could not.
      type: str
    revision:
      description: How often it was changed; null with O(publish), and when it could not be used.
      type: int
    machines:
      description: What was last reported of each machine by its name; empty with O(publish).
      type: dict
      contains:
        whole:
          description: The newest run that asked the machine as a whole, with its C(at) and C(controller); null when none did.
          type: dict
        rows:
          description: Its rows.
          type: list
          elements: dict
          contains:
            at:
              description: When the run judged that the row is of.
              type: str
            controller:
              description: Whose run that was.
              type: str
            row:
              description: The row as it was put in.
              type: dict
    forgotten:
      description: Those of O(forget) that the store had.
      type: list
      elements: str
    published:
      description: Whether the files were published; null without O(publish).
      type: bool
    warnings:
      description: What a person should know, a sentence each.
      type: list
      elements: str
  sample:
    available: true
    problem: null
    reason: null
    fix: null
    revision: 17
    machines:
      alpha:
        whole: {at: "2026-01-31T11:45:10Z", controller: ops.example}
        rows:
          - at: "2026-01-31T11:45:10Z"
            controller: ops.example
            row: {host: alpha, name: ib-gateway, status: healthy}
    forgotten: []
    published: null
    warnings: []
"""

from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.probe import run_probe
from ansible_collections.ibgw.ops.plugins.module_utils.store import NOTHING, probe

ARGUMENTS: dict[str, dict[str, Any]] = {
    "directory": {"type": "str", "required": True},
    "name": {"type": "str", "required": True, "choices": ["report", "audit"]},
    "put": {
        "type": "dict",
        "options": {
            "at": {"type": "str", "required": True},
            "controller": {"type": "str", "required": True},
            "machines": {"type": "dict", "required": True},
            "rows": {"type": "list", "elements": "dict", "required": True},
        },
    },
    "forget": {"type": "list", "elements": "str"},
    "publish": {
        "type": "dict",
        "options": {"revision": {"type": "int", "required": True}, "files": {"type": "dict", "required": True}},
    },
    "timeout": {"type": "float", "default": 60},
}


def main() -> None:
    """Run the store as a module."""
    run_probe("store", ARGUMENTS, probe, NOTHING, needs=lambda _arguments: [], acts=True)


if __name__ == "__main__":
    main()
