# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge one gateway of a machine, and say what stands against its rebuild."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.plugin_utils import rebuild
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain, rendered
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.look import situations

#: What is asked of recovery's settings: a rebuild spends the same logins in the same hours.
SETTINGS = ("recover_login_budget", "recover_reset_windows")


#: What of a row the machine keeps of the old container, to compare the new one with.
KEPT = ("id", "status", "code", "layer", "remedy", "summary", "family", "since", "checked_at")


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """The action behind `ibgw_rebuild`; its options are documented in the module of the same name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The row of the gateway, and what stands against making it anew now."""
        result = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        _checked, arguments = self.validate_argument_spec(
            argument_spec={
                "name": {"type": "str", "required": True},
                "record": {"type": "dict", "required": True},
                "orders": {"type": "list", "elements": "dict"},
                "owner": {"type": "str"},
                "ignore_clients": {"type": "bool", "default": False},
            }
        )
        orders, record = plain(arguments["orders"]), plain(arguments["record"])
        machine, now = task_vars["inventory_hostname"], datetime.now(timezone.utc)
        (situation,) = situations(machine, task_vars, record, now, [arguments["name"]])
        situation = replace(situation, orders=None if orders is None else tuple(orders))
        try:
            given = rendered(task_vars, SETTINGS, "the settings", self._templar.template)
            allowed = settings.read({**_usual(), **given, "recover_ignore_clients": arguments["ignore_clients"]})
        except Misuse as misuse:
            raise AnsibleActionFail(printable(str(misuse))) from None
        obstacles = rebuild.obstacles(situation, allowed, arguments["owner"])
        return {
            **result,
            "changed": False,
            "row": {key: situation.row[key] for key in KEPT},
            "obstacles": obstacles,
            "endangered": rebuild.endangered(situation, allowed),
        }


def _usual() -> dict[str, Any]:
    """What recovery goes by where the inventory says nothing."""
    defaults = Path(__file__).parents[2] / "roles" / "recover" / "defaults" / "main.yml"
    usual = yaml.safe_load(defaults.read_text(encoding="utf-8"))
    return {name: usual[name] for name in SETTINGS}
