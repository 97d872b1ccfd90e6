# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cheapest step that can help: remedies from the cheapest to the dearest, what each costs, and which one comes next."""

from __future__ import annotations

from collections.abc import Collection

from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import REMEDIES, findings

#: What is no rung: no step of a gateway's own, no step at all, and what only a person does.
BESIDE = ("start_engine", "stop_to_protect_account", "ask_person")

#: What may be done, cheapest first.
LADDER = tuple(remedy for remedy in REMEDIES if remedy not in BESIDE)

#: Those that cut off whoever uses a gateway.
CUTS = ("restart_relay", "soft_restart", "restart", "recreate", "stop_to_protect_account")

#: Findings that leave it to a person because a diagnosis can not know what recovery knows: the remedy, and whether it takes a
#: person who is ready.
BEYOND_DIAGNOSIS = {"engine.down": ("start_engine", False), "twofa.timed_out": ("restart", True)}


def permitted(remedy: str, dearest: str) -> bool:
    """Whether `remedy` is no dearer than `dearest`. Starting the engine is as dear as starting its gateways; what protects the
    account is dearer than nothing only."""
    if remedy == "stop_to_protect_account":
        return dearest != "none"
    return LADDER.index("start" if remedy == "start_engine" else remedy) <= LADDER.index(dearest)


def next_remedy(code: str | None, asked: str, tried: Collection[str], person_ready: bool) -> str:
    """The remedy for the finding `code`, for which the verdict `asked` so, after `tried` did not help.

    What did not help is not done again; the finding itself may allow a dearer one than its verdict asked for first.
    """
    beyond, takes_a_person = BEYOND_DIAGNOSIS.get(code or "", ("", False))
    if asked == "ask_person" and beyond and (person_ready or not takes_a_person):
        asked = beyond
    if asked not in tried:
        return asked
    allowed = findings()[code].remedy if code in findings() else "none"
    dearer = asked in LADDER and allowed in LADDER and LADDER.index(allowed) > LADDER.index(asked)
    return allowed if dearer and allowed not in tried else "none"
