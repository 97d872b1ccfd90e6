# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ports: where clients get in, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping

from ansible_collections.ibgw.ops.plugins.module_utils.families.family import Port as Served
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.plugin_utils.case import Case, Quote
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CLOSED_PORT,
    CREATE_AT_A_GOOD_TIME,
    MUTE_API,
    Answer,
    Change,
    NotApplicable,
    NotKnown,
    Passed,
    Proof,
    finding,
)
from ansible_collections.ibgw.ops.plugins.plugin_utils.results import Connection, Port

#: Where clients expect the API on a machine (gnzsnz docker-compose.yml).
USUAL = {"live": 4001, "paper": 4002}

#: The roles of ports at which one trades, and of that which shows the screen.
API, SCREEN = ("gateway", "relay"), "vnc"

#: Addresses that publish a port to everybody who reaches the machine.
EVERYWHERE = ("0.0.0.0", "::", "")

NEW_CONTAINER = "a port mapping changes only with a new container"
AT_THE_NEXT_LOGIN = "Create the container anew at the next planned login."
SEE_PORTS = "docker port {name}"
ONLY_INSIDE = (
    "If its clients are containers in the same network, nothing is wrong: suppress this finding (diagnose_suppress)."
)

# Where the API is in any image: who publishes such a port expects clients there.
_API_PORTS = frozenset(
    number for family in BY_NAME.values() for number, port in family.ports.items() if port.role in API
)


def ports_of(case: Case) -> Mapping[int, Served]:
    """What listens in the container by its family's table, of the program that runs."""
    ports, running = case.family.ports.items() if case.family else (), (case.program, None)
    return {number: port for number, port in ports if port.program in running}


def mapping(host_port: int | None, container_port: int | None, address: str = "127.0.0.1") -> str:
    """A published port as a container's definition has it."""
    return f"{f'[{address}]' if ':' in address else address}:{host_port or container_port}:{container_port}"


def as_defined(mappings: Iterable[str]) -> str:
    """Published ports as a container's definition has them."""
    quoted = [f'"{each}"' for each in dict.fromkeys(mappings)]
    return f"ports: [{', '.join(quoted)}]"


def instead(case: Case, ports: Collection[Port], right: Iterable[str]) -> str:
    """All that is published, with what is right in the place of some of the ports, as a container's definition has it."""
    kept = [port for port in case.gateway.ports if port not in ports]
    return as_defined(
        [*right, *(mapping(port.host_port, port.container_port, port.host_ip or "0.0.0.0") for port in kept)]
    )


def shown(port: Port) -> str:
    """Where a published port leads from and to."""
    address = port.host_ip or "*"
    return f"{f'[{address}]' if ':' in address else address}:{port.host_port or 'any'} -> {port.container_port}"


def port_quotes(case: Case, ports: Iterable[Port]) -> tuple[Quote, ...]:
    """Published ports as evidence."""
    return tuple(case.quote("health", f"{shown(port)} ({port.role})") for port in ports)


def _relay(case: Case, endpoint: str | None) -> int | None:
    """Where the relay of an endpoint listens in the container; None where that is not known."""
    ports = ports_of(case).items()
    wanted = (number for number, port in ports if port.role == "relay" and port.endpoint in (endpoint, None))
    return next(wanted, None)


def _shares_network(case: Case) -> str | None:
    """Why it publishes nothing by itself; None where it could."""
    network = case.gateway.container.network_mode or ""
    if network == "host":
        return "in the machine's own network nothing is published"
    if network.startswith("container:"):
        return "its network is that of another container, which publishes its ports"
    return None


def is_loopback(address: str | None) -> bool:
    """Whether an address is reached from its own machine only; none is every address."""
    try:
        return ipaddress.ip_address((address or "0.0.0.0").strip("[]")).is_loopback
    except ValueError:
        return False


@finding(
    "config.port_bypasses_relay",
    severity="down",
    remedy="ask_person",
    title="The published port leads past the relay",
    meaning=(
        "The container publishes the port on which the gateway itself listens (with gnzsnz 4001 and 4002). That one serves only clients"
        " inside the container; everybody else has to come through the relay beside it (there 4003 for live, 4004 for paper). Connections"
        " from outside are refused, or accepted and closed at once."
    ),
    fix=(
        "Change the port mapping where the container is defined, for example 127.0.0.1:4002:4004 for paper, 127.0.0.1:4001:4003 for live.",
        CREATE_AT_A_GOOD_TIME,
        "Containers in the same Docker network use {name}:4004 (paper) or {name}:4003 (live).",
    ),
    explains=("api.unreachable", *CLOSED_PORT, *MUTE_API),
    remedy_reason=NEW_CONTAINER,
    next_command=SEE_PORTS,
    audits="Clients come in through the relay, not at the gateway's own port.",
)
def port_bypasses_relay(case: Case) -> Answer:
    relays, bypasses = case.published("relay"), case.published("gateway")
    if relays:
        return Passed(f"published is the relay: {', '.join(map(shown, relays))}", port_quotes(case, relays))
    if not bypasses:
        return NotApplicable(_shares_network(case) or "no port of its API is published")
    if case.served:
        return Passed("clients are served at the port that is published", case.api_quotes())
    port = bypasses[0]
    relay = _relay(case, port.endpoint or case.endpoint)
    wrong, wanted = f"{port.host_port}:{port.container_port}", f", the relay listens on {relay}" if relay else ""
    right = mapping(port.host_port, relay) if relay else ""
    return Proof(
        f"published as {wrong}: the gateway's own port{wanted}",
        (case.quote("health", f"{shown(port)}{wanted}"), *case.api_quotes()),
        (
            f"Publish the relay where the container is defined: {right} instead of {wrong}.",
            CREATE_AT_A_GOOD_TIME,
            f"Containers in the same Docker network use {{name}}:{relay}.",
        )
        if right
        else (),
        severity=None if case.running else "advice",
        change=Change(instead(case, [port], [right])) if right else None,
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
    remedy_reason=NEW_CONTAINER,
    next_command=SEE_PORTS,
    audits="The port that is published is that of the trading mode in use.",
)
def mode_port_mismatch(case: Case) -> Answer:
    published = [port for port in case.gateway.ports if port.host_port and port.endpoint]
    mode = case.setting("TradingMode", "") or case.trading_mode_asked or case.mode or ""
    if case.served and not case.api.inside:
        return Passed("clients are served at the port that is published", case.api_quotes())
    if not (case.alive and case.says("config.mode_port_mismatch")):
        if "both" in (case.mode, mode):
            return NotApplicable("both trading modes run in it")
        if not published:
            return NotApplicable("no port is published that is of one trading mode only")
        if mode not in USUAL:
            return NotKnown("in which trading mode it runs was not seen")
        if any(port.endpoint == mode for port in published):
            return Passed(f"it runs in mode {mode}, whose port is published", port_quotes(case, published))
    used = " and ".join(sorted({port.endpoint for port in published if port.endpoint})) or "the other mode"
    relay = _relay(case, mode)
    right = mapping(USUAL.get(mode), relay) if relay else ""
    return Proof(
        f"runs in mode {mode}, but what is used is the port of {used}",
        (
            *(
                case.quote("health", f"{port.host_port} -> {port.container_port} ({port.endpoint})")
                for port in published
            ),
            *case.api_quotes(),
            *case.log_quotes(),
        ),
        (f"Publish the relay of the mode in use, {right}. Or correct TRADING_MODE.", CREATE_AT_A_GOOD_TIME)
        if right
        else (),
        severity="advice" if not case.alive else "down" if case.api.outcome and not case.api.inside else None,
        change=Change(instead(case, published, [right])) if right else None,
    )


@finding(
    "config.port_not_published",
    severity="degraded",
    remedy="ask_person",
    title="The API's port is not published",
    meaning=(
        "The gateway's API is ready when asked inside the container, and the container publishes no port that leads to it. Only"
        " containers in the same Docker network can connect, and none of them is connected. It is advice where it was not asked, and what is"
        " published is the API's port of another image: each image has its own."
    ),
    fix=(
        "Publish the relay's port where the container is defined: 127.0.0.1:4001:4003 for live, 127.0.0.1:4002:4004 for paper.",
        CREATE_AT_A_GOOD_TIME,
        ONLY_INSIDE,
    ),
    remedy_reason=NEW_CONTAINER,
    next_command=SEE_PORTS,
    audits="The relay's port is published where clients are outside.",
)
def port_not_published(case: Case) -> Answer:
    elsewhere = [port for port in case.gateway.ports if port.host_port and port.endpoint]
    if relays := case.published("relay"):
        return Passed(f"published: {', '.join(map(shown, relays))}", port_quotes(case, relays))
    if case.published("gateway"):
        return NotApplicable("the gateway's own port is published (config.port_bypasses_relay)")
    if shared := _shares_network(case):
        return NotApplicable(shared)
    if case.variable("SSH_TUNNEL") in ("yes", "both"):  # gnzsnz common.sh:151-164
        return NotApplicable("clients come through its SSH tunnel")
    if elsewhere and case.mode != "both":
        return NotApplicable("the port of the other trading mode is published (config.mode_port_mismatch)")
    relay = _relay(case, case.endpoint)
    client = next((each.peer for each in case.gateway.sockets.established if _of_the_network(case, each)), None)
    if client:
        return Passed("its clients are containers in its network", (case.quote("health", f"client: {client}"),))
    ready, foreign = case.served and bool(case.api.inside), _foreign(case)
    if not ready and not (foreign and relay):
        return NotKnown("no port is published, and whether clients are outside was not seen")
    right = mapping(foreign[0].host_port if foreign else USUAL.get(case.endpoint or ""), relay) if relay else ""
    return Proof(
        "the API is ready inside the container, and no port is published for clients outside"
        if ready
        else f"published is {', '.join(map(shown, foreign))}, where this image has no API",
        (
            case.quote("health", f"not published: {relay}; no client of the Docker network is connected"),
            *port_quotes(case, foreign),
            *case.api_quotes(),
        ),
        (f"Publish the relay where the container is defined: {right}.", CREATE_AT_A_GOOD_TIME, ONLY_INSIDE)
        if right
        else (),
        severity=None if ready else "advice",
        change=Change(instead(case, foreign, [right])) if right else None,
    )


def _of_the_network(case: Case, connection: Connection) -> bool:
    """Whether it is a client's that comes from another container."""
    local = (connection.peer or "").startswith(("127.", "[::1]"))
    return connection.port in case.own_ports("relay") and not local


def _foreign(case: Case) -> list[Port]:
    """Published ports at which other images have their API, and this one nothing."""
    listening = {each.port for each in case.gateway.sockets.listening}
    return [
        port
        for port in case.gateway.ports
        if port.host_port and port.container_port in _API_PORTS - listening - set(ports_of(case))
    ]


@finding(
    "config.port_not_as_declared",
    severity="advice",
    remedy="ask_person",
    title="The inventory has the API at another port than the container",
    meaning=(
        "The inventory gives a port of the machine for this endpoint, and the container publishes others. Whoever goes by the inventory meets"
        " nobody there, or another gateway. What is diagnosed is this container, at the port that it publishes."
    ),
    fix=(
        "See where it is published: docker port {name}. Correct ports in the inventory, or the port mapping.",
        CREATE_AT_A_GOOD_TIME,
    ),
    remedy_reason="which of the two is meant, its operator knows",
    next_command=SEE_PORTS,
)
def port_not_as_declared(case: Case) -> Answer:
    wanted = case.declared.ports.get(case.endpoint or "") if case.declared else None
    published = [port for port in case.gateway.ports if port.host_port]
    if wanted is None or not case.running or not published or wanted in [port.host_port for port in published]:
        return None
    others = [
        other.name
        for other in case.health.gateways
        if other.name != case.name
        and other.container.status == "running"
        and wanted in [port.host_port for port in other.ports]
    ]
    whose = f", which is that of {' and '.join(filter(None, others))}" if others else ""
    words = (
        f"the inventory has {case.endpoint} at port {wanted}{whose}; published is {', '.join(map(shown, published))}"
    )
    return Proof(words, port_quotes(case, published))


@finding(
    "config.port_exposed",
    severity="advice",
    remedy="ask_person",
    title="A port is published beyond this machine",
    meaning=(
        "The API or the screen (VNC) can be reached at other addresses of the machine than its loopback. The API has no password: who"
        " reaches the port can trade. Docker's published ports pass by most host firewalls. Who means it says so in the inventory, with"
        " expose: true for the gateway. The screen belongs on loopback always: what it shows goes over the wire as it is."
    ),
    fix=(
        "Publish on loopback: 127.0.0.1:4002:4004 instead of 4002:4004, and reach it through SSH or a private Docker network.",
        AT_THE_NEXT_LOGIN,
    ),
    audits="API and screen can be reached on loopback only, unless the inventory says otherwise.",
)
def port_exposed(case: Case) -> Answer:
    network = case.gateway.container.network_mode or ""
    meant = case.declared is not None and case.declared.expose is True
    if network == "host":
        return _exposed_by_the_network(case, meant)
    if network.startswith("container:"):
        return NotKnown("its network is that of another container, which publishes its ports")
    published = [port for port in case.gateway.ports if port.role in (*API, SCREEN)]
    exposed = [port for port in published if not is_loopback(port.host_ip)]
    unmeant = [port for port in exposed if port.role == SCREEN or not meant]
    if not exposed:
        where = ", ".join(map(shown, published or case.gateway.ports))
        if case.family is None and any(not is_loopback(port.host_ip) for port in case.gateway.ports):
            return NotKnown(f"{where}: published beyond loopback, and what listens there in this image is not known")
        if not published:
            return Passed("neither API nor screen is published")
        return Passed(f"published on loopback: {where}", port_quotes(case, published))
    if not unmeant:
        where = ", ".join(map(shown, exposed))
        return Passed(f"published beyond loopback, as the inventory says: {where}", port_quotes(case, exposed))
    everywhere = all(port.host_ip in EVERYWHERE for port in unmeant)
    wanted = list(dict.fromkeys(mapping(port.host_port, _served_at(case, port)) for port in unmeant))
    return Proof(
        f"published {'on every address' if everywhere else 'beyond loopback'}: "
        + ", ".join(f"{shown(port)} ({port.role})" for port in unmeant),
        port_quotes(case, unmeant),
        (
            f"Publish on loopback, {', '.join(wanted)}, and reach it through SSH or a private Docker network.",
            AT_THE_NEXT_LOGIN,
        ),
        change=Change(instead(case, unmeant, wanted), "bind_address: 127.0.0.1, or expose: true where it is meant"),
    )


def _served_at(case: Case, port: Port) -> int | None:
    """The port of the container at which clients of a published one are served."""
    relay = _relay(case, port.endpoint or case.endpoint) if port.role == "gateway" else None
    return relay or port.container_port


def _exposed_by_the_network(case: Case, meant: bool) -> Answer:
    """In the machine's own network, what listens is reached at whatever address it has taken."""
    if meant:
        return Passed("it is in the machine's own network, as the inventory says")
    ports, listening = ports_of(case), case.gateway.sockets.listening
    roles = {number: port.role for number, port in ports.items() if port.role in (*API, SCREEN)}
    found = [each for each in listening if each.port in roles and not is_loopback(each.address)]
    relay = _relay(case, case.endpoint)
    if listening and not found:
        return NotKnown("it is in the machine's own network, where none of its ports was seen open beyond loopback")
    if not found and relay is None:
        return NotKnown("it is in the machine's own network, and where it listens was not seen")
    # No image ties its relay to an address (gnzsnz run_socat.sh:9, extrange start.sh:52, manhinhang start.sh).
    words = [f"{each.address}:{each.port} ({roles[each.port or 0]})" for each in found] or [
        f"*:{relay} (relay), once it runs"
    ]
    right = _usual(case)
    return Proof(
        f"open on every address of the machine, in whose own network it is: {', '.join(words)}",
        tuple(case.quote("health", each) for each in ("network mode host", *words)),
        (
            f"Take it out of the machine's network (network_mode: host), and publish {', '.join(right) or 'its relay'} instead.",
            AT_THE_NEXT_LOGIN,
        ),
        change=Change(out_of_the_machines_network(case)),
    )


def _usual(case: Case) -> list[str]:
    relay = _relay(case, case.endpoint)
    return [mapping(USUAL.get(case.endpoint or ""), relay)] if relay else []


def out_of_the_machines_network(case: Case) -> str:
    """A network of its own, with only its API published, as a container's definition has it."""
    return f"network_mode: bridge, {as_defined(_usual(case))}"
