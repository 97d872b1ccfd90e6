# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check what was given before anything is probed, and plan who is asked what."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ansible.plugins.loader import connection_loader
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import shown
from ansible_collections.ibgw.ops.plugins.plugin_utils import evidence, inventory, metrics, suppression
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import ControllerAction
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.controller import path_of
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import rendered, variables_of

SETTINGS = (
    "diagnose_fail_on",
    "diagnose_remind_before",
    "diagnose_store_dir",
    "diagnose_store_host",
    "diagnose_stale_after",
    "diagnose_forget",
    "diagnose_depth",
    "diagnose_timeout",
    "diagnose_api_timeout",
    "diagnose_api_slow_after",
    "recover_reset_windows",
    "diagnose_ascii",
    "diagnose_suppress",
    "diagnose_log_path",
    "diagnose_log_as_of",
    "diagnose_bundle",
    "diagnose_metrics_file",
    "audit_accept",
    "audit_fail_on",
    "audit_stale_after",
)
DIRECTORIES = ("diagnose_report_dir", "recover_report_dir", "rebuild_report_dir", "bundle_dir", "audit_report_dir")
#: In these machines may differ: each goes its own way.
MACHINE_VARIABLES = (
    "gateways",
    "diagnose_docker_host",
    "diagnose_undeclared",
    "diagnose_depth",
    "diagnose_timeout",
    "diagnose_api_timeout",
    *evidence.OF_MACHINE,
)


class ActionModule(ControllerAction):
    """The action behind `ibgw_preflight`; its options are documented in the module of the same name."""

    BYPASS_HOST_LOOP = True
    ARGUMENTS = {
        "group": {"type": "str"},
        "health": {"type": "str"},
        "only": {"type": "str", "default": "diagnose_only"},
        "machines_only": {"type": "bool", "default": False},
        "writes_metrics": {"type": "bool", "default": False},
        "store_only": {"type": "bool", "default": False},
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The plan."""
        return preflight(self.settings(variables, (*SETTINGS, *DIRECTORIES, arguments["only"])), variables, **arguments)


def preflight(
    settings: Mapping[str, Any],
    task_vars: Mapping[str, Any],
    group: str | None,
    health: str | None,
    only: str = "diagnose_only",
    machines_only: bool = False,
    writes_metrics: bool = False,
    store_only: bool = False,
) -> dict[str, Any]:
    """Check everything, then plan.

    `health` names the variable with what the machines turned out to have, `only` the one with the selection; `machines_only` refuses
    what may be judged instead of machines, `writes_metrics` checks where and with what they are written. With `store_only` nothing is
    asked: what the report store has is to be shown.
    """
    inventory.check_settings(settings)
    if machines_only:
        _check_machines_only(settings)
    _check_directories(settings)
    if writes_metrics:
        _check_metrics_file(settings)
    _check_store_host(settings, task_vars["hostvars"])
    suppressions = suppression.read("diagnose_suppress", settings.get("diagnose_suppress"))
    accepted = suppression.accepted("audit_accept", settings.get("audit_accept"))
    given = {"suppress": [each.as_dict() for each in suppressions], "accept": [each.as_dict() for each in accepted]}
    now = stamp(datetime.now(timezone.utc))
    warnings = suppression.warnings("diagnose_suppress", suppressions, now)
    warnings += suppression.warnings("audit_accept", accepted, now)
    no_machine: dict[str, Any] = {"machines": {}, "only": []}
    if store_only:
        if not settings.get("diagnose_store_dir"):
            raise Misuse("diagnose_store_dir is not given; it names the report store that is to be shown")
        return {"at": now, "log": None, "bundle": None, "store_only": True, **no_machine, **given, **_warned(warnings)}
    if settings.get("diagnose_log_path"):
        log = str(_file("diagnose_log_path", str(settings["diagnose_log_path"]), "a saved log"))
        return {"at": now, "log": log, "bundle": None, "store_only": False, **no_machine, **given, **_warned(warnings)}
    if settings.get("diagnose_bundle"):
        from ansible_collections.ibgw.ops.plugins.plugin_utils import bundle

        path = _file("diagnose_bundle", str(settings["diagnose_bundle"]), "an evidence bundle")
        return {**bundle.load(path).plan, "bundle": str(path)}
    hostvars = task_vars["hostvars"]
    machines = _machines(task_vars, group)
    inventory.check_names(machines)
    variables, warned = _described_well(hostvars, machines, (*SETTINGS, *DIRECTORIES, only))
    warnings += warned
    if any(each.host for each in (*suppressions, *accepted)):
        everywhere = {machine: _described(machine, hostvars[machine]) for machine in task_vars["groups"]["all"]}
        of_all = _declared_and_finding(everywhere)
        warnings += suppression.warnings_of_hosts("diagnose_suppress", suppressions, *of_all)
        warnings += suppression.warnings_of_hosts("audit_accept", accepted, *of_all)
    declared, finding = _declared_and_finding(variables)
    selected = inventory.selection(only, settings.get(only))
    plan = inventory.plan(declared, finding, selected, only)
    if health:
        seen = {machine: _seen(variables_of(hostvars, machine).get(health)) for machine in plan}
        inventory.check_found(declared, selected, seen, only)
    return {
        "at": now,
        "log": None,
        "bundle": None,
        "store_only": False,
        "machines": {machine: ask.as_dict() for machine, ask in plan.items()},
        "only": selected,
        **given,
        **_warned([] if health else warnings),
    }


def _check_machines_only(settings: Mapping[str, Any]) -> None:
    """Check that nothing is to be judged instead of machines."""
    for name in ("diagnose_log_path", "diagnose_bundle"):
        if settings.get(name):
            raise Misuse(
                f"{name} is {shown(settings[name])}, but only machines are asked here; what was saved is for ibgw.ops.diagnose"
            )


def _check_directories(settings: Mapping[str, Any]) -> None:
    """Check where on the controller a run is to write; one that can not be written to is told when it is."""
    for name in DIRECTORIES:
        given = settings.get(name)
        if given is not None and not isinstance(given, str):
            raise Misuse(f"{name} is {shown(given)}; it must be a directory on the controller")
        path_of(name, given or ".")


def _check_metrics_file(settings: Mapping[str, Any]) -> None:
    """Check where metrics are to be written, and that they can be made."""
    given = settings.get("diagnose_metrics_file")
    if not given:
        return
    if not isinstance(given, str) or not given.endswith(".prom"):
        raise Misuse(
            f"diagnose_metrics_file is {shown(given)}; it must be a file that ends in .prom, for node_exporter reads no other"
        )
    path_of("diagnose_metrics_file", given)
    if settings.get("diagnose_store_dir") and not os.path.isabs(given):
        raise Misuse(
            f"diagnose_metrics_file is {shown(given)}; where there is a report store, it must be an absolute path on the store's host"
        )
    if find_spec(metrics.LIBRARY) is None:
        raise Misuse(
            f"diagnose_metrics_file is {shown(given)}, but the Python of this Ansible has no {metrics.LIBRARY} to make metrics with;"
            f" please run: {shlex.quote(sys.executable)} -m pip install {metrics.LIBRARY}"
        )


def _check_store_host(settings: Mapping[str, Any], hostvars: Mapping[str, Any]) -> None:
    """Check that the report store's host can be asked at all: what comes of that costs no report, but without a way there is no task."""
    host = settings.get("diagnose_store_host", "localhost")
    # A slice of the inventory need not have it: Ansible connects to what is no host of it as to an address.
    if not settings.get("diagnose_store_dir") or host == "localhost" or host not in hostvars:
        return
    way = rendered(hostvars[host], ("ansible_connection", "ansible_host"), f"the host {host}").get(
        "ansible_connection", "ssh"
    )
    if not connection_loader.has_plugin(way):
        raise Misuse(
            f"ansible_connection of the host {host} is {shown(way)}, which Ansible does not have; it is where diagnose_store_host leads"
        )


def _warned(warnings: list[str]) -> dict[str, list[str]]:
    """The key that Ansible shows as warnings."""
    return {"warnings": warnings} if warnings else {}


def _described_well(
    hostvars: Mapping[str, Any], machines: Sequence[str], settings: Sequence[str]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What the inventory says of the machines, and warnings; `settings` are those of the run, beside what machines may differ in."""
    variables: dict[str, dict[str, Any]] = {}
    warnings: list[str] = []
    mistakes: dict[str, Misuse] = {}
    for machine in machines:
        try:
            variables[machine] = rendered(
                hostvars[machine], dict.fromkeys((*MACHINE_VARIABLES, *settings)), f"the machine {machine}"
            )
            warnings += inventory.check_machine(machine, variables[machine])
        except Misuse as misuse:
            mistakes[machine] = misuse
    if mistakes:
        first, *others = mistakes
        too = f"; what is said of {inventory.few(others)} makes no sense either" if others else ""
        raise Misuse(f"{mistakes[first]}{too}")
    _check_same(variables, [setting for setting in settings if setting not in MACHINE_VARIABLES])
    return variables, warnings


def _check_same(variables: Mapping[str, Mapping[str, Any]], settings: Iterable[str]) -> None:
    """Check that machines of a run do not differ on what holds for all of it."""
    machines = list(variables)
    for setting in settings:
        given = [variables[machine].get(setting) for machine in machines]
        differing = [machine for machine, own in zip(machines, given, strict=True) if own != given[0]]
        if differing:
            how = (
                ", and name a machine in it as code@machine" if setting in ("diagnose_suppress", "audit_accept") else ""
            )
            raise Misuse(
                f"{setting} is not the same for the machines {machines[0]} and {differing[0]}, but holds for the whole run; give it to all"
                f" of them{how}"
            )


def _described(machine: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the inventory says of a machine; nothing where that makes no sense, which matters only where it is asked."""
    try:
        described = rendered(variables, MACHINE_VARIABLES, f"the machine {machine}")
        inventory.check_machine(machine, described)
    except Misuse:
        return {}
    return described


def _declared_and_finding(variables: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, list[str]], dict[str, bool]]:
    """The gateways that each machine declares, and whether others are looked for on it."""
    return (
        {machine: inventory.declared(given) for machine, given in variables.items()},
        {machine: inventory.finds(given) for machine, given in variables.items()},
    )


def _machines(task_vars: Mapping[str, Any], group: str | None) -> list[str]:
    """The machines of this run: the play's hosts, or those of them that are in `group`."""
    hosts = list(task_vars["ansible_play_hosts_all"])
    if group is None:
        return hosts
    members = task_vars["groups"].get(group)
    if members is None:
        raise Misuse(
            f"the inventory has no group {group}; put every machine that runs gateways into it (-i names the inventory)"
        )
    if not members:
        raise Misuse(f"the group {group} of the inventory is empty; put every machine that runs gateways into it")
    machines = [host for host in members if host in hosts]
    if not machines:
        why = (
            "--limit leaves"
            if task_vars.get("ansible_limit")
            else "Ansible could not read the whole inventory, and plays"
        )
        raise Misuse(f"{why} no machine of the group {group}; it has {inventory.few(members)}")
    return machines


def _file(setting: str, given: str, wanted: str) -> Path:
    """A file on the controller that a setting names."""
    path = path_of(setting, given)
    try:
        problem = None if stat.S_ISREG(path.stat().st_mode) else "is not a file"
    except (FileNotFoundError, NotADirectoryError):
        problem = "does not exist"
    except OSError as error:
        problem = f"can not be looked at ({error.strerror})"
    if problem:
        raise Misuse(f"{setting} is {shown(given)}, which {problem} on the controller; it must be {wanted}")
    return path


def _seen(health: Any) -> list[str] | None:
    """Names of the containers that a machine turned out to have, None where it could not be looked at."""
    found = (health or {}).get("health") or {}
    if not found.get("available"):
        return None
    return [gateway["name"] for gateway in found.get("gateways") or () if gateway["exists"]]
