# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who logs in where, over all gateways of a run."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CREATE_AT_A_GOOD_TIME,
    Answer,
    NotKnown,
    Passed,
    Proof,
    finding,
)


@finding(
    "config.duplicate_user",
    severity="advice",
    remedy="ask_person",
    title="Two gateways log in as the same user",
    meaning=(
        "IBKR gives a user one trading session. Two gateways that log in as the same user to the same kind of account throw each other out,"
        " again and again where both insist (primary), and each turn is a login. Users are compared by a hash with a secret of the run;"
        " nobody sees a name, and what is not of this run (-l) is not compared."
    ),
    fix=(
        "Give each gateway a user of its own (Client Portal, Settings, Users & Access Rights): a second user of the same account costs nothing.",
        "Where one only stands by for the other, stop it and take it out of the inventory until it is needed.",
        CREATE_AT_A_GOOD_TIME,
    ),
    audits="No other gateway logs in as the same user.",
)
def duplicate_user(case: Case) -> Answer:
    if case.user is None:
        return NotKnown("the user that it logs in as could not be read, or was not compared")
    mode = case.endpoint or "its mode"
    if not case.same_user:
        return Passed(f"no other gateway of this run logs in as its user in {mode}")
    words = f"{', '.join(sorted((f'{case.machine}/{case.name}', *case.same_user)))} log in as the same user in {mode}"
    return Proof(words, (case.quote("health", words),))
