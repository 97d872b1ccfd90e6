# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may stand against a remedy now: one function per guard, named as the report names it.

A guard answers a question about one remedy for one gateway: passed, refused, or not known yet. It returns None where the remedy is
none of its business. The order of `GUARDS` is that of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ansible_collections.ibgw.ops.plugins.module_utils.record import RECORDS
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.clients import obstacle, orders_readable, orders_unread
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import countdown
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import BEGINS_A_SESSION, LOGS_IN
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.ladder import CUTS, permitted
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.settings import Settings
from ansible_collections.ibgw.ops.plugins.plugin_utils.recovery.situation import Login, Record, Situation
from ansible_collections.ibgw.ops.plugins.plugin_utils.run import few
from ansible_collections.ibgw.ops.plugins.plugin_utils.timetable import reset_ends

#: Findings with which every further login harms the account.
ENDANGERED = ("login.credentials_rejected", "login.throttled", "login.account_locked", "login.api_not_permitted")

#: Layers in which several gateways fail alike when IBKR or the network fails them.
SHARED_LAYERS = ("gateway", "login", "twofa", "api", "ibkr")

#: What begins within so long of each other has one cause.
ALIKE_WITHIN = timedelta(minutes=15)

#: How far the clocks of controller and machine may differ before windows and budgets mean nothing.
CLOCKS_APART = timedelta(seconds=120)

#: What the name of a container ends with that was put aside, and whose work that is (roles/rebuild and roles/gateway, vars/main.yml).
ASIDE = {"before": "rebuild", "replaced": "deploy"}

#: What the budget looks at.
BUDGET_TIME = timedelta(hours=24)


@dataclass(frozen=True)
class Diagnosis:
    """What one diagnosis of this run said of the gateway."""

    at: str | None
    status: str | None
    code: str | None
    remedy: str | None


@dataclass(frozen=True)
class Alike:
    """What leads at another gateway of the fleet, and since when."""

    id: str
    status: str
    code: str | None
    since: str | None
    container: str | None = None


@dataclass(frozen=True)
class Question:
    """May `remedy` be done now? `diagnoses` are those of this run, the newest last; `owner` is this run, once it works on it."""

    remedy: str
    situation: Situation
    settings: Settings
    fleet: Sequence[Alike] = ()
    diagnoses: Sequence[Diagnosis] = ()
    owner: str | None = None


@dataclass(frozen=True)
class Check:
    """A guard's answer; `passed` None where it is not known yet, `again` the seconds after which a refusal can end by itself."""

    guard: str
    passed: bool | None
    reason: str
    again: float | None = None


def unknown(question: Question) -> Check:
    """What could not be judged is never a reason to act."""
    status = question.situation.row["status"]
    return _check("unknown", status != "unknown", f"the verdict is {status}", "it could not be judged")


def held(question: Question) -> Check:
    """A hold is for a person to clear; but what it was written for, with a finding, is brought to its end."""
    holds = {question.situation.name: question.situation.health.get("hold")}
    for record in _concerned(question):
        if corrupt := _corrupt(record, "hold"):
            return Check("held", False, corrupt)
        holds[str(record.name)] = record.hold or holds.get(str(record.name))
    for name, hold in holds.items():
        if question.remedy == "stop_to_protect_account" and isinstance(hold, dict) and hold.get("code"):
            return Check("held", True, "the run that wrote the hold on it was cut off before it was stopped")
        if hold:
            cleared = "ibgw.ops.release clears it after a person has acted"
            return Check("held", False, f"a hold is on {name}: {_told(hold)}; {cleared}")
    return Check("held", True, "no hold is on it")


def paused(question: Question) -> Check:
    """An operator keeps automation away for a while."""
    for record in _concerned(question):
        if corrupt := _corrupt(record, "pause"):
            return Check("paused", False, corrupt)
        until = moment(record.pause.until) if record.pause else None
        if record.pause and (until is None or until > question.situation.machine_now):
            by = f" by {record.pause.by}" if record.pause.by else ""
            return Check("paused", False, f"{record.name} is paused{by} until {record.pause.until}")
    return Check("paused", True, "it is not paused")


def locked(question: Question) -> Check:
    """One automation at a time; while it is only planned nobody's lock is enough, to act takes our own."""
    records, record = question.situation.records, question.situation.record
    if record is None:
        reason = records.reason or "the machine could not be asked"
        mends = f"; {records.fix}" if records.fix else ""
        return Check("locked", False, f"what the machine keeps about it could not be read: {reason}{mends}")
    if corrupt := _corrupt(record, "lock"):
        return Check("locked", False, corrupt)
    lock, until = record.lock, moment(record.lock.until) if record.lock else None
    live = lock is not None and (until is None or until > question.situation.machine_now)
    if lock and live and lock.owner != question.owner:
        works = f"{lock.owner} works on it since {lock.since}, until {lock.until} at most"
        return Check(
            "locked",
            False,
            f"{works}; if that run was killed, its lock can go: rm {RECORDS / str(record.name) / 'lock.json'}",
        )
    if question.owner is None:
        return Check("locked", True, "nobody works on it")
    return _check("locked", live, "nobody else works on it", "the lock of this run is lost")


def aside(question: Question) -> Check | None:
    """What is kept to go back to logs in as the same user as what took its place: only who put it aside starts it."""
    name, _dot, suffix = question.situation.name.rpartition(".")
    if question.remedy not in BEGINS_A_SESSION or suffix not in ASIDE:
        return None
    return _check(
        "aside",
        name not in (record.name for record in question.situation.records.gateways),
        f"there is no {name} in whose place it was",
        f"a {ASIDE[suffix]} of {name} has put it aside: ansible-playbook ibgw.ops.{ASIDE[suffix]} ends that",
    )


def max_remedy(question: Question) -> Check:
    """Nothing dearer than the operator allows."""
    most = question.settings.max_remedy
    return _check(
        "max_remedy",
        permitted(question.remedy, most),
        f"recover_max_remedy={most} allows it",
        f"recover_max_remedy={most} does not allow {question.remedy}",
    )


def account(question: Question) -> Check | None:
    """Never a login after one that IBKR refused for good, or throttled."""
    if question.remedy not in BEGINS_A_SESSION:
        return None
    found = {question.situation.code, *(each["code"] for each in question.situation.row.get("findings") or ())}
    harmful = [code for code in ENDANGERED if code in found]
    return _check(
        "account",
        not harmful,
        "nothing says that a login harms the account",
        f"{', '.join(harmful)}: a login harms the account",
    )


def person(question: Question) -> Check | None:
    """Never a second login while a prompt is open; after one that nobody answered, only when somebody is ready."""
    situation = question.situation
    if question.remedy == "restart_relay":
        return None
    if situation.prompt_open:
        return Check("person", False, "a second factor waits for approval, and this would kill it")
    if question.remedy not in BEGINS_A_SESSION:
        return None
    unanswered = max(situation.unanswered, int(situation.code == "twofa.timed_out"))
    if situation.code == "twofa.login_incomplete":
        unanswered = max(unanswered - 1, 0)  # the last one was answered, with yes or no
    if not unanswered:
        return Check("person", True, "no push went unanswered")
    asked = f"{unanswered} push{'es' if unanswered > 1 else ''} went unanswered"
    if question.settings.person_ready:
        return Check("person", True, f"{asked}, and recover_person_ready says that somebody is ready now")
    return Check("person", False, f"{asked}: set recover_person_ready=true when somebody is ready to approve the next")


def clients(question: Question) -> Check | None:
    """Who would be cut off: clients of an API that is not proven dead, and whoever has orders open."""
    situation = question.situation
    if question.remedy not in CUTS:
        return None
    if not any(case.running for case in situation.cases):
        return Check("clients", True, "it does not run")
    health = situation.behind_dead_relays if question.remedy == "restart_relay" else situation.health
    if question.owner is None and not isinstance(health.get("sockets"), Mapping):
        return Check("clients", None, "who is connected is looked at, as root, before it is done")
    used_by = obstacle(health, [*situation.answers, *(situation.orders or ())])
    if question.settings.ignore_clients:
        return Check("clients", True, f"recover_ignore_clients is set{f', though {used_by}' if used_by else ''}")
    if used_by:
        return Check("clients", False, f"{used_by}; see to that first, or set recover_ignore_clients=true")
    if question.remedy == "restart_relay" or not situation.serves:
        return Check("clients", True, "nobody is connected whom it serves")
    if situation.orders is None and orders_readable(health):
        return Check("clients", None, "no client is connected; open orders are counted before it is done")
    unread = orders_unread(health, situation.orders or situation.answers)
    return Check(
        "clients", True, f"no client is connected. {unread}" if unread else "no client is connected, no order open"
    )


def budget(question: Question) -> Check | None:
    """Logins are counted on the machine, for each cause and for all; what can not be read counts as spent."""
    if question.remedy not in LOGS_IN:
        return None
    situation, allowed = question.situation, question.settings.login_budget
    cause = situation.code or "none"  # a healthy gateway that is rebuilt
    records = _concerned(question)
    if not records:
        return Check("budget", False, f"the logins that were spent could not be read: {situation.records.reason}")
    for record in records:
        if corrupt := _corrupt(record, "logins"):
            return Check("budget", False, corrupt)
        spent = [login for login in record.logins if _counts(login, record, situation.machine_now)]
        alike = sum(login.cause == cause for login in spent)
        if alike >= allowed or len(spent) >= 2 * allowed:
            what = f"{alike} of {allowed} for {cause}, {len(spent)} of {2 * allowed} in all"
            whose = f" of {record.name}" if len(records) > 1 else ""
            return Check("budget", False, f"the logins{whose} within 24 hours are spent: {what}")
    whose = "each gateway of the machine" if len(records) > 1 else "it"
    return Check("budget", True, f"{whose} has logins left: recover_login_budget={allowed}")


def reset_window(question: Question) -> Check | None:
    """While IBKR resets its servers a login fails."""
    if question.remedy not in LOGS_IN:
        return None
    ends = reset_ends(question.settings.reset_windows, question.situation.now)
    if ends is None:
        return Check("reset_window", True, "IBKR has no reset now")
    return Check("reset_window", False, f"IBKR resets its servers until about {ends:%H:%M %Z}: a login would fail")


def fleet(question: Question) -> Check | None:
    """Several that fail alike at once are IBKR or the network: nobody is restarted."""
    situation = question.situation
    if question.remedy not in LOGS_IN or situation.row.get("layer") not in SHARED_LAYERS:
        return None
    itself = (situation.health.get("container") or {}).get("id")  # under another name of its machine
    alike = [
        each.id
        for each in question.fleet
        if each.id != situation.row["id"]
        and (itself is None or each.container != itself)
        and each.code == situation.code
        and _together(each.since, situation.row["since"])
    ]
    if not alike:
        return Check("fleet", True, f"no other gateway that was seen has {situation.code}")
    return Check("fleet", False, f"{few(alike)} failed alike at about the same time: that is IBKR or the network")


def starting(question: Question) -> Check | None:
    """What was started a moment ago gets the time that its family takes."""
    situation = question.situation
    if question.remedy not in BEGINS_A_SESSION:
        return None
    ready = situation.started + situation.start_takes if situation.started else None
    left = (ready - situation.machine_now).total_seconds() if ready else 0
    if left <= 0:
        return Check("starting", True, "it is not within the time that its start takes")
    return Check("starting", False, f"it was started a moment ago and has {countdown(left)} left to come up", left)


def clock(question: Question) -> Check | None:
    """With a wrong clock neither budget nor windows mean anything."""
    if question.remedy not in LOGS_IN:
        return None
    apart = abs(question.situation.machine_now - question.situation.now)
    return _check(
        "clock",
        apart <= CLOCKS_APART,
        "the clocks of controller and machine agree",
        f"the clocks of controller and machine differ by {apart.total_seconds():.0f} s: correct them first",
    )


def deployed(question: Question) -> Check | None:
    """A container is made anew only from its deployment's record and the inventory."""
    if question.remedy != "recreate":
        return None
    record, lacking = question.situation.health.get("deployment"), question.situation.undeployable
    if not isinstance(record, dict) or "unreadable" in record:
        return Check("deployed", False, "no record on the machine says how it was deployed")
    return _check("deployed", not lacking, "its deployment is recorded, and the inventory has it", lacking)


def engine(question: Question) -> Check | None:
    """Only the machine's own engine can be started."""
    if question.remedy != "start_engine":
        return None
    given = question.situation.engine_given
    return _check(
        "engine",
        not given,
        "the machine's own engine is asked",
        f"diagnose_docker_host says {quote(given)}: see first whether that is right",
    )


def agreement(question: Question) -> Check | None:
    """Before anything that costs a session, a second diagnosis says the same."""
    if question.remedy not in BEGINS_A_SESSION:
        return None
    if question.owner is None:
        return Check("agreement", None, "a second diagnosis has to say the same before it is done")
    wanted, alike = question.settings.agree_after, _in_a_row(question.diagnoses)
    apart = _seconds(alike[0].at, alike[-1].at)
    if len(alike) > 1 and apart >= wanted:
        return Check("agreement", True, f"{len(alike)} diagnoses say {alike[-1].code}, the first {apart:.0f} s ago")
    reason = f"only one diagnosis says {alike[-1].code}" if len(alike) == 1 else "the diagnosis before was a moment ago"
    return Check("agreement", False, reason, max(wanted - apart, 1))


GUARDS: tuple[Callable[[Question], Check | None], ...] = (
    unknown,
    held,
    paused,
    locked,
    aside,
    max_remedy,
    account,
    person,
    fleet,
    starting,
    reset_window,
    clock,
    budget,
    clients,
    deployed,
    engine,
    agreement,
)


def answers(question: Question) -> tuple[Check, ...]:
    """What every guard says that has a say."""
    return tuple(check for guard in GUARDS if (check := guard(question)) is not None)


def agreed(diagnoses: Sequence[Diagnosis]) -> bool:
    """The last two diagnoses say the same."""
    return len(_in_a_row(diagnoses)) > 1


def _in_a_row(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """The newest diagnoses that say the same, oldest first."""
    alike: list[Diagnosis] = []
    for each in reversed(diagnoses):
        if (each.code, each.remedy) != (diagnoses[-1].code, diagnoses[-1].remedy):
            break
        alike.insert(0, each)
    return alike


def _check(guard: str, passed: bool, if_passed: str, if_not: str) -> Check:
    return Check(guard, passed, if_passed if passed else if_not)


def _concerned(question: Question) -> Sequence[Record]:
    """The records of all gateways that the remedy logs in; none where they could not be read, which is said by `locked`."""
    situation = question.situation
    if question.remedy == "start_engine" and situation.records.available:
        return situation.records.gateways
    return [situation.record] if situation.record else []


def _corrupt(record: Record, part: str) -> str:
    """Why a part of the record counts as the worst; empty where it can be understood."""
    return quote(record.corrupt.get(part, ""))


def _counts(login: Login, record: Record, now: datetime) -> bool:
    """A login counts for a day, unless a healthy period came after it."""
    at, rearmed = moment(login.at), moment(record.healthy.rearmed) if record.healthy else None
    return at is None or (at > now - BUDGET_TIME and (rearmed is None or at > rearmed))


def _together(one: str | None, other: str | None) -> bool:
    """Whether both began at about the same time; unknown times count as the same."""
    begun, other_begun = moment(one), moment(other)
    return begun is None or other_begun is None or abs(begun - other_begun) <= ALIKE_WITHIN


def _seconds(earlier: str | None, later: str | None) -> float:
    begun, ended = moment(earlier), moment(later)
    return (ended - begun).total_seconds() if begun and ended else 0.0


def _told(hold: object) -> str:
    said = [str(hold[key]) for key in ("code", "reason", "by", "at") if hold.get(key)] if isinstance(hold, dict) else []
    return quote(", ".join(said) or str(hold))
