# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Docker engine of the machine: without it nothing can be said of a container, nor run."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, finding


def _problem(case: Case, code: str) -> Proof | None:
    """The health probe itself names this problem, of the engine as a whole or of this container alone."""
    for said in (case.health, case.gateway):
        if said.failed and said.problem == code:
            reason = said.reason or "the engine could not be asked"
            return Proof(reason, (case.quote("health", reason),), (said.fix,) if said.fix else ())
    return None


@finding(
    "engine.missing",
    severity="down",
    remedy="ask_person",
    title="No container engine is installed",
    meaning="The machine has no Docker engine, so no gateway can run on it. Often the wrong machine is in the inventory.",
    fix=(
        "Check that {machine} is the right machine: ansible {machine} -m ansible.builtin.command -a hostname",
        "Install Docker Engine there, or take the machine out of the inventory.",
    ),
    remedy_reason="installing an engine is a person's decision",
    next_command="docker version",
)
def missing(case: Case) -> Proof | None:
    return _problem(case, "engine.missing")


@finding(
    "engine.down",
    severity="down",
    remedy="ask_person",
    title="The container engine does not run",
    meaning=(
        "Docker is installed, and its socket is absent or refuses. No gateway runs, unless live-restore keeps its processes."
        " Starting the engine starts every gateway whose restart policy asks for it, and each of them costs a full login."
    ),
    fix=(
        "Was the engine's address given (diagnose_docker_host, DOCKER_HOST)? Then see first whether it is right: the evidence has it.",
        "See why it stopped: systemctl status docker; journalctl -u docker -n 100",
        "Before starting it, think of the logins: each gateway with a restart policy will log in, live ones with a second factor.",
        "Start it within the gateways' budgets of logins: ansible-playbook ibgw.ops.recover -l {machine}",
    ),
    remedy_reason="every gateway that starts with the engine costs a login",
    next_command="systemctl status docker",
)
def down(case: Case) -> Proof | None:
    return _problem(case, "engine.down")


@finding(
    "engine.hung",
    severity="unknown",
    remedy="ask_person",
    title="The container engine hangs",
    meaning=(
        "The engine answers a ping and does not answer what is asked about its containers. Gateways may well go on working: they need"
        " the engine only to be started and stopped. Restarting the engine stops them all, unless live-restore is on."
    ),
    fix=(
        "See whether it is the disk or one container: journalctl -u docker -n 100; iostat -x 1 3",
        "Restart the engine only when the gateways may go down: systemctl restart docker",
    ),
    remedy_reason="the gateways may be well, and restarting the engine stops them",
    next_command="journalctl -u docker -n 100",
)
def hung(case: Case) -> Proof | None:
    return _problem(case, "engine.hung")


@finding(
    "engine.denied",
    severity="unknown",
    remedy="none",
    title="The probe may not use the engine's socket",
    meaning=(
        "The user as whom the probe ran is not allowed to use the Docker socket. This is a broken probe, not a broken gateway, and"
        " nothing is done about it."
    ),
    fix=(
        "Use a user who may: set ansible_become: true for {machine}, or put the remote user into the group that owns the socket (docker).",
        "Then try: ansible {machine} -m ibgw.ops.ibgw_health",
    ),
    remedy_reason="a broken probe is no broken gateway",
    next_command="ansible {machine} -m ibgw.ops.ibgw_health --become",
)
def denied(case: Case) -> Proof | None:
    proof = _problem(case, "engine.denied")
    return replace(proof, fix=()) if proof else None  # the controller knows more of how to become somebody else
