# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From evidence to one verdict per gateway: every rule is asked, one finding leads, the rest are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import ASKING, PROGRESS, Case, stamp
from ansible_collections.ibgw.ops.plugins.plugin_utils.evidence import Gateway, Machine, saved_log
from ansible_collections.ibgw.ops.plugins.plugin_utils.facts import facts_of, logged_in_since
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import within_start
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.login import REFUSALS
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    AUDIT_ONLY,
    BEGINS_A_SESSION,
    DIAGNOSE,
    LAYERS,
    LOGS_IN,
    REBUILD,
    STATUSES,
    URGENCY,
    EndpointVerdict,
    Finding,
    Found,
    Proof,
    Verdict,
    findings,
    named,
)

if TYPE_CHECKING:
    from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

NO_GATEWAY = "no gateway was found on this machine, and the inventory declares none"
DECLARE = "Declare its gateways in the inventory (gateways: [{name: ...}]), or take the machine out of the group."

#: At this depth no gateway is proven healthy.
ASK_ON = "Ask on: diagnose_depth=tcp asks for an open port only, and that proves nothing but the relay behind it."

#: In a few lines nothing of a login may stand.
MORE_OF_IT = "Give more of the log: from the start of the gateway, up to now."

#: Outside, such a port and a relay without its gateway look alike.
LOOK_INSIDE = (
    "Docker accepts and closes on a published port by itself where nothing listens in the container. To have the container looked"
    " into, set ansible_become: true for {machine}, and diagnose where its engine runs."
)

#: Of what no known image made there is no knowing whether it is a gateway at all.
NO_KNOWN_IMAGE = "the container is of no image that is known"

#: Consequences whose remedy goes before that of their cause: a loop, and a stop whose grace ran out.
FORBID_A_START = ("container.crash_loop", "login.looping", "container.killed")

#: gnzsnz issues 63, 333.
TWO_CONTAINERS = "Unless paper needs the market data of live, give each a container of its own: then the end of one shows, and a restart ends one."

#: Sources of evidence that there are of a saved log.
OF_A_LOG = ("log", "launcher")

#: States of a run in which the controller tries by itself.
ATTEMPTING = (*PROGRESS, "auto_restarting", "cold_restarting")

#: Layers whose findings say how a login stands.
OF_THE_LOGIN = ("login", "twofa")

#: States in which it ends, mostly to start again.
RESTARTING = ("shutting_down", "auto_restarting", "cold_restarting")

#: Remedies on the container, for both gateways in it.
ENDS_THE_CONTAINER = ("restart", "recreate", "stop_to_protect_account")


@dataclass(frozen=True)
class Judgement:
    """What the rules make of one case."""

    case: Case
    status: str
    leading: Found | None
    found: tuple[Found, ...]

    @property
    def summary(self) -> str:
        """The verdict in one sentence."""
        return self.leading.proof.summary if self.leading else _healthy_summary(self.case)


def verdicts_of_machine(machine: Machine, suppressions: Sequence[Suppression] = ()) -> list[Verdict]:
    """One verdict per gateway of the machine; `suppressions` are those in force."""
    return [_verdict(machine.name, gateway, suppressions) for gateway in machine.gateways]


def verdicts_of_log(
    name: str, result: Mapping[str, Any], now: datetime, suppressions: Sequence[Suppression] = ()
) -> list[Verdict]:
    """One verdict per gateway of the saved log called `name`: `result` is what `ibgw_logscan` returned for its path; `now` counts
    only where the log tells no time."""
    return [_verdict(name, gateway, suppressions) for gateway in saved_log(name, result, now)]


def judge(case: Case, suppressions: Sequence[Suppression] = ()) -> Judgement:
    """Ask every rule about one case and decide which finding leads."""
    seen = mark_consequences([each for rule in findings().values() if (each := _ask(rule, case)) is not None])
    if not case.proven_healthy and not _tells_enough(_leading(seen), case):
        seen.append(_inconclusive(case))
    found = [_suppressed(each, case, suppressions) for each in seen]
    # What is suppressed leads only where nothing else does and health is not proven: the status stays the truth.
    leading = _leading(each for each in found if not each.suppressed) or _leading(found)
    if leading is None or (case.proven_healthy and (leading.suppressed or leading.severity == "unknown")):
        return Judgement(case, "healthy", None, tuple(found))
    harmless = _after_the_reset(_warned(_held_back(leading, found, case), found), found, case)
    return Judgement(case, leading.severity, harmless, tuple(harmless if each is leading else each for each in found))


def _tells_enough(leading: Found | None, case: Case) -> bool:
    """Whether `leading` says why the gateway was not proven healthy: a lesser fault must not pass for the whole truth."""
    if leading is None or leading.severity != "degraded":
        return leading is not None
    return case.saved_log or case.api.outcome not in (None, "not_asked")


def _suppressed(found: Found, case: Case, suppressions: Iterable[Suppression]) -> Found:
    """`found` with the suppression that covers it, if any."""
    covering = (each for each in suppressions if each.covers(found.finding.code, case.machine, case.name))
    return replace(found, suppressed=next(covering, None))


def _held_back(leading: Found, found: Iterable[Found], case: Case) -> Found:
    """`leading` with a remedy that does no harm now: none where it is suppressed.

    A restart feeds a loop, undoes what somebody stopped, kills a push that waits, and cuts off a new attempt.
    """
    if leading.suppressed:
        reason = f"suppressed: {leading.suppressed.reason}"
        return replace(leading, proof=replace(leading.proof, remedy="none", remedy_reason=reason, next_command=None))
    if case.prompt_open and leading.remedy in (*BEGINS_A_SESSION, "stop_to_protect_account"):
        return _approved_first(leading, case)
    if leading.remedy not in BEGINS_A_SESSION:
        return leading
    if case.gateway.exists and case.family is None:
        return _instead(leading, "ask_person", _no_known_image(case), _of_no_known_image(case))
    for each in found:
        if _forbids_a_login(each):
            return _instead(leading, each.remedy, each.proof.remedy_reason, each.proof.fix)
    if case.state in ASKING:
        return _approved_first(leading, case)
    if case.state in RESTARTING and within_start(case, case.run.since):
        return _instead(leading, "wait", "it is about to start again by itself", _steps("gateway.starting", case))
    before = case.run.previous if case.continues_failure else None
    if case.state in ATTEMPTING and before and before.problem == leading.finding.code:
        return _instead(leading, "wait", "a new attempt is under way", _steps("gateway.starting", case))
    return leading


def _no_known_image(case: Case) -> str:
    """Why what holds for images is not known of it, with what is known."""
    return "; ".join((NO_KNOWN_IMAGE, *case.gateway.family.because))


def _of_no_known_image(case: Case) -> tuple[str, ...]:
    look = f"See what it is, and what ended it: docker logs --tail 100 {case.name}"
    start = f"If it is no gateway, take it out of the inventory; else mend that, and start it by hand: docker start {case.name}"
    return (look, start) if case.ended else (look,)


def _warned(leading: Found, found: Iterable[Found]) -> Found:
    """`leading` with what must be mended first, where its own steps end in a new login and IBKR would refuse that one."""
    refused = next((each for each in found if each.finding.code in REFUSALS and each.consequence_of is None), None)
    if refused is None or leading.finding.layer in OF_THE_LOGIN:
        return leading
    warning = f"Make no new login before this is mended: {refused.proof.summary} ({refused.finding.code})."
    return replace(leading, proof=replace(leading.proof, fix=(warning, *leading.proof.fix)))


def _after_the_reset(leading: Found, found: Iterable[Found], case: Case) -> Found:
    """`leading` with what to wait for before its steps, while IBKR resets its servers."""
    reset = next((each for each in found if each.finding.code == "ibkr.reset_window"), None)
    if reset is None or reset.suppressed or leading.suppressed or case.saved_log:
        return leading
    proof = replace(leading.proof, fix=(*reset.proof.fix, *leading.proof.fix))
    if leading.remedy in LOGS_IN:
        proof = replace(proof, remedy_reason=f"not now, but once IBKR's reset window is over: {proof.remedy_reason}")
    return replace(leading, proof=proof)


def _forbids_a_login(found: Found) -> bool:
    """A new login would fail like the last one, throw somebody out, or cut off one that is under way."""
    if found.finding.layer in OF_THE_LOGIN:
        return found.severity in ("down", "waiting", "starting") and found.remedy not in BEGINS_A_SESSION
    return found.finding.code in FORBID_A_START and found.remedy in ("ask_person", "stop_to_protect_account")


def _for_both_halves(leading: Found, judgements: Sequence[Judgement]) -> Found:
    """`leading` with what is to be known of the other gateway in the container."""
    ends_it = leading.remedy in ENDS_THE_CONTAINER
    if leading.remedy in BEGINS_A_SESSION and any(one.case.state in ASKING for one in judgements):
        return _approved_first(leading, judgements[0].case)
    if leading.remedy in BEGINS_A_SESSION:
        for each in (found for judged in judgements for found in judged.found):
            if _forbids_a_login(each):
                return _instead(leading, "ask_person", _of_the_other(each), each.proof.fix)
    healthy = next((each.case.endpoint for each in judgements if each.status == "healthy"), None)
    if healthy is None:
        return leading
    proof = leading.proof
    beside = f"{healthy} runs in the same container and is healthy: what stops or restarts the container ends it, too."
    if not ends_it:
        return replace(leading, proof=replace(proof, fix=(*proof.fix, beside)))
    reason = f"{proof.remedy_reason}; it also ends {healthy}, which is healthy"
    return replace(leading, proof=replace(proof, fix=(*proof.fix, beside, TWO_CONTAINERS), remedy_reason=reason))


def _of_the_other(found: Found) -> str:
    return f"a login would also be made for {found.endpoint}, and there: {found.proof.summary}"


def _approved_first(found: Found, case: Case) -> Found:
    return _instead(found, "ask_person", findings()["twofa.pending"].remedy_reason, _steps("twofa.pending", case))


def _instead(found: Found, remedy: str, reason: str | None, fix: tuple[str, ...]) -> Found:
    return replace(found, proof=replace(found.proof, remedy=remedy, remedy_reason=reason, fix=fix, next_command=None))


def _ask(rule: Finding, case: Case) -> Found | None:
    """What `rule` finds in `case`. A rule that breaks is a defect of ours: it is noted and costs no verdict."""
    try:
        answer = rule.prove(case)
    except Exception as error:
        reason = quote(f"the rule of {rule.code} failed on {type(error).__name__}: {error}")
        return completed(findings()["probe.incomplete"], Proof(reason, severity="note"), case)
    if not isinstance(answer, Proof) or (answer.severity or rule.severity) == AUDIT_ONLY:
        return None
    return completed(rule, answer, case)


def _filled(text: str, case: Case) -> str:
    """A step or command with its placeholders filled in for one case."""
    if case.saved_log:  # it does not tell from which container it is
        return named(text, "<container>", "<machine>", by_hand=True)
    return named(text, case.name, case.machine, REBUILD if case.gateway.deployment else "docker compose up -d")


def _steps(code: str, case: Case) -> tuple[str, ...]:
    """What mends that finding."""
    return tuple(_filled(step, case) for step in findings()[code].fix)


def completed(rule: Finding, proof: Proof, case: Case) -> Found:
    """`proof` completed with what the registration says, and the names filled in."""
    command = proof.next_command or rule.next_command
    steps = proof.fix or rule.fix
    # What an image has no variable for can not be set there; a step that is the only one stays.
    fitting = steps if proof.in_own_names else [own for own in map(case.in_own_names, steps) if own] or steps
    whole = replace(
        proof,
        severity=proof.severity or rule.severity,
        remedy=proof.remedy or rule.remedy,
        remedy_reason=proof.remedy_reason or rule.remedy_reason,
        evidence=tuple(quoted for quoted in proof.evidence if quoted.source in OF_A_LOG or not case.saved_log),
        fix=tuple(_filled(step, case) for step in fitting),
        next_command=_filled(case.in_own_names(command) or command, case) if command else None,
    )
    return Found(rule, whole, case.endpoint)


def mark_consequences(found: Iterable[Found]) -> list[Found]:
    """Each finding with the cause that explains it, if one was found too."""
    ordered = sorted(found, key=_rank)
    return [replace(each, consequence_of=_cause(each, ordered)) for each in ordered]


def _cause(effect: Found, ordered: list[Found]) -> str | None:
    for cause in ordered:
        grave_enough = effect.finding.symptom or _gravity(cause) <= _gravity(effect)
        if effect.finding.code in cause.finding.explains and cause.severity in STATUSES and grave_enough:
            return cause.finding.code
    return None


def _leading(found: Iterable[Found]) -> Found | None:
    """Down before waiting before starting before degraded before unknown; among equals an account in danger, then the first
    broken layer."""
    candidates = [each for each in found if each.severity in STATUSES and each.consequence_of is None]
    return min(candidates, key=lambda each: (_gravity(each), not _endangers(each), _rank(each)), default=None)


def _endangers(found: Found) -> bool:
    return found.remedy == "stop_to_protect_account"


def _gravity(found: Found) -> int:
    return STATUSES.index(found.severity) if found.severity in STATUSES else len(STATUSES)


def _rank(found: Found) -> tuple[int, int, int]:
    return (_gravity(found), LAYERS.index(found.finding.layer), list(findings()).index(found.finding.code))


def _inconclusive(case: Case) -> Found:
    """Nothing wrong was proven, and neither was health: say what is missing."""
    if case.health.available and case.gateway.name is None and case.name == case.machine:
        return completed(findings()["probe.incomplete"], Proof(NO_GATEWAY, fix=(DECLARE,)), case)
    missing = []
    if case.health.available is None and not case.saved_log:
        missing.append("the container was not looked at")
    if case.gateway.exists and case.gateway.family.name is None:
        missing.append(_no_known_image(case))
    if case.log is None or case.log.failed:
        missing.append("there is no log to read")
    else:
        missing.append(f"the log shows the login as {(case.run.state or 'unknown').replace('_', ' ')}")
        if any(event.event == "log_elsewhere" for event in case.log.events):
            missing[-1] += ", for its controller writes into a file of its own"
    if not case.saved_log:
        published = (
            case.gateway.container.network_mode == "host" or case.published("relay") or case.published("gateway")
        )
        outcome = case.api.outcome or ("not asked" if published else "not asked, for no API port is published")
        missing.append(f"the API answer is: {outcome.replace('_', ' ')}")
    summary = "nothing wrong was proven, but neither was that it works: " + ", ".join(missing)
    proof = Proof(summary, case.api_quotes() + case.log_quotes(1))
    if case.saved_log:
        proof = replace(proof, fix=(MORE_OF_IT,), remedy_reason="nothing was proven")
    if case.api.outcome == "closed_at_open":
        proof = replace(proof, fix=(LOOK_INSIDE,), remedy_reason="nothing was proven")
    if case.api.outcome == "connected":
        again = f"{DIAGNOSE} -e diagnose_depth=api"
        proof = replace(proof, fix=(ASK_ON,), remedy_reason="nothing was proven", next_command=again)
    return completed(findings()["probe.incomplete"], proof, case)


def _healthy_summary(case: Case) -> str:
    if case.saved_log:
        return "the log proves a completed login"
    took = f" in {case.api.total_ms:.0f} ms" if case.api.total_ms is not None else ""
    return f"API handshake completed{took}" + (" from inside the container" if case.api.inside else "")


def _verdict(host: str, gateway: Gateway, suppressions: Sequence[Suppression]) -> Verdict:
    judgements = [judge(case, suppressions) for case in gateway.cases]
    found = _merged(judgements)
    worst = min(judgements, key=urgency)
    leading = next((each for each in found if worst.leading and _alike(each, worst.leading)), None)
    if leading and len(judgements) > 1:
        mended = _for_both_halves(leading, judgements)
        found = tuple(mended if each is leading else each for each in found)
        leading = mended
    case = worst.case
    return Verdict(
        name=gateway.name,
        host=host,
        declared=gateway.declared,
        status=worst.status,
        checked_at=stamp(case.now),
        summary=worst.summary,
        family=case.gateway.family.name or (case.log.family if case.log else None),
        trading_mode=case.mode,
        since=leading.proof.since if leading else logged_in_since(case),
        leading=leading,
        found=found,
        saved_log=case.saved_log,
        endpoints={each.case.endpoint: _endpoint(each) for each in judgements if each.case.endpoint},
        facts=facts_of(case, gateway.cases),
    )


def urgency(judged: Judgement) -> tuple[bool, bool, int, bool]:
    """What is suppressed at one endpoint does not stand before what is not at the other; among equals an account in danger does."""
    suppressed = judged.leading is not None and judged.leading.suppressed is not None
    endangered = judged.leading is not None and _endangers(judged.leading)
    return (judged.status == "healthy", suppressed, URGENCY.index(judged.status), not endangered)


def _endpoint(judged: Judgement) -> EndpointVerdict:
    code = judged.leading.finding.code if judged.leading else None
    return EndpointVerdict(judged.status, code, judged.summary, judged.case.api.phases)


def _merged(judgements: list[Judgement]) -> tuple[Found, ...]:
    """The findings of all endpoints; what every endpoint shows alike is said once, of the whole gateway."""
    merged: list[Found] = []
    for each in (found for judged in judgements for found in judged.found):
        shared = all(any(_alike(each, other) for other in judged.found) for judged in judgements)
        said = replace(each, endpoint=None) if shared else each
        if said not in merged:
            merged.append(said)
    return tuple(sorted(merged, key=_rank))


def _alike(one: Found, other: Found) -> bool:
    return one.finding is other.finding and one.proof == other.proof
