# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine with one gateway that can be deployed; tests change what they are about."""

from __future__ import annotations

from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.plan import plan_machine

NAME = "ib-gateway"
USER, PASSWORD, KEY = "trader7", r"pa$$ w\ord'\"#é", "JBSWY3DPEHPK3PXP"

BOTH = {"trading_mode": "both"}
PAPER_USER = {"paper_user": "trader7paper", "paper_password": "other secret"}


def variables(entry: dict[str, Any], secrets: Any = None, **defaults: Any) -> dict[str, Any]:
    """The variables of the machine; `secrets` are added to user and password, None among them takes one away."""
    own = {"user": USER, "password": PASSWORD, **(secrets or {})}
    given = {name: value for name, value in own.items() if value is not None}
    return {"gateways": [{"name": NAME, **entry}], "gateway_secrets": {NAME: given}, **defaults}


def plan(secrets: Any = None, defaults: dict[str, Any] | None = None, **entry: Any) -> dict[str, Any]:
    """The plan of that gateway."""
    (planned,) = plan_machine("alpha", variables(entry, secrets, **(defaults or {})))
    return planned


def environment(secrets: Any = None, **entry: Any) -> dict[str, str]:
    """The environment of its container."""
    return plan(secrets, **entry)["container"]["env"]


def configuration(secrets: Any = None, instance: str = "", **entry: Any) -> dict[str, str]:
    """The settings in IBC's configuration file of one instance."""
    files = plan(secrets, **entry)["files"]
    return next(file["settings"] for file in files if file["path"].endswith(f"/config.ini{instance}"))
