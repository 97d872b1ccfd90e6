# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check everything that is to be deployed on a machine, and plan it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.plan import check_fleet, plan_machine, plan_removals
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import WORDS
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import rendered

VARIABLES = ("gateways", "gateway_secrets", *(f"gateway_{word}" for word in WORDS))


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """The action behind `ibgw_deployment`, documented in the module of the same name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the plans of this machine's gateways, or fail with one sentence."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        self.validate_argument_spec(argument_spec={})
        machine = task_vars["inventory_hostname"]
        try:
            variables = rendered(task_vars, VARIABLES, f"the machine {machine}", self._templar.template)
            plans, removals = plan_machine(machine, variables), plan_removals(machine, variables)
            _check_others(task_vars, machine)
        except Misuse as misuse:
            raise AnsibleActionFail(printable(str(misuse))) from None
        warnings = [warning for plan in plans for warning in plan["warnings"]]
        warned = {"warnings": warnings} if warnings else {}
        return {**result, "changed": False, "gateways": plans, "absent": removals, **warned}


def _check_others(task_vars: Mapping[str, Any], machine: str) -> None:
    """What several machines together get wrong is said once, by the first of them."""
    machines = list(task_vars["ansible_play_hosts_all"])
    if machine == machines[0] and len(machines) > 1:
        hostvars = task_vars["hostvars"]
        check_fleet({one: rendered(hostvars[one], VARIABLES, f"the machine {one}") for one in machines})
