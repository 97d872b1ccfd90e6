# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check everything that is to be deployed on a machine, and plan it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any

from ansible.template import Templar
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils import inventory
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import ControllerAction
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.checks import PLACE
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.plan import check_fleet, plan_machine, plan_removals
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import WORDS
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import rendered

VARIABLES = ("gateways", *PLACE, *(f"gateway_{word}" for word in WORDS))

#: The collection with which the roles make containers; ansible-core does not bring it.
MAKES_CONTAINERS = "community.docker"


class ActionModule(ControllerAction):
    """The action behind `ibgw_deployment`, documented in the module of the same name."""

    def outcome(self, variables: Mapping[str, Any], _arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The plans of this machine's gateways."""
        machine = variables["inventory_hostname"]
        given = _given(machine, variables, self._templar.template)
        plans, removals = plan_machine(machine, given), plan_removals(machine, given)
        self._check_others(variables, machine)
        if plans or removals:
            _check_controller()
        warnings = [warning for plan in plans for warning in plan["warnings"]]
        warned = {"warnings": warnings} if warnings else {}
        return {"gateways": plans, "absent": removals, **warned}

    def _check_others(self, task_vars: Mapping[str, Any], machine: str) -> None:
        """What several machines together get wrong is said once, by the first of them."""
        machines = list(task_vars["ansible_play_hosts_all"])
        if machine != machines[0] or len(machines) == 1:
            return
        fleet = {}
        for one in machines:
            variables = task_vars["hostvars"].raw_get(one)
            with suppress(Misuse):  # it says so itself
                fleet[one] = _given(one, variables, Templar(self._loader, variables).template)
        check_fleet(fleet)


def _given(machine: str, variables: Mapping[str, Any], render: Callable[[Any], Any]) -> dict[str, Any]:
    """What a machine's variables say of its gateways; the secrets of those that are to go may be forgotten already."""
    whose = f"the machine {machine}"
    given = rendered(variables, VARIABLES, whose, render)
    inventory.check_machine(machine, given)
    secrets = variables.get("gateway_secrets")
    if isinstance(secrets, Mapping):
        secrets = {name: secrets[name] for name in inventory.declared(given) if name in secrets}
    return {**given, **rendered({"gateway_secrets": secrets}, ["gateway_secrets"], whose, render)}


def _check_controller() -> None:
    try:
        import_module(f"ansible_collections.{MAKES_CONTAINERS}")
    except ImportError:
        raise Misuse(
            f"the collection {MAKES_CONTAINERS}, which makes containers, is missing on the controller; install it:"
            f" ansible-galaxy collection install {MAKES_CONTAINERS}"
        ) from None
