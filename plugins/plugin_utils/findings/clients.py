# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The clients of the gateway: who is connected, and who was left hanging."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import PILE, POLITE_CLIENTS
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import AUDIT_ONLY, NotKnown, Proof, finding
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Connection


@finding(
    "clients.half_closed",
    severity="degraded",
    remedy="none",
    title="Connections pile up that clients have closed",
    meaning=(
        "Many connections on the gateway's own port were closed by their clients and not by the gateway (CLOSE_WAIT). Clients or health"
        " checks connect and give up, over and over. When they fill the gateway's queue, it hangs."
    ),
    fix=(
        "Find the client that reconnects all the time (a health check once a minute is enough to do it) and slow it down.",
        POLITE_CLIENTS,
    ),
    remedy_reason="the gateway still works; the clients are the cause",
    next_command="docker exec {name} cat /proc/net/tcp",
)
def half_closed(case: Case) -> Proof | None:
    pile = case.close_wait()
    if pile < PILE:
        return None
    words = f"{pile} connections wait to be closed by the gateway (CLOSE_WAIT)"
    return Proof(words, (case.quote("health", words),))


@finding(
    "clients.connected",
    severity="note",
    remedy="none",
    title="Clients are connected",
    meaning=(
        "Programs hold connections to the gateway's API. Whatever restarts the gateway cuts them. Counted before any connection of the"
        " probe itself; behind the relay all peers show as the relay's own address, and whoever comes through a published port, a NAT or a"
        " rootless engine's forwarder shows as that."
    ),
    fix=("Tell their owners before a restart.",),
)
def connected(case: Case) -> Proof | None:
    sockets = case.gateway.sockets.established
    clients = [each for each in sockets if each.port in case.own_ports("gateway")]
    if not clients:
        return None
    least = "at least " if case.gateway.cut.get("sockets.established") else ""
    count = f"{least}{len(clients)} client{'s' * (len(clients) > 1)}"
    relayed = [each for each in sockets if each.port in case.own_ports("relay")]
    words = [f"established on port {clients[0].port}: {_peers(clients)}"]
    if relayed:
        words.append(
            f"on the relay's port {relayed[0].port}: {_peers(relayed)}; who is behind a forwarded port or NAT does not show"
        )
    elif all((each.peer or "").startswith(("127.", "[::1]")) for each in clients):
        words.append("from within the container, or through its relay: who that is does not show")
    return Proof(f"{count} connected", tuple(case.quote("health", each) for each in words))


def _peers(connections: Sequence[Connection]) -> str:
    """Some of those at the other end."""
    return ", ".join(dict.fromkeys(str(each.peer) for each in connections[:5]))


@finding(
    "clients.retry_unknown",
    severity=AUDIT_ONLY,
    remedy="none",
    title="Whether clients connect again can not be seen",
    meaning=(
        "A gateway goes away for a minute each day, for longer in IBKR's reset hours and while a second factor waits, and its first connection"
        " after a start is often refused. A client has to wait and connect again by itself, with the same client id and without hammering: to"
        " reconnect in a tight loop is what hangs a gateway. All that shows from outside is who is connected now."
    ),
    fix=(
        "Read the client's code for it: docs/clients.md says what a client has to do, and docs/examples/retrying_client.py does it.",
        "Try it: restart the gateway at a time when a full login fits, and see whether its clients come back by themselves.",
    ),
    audits="Clients connect again by themselves.",
)
def retry_unknown(_case: Case) -> NotKnown:
    return NotKnown(
        "no probe can see whether a client retries; docs/clients.md has one that does, to run and to compare"
    )
