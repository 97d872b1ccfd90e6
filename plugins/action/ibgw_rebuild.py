# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Judge one gateway of a machine, and say what stands against its rebuild, or what follows in the trial of its new container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils import rebuild
from ansible_collections.ibgw.ops.plugins.plugin_utils.action import ControllerAction
from ansible_collections.ibgw.ops.plugins.plugin_utils.plain import plain, with_steps
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import Check
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.look import situations

#: What is asked of recovery's settings: a rebuild spends the same logins in the same hours.
SETTINGS = ("recover_login_budget", "recover_reset_windows")

#: What of a row the machine keeps of the old container, to compare the new one with.
KEPT = ("id", "status", "code", "layer", "remedy", "summary", "family", "since", "checked_at")


class ActionModule(ControllerAction):
    """The action behind `ibgw_rebuild`; its options are documented in the module of the same name."""

    ARGUMENTS = {
        "name": {"type": "str", "required": True},
        "record": {"type": "dict", "required": True},
        "orders": {"type": "list", "elements": "dict"},
        "owner": {"type": "str"},
        "ignore_clients": {"type": "bool", "default": False},
        "trial": {
            "type": "dict",
            "options": {
                "before": {"type": "dict", "required": True},
                "last_code": {"type": "str"},
                "seconds": {"type": "float", "required": True},
                "settle": {"type": "float", "default": 0},
                "wait_for_person": {"type": "float", "default": 0},
            },
        },
    }

    def outcome(self, variables: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The row of the gateway, and what is said of it."""
        asked = plain(arguments)
        given = self.settings(variables, SETTINGS)
        allowed = settings.read({**given, "recover_ignore_clients": asked["ignore_clients"]})
        machine, now = variables["inventory_hostname"], datetime.now(timezone.utc)
        (situation,) = situations(machine, with_steps(variables), asked["record"], now, [asked["name"]])
        situation = replace(situation, orders=None if asked["orders"] is None else tuple(asked["orders"]))
        return {
            "row": {key: situation.row[key] for key in KEPT},
            "guards": [_told(check) for check in rebuild.checks(situation, allowed, asked["owner"])],
            "endangered": rebuild.endangered(situation, allowed),
            "next": rebuild.trial(situation.row, **asked["trial"]) if asked["trial"] else None,
        }


def _told(check: Check) -> dict[str, Any]:
    """What a guard says, without when it may say otherwise: a rebuild does not wait for that."""
    return {name: value for name, value in asdict(check).items() if name != "again"}
