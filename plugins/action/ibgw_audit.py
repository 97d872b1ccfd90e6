# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last step of an audit: ask every rule of the checklist, print what fails, write the report, publish the results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, checklist, page, store
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import StoringAction
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import (
    about_the_collection,
    inventories,
    show,
    texts_of,
    write_report,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import audit_on, run_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run

display = Display()


class ActionModule(StoringAction):
    """The action behind `ibgw_audit`; its options are documented in the module of the same name."""

    BYPASS_HOST_LOOP = True
    STORED = "audit"
    ARGUMENTS = {
        "plan": {"type": "dict", "required": True},
        "report_dir": {"type": "str", "default": "reports"},
        "fail_on": {"type": "str", "default": "advice", "choices": list(audit.FAILING)},
        "ascii": {"type": "bool", "default": False},
        "store_dir": {"type": "str", "default": ""},
        "forget": {"type": "list", "elements": "str", "default": []},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Never fails because of what was found; `failing` tells the next task."""
        now = datetime.now(timezone.utc).replace(microsecond=0)
        plan = plain(arguments["plan"])
        run = run_of(plan, plan["accept"], now, arguments["fail_on"], inventories(), about_the_collection())
        built = audit_on(variables, plan, now, run)
        path = write_report(built, arguments["report_dir"], "audit.json", "audit_report_dir", page.render)
        show(partial(checklist.lines, built), arguments["ascii"])
        if arguments["store_dir"]:
            try:
                self.merged(variables, arguments, store.put(plan, built), partial(_merge, run))
            except Misuse as misuse:
                display.warning(f"{misuse}; the audit of this run stands above")
        return {
            "fleet": built["fleet"],
            "report_path": path,
            "failing": built["fleet"]["failing"],
            "verdict": audit.sentence(built),
            "ansible_stats": {"data": {"ibgw": audit.artifact(built)}, "per_host": False, "aggregate": True},
        }


def _merge(run: Run, machines: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The audit of all that the store has, and the files to publish."""
    whole = store.merged_audit(machines, run)
    return whole, texts_of(whole, "audit.json", page.render)
