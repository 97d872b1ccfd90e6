"""The fleet of `make demo`: for each gateway a condition, how it is caused, and what a diagnosis should find.

Conditions are caused at the broker or in Docker, as in life; nothing here tells a probe what to find.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import NotFound

from simulator import client, conditions, machine
from simulator.conditions import PASSWORD, PATIENT_PUSH, SHORT_PUSH, Fleet
from simulator.containers import LABEL, CanNotSimulate, Simulation

NAME = "ibgw-demo"
#: Where the roles record what they did to a gateway (roles/recover/README.md).
_RECORDS = Path("/var/lib/ibgw")
#: Longer than a diagnosis takes, shorter than what is normal for a login.
_SLOW_ANSWER = 60.0


@dataclass(frozen=True)
class Gateway:
    """One gateway of the fleet: its condition, what causes it, and the codes that may lead (none: healthy)."""

    name: str
    condition: str
    cause: Callable[[Fleet, str], None]
    expected: tuple[str, ...] = ()
    user: dict[str, Any] = field(default_factory=dict)


def live(number: int, push_validity: float = PATIENT_PUSH, **traits: Any) -> dict[str, Any]:
    """A user of a live account, with a phone."""
    return {"account": f"U{7000000 + number}", "second_factor": "push", "push_validity": push_validity, **traits}


FLEET = (
    Gateway("paper-ok", "logged in, a client beside it is served", conditions.logged_in_with_client),
    Gateway(
        "live-ok",
        "logged in, after failures that are long resolved",
        conditions.approved_at_last,
        user=live(1, SHORT_PUSH),
    ),
    Gateway("live-2fa", "push sent, nobody approved yet", conditions.nobody_approves, ("twofa.pending",), live(2)),
    Gateway(
        "live-2fa-missed",
        "push expired, the controller does not ask again",
        conditions.push_expired,
        ("twofa.timed_out",),
        live(3, SHORT_PUSH),
    ),
    Gateway(
        "both",
        "paper is logged in, live waits for its second factor",
        conditions.one_of_two_waits,
        ("twofa.pending",),
        live(4),
    ),
    Gateway("paper-badlogin", "typed credentials refused", conditions.wrong_password, ("login.credentials_rejected",)),
    Gateway(
        "paper-loginloop",
        "refused, and tried again without end",
        conditions.wrong_password_again_and_again,
        ("login.looping", "login.credentials_rejected"),
        {"refused_as": "login_failed", "answer_delay": 3.0},
    ),
    Gateway(
        "live-monday",
        "scheduled restart, saved session refused",
        conditions.saved_session_refused,
        ("login.saved_session_refused",),
        live(5),
    ),
    Gateway("live-throttled", "too many failed logins", conditions.login_throttled, ("login.throttled",), live(6)),
    Gateway(
        "live-kicked",
        "another login took the session",
        conditions.taken_over,
        ("login.taken_over",),
        live(7),
    ),
    Gateway(
        "paper-manual",
        "the same user is logged in elsewhere",
        conditions.logged_in_elsewhere_before,
        ("login.existing_session",),
    ),
    Gateway("away", "the link to IBKR is lost, the API is up", conditions.link_lost, ("ibkr.disconnected",)),
    Gateway("live-hung", "accepts and never answers", conditions.api_hung, ("gateway.hung",), live(8)),
    Gateway("paper-heap", "the Java heap is full", conditions.heap_full, ("gateway.heap_exhausted",)),
    Gateway("paper-oom", "killed by the kernel for memory", conditions.memory_full, ("container.out_of_memory",)),
    Gateway(
        "paper-loop",
        "the controller does not know the login window",
        conditions.login_window_unknown,
        ("gateway.login_window_unknown",),
    ),
    Gateway(
        "paper-bypass",
        "the gateway's own port is published",
        conditions.bypassed_relay,
        ("config.port_bypasses_relay",),
    ),
    Gateway("paper-norelay", "relay and its loop are dead", conditions.dead_relay, ("relay.down",)),
    Gateway(
        "paper-readonly",
        "settings directory not writable, restarted for ever",
        conditions.settings_of_root,
        ("config.settings_unwritable",),
    ),
    Gateway(
        "paper-starting",
        "started seconds ago",
        conditions.just_started,
        ("gateway.starting", "login.in_progress"),
        {"answer_delay": _SLOW_ANSWER},
    ),
    Gateway("paper-stopped", "stopped by hand", conditions.stopped_by_hand, ("container.stopped",)),
)

#: Rows of the report that no container stands for: a name without one, and the machines that can not be looked at.
WITHOUT_CONTAINER = {
    "gone": ("container.missing",),
    "host-down": ("host.unreachable",),
    "ib-gateway": ("engine.denied",),
}


def up(engine: DockerClient) -> Fleet:
    """Start the whole fleet anew, each gateway in its condition; whoever was started last is the youngest."""
    simulation = Simulation(engine, NAME)
    _refuse_taken_names(engine)
    _remove(simulation)
    _say("Building the simulator's images (two minutes the first time, then nothing) ...")
    fleet = Fleet(simulation, simulation.start())
    for number, gateway in enumerate(FLEET, 1):
        fleet.broker.add_user(gateway.name, PASSWORD, **{"account": f"DU{4000000 + 111111 * number}", **gateway.user})
    _say(f"Starting {len(FLEET)} gateways and waiting until each is in its condition (one to two minutes) ...")
    settled = [gateway for gateway in FLEET if gateway.cause is not conditions.just_started]
    patient = True
    pool = ThreadPoolExecutor(len(FLEET))
    try:
        caused = [pool.submit(_cause, fleet, gateway) for gateway in settled]
        for done in [pool.submit(machine.up, simulation), *caused]:
            done.result()
    except KeyboardInterrupt:
        patient = False
        raise
    finally:
        pool.shutdown(wait=patient, cancel_futures=True)
    for gateway in FLEET:
        if gateway not in settled:
            _cause(fleet, gateway)
    return fleet


def down(engine: DockerClient) -> None:
    """Take away the fleet, its client, its machine and its network; the images stay for the next one."""
    _remove(Simulation(engine, NAME))
    machine.forget()


def running(engine: DockerClient) -> Fleet:
    """The fleet that was started earlier."""
    simulation = Simulation(engine, NAME)
    return Fleet(simulation, simulation.broker())


def _remove(simulation: Simulation) -> None:
    """With what recovery keeps on this machine about its gateways: the next ones of these names have spent no login."""
    client.stop()
    for gateway in simulation.gateways():
        kept = _RECORDS / str(gateway.name)
        if not any((kept / deployed).exists() for deployed in ("deployment.json", "settings")):
            shutil.rmtree(kept, ignore_errors=True)
    simulation.remove()


def _cause(fleet: Fleet, gateway: Gateway) -> None:
    gateway.cause(fleet, gateway.name)
    _say(f"  {gateway.name}: {gateway.condition}")


def _say(what: str) -> None:
    print(what, flush=True)  # in order with what Ansible prints, also through a pipe


def _refuse_taken_names(engine: DockerClient) -> None:
    for gateway in FLEET:
        try:
            labels = engine.containers.get(gateway.name).labels
        except NotFound:
            continue
        if labels.get(LABEL) != NAME:
            raise CanNotSimulate(
                f"a container named {gateway.name!r} is on this machine already and is not the demo's;"
                " rename or remove it, the demo touches nothing that is not its own"
            )
