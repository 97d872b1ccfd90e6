# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What comes next for one gateway: act, look again, ask who uses it, or stop. Pure: from what is known to one move.

A run works on a gateway in rounds. Each begins with a diagnosis and ends with a move; the journal is what passes from one round to
the next, and what the report tells in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import ACTS, LOGS_IN, URGENCY
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.guards import (
    Alike,
    Check,
    Diagnosis,
    Question,
    agreed,
    answers,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.ladder import next_remedy
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Situation

#: Seconds between two looks at a gateway that is on its way.
PACE = 5

#: How often what the family's start takes is waited for: a login has stages, and each may take its time.
STARTS = 2


@dataclass(frozen=True)
class Cost:
    """What a remedy spends: logins of gateways, and pushes at most."""

    logins: int
    pushes: int
    says: str


@dataclass(frozen=True)
class Step:
    """One remedy for one gateway, whether it may be done now, and what stands for and against it.

    `asked` is the verdict's remedy, `remedy` what would be done about it now. `act` None: not before something is known that is
    asked for only then.
    """

    name: str
    host: str
    id: str
    code: str | None
    status: str
    asked: str
    remedy: str
    act: bool | None
    reason: str
    guards: tuple[Check, ...]
    cost: Cost


@dataclass(frozen=True)
class Outcome:
    """How a remedy's tasks say that it went; `begun` is False where nothing was done, for it could not be written down before."""

    done: bool | None = None
    said: str | None = None
    begun: bool | None = None


@dataclass(frozen=True)
class Done:
    """A remedy that was tried."""

    remedy: str | None
    code: str | None
    began_at: str | None
    ended_at: str | None
    proof: str | None
    failed: bool | None
    logins: int | None
    guards: tuple[Check, ...]


@dataclass(frozen=True)
class Journal:
    """What this run saw of a gateway and did to it. `settle_until` is how long it is looked at again before it is given up."""

    began_at: str | None
    settle_until: str | None
    diagnoses: tuple[Diagnosis, ...]
    steps: tuple[Done, ...]

    @property
    def since_the_last_step(self) -> tuple[Diagnosis, ...]:
        """The diagnoses of what the last remedy left behind."""
        ended_at = moment(self.steps[-1].ended_at) if self.steps else None
        return tuple(each for each in self.diagnoses if ended_at is None or (moment(each.at) or ended_at) >= ended_at)


@dataclass(frozen=True)
class Move:
    """What is done next: `act`, `look` (after so many seconds), `count_orders`, or `stop` with an outcome."""

    do: str
    reason: str
    step: Step
    after: float = 0
    outcome: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON types, fit for an Ansible variable."""
        return asdict(self)


def opened(situation: Situation, settings: Settings) -> Journal:
    """The journal of a gateway that is first looked at."""
    return looked(Journal(stamp(situation.now), _until(situation, settings), (), ()), situation)


def resumed(journal: Journal, situation: Situation, settings: Settings) -> Journal:
    """The journal of the plan, now that its turn has come: it is worked on from here."""
    return replace(journal, began_at=stamp(situation.now), settle_until=_until(situation, settings))


def looked(journal: Journal, situation: Situation) -> Journal:
    """`journal` with one diagnosis more."""
    row = situation.row
    seen = Diagnosis(stamp(situation.now), row["status"], row["code"], row["remedy"])
    return replace(journal, diagnoses=(*journal.diagnoses, seen))


def began(journal: Journal, step: Step, now: datetime) -> Journal:
    """`journal` with a remedy that begins now."""
    done = Done(step.remedy, step.code, stamp(now), None, None, None, step.cost.logins, step.guards)
    return replace(journal, steps=(*journal.steps, done))


def ended(journal: Journal, situation: Situation, settings: Settings, told: Outcome) -> Journal:
    """`journal` with the end of the remedy that was begun; the gateway has time to settle from here on."""
    if not journal.steps or journal.steps[-1].ended_at:
        return journal
    begun = journal.steps[-1]
    logins = 0 if told.begun is False else begun.logins
    at = stamp(situation.now)
    done = replace(begun, ended_at=at, proof=told.said, failed=told.done is not True, logins=logins)
    return replace(journal, steps=(*journal.steps[:-1], done), settle_until=_until(situation, settings))


def decide(
    situation: Situation,
    settings: Settings,
    fleet: Sequence[Alike] = (),
    journal: Journal | None = None,
    owner: str | None = None,
) -> Step:
    """What would be done about the verdict now, and whether it may be."""
    row, steps = situation.row, journal.steps if journal else ()
    tried = [done.remedy or "" for done in steps if done.code == row["code"]]
    asked = "start" if situation.left_stopped else row["remedy"]
    remedy = next_remedy(row["code"], asked, tried, settings.person_ready)
    if remedy == "restart" and not any(case.running for case in situation.cases):
        remedy = "start" if "start" not in tried else "none"  # nothing is left to be stopped
    diagnoses = journal.since_the_last_step if journal else ()
    question = Question(remedy, situation, settings, fleet, diagnoses, owner)
    checks = answers(question) if remedy in ACTS else ()
    refused = [check for check in checks if check.passed is False]
    unknown = [check for check in checks if check.passed is None]
    act: bool | None
    if remedy not in ACTS:
        tries = f"{', '.join(tried)} did not help, and nothing dearer is allowed" if tried and remedy == "none" else ""
        act, reason = False, tries or row["remedy_reason"] or row["summary"]
    elif refused:
        act, reason = False, "; ".join(check.reason for check in refused)
    else:
        act, reason = (None if unknown else True), row["remedy_reason"] or row["summary"]
    return Step(
        row["name"],
        row["host"],
        row["id"],
        row["code"],
        row["status"],
        row["remedy"],
        remedy,
        act,
        reason,
        checks,
        _cost(remedy, situation),
    )


def next_move(
    situation: Situation,
    settings: Settings,
    journal: Journal,
    fleet: Sequence[Alike] = (),
    owner: str | None = None,
) -> Move:
    """What comes next, after the diagnosis that is the newest of `journal`."""
    step = decide(situation, settings, fleet, journal, owner)
    status, now = situation.row["status"], situation.now
    settling = now < (moment(journal.settle_until) or now)

    def stop(reason: str) -> Move:
        return Move("stop", reason, step, outcome=outcome(step, journal))

    if status == "healthy":
        return stop(situation.row["summary"])
    if step.asked == "ask_person" and situation.prompt_open:
        waited = (now - (moment(_asking_since(journal)) or now)).total_seconds()
        wait = waited < settings.wait_for_person
        return Move("look", situation.row["summary"], step, PACE) if wait else stop(situation.row["summary"])
    if step.act is not False:
        if len(journal.steps) >= settings.steps:
            return stop(f"{len(journal.steps)} remedies were tried, as many as recover_steps allows")
        unasked = {check.guard for check in step.guards if check.passed is None}
        return Move("count_orders" if owner and "clients" in unasked else "act", step.reason, step)
    if step.remedy in ACTS:
        refused = [check for check in step.guards if check.passed is False]
        waits = [check.again for check in refused if check.again is not None]
        if settling and len(waits) == len(refused):
            return Move("look", step.reason, step, min(max(waits), PACE * 4))
        return stop(step.reason)
    on_its_way = status == "starting" or (journal.steps and not (_final(step) and agreed(journal.since_the_last_step)))
    if settling and on_its_way:
        return Move("look", situation.row["summary"], step, PACE)
    return stop(step.reason)


def outcome(step: Step, journal: Journal) -> str:
    """How it ended for a gateway."""
    before, steps = journal.diagnoses[0].status or "unknown", journal.steps
    if step.status == "healthy":
        return "healthy" if steps or before != "healthy" else "nothing_to_do"
    if step.status == "unknown":
        return "given_up" if steps else "not_seen"
    if step.code == "container.held" or step.remedy == "ask_person":
        return "waiting_for_person"
    if steps:
        better = URGENCY.index(step.status) > URGENCY.index(before)
        return "improved" if better else "given_up"
    return "refused" if step.remedy in ACTS else "nothing_to_do"


def _final(step: Step) -> bool:
    """Nothing changes by itself any more."""
    return step.remedy in ("ask_person", "none")


def _asking_since(journal: Journal) -> str | None:
    """Since when a person is needed, as far as this run has worked on the gateway, without anything else in between."""
    since = None
    for each in reversed(journal.diagnoses):
        if each.remedy != "ask_person":
            break
        since = each.at
    return max(filter(None, (since, journal.began_at)), default=None)


def _until(situation: Situation, settings: Settings) -> str:
    patience = timedelta(seconds=settings.settle) or situation.start_takes * STARTS
    return stamp(situation.now + patience)


def _cost(remedy: str, situation: Situation) -> Cost:
    if remedy not in LOGS_IN:
        free = {
            "soft_restart": "no login: the session is kept, and its clients are cut off for about a minute",
            "restart_relay": "no login",
            "stop_to_protect_account": "no login: it stays stopped until a person clears the hold",
        }
        return Cost(0, 0, free.get(remedy, "nothing"))
    if remedy == "start_engine":
        count = len(situation.records.gateways)
        return Cost(count, count, f"a login for every gateway that starts with the engine: {count} at most")
    endpoints = [case.endpoint or situation.row["trading_mode"] for case in situation.cases]
    # Paper logins have no second factor (IBC AbstractLoginHandler.java:102).
    pushes = sum(endpoint != "paper" for endpoint in endpoints)
    which = f" ({' and '.join(filter(None, endpoints))})" if any(endpoints) else ""
    says = f"{'a login' if len(endpoints) < 2 else f'{len(endpoints)} logins'}{which}"
    says += ", and a push where the user has a second factor" if pushes else ", without a second factor"
    return Cost(max(len(endpoints), 1), pushes, says)
