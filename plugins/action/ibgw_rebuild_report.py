# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep what there is new of a rebuild, and write the report on all of it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils import rebuild_report
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import ControllerAction
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import (
    about_the_collection,
    where_it_runs,
    write_report,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain
from ansible_collections.ibgw.ops.plugins.plugin_utils.rebuild_report import Journal, News, Run
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import read


class ActionModule(ControllerAction):
    """The action behind `ibgw_rebuild_report`; its options are documented in the module of the same name."""

    ARGUMENTS = {
        "names": {"type": "list", "elements": "str", "default": []},
        "news": {"type": "dict", "default": {}},
        "confirmed": {"type": "bool", "default": False},
        "report_dir": {"type": "str", "default": "reports"},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The machine's journals with the news, and the report on those of all machines."""
        asked = plain(arguments)
        machine, now = variables["inventory_hostname"], datetime.now(timezone.utc).replace(microsecond=0)
        machines = [str(each) for each in variables["ansible_play_hosts_all"]]
        journals = {each: _journals(variables["hostvars"][each]) for each in dict.fromkeys([*machines, machine])}
        news = read(News, asked["news"])
        for name in asked["names"]:
            journals[machine][name] = rebuild_report.told(journals[machine].get(name, Journal()), news, now)
        run = Run(
            generated_at=stamp(now),
            controller=where_it_runs(),
            confirmed=asked["confirmed"],
            dry_run=bool(self._task.check_mode),
            version=about_the_collection().get("version"),
        )
        built = rebuild_report.build(journals, run)
        return {
            "journals": {name: asdict(journal) for name, journal in journals[machine].items()},
            # Where nothing is chosen, what was given makes no sense.
            "report_path": write_report(built, asked["report_dir"], "rebuild.json", "rebuild_report_dir")
            if built["gateways"]
            else None,
            "failing": built["fleet"]["failing"],
            "verdict": rebuild_report.sentence(built),
            "ansible_stats": {"data": {"ibgw": rebuild_report.artifact(built)}, "per_host": False, "aggregate": True},
        }


def _journals(variables: Mapping[str, Any]) -> dict[str, Journal]:
    """What this run has told of a machine's gateways so far."""
    kept = plain((variables.get("rebuild_reported") or {}).get("journals") or {})
    return {name: read(Journal, journal) for name, journal in kept.items()}
