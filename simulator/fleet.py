"""The fleet of `make demo`: for each gateway a condition, how it is caused, and what a diagnosis should find.

Conditions are caused at the broker or in Docker, as in life; nothing here tells a probe what to find.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import NotFound
from docker.models.containers import Container

from simulator.broker.client import Broker
from simulator.containers import LABEL, CanNotSimulate, Simulation, published_port

NAME = "ibgw-demo"
_PASSWORD = "simulated-password"
#: Real second factor windows stayed open up to 15 minutes; the demo's should outlive a reader of the README.
_PATIENT_PUSH = 900.0
#: Longer than a diagnosis takes, shorter than what is normal for a login.
_SLOW_ANSWER = 60.0
_LOGIN_SECONDS = 90.0
_CLIENT_PIDFILE = Path(__file__).resolve().parent.parent / ".cache" / "demo-client.pid"


@dataclass(frozen=True)
class Fleet:
    """What a condition needs to be caused."""

    simulation: Simulation
    broker: Broker

    def start(self, name: str, *, mode: str = "paper", password: str = _PASSWORD, **options: Any) -> Container:
        """Start the gateway `name`, whose user at the broker has the same name."""
        return self.simulation.start_gateway(name, name, password, mode, **options)

    def logged_in(self, name: str) -> None:
        """Wait until the gateway's login is complete."""
        self.broker.wait_for("login_completed", name, timeout=_LOGIN_SECONDS)


@dataclass(frozen=True)
class Gateway:
    """One gateway of the fleet: its condition, what causes it, and the codes that may lead (none: healthy)."""

    name: str
    condition: str
    cause: Callable[[Fleet, str], None]
    expected: tuple[str, ...] = ()
    user: dict[str, Any] = field(default_factory=dict)


def _logged_in_with_client(fleet: Fleet, name: str) -> None:
    container = fleet.start(name, ports={"4004/tcp": free_port(14002)})
    fleet.logged_in(name)
    _start_client(published_port(container, "4004/tcp"))


def _nobody_approves(fleet: Fleet, name: str) -> None:
    fleet.start(name, mode="live")
    fleet.broker.wait_for("push_sent", name, timeout=_LOGIN_SECONDS)


def _wrong_password(fleet: Fleet, name: str) -> None:
    fleet.start(name, password="not-the-password")
    fleet.broker.wait_for("login_refused", name, timeout=_LOGIN_SECONDS)


def _saved_session_refused(fleet: Fleet, name: str) -> None:
    restart = datetime.now(timezone.utc) + timedelta(seconds=90)  # the next full minute by then is far enough to log in
    fleet.start(name, mode="live", environment={"AUTO_RESTART_TIME": f"{restart:%I:%M %p}"})
    fleet.broker.wait_for("push_sent", name, timeout=_LOGIN_SECONDS)
    fleet.broker.approve(name)
    fleet.logged_in(name)
    fleet.broker.revoke_tokens(name)
    fleet.broker.wait_for("token_refused", name, timeout=180)


def _bypassed_relay(fleet: Fleet, name: str) -> None:
    fleet.start(name, ports={"4002/tcp": free_port(4002)})
    fleet.logged_in(name)


def _dead_relay(fleet: Fleet, name: str) -> None:
    container = fleet.start(name)
    fleet.logged_in(name)
    container.exec_run(["pkill", "-9", "-f", "run_socat.sh"])
    container.exec_run(["pkill", "-9", "-x", "socat"])


def _just_started(fleet: Fleet, name: str) -> None:
    fleet.start(name)


def _stopped_by_hand(fleet: Fleet, name: str) -> None:
    container = fleet.start(name)
    fleet.logged_in(name)
    container.stop(timeout=30)


FLEET = (
    Gateway("paper-ok", "logged in, a client beside it is served", _logged_in_with_client),
    Gateway(
        "live-2fa",
        "push sent, nobody approved yet",
        _nobody_approves,
        ("twofa.pending",),
        {"account": "U7654321", "second_factor": "push", "push_validity": _PATIENT_PUSH},
    ),
    Gateway("paper-badlogin", "typed credentials refused", _wrong_password, ("login.credentials_rejected",)),
    Gateway(
        "live-monday",
        "scheduled restart, saved session refused",
        _saved_session_refused,
        ("login.saved_session_refused",),
        {"account": "U1122334", "second_factor": "push"},
    ),
    Gateway("paper-bypass", "the gateway's own port is published", _bypassed_relay, ("config.port_bypasses_relay",)),
    Gateway("paper-norelay", "relay and its loop are dead", _dead_relay, ("relay.down",)),
    Gateway(
        "paper-starting",
        "started seconds ago",
        _just_started,
        ("gateway.starting", "login.in_progress"),
        {"answer_delay": _SLOW_ANSWER},
    ),
    Gateway("paper-stopped", "stopped by hand", _stopped_by_hand, ("container.stopped",)),
)

#: Rows of the report that no container stands for.
WITHOUT_CONTAINER = {"gone": ("container.missing",), "host-down": ("host.unreachable",)}


def up(engine: DockerClient) -> Fleet:
    """Start the whole fleet anew, each gateway in its condition; whoever was started last is the youngest."""
    simulation = Simulation(engine, NAME)
    _refuse_taken_names(engine)
    _stop_client()
    simulation.remove()
    _say("Building the simulator's image (two minutes the first time, then nothing) ...")
    fleet = Fleet(simulation, simulation.start())
    for number, gateway in enumerate(FLEET, 1):
        fleet.broker.add_user(
            gateway.name,
            _PASSWORD,
            **{"account": f"DU{4000000 + 111111 * number}", **gateway.user},
        )
    _say(f"Starting {len(FLEET)} gateways and waiting until each is in its condition (about two minutes) ...")
    settled = [gateway for gateway in FLEET if gateway.cause is not _just_started]
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(gateway.cause, fleet, gateway.name) for gateway in settled]:
            done.result()
    for gateway in FLEET:
        if gateway not in settled:
            gateway.cause(fleet, gateway.name)
    return fleet


def down(engine: DockerClient) -> None:
    """Take away the fleet, its client and its network; the images stay for the next one."""
    _stop_client()
    Simulation(engine, NAME).remove()


def running(engine: DockerClient) -> Fleet:
    """The fleet that was started earlier."""
    simulation = Simulation(engine, NAME)
    return Fleet(simulation, simulation.broker())


def free_port(wanted: int) -> int | None:
    """`wanted` where nobody has it on this machine, else None: any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return None
    return wanted


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


def _start_client(port: int) -> None:
    """An unmodified ib_async client that stays connected, in a process of its own."""
    client = subprocess.Popen(
        [sys.executable, "-m", "simulator.client", str(port)],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    assert client.stdout is not None
    if client.stdout.readline().strip() != "connected":
        raise CanNotSimulate(f"the ib_async client was not served on port {port}")
    _CLIENT_PIDFILE.parent.mkdir(exist_ok=True)
    _CLIENT_PIDFILE.write_text(str(client.pid))


def client_runs() -> bool:
    """Whether the client beside `paper-ok` is connected: it ends when it is cut off."""
    if not _CLIENT_PIDFILE.exists():
        return False
    command = Path(f"/proc/{_CLIENT_PIDFILE.read_text()}/cmdline")
    return command.exists() and b"simulator.client" in command.read_bytes()


def _stop_client() -> None:
    if client_runs():
        os.kill(int(_CLIENT_PIDFILE.read_text()), signal.SIGTERM)
    _CLIENT_PIDFILE.unlink(missing_ok=True)
