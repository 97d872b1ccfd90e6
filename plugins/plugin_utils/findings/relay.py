# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The relay: the process between the published port and the gateway's own listener on loopback."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ansible_collections.ibgw.ops.plugins.plugin_utils.case import LOGGED_IN, SERVED, Case, moment
from ansible_collections.ibgw.ops.plugins.plugin_utils.findings.registry import (
    CLOSED_PORT,
    CREATE_ANEW,
    MUTE_API,
    Proof,
    finding,
)

START_RELAY = "Have ibgw.ops.recover start the relay again: that costs no login."
NO_RESTART = "Do not restart the container for this: it costs a full login."

API_IS_OFF = (
    "In TWS the API is off at first: tick Enable ActiveX and Socket Clients once (screen: Configure, API, Settings), and keep the settings"
    " directory on a volume."
)

#: A relay that can not bind tries again every 5 s (gnzsnz run_socat.sh:9-14); older failures are over.
RECENT = timedelta(minutes=2)

#: The relay's loop in the gnzsnz images and those built on them (gnzsnz run_socat.sh).
RELAY_LOOP = "/home/ibgateway/scripts/run_socat.sh"


@finding(
    "relay.port_taken",
    severity="down",
    remedy="ask_person",
    title="The relay's port is taken",
    meaning=(
        "The relay can not listen: something else in the container, or on the machine with host networking, holds its port. It tries"
        " again every few seconds. The gateway itself may be logged in; clients outside do not reach it. Where they are served all the same,"
        " by a relay in a container of its own that shares the gateway's network, say, it is advice."
    ),
    fix=(
        "Find who holds the port: ss -ltnp on {machine}, and docker top {name}",
        "A second relay: docker exec {name} pkill -x socat ends both; the loop starts one again within 5 s.",
        "With host networking, give one of the two gateways other ports.",
        "If it comes back after restarts of the gateway, use a newer image: older scripts started a second relay at each.",
    ),
    explains=(
        "relay.down",
        "relay.no_backend",
        "api.not_listening",
        "api.not_tws",
        "api.unreachable",
        "container.unhealthy",
    ),
    remedy_reason="what holds the port may be meant to",
    next_command="docker top {name}",
)
def port_taken(case: Case) -> Proof | None:
    relay = case.log.relay if case.log else None
    held = set(case.own_ports("relay")) & set(case.gateway.sockets.taken)
    last = moment(relay.last_at) if relay else None
    repeats = relay is not None and (relay.bind_errors or 0) > 1 and last is not None and case.now - last < RECENT
    if held and case.alive and _wants_a_port(case):
        words = f"another's process listens on {min(held)} of the network that it shares"
        proof = Proof("the relay's port is held by somebody else", (case.quote("health", words), *case.log_quotes(1)))
    elif (case.alive and repeats) or case.shows("relay.port_taken"):
        count = f" {relay.bind_errors} times" if relay and relay.bind_errors else ""
        proof = Proof(f"the relay could not bind its port{count}", case.log_quotes())
    else:
        return None
    if case.served:
        return _in_its_place(proof, case)
    return None if _waits_for_its_gateway(case) else proof


def _in_its_place(proof: Proof, case: Case) -> Proof:
    """Another relay holds the port, a sidecar's or one that was there before, and clients are served through it."""
    return replace(
        proof,
        summary=f"{proof.summary}; clients are served all the same",
        evidence=(*proof.evidence, *case.api_quotes()),
        fix=(
            "If a relay of your own is to hold the port, leave it so: the image's own tries in vain, and harms nobody.",
            "Else find who holds it: ss -ltnp on {machine}, and docker top {name}",
        ),
        severity="advice",
        remedy="none",
        remedy_reason="clients are served",
    )


def _waits_for_its_gateway(case: Case) -> bool:
    """Whether what holds the port may well be a relay that leads here: the gateway's own port is not open yet."""
    if case.listeners("gateway") or case.gateway.container.network_mode == "host":
        return False
    held = set(case.own_ports("relay")) & set(case.gateway.sockets.taken)
    return bool(held) or case.api_problem == "relay.no_backend"


def _wants_a_port(case: Case) -> bool:
    """Whether a relay is still to bind one: at which is known, none listens, and no tunnel takes its place (gnzsnz common.sh:182)."""
    return case.endpoint is not None and not case.listeners("relay") and case.variable("SSH_TUNNEL") != "yes"


@finding(
    "relay.down",
    severity="down",
    remedy="restart_relay",
    title="The relay is down",
    meaning=(
        "The gateway listens on its own port inside the container, and nothing listens on the relay's port; or its own port was ready when"
        " asked there, and the relay passes nothing on to it. Clients outside are not served though the gateway may be logged in."
        " Starting the relay again costs no login: do not restart the container."
    ),
    fix=(
        "See what runs: docker top {name}",
        START_RELAY,
        NO_RESTART,
    ),
    explains=("api.unreachable", "api.not_tws", *CLOSED_PORT, *MUTE_API),
    remedy_reason="the gateway itself listens; only the relay is missing, and it costs no login",
    next_command="docker top {name}",
)
def down(case: Case) -> Proof | None:
    if case.running and not case.served and (tunnel := _tunnel_missing(case)):
        return tunnel
    gateway = case.listeners("gateway")
    # With SSH_TUNNEL=yes the tunnel takes the relay's place (G:common.sh:182, run.sh).
    meant = case.published("gateway") or case.variable("SSH_TUNNEL") == "yes"
    if not case.running or meant or case.served or case.relay_inside.outcome in SERVED:
        return None
    # Whatever answered a greeting there was the gateway, through its relay.
    asked = case.relay_inside.outcome not in (None, "error") and not case.relay_inside.greeted
    ready = case.inside.outcome in SERVED
    if ready and asked and case.relay_inside.outcome != "refused":
        return _passes_nothing_on(case)
    if not (gateway and not case.listeners("relay")) and not (ready and asked):
        return None
    relays = [process for process in case.gateway.processes if process.role == "relay"]
    own = gateway[0].port if gateway else case.inside.port
    looped = case.family is None or case.family.build.start.startswith(RELAY_LOOP.rpartition("/")[0])
    return Proof(
        f"the gateway listens on {own}, nothing on the relay's port",
        (
            case.quote(
                "health",
                f"listening on {own}: the gateway; listening for clients outside: none; relay processes: {len(relays)}",
            ),
            *case.api_quotes(),
        ),
        (
            "See what runs: docker top {name}",
            START_RELAY if looped else "This image starts its relay once, and has no loop that could be started again.",
            NO_RESTART,
        ),
        remedy=None if looped else "ask_person",
    )


def _tunnel_missing(case: Case) -> Proof | None:
    """With SSH_TUNNEL=yes there is no relay, and no tunnel either without a passphrase for its agent (G:common.sh:182, 219-223)."""
    missing = case.told("tunnel_missing", case.gateway.container.started_at)
    up = case.state in LOGGED_IN or case.listeners("gateway")
    if missing is None or not up or case.variable("SSH_TUNNEL") != "yes":
        return None
    return Proof(
        "neither relay nor tunnel was started: SSH_TUNNEL=yes, and no ssh-agent",
        (missing, case.quote("health", "SSH_TUNNEL=yes")),
        (
            "Set SSH_PASSPHRASE or SSH_PASSPHRASE_FILE, without which the image starts no ssh-agent; or SSH_TUNNEL=both for relay and tunnel.",
            CREATE_ANEW,
        ),
        remedy="ask_person",
        remedy_reason="a restart has the same settings",
    )


def _passes_nothing_on(case: Case) -> Proof:
    relay = case.relay_inside
    return Proof(
        f"the gateway's own port {case.inside.port} is ready, and the relay on {relay.port} passes nothing on to it",
        case.api_quotes(),
        (
            START_RELAY,
            "If that changes nothing, see where the relay leads: docker top {name} | grep socat",
            NO_RESTART,
        ),
    )


@finding(
    "relay.no_backend",
    severity="down",
    remedy="none",
    title="Nothing listens behind the relay",
    meaning=(
        "The relay accepts connections and closes them at once, because the gateway's own port behind it is closed. The port opens only"
        " after a login, so this is nearly always how a login that is not done, or not possible, looks from outside. An open port"
        " of a container proves only its relay."
    ),
    fix=(
        "Find out where the login is: docker logs --tail 300 {name}",
        "Restarting the relay changes nothing.",
    ),
    explains=("container.unhealthy",),
    remedy_reason="the relay does its work; what is missing is behind it",
    next_command="docker logs --tail 300 {name}",
    symptom=True,
)
def no_backend(case: Case) -> Proof | None:
    if case.api_problem != "relay.no_backend" or case.serving:
        return None
    proof = Proof("connections are accepted and closed at once: no gateway listens behind the relay", case.api_quotes())
    return replace(proof, fix=(API_IS_OFF,), remedy="ask_person") if tws_without_api(case) else proof


def tws_without_api(case: Case) -> bool:
    """TWS is logged in, and its API closed: unlike the gateway's, that is off until somebody ticks it (extrange README:138-140)."""
    return case.runs_tws and case.state in LOGGED_IN
