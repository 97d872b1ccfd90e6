# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine: can it be reached, and does it leave a gateway room to live?"""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.evidence import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, finding


def denied(message: str) -> bool:
    return False


@finding(
    "host.unreachable",
    severity="unknown",
    remedy="none",
    title="The machine does not answer",
    meaning=(
        "Ansible could not connect to the machine. Whether its gateways work is not known: the way to it may be broken from here"
        " only. Nothing is done about gateways that nobody could look at."
    ),
    fix=(
        "Try the connection by itself: ansible {machine} -m ansible.builtin.ping",
        "Check address, port and user in the inventory (ansible_host, ansible_port, ansible_user), then the network and the machine.",
    ),
    remedy_reason="nobody could look; the gateway may be well",
    next_command="ansible {machine} -m ansible.builtin.ping",
)
def unreachable(case: Case) -> Proof | None:
    task = case.tasks.get("health")
    if task is None or not task.unreachable:
        return None
    return Proof(f"{case.machine} does not answer", (case.quote("ansible", task.message),))
