# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands against a rebuild, and the trial of its new container: whether that is kept or gives way to the old one.

Verdicts are rows of the report. The old container is gone only with `keep`; every other step leaves it or puts it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import LAYERS
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery import guards
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import ENDANGERED, Check, Question
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.plan import STARTS
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Situation


def starting(question: Question) -> Check | None:
    """What serves already is not on its way any more."""
    return None if question.situation.serves else guards.starting(question)


#: What may stand against a rebuild. A person asks for it, so that nobody has to agree with a finding.
GUARDS = (
    guards.unknown,
    guards.held,
    guards.paused,
    guards.locked,
    guards.account,
    guards.person,
    starting,
    guards.reset_window,
    guards.clock,
    guards.budget,
    guards.clients,
    guards.deployed,
)

#: As far as a login gets without a person; the old container would need one more push.
NEEDS_PERSON = ("twofa.pending", "twofa.retrying", "twofa.timed_out")

#: IBKR holds the session or sends no push, and each further login makes it worse.
IBKR_HOLDS = ("login.auth_silent", "login.existing_session", "twofa.not_sent")


def checks(situation: Situation, settings: Settings, owner: str | None) -> list[Check]:
    """What every guard says of making a gateway anew now that has a say; `owner` is this run, once it works on it."""
    # Whoever confirms a rebuild was told of the push.
    question = Question("recreate", situation, replace(settings, person_ready=True), owner=owner)
    return [
        replace(check, reason=check.reason.replace("recover_ignore_clients", "rebuild_ignore_clients"))
        for guard in GUARDS
        if (check := guard(question))
    ]


def endangered(situation: Situation, settings: Settings) -> bool:
    """Whether the next login harms the account, of whichever container."""
    check = guards.account(Question("start", situation, settings))
    return check is not None and not check.passed


@dataclass(frozen=True)
class Step:
    """What follows in a trial: `look` again, `keep`, `roll_back`, `protect` (back, and not started) or `leave` both as they are."""

    step: str
    reason: str


def trial(
    after: Mapping[str, Any],
    before: Mapping[str, Any],
    last_code: str | None,
    seconds: float,
    settle: float = 0,
    wait_for_person: float = 0,
) -> dict[str, str]:
    """The next step of a trial, `seconds` after it began; `last_code` is what led at the look before this one."""
    limit = settle or STARTS * _start_seconds(after, before)
    return asdict(_step(after, before, last_code, seconds < limit, _waited(after, seconds) < wait_for_person))


def _step(
    after: Mapping[str, Any], before: Mapping[str, Any], last_code: str | None, in_time: bool, person_in_time: bool
) -> Step:
    said = f"{after['code']}: {after['summary']}" if after["code"] else after["status"]
    if after["code"] in ENDANGERED or after["remedy"] == "stop_to_protect_account":
        return Step("protect", said)
    if reach(after) == len(LAYERS):
        return Step("keep", said)
    if after["code"] in NEEDS_PERSON:
        open_still = after["status"] == "waiting" and person_in_time
        return Step("look" if open_still else "leave", said)
    if in_time and not (after["status"] == "down" and after["code"] == last_code):  # seen once, it may be passing
        return Step("look", said)
    if after["status"] == "unknown" or after["code"] in IBKR_HOLDS:
        return Step("leave", said)
    return Step("keep" if after["status"] == "down" and reach(after) >= reach(before) else "roll_back", said)


def reach(row: Mapping[str, Any]) -> int:
    """How far a gateway gets: the first broken layer, or beyond all when its API serves."""
    if row["status"] in ("healthy", "degraded") or row["layer"] in ("ibkr", "clients"):
        return len(LAYERS)
    return LAYERS.index(row["layer"]) if row["layer"] in LAYERS else 0


def _start_seconds(*rows: Mapping[str, Any]) -> int:
    """What the slowest of the families that the rows tell takes to start; of all families when they tell none."""
    told = [BY_NAME[row["family"]] for row in rows if row.get("family") in BY_NAME]
    return max(family.start_seconds for family in told or BY_NAME.values())


def _waited(row: Mapping[str, Any], seconds: float) -> float:
    """How long a person has been waited for."""
    since, now = moment(row.get("since")), moment(row.get("checked_at"))
    return (now - since).total_seconds() if since and now else seconds
