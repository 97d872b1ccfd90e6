# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which image family a container is of.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.ibgw.ops.plugins.module_utils.families.extrange import FAMILY as EXTRANGE
from ansible_collections.ibgw.ops.plugins.module_utils.families.extrange import STARTS as EXTRANGE_STARTS
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family, Traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibc import FAMILY as GNZSNZ_IBC
from ansible_collections.ibgw.ops.plugins.module_utils.families.gnzsnz_ibcontroller import FAMILY as GNZSNZ_IBCONTROLLER
from ansible_collections.ibgw.ops.plugins.module_utils.families.huieric import FAMILY as HUIERIC
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibg_controller import FAMILY as IBG_CONTROLLER
from ansible_collections.ibgw.ops.plugins.module_utils.families.ibga import FAMILY as IBGA
from ansible_collections.ibgw.ops.plugins.module_utils.families.manhinhang import FAMILY as MANHINHANG
from ansible_collections.ibgw.ops.plugins.module_utils.families.unusualalpha import FAMILY as UNUSUALALPHA

#: Every family; the first that finds its marks wins, so a family stands before those that it was built from.
FAMILIES: tuple[Family, ...] = (
    IBG_CONTROLLER,
    GNZSNZ_IBCONTROLLER,
    GNZSNZ_IBC,
    HUIERIC,
    IBGA,
    EXTRANGE,
    MANHINHANG,
    UNUSUALALPHA,
)

# Images that are taken for a gateway: a variable of theirs, what their command holds, and what they are.
_NO_GATEWAYS = (
    (
        "IBEAM_GATEWAY_DIR",
        "ibeam_starter.py",  # Voyz/ibeam Dockerfile
        "it is ibeam: that serves IBKR's Web API and has no TWS API port",
    ),
    (
        "ib-user-name",
        "QuantConnect.Lean.Launcher",  # QuantConnect/IBAutomater README.md
        "it is the trading engine Lean: the gateway in it serves that engine alone",
    ),
)

# What runs wherever IBC is, whatever the image (IBC ibcstart.sh:518).
_PROCESSES_OF_IBC = (
    (re.compile(r"\bibcalpha\.ibc\.Ibc(Gateway|Tws)\b"), "gateway"),
    (re.compile(r"/ibcstart\.sh\b"), "controller"),
)

BY_NAME: Mapping[str, Family] = {family.name: family for family in FAMILIES}

#: The kind of each variable that means something to any family; not plain where it is not to one of them.
KINDS: Mapping[str, str] = {
    name: known.kind
    for name, known in sorted(
        (pair for family in FAMILIES for pair in family.variables.items()), key=lambda pair: pair[1].kind != "plain"
    )
}

#: Variables that name a file with what another variable would hold, a secret or a user name.
FILE_VARIABLES = frozenset(
    f"{name}_FILE"
    for family in FAMILIES
    for name, known in family.variables.items()
    if known.kind != "plain" and f"{name}_FILE" in family.variables
)


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


def may_be_gateway(traits: Traits) -> bool:
    """Whether a container may be a gateway of which only its image, its command and its labels are known, not its own variables."""
    return recognise(traits) is not None or bool(EXTRANGE_STARTS.search(traits.command))


def no_gateway(traits: Traits) -> str | None:
    """What a container is that is no gateway of ours but is taken for one, as a sentence."""
    return next(
        (said for name, program, said in _NO_GATEWAYS if name in traits.environment or program in traits.command), None
    )


def process_role(family: Family | None, command_line: str) -> str:
    """What a process is for in a container of `family`; of an unknown image only IBC is known."""
    if family:
        return family.process_role(command_line)
    return next((role for pattern, role in _PROCESSES_OF_IBC if pattern.search(command_line)), "other")
