# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The clients of the gateway: who is connected, and who was left hanging."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import PILE, POLITE_CLIENTS
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import Proof, finding


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
        " probe itself; behind the relay all peers show as the relay's own address."
    ),
    fix=("Tell their owners before a restart.",),
)
def connected(case: Case) -> Proof | None:
    ports = case.own_ports("gateway")
    clients = [each for each in case.gateway.sockets.established if each.port in ports]
    if not clients:
        return None
    peers = ", ".join(dict.fromkeys(str(each.peer) for each in clients[:5]))
    least = "at least " if case.gateway.cut.get("sockets.established") else ""
    count = f"{least}{len(clients)} client{'s' * (len(clients) > 1)}"
    return Proof(f"{count} connected", (case.quote("health", f"established on port {clients[0].port}: {peers}"),))
