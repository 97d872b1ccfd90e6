# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The probes themselves: a probe that could not look says nothing about a gateway."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import PROBES, Case, Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.host import denial
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, finding

#: What mends a task that Ansible could not run, by words of its message. Each is one that ansible-core 2.19 says.
TASK_CURES = (
    (
        "No start of json char found",
        "the interpreter that Ansible uses is no working Python",
        "set ansible_python_interpreter of {machine} to a Python 3.9 or newer that works there, for example /usr/bin/python3",
    ),
    (
        "result deserialization failed",
        "something else printed into what the probe answered",
        "let the login shell of the remote user of {machine} print nothing where no terminal is (.bashrc, .profile, /etc/profile.d)",
    ),
    (
        "Timed out after",
        "no answer within the task's time",
        "try the way there: ansible {machine} -m ansible.builtin.ping; where that takes long too, load, disk or network are the trouble",
    ),
    (
        "",
        "the task failed",
        "run it by itself and mend what it says: ansible {machine} -m ansible.builtin.ping -vvv",
    ),
)


@finding(
    "probe.incomplete",
    severity="unknown",
    remedy="none",
    title="A probe could not look",
    meaning=(
        "A probe could not see what it had to see: a library or a right is missing on the machine, a task of Ansible failed, or"
        " time ran out. This is a fault of the observer. It says nothing about the gateway and is never a reason to act on it."
        " What the other probes saw still counts."
    ),
    fix=(
        "Read the evidence: it names what was tried and what came back.",
        "A missing Python library: ansible-playbook ibgw.ops.enroll -l {machine}",
        "Then diagnose again.",
    ),
    remedy_reason="a broken probe is no broken gateway",
)
def incomplete(case: Case) -> Proof | None:
    troubles = [trouble for probe in PROBES if (trouble := _trouble(case, probe)) is not None]
    if not troubles:
        return None
    summary, _quote, _fix = troubles[0]
    fixes = tuple(dict.fromkeys(fix for _summary, _quote, fix in troubles if fix))
    if case.saved_log:  # nobody who reads a log cares which probe read it
        return Proof(
            case.logscan.reason or (case.log.reason if case.log else None) or summary,
            fix=fixes,
            remedy_reason="such a log tells nothing of a gateway",
        )
    return Proof(summary, tuple(quote for _summary, quote, _fix in troubles), fixes)


@finding(
    "probe.stale",
    severity="unknown",
    remedy="none",
    title="Nobody has looked for too long",
    meaning=(
        "The report store has no diagnosis of the gateway that is young enough (`diagnose_stale_after`, of an audit `audit_stale_after`), or none"
        " at all. The runs that should look at it have stopped, do not reach the store, or leave its machine out. What was last known stands in the evidence."
        " It says nothing about the gateway now, and is never a reason to act on it."
    ),
    fix=(
        "Look at what runs the diagnosis: the schedule and the last jobs of AWX, or the timer or cron job of the controller.",
        "If its jobs are green, look in their output for a warning about the report store.",
        "What is gone for good is forgotten by ibgw.ops.report with diagnose_forget, which names machines, and gateways as machine/name.",
    ),
    next_command="ansible-playbook ibgw.ops.diagnose -l {machine}",
    remedy_reason="what is not known now is no reason to act",
)
def stale(_case: Case) -> Proof | None:
    """No evidence of one run shows it: whoever reads the report store proves it."""
    return None


def _trouble(case: Case, probe: str) -> tuple[str, Quote, str] | None:
    """What kept one probe from looking: in a sentence, as evidence, and what mends it."""
    return _task_trouble(case, probe) or _result_trouble(case, probe)


def task_trouble(message: str) -> tuple[str, str]:
    """What kept Ansible from running a task, and what mends it, by what it and the machine say of that."""
    return denial(message) or next((what, cure) for words, what, cure in TASK_CURES if words in message)


def _named(fix: str | None) -> str:
    """A probe does not know by which name the inventory calls its machine."""
    return (fix or "").replace("<machine>", "{machine}")


def _task_trouble(case: Case, probe: str) -> tuple[str, Quote, str] | None:
    task = case.tasks.get(probe)
    if task is None or (probe == "health" and (task.unreachable or denial(task.message))):
        return None  # that is a finding of the machine's own
    if task.unreachable:
        return f"{probe}: the machine stopped answering", case.quote("ansible", task.message), ""
    if not task.failed:
        return None
    what, cure = task_trouble(task.message)
    return f"{probe}: {what}", case.quote("ansible", task.message), cure


def _result_trouble(case: Case, probe: str) -> tuple[str, Quote, str] | None:
    said = {
        "health": (case.health, case.gateway),
        "logscan": (case.logscan, case.log),
        "handshake": (case.handshake,),
        "inside": (case.asked_inside,),
    }
    source = {"health": "health", "logscan": "log", "handshake": "api", "inside": "api"}[probe]
    for result in said[probe]:
        engine = probe == "health" and result is not None and (result.problem or "").startswith("engine.")
        if result is not None and result.failed and not engine:
            return f"{probe}: {result.reason}", case.quote(source, result.reason or ""), _named(result.fix)
    if probe == "handshake" and case.api.problem == "probe.incomplete":
        return f"{probe}: {case.api.detail}", case.quote("api", case.api.detail or ""), ""
    return None
