# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a setting is written where a gateway is defined, what there has no effect, and why neither may be known."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Lacking
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    Change,
    NotApplicable,
    NotKnown,
)

#: Why a setting is not known: no variable counts where the operator mounts the controller's configuration, or it is baked in.
NOT_TOLD = "the log that was read does not tell the controller's settings, and no variable of the container decides it"


def of_no_live_account(case: Case, why: str) -> NotApplicable | NotKnown:
    """What a rule for live gateways says of any other."""
    return NotApplicable(why) if case.endpoint == "paper" else NotKnown("whether it is live or paper is not known")


def unread(case: Case, variable: str) -> tuple[Quote, ...]:
    """A variable of gnzsnz with IBC that is set, though this image does not read it."""
    own = case.own_name(variable)
    if own == variable or not case.variable(variable):
        return ()
    here = f"; here it is {own}" if own else ""
    return (case.quote("health", f"{variable} is set, and this image does not read it{here}"),)


def change_of(case: Case, word: str, value: str | bool) -> Change | None:
    """A word of the inventory set to `value`: as the gateway's image takes it, and as the inventory has it."""
    family = case.family or GNZSNZ_IBC
    own = family.words[word]
    told = str(value).lower() if isinstance(value, bool) else f"'{value}'" if ":" in value else value
    if isinstance(own, Lacking) or not own.variables:
        return None
    written = own.choices[str(value)] if own.choices is not None else family.written(word, value)
    if not family.reads(own.variables[0], case.gateway.container.environment):
        return Change(f"{family.key(word)}={written} in its controller's configuration file", f"{word}: {told}")
    return Change(" ".join(f"{name}={written}" for name in own.variables), f"{word}: {told}")
