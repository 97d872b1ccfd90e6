# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The vocabulary of verdicts: every finding is registered here by the function that proves it.

A finding is one function in the file of its layer, decorated with `finding`. It takes the evidence of one case (one endpoint of one
gateway) and returns a `Proof`, or None where it saw nothing; a rule of the audit says why it has none. Docs pages, summary, report
and exit status follow from the registration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from ansible_collections.ibgw.ops.plugins.plugin_utils.commands import pattern, quoted, selecting

if TYPE_CHECKING:
    from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, Quote
    from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Phase
    from ansible_collections.ibgw.ops.plugins.plugin_utils.suppression import Suppression

#: Dependency order: a broken layer explains those after it.
LAYERS = (
    "probe",
    "host",
    "engine",
    "container",
    "config",
    "relay",
    "gateway",
    "login",
    "twofa",
    "api",
    "ibkr",
    "clients",
)

#: What a leading finding can make of a gateway, worst first; `unknown` leads only when nothing was proven.
STATUSES = ("down", "waiting", "starting", "degraded", "unknown", "healthy")

#: What to care about first. A gateway that nobody could judge may be down; one that is starting takes care of itself.
URGENCY = ("down", "waiting", "unknown", "degraded", "starting", "healthy")

#: Severities of a finding: a status, or one of two that change no status.
SEVERITIES = (*STATUSES, "advice", "note")

#: The severity of what only the audit tells of.
AUDIT_ONLY = "audit"

#: What `recover` may do about a finding, cheapest first.
REMEDIES = (
    "none",
    "wait",
    "ask_person",
    "restart_relay",
    "soft_restart",
    "start",
    "restart",
    "recreate",
    "start_engine",
    "stop_to_protect_account",
)

#: Those that `recover` carries out, each behind its guards.
ACTS = REMEDIES[3:]

#: Those that cost a login.
LOGS_IN = ("start", "restart", "recreate", "start_engine")

#: Those that begin a new session or resume one, so that what stands against a login stands against them.
BEGINS_A_SESSION = ("soft_restart", *LOGS_IN)

#: Commands of this collection; the report adds the inventories of its run.
DIAGNOSE = "ansible-playbook ibgw.ops.diagnose -e diagnose_only={machine}/{name}"
RECOVER = "ansible-playbook ibgw.ops.recover -e recover_only={machine}/{name}"
RELEASE = "ansible-playbook ibgw.ops.release -e release_only={machine}/{name}"
REBUILD = "ansible-playbook ibgw.ops.rebuild -e rebuild_only={machine}/{name}"

#: What the collection does, with guards that a command by hand would pass by, and that command: for a saved log, from a machine that
#: no inventory has. What is to be done now is said otherwise of a log that ended some time ago.
ACTIONS: Mapping[str, tuple[str, str]] = {
    "{start_it}": ("have ibgw.ops.recover start it once.", "start it once: docker start {name}"),
    "{restart_it}": ("have ibgw.ops.recover restart it once.", "restart it once: docker restart -t 90 {name}"),
    "{restart_when_ready}": (
        f"have it restarted, and approve: {RECOVER} -e recover_person_ready=true",
        "restart it, and approve: docker restart -t 90 {name}",
    ),
    "{unstick_it}": (
        "have ibgw.ops.recover remove that one file and restart it once.",
        "remove that one file and restart it once: docker restart -t 90 {name}",
    ),
    "{stop_it}": (
        "Have ibgw.ops.recover stop it now: it stays stopped, and held, until a person releases it.",
        "Stop it now, so that nothing tries again: docker update --restart=no {name} && docker stop -t 90 {name}",
    ),
    "{look_again}": (
        "Wait two minutes, then diagnose again.",
        "It was under way when the log ended: see in a newer one what became of it.",
    ),
    "{approve_it}": (
        "Approve the login on the phone (IBKR Mobile) now.",
        "If the prompt is still open, approve the login on the phone (IBKR Mobile).",
    ),
    "{release_it}": (f"release and start it: {RELEASE}", "start it: docker start {name}"),
}

#: Steps that many findings share.
START_IT = "With the phone at hand for a live account, {start_it}"
RESTART_IT = "With the phone at hand for a live account, {restart_it}"
STOP_IT = "{stop_it}"
RELEASE_IT = "Then, with the phone at hand for a live account, {release_it}"
START_BY_HAND = "Then start it once, with the phone at hand for a live account: docker start {name}"
CREATE_ANEW = "Create the container anew from that definition: {recreate}"
CREATE_AT_A_GOOD_TIME = CREATE_ANEW.replace(":", ", at a time when a full login fits:")
LOOK_AGAIN = "{look_again}"

#: How a gateway whose API port is not open looks from outside.
CLOSED_PORT = ("relay.no_backend", "api.not_listening", "container.unhealthy")

#: How a gateway that is up but serves nobody looks from outside.
MUTE_API = ("api.silent", "api.closes_on_hello", "api.start_refused", "api.start_incomplete", "container.unhealthy")

#: How Docker tells that the process ended, whatever ended it.
PROCESS_ENDED = ("container.failed", "container.killed", "container.crash_loop")

#: What a process that did not come up shows; a configuration that it refused explains it.
DID_NOT_START = (*PROCESS_ENDED, *CLOSED_PORT, "gateway.not_running", "gateway.crashed")


# Where a command selects a gateway, and where it selects a machine.
_SELECTS = re.compile(r"-e (\w+_only)=\{machine\}/\{name\}")
_LIMITS = re.compile(r"(?<=-l )\{machine\}|(?<=\bansible )\{machine\}(?= -)")


def named(text: str, name: str, machine: str, recreate: str = "docker compose up -d", by_hand: bool = False) -> str:
    """A step or command of a finding with its placeholders filled in."""
    for action, (by_recover, typed) in ACTIONS.items():
        text = text.replace(action, typed if by_hand else by_recover)
    text = _SELECTS.sub(lambda found: selecting(found[1], machine, name), text.replace("{recreate}", recreate))
    return (
        _LIMITS.sub(lambda _found: pattern(machine), text).replace("{name}", name).replace("{machine}", quoted(machine))
    )


@dataclass(frozen=True)
class Change:
    """The exact setting that mends a finding.

    `defined` is it as written where the container is defined, in the names of gnzsnz with IBC; `inventory` the word and its value where
    this collection deploys the gateway, None where it has no word for it.
    """

    defined: str
    inventory: str | None = None


@dataclass(frozen=True)
class Proof:
    """What a rule saw. Anything that depends on the case overrides what the registration says."""

    summary: str
    evidence: tuple[Quote, ...] = ()
    fix: tuple[str, ...] = ()
    severity: str | None = None
    remedy: str | None = None
    remedy_reason: str | None = None
    since: str | None = None
    deadline: str | None = None
    next_command: str | None = None
    change: Change | None = None
    #: Whether `fix` and `change` name variables as this image does; else they have the names of gnzsnz with IBC.
    in_own_names: bool = False


@dataclass(frozen=True)
class Passed:
    """What an audited rule demands is so: what shows it."""

    summary: str
    evidence: tuple[Quote, ...] = ()


@dataclass(frozen=True)
class NotApplicable:
    """An audited rule makes no sense for this gateway: why, as a clause."""

    reason: str


@dataclass(frozen=True)
class NotKnown:
    """What an audited rule has to see was not seen: what, as a clause."""

    reason: str


#: What a rule says of a case. One of the audit always says something; the others None where they saw nothing.
Answer: TypeAlias = "Proof | Passed | NotApplicable | NotKnown | None"


@dataclass(frozen=True)
class Finding:
    """A registered condition: its constants and the function that proves it.

    `title` is the condition as one assertion, `meaning` the page's text, `fix` the steps that mend it, `explains` the codes
    that are mere consequences of it. A `symptom` is only how deeper trouble looks from outside: whatever names it explains it,
    also where that is less grave. `next_command` helps to find out more; where a remedy acts, the command is that of `recover` instead.
    `audits` is what the audit demands, as one assertion; None for what is no matter of it.
    In both and in `fix`, `{name}` stands for the container, `{machine}` for its machine, `{recreate}` for what makes it anew, and
    each of `ACTIONS` for what is to be done.
    """

    code: str
    severity: str
    remedy: str
    title: str
    meaning: str
    fix: tuple[str, ...]
    explains: tuple[str, ...]
    prove: Callable[[Case], Answer]
    remedy_reason: str | None = None
    next_command: str | None = None
    symptom: bool = False
    audits: str | None = None

    @property
    def layer(self) -> str:
        """The part of the code before the dot."""
        return self.code.split(".")[0]


@dataclass(frozen=True)
class Found:
    """A finding that was proven for one gateway and, if an operator said not to care about it, what says so."""

    finding: Finding
    proof: Proof
    endpoint: str | None = None
    consequence_of: str | None = None
    suppressed: Suppression | None = None

    @property
    def severity(self) -> str:
        """What this finding is worth here."""
        return self.proof.severity or self.finding.severity

    @property
    def remedy(self) -> str:
        """The most that may be done about it here."""
        return self.proof.remedy or self.finding.remedy


@dataclass(frozen=True)
class EndpointVerdict:
    """The verdict of one API endpoint (`paper`, `live`) of a gateway, and the phases that connecting to it went through."""

    status: str
    code: str | None
    summary: str
    phases: tuple[Phase, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """All that is said of one gateway: its status, what leads, what else was found, and the facts worth showing."""

    name: str
    host: str
    declared: bool
    status: str
    checked_at: str | None
    summary: str = ""
    family: str | None = None
    trading_mode: str | None = None
    since: str | None = None
    leading: Found | None = None
    found: tuple[Found, ...] = ()
    saved_log: bool = False
    endpoints: dict[str, EndpointVerdict] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)


_REGISTERED: dict[str, Finding] = {}

Rule = TypeVar("Rule", bound=Callable[..., Answer])


def finding(
    code: str,
    *,
    severity: str,
    remedy: str,
    title: str,
    meaning: str,
    fix: tuple[str, ...] = (),
    explains: tuple[str, ...] = (),
    remedy_reason: str | None = None,
    next_command: str | None = None,
    symptom: bool = False,
    audits: str | None = None,
) -> Callable[[Rule], Rule]:
    """Register the decorated function as the one that proves `code`. Within a file the cause stands before what it drives."""

    def register(prove: Rule) -> Rule:
        if code in _REGISTERED:
            raise ValueError(f"the finding {code} is registered twice")
        _REGISTERED[code] = Finding(
            code, severity, remedy, title, meaning, fix, explains, prove, remedy_reason, next_command, symptom, audits
        )
        return prove

    return register


@cache
def findings() -> dict[str, Finding]:
    """Every finding by its code: in the order of layers, within a layer in the order of its file."""
    for layer in LAYERS:
        import_module(f"{__package__}.{layer}")
    ordered = sorted(_REGISTERED.values(), key=lambda registered: LAYERS.index(registered.layer))
    return {registered.code: registered for registered in ordered}
