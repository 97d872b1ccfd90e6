# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports: where clients and the screen get in, and from where."""

from __future__ import annotations

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CLOSED_PORT,
    CREATE_AT_A_GOOD_TIME,
    MUTE_API,
    Proof,
    finding,
)

#: Addresses that publish a port to everybody who reaches the machine.
EVERYWHERE = ("0.0.0.0", "::", "")


@finding(
    "config.port_bypasses_relay",
    severity="down",
    remedy="ask_person",
    title="The published port leads past the relay",
    meaning=(
        "The container publishes the port on which the gateway itself listens (4001, 4002). That one serves only clients inside the"
        " container; everybody else has to come through the relay beside it (4003 for live, 4004 for paper). Connections from outside"
        " are refused, or accepted and closed at once."
    ),
    fix=(
        "Change the port mapping where the container is defined, for example 127.0.0.1:4002:4004 for paper, 127.0.0.1:4001:4003 for live.",
        CREATE_AT_A_GOOD_TIME,
        "Containers in the same Docker network use {name}:4004 (paper) or {name}:4003 (live).",
    ),
    explains=("api.unreachable", *CLOSED_PORT, *MUTE_API),
    remedy_reason="a port mapping changes only with a new container",
    next_command="docker port {name}",
)
def port_bypasses_relay(case: Case) -> Proof | None:
    bypasses = case.published("gateway")
    if not bypasses or case.published("relay") or case.served or not case.running:
        return None
    port = bypasses[0]
    relay = next((each.port for each in case.listeners("relay")), None)
    wanted = f", the relay listens on {relay}" if relay else ""
    mapping = f"{port.host_port}:{port.container_port}"
    return Proof(
        f"published as {mapping}: the gateway's own port{wanted}",
        (
            case.quote("health", f"{port.host_ip or '*'}:{port.host_port} -> {port.container_port}{wanted}"),
            *case.api_quotes(),
        ),
    )


@finding(
    "config.mode_port_mismatch",
    severity="degraded",
    remedy="ask_person",
    title="The published port belongs to the other trading mode",
    meaning=(
        "The gateway runs in one mode and publishes, or is asked on, the port of the other. Nothing listens behind that port. It is down"
        " for those who use it, though the gateway itself may be logged in."
    ),
    fix=(
        "Publish the relay's port of the mode in use: 4003 for live, 4004 for paper. Or correct TRADING_MODE.",
        CREATE_AT_A_GOOD_TIME,
    ),
    explains=CLOSED_PORT,
    remedy_reason="a port mapping changes only with a new container",
    next_command="docker port {name}",
)
def mode_port_mismatch(case: Case) -> Proof | None:
    endpoints = {port.endpoint for port in case.gateway.ports if port.host_port and port.endpoint}
    mode = case.setting("TradingMode", "") or case.trading_mode_asked or case.mode
    other_only = mode in ("paper", "live") and case.mode != "both" and bool(endpoints) and mode not in endpoints
    served = case.served and not case.api.inside
    if not case.alive or served or not (other_only or case.says("config.mode_port_mismatch")):
        return None
    used = " and ".join(sorted(filter(None, endpoints))) or "the other mode"
    return Proof(
        f"runs in mode {mode}, but what is used is the port of {used}",
        tuple(
            case.quote("health", f"{port.host_port} -> {port.container_port} ({port.endpoint})")
            for port in case.gateway.ports
            if port.host_port and port.endpoint
        )
        + case.api_quotes()
        + case.log_quotes(),
        severity="down" if case.api.outcome and not case.api.inside else None,
    )


@finding(
    "config.port_not_published",
    severity="degraded",
    remedy="ask_person",
    title="The API's port is not published",
    meaning=(
        "The gateway's API is ready when asked inside the container, and the container publishes no port that leads to it. Only"
        " containers in the same Docker network can connect, and none of them is connected."
    ),
    fix=(
        "Publish the relay's port where the container is defined: 127.0.0.1:4001:4003 for live, 127.0.0.1:4002:4004 for paper.",
        CREATE_AT_A_GOOD_TIME,
        "If its clients are containers in the same network, nothing is wrong: suppress this finding (diagnose_suppress).",
    ),
    remedy_reason="a port mapping changes only with a new container",
    next_command="docker port {name}",
)
def port_not_published(case: Case) -> Proof | None:
    leads_elsewhere = [port for port in case.gateway.ports if port.host_port and port.endpoint]
    tunnelled = case.variable("SSH_TUNNEL") in ("yes", "both")  # gnzsnz common.sh:151-164
    relays = case.own_ports("relay")
    used = [each for each in case.gateway.sockets.established if each.port in relays and not _loopback(each.peer)]
    if not (case.served and case.api.inside) or case.published("relay") or case.published("gateway"):
        return None
    # In the machine's own network nothing is published; the ports of another container's are published by that one.
    network = case.gateway.container.network_mode or ""
    shared = network == "host" or network.startswith("container:")
    if tunnelled or shared or used or (leads_elsewhere and case.mode != "both"):
        return None
    wanted = " or ".join(map(str, relays))
    return Proof(
        "the API is ready inside the container, and no port is published for clients outside",
        (
            case.quote("health", f"not published: {wanted}; no client of the Docker network is connected"),
            *case.api_quotes(),
        ),
    )


def _loopback(peer: str | None) -> bool:
    return (peer or "").startswith(("127.", "[::1]"))


@finding(
    "config.port_exposed",
    severity="advice",
    remedy="ask_person",
    title="A port is published beyond this machine",
    meaning=(
        "The API or the screen (VNC) is published on every address of the machine. The API has no password: who reaches the port can"
        " trade. Docker's published ports pass by most host firewalls."
    ),
    fix=(
        "Publish on loopback: 127.0.0.1:4002:4004 instead of 4002:4004, and reach it through SSH or a private Docker network.",
        "Create the container anew at the next planned login.",
    ),
)
def port_exposed(case: Case) -> Proof | None:
    exposed = [
        port
        for port in case.gateway.ports
        if port.host_port and port.host_ip in EVERYWHERE and port.role in ("gateway", "relay", "vnc")
    ]
    if not exposed:
        return None
    words = [f"{port.host_ip or '*'}:{port.host_port} -> {port.container_port} ({port.role})" for port in exposed]
    return Proof(f"published on every address: {', '.join(words)}", tuple(case.quote("health", each) for each in words))
