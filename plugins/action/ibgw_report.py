# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last step of a diagnosis: judge what the hosts registered, print the summary, write the report, publish the verdicts."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from ansible import constants as C
from ansible import context
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence, inventory, report, summary, verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import PROBES, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Verdict
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain
from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

#: What a task that brought no result says of itself.
HOW_A_TASK_FAILED = ("unreachable", "failed", "msg", "module_stderr", "module_stdout", "rc")

display = Display()


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """The action behind `ibgw_report`; its options are documented in the module of the same name."""

    TRANSFERS_FILES = False
    BYPASS_HOST_LOOP = True
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Never fails because of what was found; `failing` tells the next task."""
        result = super().run(tmp, task_vars)
        _checked, arguments = self.validate_argument_spec(
            argument_spec={
                "plan": {"type": "dict", "required": True},
                "report_dir": {"type": "str", "default": "reports"},
                "fail_on": {"type": "str", "default": "down", "choices": list(report.FAILING)},
                "ascii": {"type": "bool", "default": False},
            }
        )
        now = datetime.now(timezone.utc).replace(microsecond=0)
        plan = plain(arguments["plan"])
        suppressions = [Suppression(**each) for each in plan["suppress"]]
        in_force = [each for each in suppressions if not each.expired(stamp(now))]
        verdicts, defects = judged(task_vars or {}, plan, in_force, now)
        collection = about_the_collection()
        run = report.Run(
            machines=len(plan["machines"]) or 1,
            generated_at=stamp(now),
            controller=platform.node(),
            fail_on=arguments["fail_on"],
            version=collection.get("version"),
            documentation=collection.get("documentation"),
            error="; ".join(defects) or None,
            inventories=inventories(),
            suppressions=suppressions,
        )
        built = report.build(verdicts, run)
        path = _write(built, arguments["report_dir"])
        for line in summary.lines(built, terminal_width(), arguments["ascii"] or not encodes_marks()):
            display.display(line.text, color=line.colour)
        return {
            **result,
            "changed": False,
            "fleet": built["fleet"],
            "report_path": path,
            "failing": built["fleet"]["failing"],
            "verdict": report.sentence(built),
            "ansible_stats": {"data": {"ibgw": report.artifact(built)}, "per_host": False, "aggregate": True},
        }


def inventories() -> list[str]:
    """What was given with -i, as one would type it here; nothing where the configuration names the inventory."""
    given = context.CLIARGS.get("inventory") or ()
    here = os.getcwd()
    return [
        os.path.relpath(source) if os.path.isabs(source) and source.startswith(here + os.sep) else source
        for source in given
        if source not in C.DEFAULT_HOST_LIST
    ]


def judged(
    task_vars: Mapping[str, Any], plan: Mapping[str, Any], suppressions: Sequence[Suppression], now: datetime
) -> tuple[list[Verdict], list[str]]:
    """The verdicts on everything that was asked, and what our own code failed on."""
    verdicts: list[Verdict] = []
    defects: list[str] = []
    if plan["log"]:
        return [log_verdict(plan["log"], registered(task_vars, "logscan"), suppressions, now)], defects
    for machine, ask in plan["machines"].items():
        only = ask["names"] if plan["only"] else None
        try:
            verdicts += machine_verdicts(machine, task_vars["hostvars"][machine], only, suppressions, now)
        except Exception as error:  # one machine's odd evidence must not cost the others their verdicts
            reason = f"{type(error).__name__}: {error}"
            defects.append(f"{machine} could not be judged: {printable(reason)}")
            verdicts += report.unjudged(machine, ask["names"], reason, now)
    return verdicts, defects


def machine_verdicts(
    machine: str,
    variables: Mapping[str, Any],
    only: list[str] | None,
    suppressions: Sequence[Suppression],
    now: datetime,
) -> list[Verdict]:
    """The verdicts on one machine's gateways."""
    gateways = inventory.present({"gateways": plain(variables.get("gateways") or [])})
    declared = [entry["name"] for entry in gateways]
    results = {probe: registered(variables, probe) for probe in PROBES}
    health = results["health"].get("health")
    if health:
        # A name that was only searched for is nothing to report where it is not.
        health["gateways"] = [each for each in health["gateways"] if each["exists"] or each["name"] in declared]
    seen = evidence.machine(machine, {"gateways": gateways}, results, only, now)
    return verdict.verdicts_of_machine(seen, suppressions)


def log_verdict(path: str, result: Mapping[str, Any], suppressions: Sequence[Suppression], now: datetime) -> Verdict:
    """The verdict on a saved log."""
    return verdict.judge_log(Path(path).name, result.get("logscan") or {}, platform.node(), now, suppressions)


def registered(variables: Mapping[str, Any], probe: str) -> dict[str, Any]:
    """What the task of a probe registered on a host: its result, or how it failed; empty where it did not run."""
    result = variables.get(f"diagnose_{probe}") or {}
    return {key: plain(result[key]) for key in (PROBES[probe], *HOW_A_TASK_FAILED) if key in result}


def about_the_collection() -> dict[str, Any]:
    """What the installed collection's manifest says of it, else the checkout's galaxy.yml."""
    root = Path(__file__).parents[2]
    about: dict[str, Any] = {}
    if (root / "MANIFEST.json").exists():
        about = json.loads((root / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]
    elif (root / "galaxy.yml").exists():
        about = yaml.safe_load((root / "galaxy.yml").read_text(encoding="utf-8"))
    return about


def terminal_width() -> int:
    """Columns of the terminal; 80 where there is none. Ansible's worker processes have none of their own to ask."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() and int(columns) >= 40 else display.columns + 1


def encodes_marks() -> bool:
    """Whether the output's encoding has the marks of the summary."""
    try:
        "√×".encode(getattr(sys.__stdout__, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(built: Mapping[str, Any], directory: str) -> str | None:
    """The report's path; None where it could not be written, which is a warning and no reason to lose the verdicts."""
    try:
        return str(report.write(built, Path(directory).expanduser().absolute()))
    except OSError as error:
        display.warning(
            f"report.json could not be written to {directory} ({error.strerror}); diagnose_report_dir names another directory"
        )
        return None
