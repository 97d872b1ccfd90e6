# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last step of a diagnosis: judge what the hosts registered, print the summary, write the report, publish the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils import metrics, page, report, store, summary
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import StoringAction, missing
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import (
    about_the_collection,
    inventories,
    show,
    texts_of,
    write_metrics,
    write_report,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.diagnosis import looked_at, report_on, run_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import Run

display = Display()


class ActionModule(StoringAction):
    """The action behind `ibgw_report`; its options are documented in the module of the same name."""

    BYPASS_HOST_LOOP = True
    STORED = "report"
    ARGUMENTS = {
        "plan": {"type": "dict", "required": True},
        "report_dir": {"type": "str", "default": "reports"},
        "fail_on": {"type": "str", "default": "down", "choices": list(report.FAILING)},
        "metrics_file": {"type": "str", "default": ""},
        "remind_before": {"type": "float", "default": 0},
        "ascii": {"type": "bool", "default": False},
        "store_dir": {"type": "str", "default": ""},
        "stale_after": {"type": "float", "default": 900},
        "forget": {"type": "list", "elements": "str", "default": []},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Never fails because of what was found; `failing` tells the next task."""
        now = datetime.now(timezone.utc).replace(microsecond=0)
        plan = plain(arguments["plan"])
        given = inventories()
        if plan.get("bundle"):
            from ansible_collections.ibgw.ops.plugins.plugin_utils import bundle

            seen = bundle.load(Path(plan["bundle"]))
            plan, now, variables, given = seen.plan, seen.at, {"hostvars": seen.machines}, seen.inventories
            display.display(f"Judged as of {stamp(now)}, when the bundle was made.")
        run = run_of(
            plan, plan["suppress"], now, arguments["fail_on"], given, about_the_collection(), arguments["remind_before"]
        )
        merge = partial(self.merged, variables, arguments, merge=partial(merged_and_files, variables, arguments, run))
        built = merge(None) if plan.get("store_only") else report_on(variables, plan, now, run)
        path = write_report(built, arguments["report_dir"], "report.json", "diagnose_report_dir", page.render)
        stores = arguments["store_dir"] and plan["machines"] and not plan["bundle"]
        show(partial(summary.lines, built), arguments["ascii"])
        if arguments["metrics_file"] and not stores and not plan.get("store_only"):
            _tell_metrics(built, arguments["metrics_file"], left_out(plan, variables))
        if stores:
            put = store.put(plan, built, looked_at(variables, plan))
            _tell_of_store(partial(merge, put), arguments["stale_after"], arguments["metrics_file"])
        return {
            "fleet": built["fleet"],
            "report_path": path,
            "failing": built["fleet"]["failing"],
            "verdict": report.sentence(built),
            "reminder": report.reminder(built),
            "ansible_stats": {"data": {"ibgw": report.artifact(built)}, "per_host": False, "aggregate": True},
        }


def merged_and_files(
    variables: Mapping[str, Any], arguments: Mapping[str, Any], run: Run, machines: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The report on all that the store has, and the files to publish."""
    absent = missing(variables, machines)
    if not machines and not absent and not arguments["forget"]:  # what was forgotten leaves what is published, too
        raise Misuse(
            f"the report store in {quote(arguments['store_dir'])} is empty; a diagnosis with that diagnose_store_dir puts its report in"
        )
    whole = store.merged(machines, absent, run, arguments["stale_after"])
    files = texts_of(whole, "report.json", page.render)
    if arguments["metrics_file"]:
        files[arguments["metrics_file"]] = metrics.exposition(whole)
    return whole, files


def _tell_of_store(merge: Callable[[], dict[str, Any]], stale_after: float, metrics_file: str) -> None:
    """Say what the store has now; what keeps a run from it costs its own report nothing."""
    try:
        whole = merge()
    except Misuse as misuse:
        left = f", and the metrics in {quote(metrics_file)} are left as they are" if metrics_file else ""
        display.warning(f"{misuse}; the report of this run stands above{left}")
        return
    display.display(f"Report store: {summary.in_a_line(whole)}")
    stale = store.stale(whole, stale_after)
    if stale:
        display.warning(stale)


def _tell_metrics(built: Mapping[str, Any], path: str, left_out: str | None) -> None:
    """Write the metrics of the whole fleet: those of a part would take all others out of the file."""
    if left_out:
        display.display(f"The metrics in {quote(path)} are left as they are: {left_out}.")
    else:
        write_metrics(metrics.exposition(built), path, "diagnose_metrics_file")


def left_out(plan: Mapping[str, Any], variables: Mapping[str, Any]) -> str | None:
    """Why a run tells nothing of the fleet as a whole."""
    if plan["log"] or plan["bundle"]:
        return "what was judged is no machine as it is now"
    if plan["only"]:
        return "this run looked at selected gateways only"
    groups = variables["groups"]
    if variables.get("ansible_limit") and not set(groups.get("gateway_hosts") or groups["all"]) <= set(
        plan["machines"]
    ):
        return "this run was limited to some machines"
    return None
