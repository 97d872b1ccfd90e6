# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The probes themselves: a probe that could not look says nothing about a gateway."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.evidence import PROBES, Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.host import denial
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, Quote, finding

#: What mends a task that Ansible could not run, by words of its message. Each is one that ansible-core 2.19 says.
TASK_CURES = (
    (
        ("No start of json char found", "exit status 127", "interpreter", "not found on this host"),
        "the interpreter that Ansible uses on {machine} is not a working Python",
        "set ansible_python_interpreter for {machine} to a Python 3.9 or newer that exists there, for example /usr/bin/python3",
    ),
    (
        ("Timed out after", "timed out", "Timeout"),
        "the probe did not come back in time",
        "log in to {machine} by hand (ssh {machine} true); an answer that takes many seconds is the trouble",
    ),
    (
        ("MODULE FAILURE", "Module failed"),
        "the probe broke on {machine}",
        "run ansible -m ansible.builtin.ping {machine} -vvv and mend what it says",
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
    next_command="ansible-playbook ibgw.ops.diagnose -e diagnose_only={machine}/{name}",
)
def incomplete(case: Case) -> Proof | None:
    troubles = [trouble for probe in PROBES if (trouble := _trouble(case, probe)) is not None]
    if not troubles:
        return None
    summary, _, _ = troubles[0]
    fixes = tuple(dict.fromkeys(fix for _, _, fix in troubles if fix))
    return Proof(summary, tuple(quote for _, quote, _ in troubles), fixes)


def _trouble(case: Case, probe: str) -> tuple[str, Quote, str] | None:
    """What kept one probe from looking: in a sentence, as evidence, and what mends it."""
    task = case.tasks.get(probe)
    if task and task.failed and not (probe == "health" and denial(task.message)):
        for words, summary, fix in TASK_CURES:
            if any(word in task.message for word in words):
                return (
                    f"{probe}: {summary}".replace("{machine}", case.machine),
                    case.quote("ansible", task.message),
                    fix,
                )
        return f"{probe}: the task failed", case.quote("ansible", task.message), ""
    if task and task.unreachable and probe != "health":
        return f"{probe}: the machine stopped answering", case.quote("ansible", task.message), ""
    result = {
        "health": (case.health, case.gateway),
        "logscan": (case.logscan, case.log),
        "handshake": (case.handshake, None),
    }
    for said in result[probe]:
        if said is not None and said.failed and not (probe == "health" and (said.problem or "").startswith("engine.")):
            return (
                f"{probe}: {said.reason}",
                case.quote("log" if probe == "logscan" else probe, said.reason or ""),
                said.fix or "",
            )
    return None
