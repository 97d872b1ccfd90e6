# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which image family a container is of.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.ibgw.ops.plugins.module_utils.families.extrange import FAMILY as EXTRANGE
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibcontroller import FAMILY as GNZSNZ_IBCONTROLLER
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibg_controller import FAMILY as IBG_CONTROLLER
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibga import FAMILY as IBGA

#: Every family; the first that finds its marks wins, so a family stands before those that it was built from.
FAMILIES: tuple[Family, ...] = (IBG_CONTROLLER, GNZSNZ_IBCONTROLLER, GNZSNZ_IBC, IBGA, EXTRANGE)

BY_NAME: Mapping[str, Family] = {family.name: family for family in FAMILIES}


@dataclass(frozen=True)
class Recognition:
    """A family, how sure that is (`high`: several marks agree; `low`: there is one), and the marks."""

    family: Family
    confidence: str
    because: tuple[str, ...]


def recognise(traits: Traits) -> Recognition | None:
    """The family whose marks the traits carry, if any."""
    for family in FAMILIES:
        marks = family.marks(traits)
        if marks:
            return Recognition(family, "high" if len(marks) > 1 else "low", marks)
    return None
