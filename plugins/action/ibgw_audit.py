# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last step of an audit: ask every rule of the checklist, print what fails, write the report, publish the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import audit, checklist, page, store
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import StoringAction, missing
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import (
    about_the_collection,
    inventories,
    show,
    texts_of,
    write_report,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import audit_on, looked_at, run_of
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
        "stale_after": {"type": "float", "default": 172800},
        "forget": {"type": "list", "elements": "str", "default": []},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Never fails because of what was found; `failing` and `stale` tell the next task."""
        now = datetime.now(timezone.utc).replace(microsecond=0)
        plan = plain(arguments["plan"])
        run = run_of(plan, plan["accept"], now, arguments["fail_on"], inventories(), about_the_collection())
        merge = partial(self._merged, variables, arguments, run)
        if plan["store_only"]:
            return {"stale": self._kept(variables, arguments, merge)}
        built = audit_on(variables, plan, now, run)
        path = write_report(built, arguments["report_dir"], "audit.json", "audit_report_dir", page.render)
        show(partial(checklist.lines, built), arguments["ascii"])
        stale = None
        if arguments["store_dir"]:
            try:
                stale = merge(store.put(plan, built, looked_at(variables, plan)), arguments["forget"])
            except Misuse as misuse:
                display.warning(f"{misuse}; the audit of this run stands above")
        return {
            "fleet": built["fleet"],
            "report_path": path,
            "failing": built["fleet"]["failing"],
            "verdict": audit.sentence(built),
            "stale": stale,
            "ansible_stats": {"data": {"ibgw": audit.artifact(built)}, "per_host": False, "aggregate": True},
        }

    def _kept(
        self,
        variables: Mapping[str, Any],
        arguments: Mapping[str, Any],
        merge: Callable[[None, list[str]], str | None],
    ) -> str | None:
        """Merge what the store has of audits, if it has any: which of them are too old. What is to be forgotten may be in its reports alone."""
        known = self.known(variables, arguments["store_dir"])
        ids = {f"{machine}/{told['row']['name']}" for machine, kept in known.items() for told in kept["rows"]}
        forget = [name for name in arguments["forget"] if name.strip() in {*known, *ids}]
        return merge(None, forget) if known else None

    def _merged(
        self,
        variables: Mapping[str, Any],
        arguments: Mapping[str, Any],
        run: Run,
        put: Mapping[str, Any] | None,
        forget: list[str],
    ) -> str | None:
        """Publish the audit of all that the store has; which of it is too old, which is a warning, too."""

        def merge(machines: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
            whole = store.merged_audit(machines, missing(variables, machines), run, arguments["stale_after"])
            return whole, texts_of(whole, "audit.json", page.render)

        whole = self.merged(variables, {**arguments, "forget": forget}, put, merge)
        stale = store.stale_audits(whole, arguments["stale_after"])
        if stale:
            display.warning(stale)
        return stale
