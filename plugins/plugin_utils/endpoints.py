# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what health found on a machine to the endpoints that the handshake is to ask: published ones, and those inside containers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Family
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import SERVED, Declared
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.gateway import piled_up
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Endpoint, GatewayHealth, GatewayLog, Port, read

#: Outcomes after which nothing is left to ask inside: it went as far as it was to go, it must not be asked, or the gateway itself
#: answered and said why not.
SETTLED = (
    *SERVED,
    "connected",
    "not_asked",
    "version_refused",
    "client_id_taken",
    "disclaimer_pending",
    "port_changed",
)

_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


def endpoints(
    found: Sequence[Mapping[str, Any]],
    gateways: Sequence[Mapping[str, Any]] = (),
    docker_host: str | None = None,
    logs: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """The published endpoints of all gateways that run."""
    engine = _remote_host(docker_host)
    asked = [
        (endpoint, _shares_network(gateway))
        for gateway, declared in _running(found, gateways)
        for endpoint in _published_of(gateway, declared, engine)
    ]
    claims: dict[tuple[str, int], dict[str, bool]] = {}
    for endpoint, shared in asked:
        if not endpoint["skip"]:
            claims.setdefault((endpoint["host"], endpoint["port"]), {})[endpoint["gateway"]] = shared
    return [
        {
            **endpoint,
            "skip": endpoint["skip"] or _claimed(endpoint["gateway"], claims[endpoint["host"], endpoint["port"]]),
            "count_orders": _takes_orders(endpoint, logs),
        }
        for endpoint, _shared in asked
    ]


def endpoints_inside(
    found: Sequence[Mapping[str, Any]],
    answers: Sequence[Mapping[str, Any]],
    gateways: Sequence[Mapping[str, Any]] = (),
    docker_host: str | None = None,
    logs: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Ports inside the containers whose published endpoints did not serve, by `answers`, or that publish none."""
    engine = _remote_host(docker_host)
    outside = [read(Endpoint, answer) for answer in answers or ()]
    return [
        {**endpoint, "count_orders": _takes_orders(endpoint, logs)}
        for gateway, declared in _running(found, gateways)
        if _can_be_entered(gateway, engine)
        for endpoint in _inside_of(gateway, declared, [answer for answer in outside if answer.gateway == gateway.name])
    ]


def _running(
    found: Sequence[Mapping[str, Any]], gateways: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[GatewayHealth, Declared]]:
    """Each gateway that runs, and what the inventory says of it."""
    declared = {entry.name: entry for entry in (read(Declared, each) for each in gateways or ())}
    for gateway in (read(GatewayHealth, each) for each in found):
        if gateway.container.status == "running":
            yield gateway, declared.get(gateway.name, read(Declared, None))


def _takes_orders(endpoint: Mapping[str, Any], logs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the log proves that the API is not read-only: elsewhere the very question about orders can open a dialog."""
    log = read(GatewayLog, next((log for log in logs if log.get("name") == endpoint["gateway"]), None))
    runs = [
        run
        for run in log.instances
        if None in (run.endpoint, endpoint["endpoint"]) or run.endpoint == endpoint["endpoint"]
    ]
    return bool(runs) and all(run.read_only_api is False for run in runs)


def _can_be_entered(gateway: GatewayHealth, engine: str | None) -> bool:
    """Whether its container is on this machine, and it is known who listens there."""
    return engine is None and _family(gateway) is not None


def _inside_of(gateway: GatewayHealth, declared: Declared, outside: Sequence[Endpoint]) -> Iterator[dict[str, Any]]:
    """The relay's port and the gateway's own, for each endpoint about which `outside` leaves a question.

    After a silence outside, a gateway gets two connections more, whichever way they come: through its relay and past it, or
    twice past it where no relay listens.
    """
    family = _family(gateway)
    if family is None or piled_up(gateway, _own_ports(gateway)):
        return
    listening = {each.port for each in gateway.sockets.listening}
    for endpoint in _in_effect(gateway, declared, family, listening):
        answers = [answer for answer in outside if answer.endpoint in (endpoint, None)]
        published = {
            port.container_port
            for port in gateway.ports
            if port.host_port and port.role in ("relay", "gateway") and port.endpoint in (endpoint, None)
        }
        unanswered = not answers and published  # the handshake could not look, or was not to
        if unanswered or any(answer.outcome in SETTLED for answer in answers):
            continue
        own, relay = _own_and_relay(family, endpoint, published | listening)
        shared = {"gateway": gateway.name, "endpoint": endpoint, "host": "127.0.0.1", "inside": gateway.name}
        shared["expect_mode"] = _expected(declared, endpoint)
        # A tunnel takes the relay's place (gnzsnz common.sh:182, run.sh).
        if (
            relay
            and not _anothers(gateway, endpoint, relay)
            and gateway.container.environment.get("SSH_TUNNEL") != "yes"
        ):
            yield {**shared, "port": relay, "after_silence": 0}
        if own and not _anothers(gateway, endpoint, own):
            yield {**shared, "port": own, "after_silence": 0 if relay in listening else 1}


def _in_effect(
    gateway: GatewayHealth, declared: Declared, family: Family, listening: Collection[int | None]
) -> list[str]:
    """The endpoints that it is set to have; where that is not known, those whose own port listens."""
    mode = _setting(gateway, declared)
    if mode in ("paper", "live"):
        return [mode]
    by_port = {port.endpoint for number, port in family.ports.items() if port.role == "gateway" and number in listening}
    return [each for each in ("live", "paper") if mode == "both" or each in by_port]


def _own_and_relay(family: Family, endpoint: str, used: Collection[int | None]) -> tuple[int | None, int | None]:
    """Where the gateway and its relay listen; a family can have several programs, each with ports of its own, or no relay."""
    own, relays = (
        [
            (number, port)
            for number, port in family.ports.items()
            if port.role == role and port.endpoint in (endpoint, None)
        ]
        for role in ("gateway", "relay")
    )
    pairs: list[tuple[int | None, int | None]] = [
        (a, b) for a, port in own for b, before in relays if before.program in (port.program, None)
    ]
    alone: list[tuple[int | None, int | None]] = [(one[0], None) for one in own] or [(None, one[0]) for one in relays]
    return max(pairs or alone or [(None, None)], key=lambda pair: len(set(pair) & set(used)))


def _published_of(gateway: GatewayHealth, declared: Declared, engine: str | None) -> Iterator[dict[str, Any]]:
    mode = _setting(gateway, declared)
    effective = mode if mode in ("paper", "live") else None
    pile = "; ".join(piled_up(gateway, _own_ports(gateway)))
    seen = set()
    for port in gateway.ports:
        published = _published(gateway, port)
        if published is None or published in seen:
            continue  # the engine lists a port twice when it is published on both address families
        if port.role not in ("relay", "gateway") and _declared_port(declared, published) is None:
            continue
        endpoint = port.endpoint or _declared_port(declared, published) or _expected(declared, None)
        if effective and endpoint and endpoint != effective:
            continue  # images publish the ports of both modes; nobody is meant to listen behind the other one
        seen.add(published)
        address = _address(port.host_ip or "", engine)
        unreachable = None if address else f"published on the loopback of {engine} only"
        yield {
            "gateway": gateway.name,
            "endpoint": endpoint,
            "host": address or port.host_ip,
            "port": published,
            "inside": None,
            "expect_mode": _expected(declared, endpoint),
            "after_silence": 0 if _can_be_entered(gateway, engine) else 1,
            "skip": pile or _anothers(gateway, endpoint, port.container_port) or unreachable,
        }


def _claimed(gateway: str, claims: Mapping[str, bool]) -> str | None:
    """Why who answers at an address can not be told, by the gateways that would be there, and whether each shares its network; Docker
    proves of the only one that does not that it is that one."""
    others = [other for other, shared in claims.items() if other != gateway and (claims[gateway] or not shared)]
    return f"who answers there can not be told: {', '.join(others)} would be at the same address" if others else None


def _shares_network(gateway: GatewayHealth) -> bool:
    return (gateway.container.network_mode or "").startswith(("host", "container:"))


def _anothers(gateway: GatewayHealth, endpoint: str | None, port: int | None) -> str | None:
    """Why what answers at a port inside is not this gateway: in a network that it shares, another's process listens there, or where its
    relay leads.

    A relay of another container leads to the gateway that holds the port behind it; on the machine, what forwards a port may lead anywhere.
    """
    family, listening = _family(gateway), {each.port for each in gateway.sockets.listening}
    behind, relay = _own_and_relay(family, endpoint, listening) if family and endpoint else (None, None)
    if port == relay and behind in listening and gateway.container.network_mode != "host":
        return None
    taken = next((one for one in (port, behind) if one in gateway.sockets.taken), None)
    return f"another's process listens on {taken} of the network that it shares" if taken else None


def _setting(gateway: GatewayHealth, declared: Declared) -> str | None:
    """The trading mode in effect, where it is known. What runs goes before what was declared."""
    environment, family = gateway.container.environment, _family(gateway)
    asked = family.trading_mode(environment) if family else environment.get("TRADING_MODE")
    return asked or declared.trading_mode


def _expected(declared: Declared, endpoint: str | None) -> str | None:
    """Which kind of account must answer: what is declared, else what the endpoint is."""
    return declared.trading_mode if declared.trading_mode in ("paper", "live") else endpoint


def _family(gateway: GatewayHealth) -> Family | None:
    return BY_NAME.get(gateway.family.name or "")


def _published(gateway: GatewayHealth, port: Port) -> int | None:
    """The port on the machine; a container in the host's network needs none published."""
    if gateway.container.network_mode == "host":
        return port.host_port or port.container_port
    return port.host_port


def _declared_port(declared: Declared, published: int) -> str | None:
    """The endpoint that the inventory has at a port; it may know more of an image than we do."""
    return next(
        (name for name, port in declared.ports.items() if port == published and name in ("paper", "live")), None
    )


def _address(host_ip: str, engine: str | None) -> str | None:
    """Where a published port is reached from the machine; None when it is not."""
    local = _WILDCARDS.get(host_ip)
    if engine is None:
        return local or host_ip
    if local:
        return engine
    return None if host_ip.startswith("127.") or host_ip == "::1" else host_ip


def _remote_host(docker_host: str | None) -> str | None:
    """Host of an engine on another machine; None for the machine's own."""
    host = urlsplit(docker_host or "").hostname
    return None if host in (None, "localhost", "127.0.0.1", "::1") else host


def _own_ports(gateway: GatewayHealth) -> set[int]:
    """Ports on which the gateway itself listens inside its container."""
    family = _family(gateway)
    by_family = {number for number, port in family.ports.items() if port.role == "gateway"} if family else set()
    published = {port.container_port for port in gateway.ports if port.role == "gateway" and port.container_port}
    return by_family | published
