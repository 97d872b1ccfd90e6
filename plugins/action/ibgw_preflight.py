# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check what was given before anything is probed, and plan who is asked what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils import inventory

SETTINGS = (
    "diagnose_fail_on",
    "diagnose_depth",
    "diagnose_timeout",
    "diagnose_api_timeout",
    "diagnose_ascii",
    "diagnose_only",
    "diagnose_log_path",
    "diagnose_log_as_of",
)
MACHINE_VARIABLES = ("gateways", "diagnose_docker_host", "diagnose_undeclared")


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """The action behind `ibgw_preflight`; its options are documented in the module of the same name."""

    TRANSFERS_FILES = False
    BYPASS_HOST_LOOP = True
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the plan, or fail with one sentence."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _checked, arguments = self.validate_argument_spec(
            argument_spec={"group": {"type": "str"}, "health": {"type": "str"}}
        )
        try:
            return {**result, "changed": False, **preflight(task_vars, **arguments)}
        except Misuse as misuse:
            raise AnsibleActionFail(printable(str(misuse))) from None


def preflight(task_vars: Mapping[str, Any], group: str | None, health: str | None) -> dict[str, Any]:
    """Check everything, then plan; `health` names the variable with what the machines turned out to have."""
    settings = _plain(task_vars, SETTINGS, "the settings")
    inventory.check_settings(settings)
    if settings.get("diagnose_log_path"):
        return {"log": _log(str(settings["diagnose_log_path"])), "machines": {}, "only": []}
    hostvars = task_vars["hostvars"]
    variables = {
        machine: _plain(hostvars[machine], MACHINE_VARIABLES, f"the machine {machine}")
        for machine in _machines(task_vars, group)
    }
    warnings = [warning for machine, given in variables.items() for warning in inventory.check_machine(machine, given)]
    declared = {machine: inventory.declared(given) for machine, given in variables.items()}
    only = inventory.selection(settings.get("diagnose_only"))
    finding = {machine: inventory.finds(given) for machine, given in variables.items()}
    plan = inventory.plan(declared, finding, only)
    if health:
        inventory.check_found(declared, only, {machine: _seen(hostvars[machine].get(health)) for machine in plan})
    return {
        "log": None,
        "machines": {machine: ask.as_dict() for machine, ask in plan.items()},
        "only": only,
        **({"warnings": warnings} if warnings and not health else {}),
    }


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
        raise Misuse(f"--limit leaves no machine of the group {group}; it has {', '.join(members)}")
    return machines


def _log(path: str) -> str:
    """The saved log as an absolute path on the controller."""
    log = Path(path).expanduser().absolute()
    if not log.is_file():
        problem = "is not a file" if log.exists() else "does not exist"
        raise Misuse(f"diagnose_log_path is {path!r}, which {problem} on the controller; it must be a saved log")
    return str(log)


def _seen(health: Any) -> list[str] | None:
    """Names of the containers that a machine turned out to have, None where it could not be looked at."""
    found = (health or {}).get("health") or {}
    if not found.get("available"):
        return None
    return [gateway["name"] for gateway in found.get("gateways") or () if gateway["exists"]]


def _plain(variables: Mapping[str, Any], names: tuple[str, ...], whose: str) -> dict[str, Any]:
    """The variables that are set, as plain values: templates rendered, without Ansible's lazy and tagged types."""
    values = {}
    for name in names:
        try:
            if name in variables:
                values[name] = json.loads(json.dumps(variables[name], default=str))
        except AnsibleError as error:
            raise Misuse(f"{name} of {whose} can not be read: {error}") from None
    return values
