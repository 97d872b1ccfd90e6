"""The conditions of the demo's gateways, each brought about by its cause: at the broker, in Docker, or by what was configured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from docker.models.containers import Container

from simulator import client
from simulator.broker.client import Broker
from simulator.containers import Simulation, free_port, published_port
from simulator.waiting import until

PASSWORD = "simulated-password"
WRONG_PASSWORD = "not-the-password"

#: Real second factor windows stayed open up to 15 minutes; a push that waits in the demo outlives a reader of the README.
PATIENT_PUSH = 900.0
#: A push that expires soon, and a controller that knows: a closing window is an expired one after its time-out only.
SHORT_PUSH = 12.0
_PATIENT_CONTROLLER = {"SecondFactorAuthenticationTimeout": f"{PATIENT_PUSH:.0f}"}
_SHORT_CONTROLLER = {"SecondFactorAuthenticationTimeout": "10"}
_SETTINGS = "/home/ibgateway/tws_settings"
_LOGIN_SECONDS = 120.0
#: Enough to prove that nobody serves them, and far from what would fill the port's queue.
_IMPATIENT_CLIENTS = 20


@dataclass(frozen=True)
class Fleet:
    """What a condition needs to be caused."""

    simulation: Simulation
    broker: Broker

    def start(self, name: str, *, mode: str = "paper", password: str = PASSWORD, **options: Any) -> Container:
        """Start the gateway `name`, whose user at the broker has the same name."""
        return self.simulation.start_gateway(name, name, password, mode, **options)

    def logged_in(self, name: str) -> None:
        """Wait until the gateway's login is complete."""
        self.wait_for("login_completed", name)

    def wait_for(self, event: str, name: str, times: int = 1, seconds: float = _LOGIN_SECONDS) -> None:
        """Wait until that stands in the ledger of the gateway's user."""
        self.broker.wait_for(event, name, timeout=seconds, times=times)


def approve(fleet: Fleet, name: str) -> None:
    """The person with the phone approves the push that comes, and the login completes."""
    fleet.wait_for("push_sent", name)
    fleet.broker.approve(name)
    fleet.logged_in(name)


def wait_for_line(container: Container, words: str) -> None:
    """Wait until the container's log has them."""
    until(lambda: words.encode() in container.logs(), f"{words!r} in the log of {container.name}", _LOGIN_SECONDS)


# Nothing is wrong


def logged_in_with_client(fleet: Fleet, name: str) -> None:
    container = fleet.start(name, ports={"4004/tcp": free_port(14002)})
    fleet.logged_in(name)
    client.start(published_port(container, "4004/tcp"))


def approved_at_last(fleet: Fleet, name: str) -> None:
    """IBKR can not be reached at first; then the first push expires, and the second one is approved after a while."""
    fleet.broker.link(False, name)
    restart = datetime.now(timezone.utc) + timedelta(hours=6)  # not while somebody looks at the demo
    container = fleet.start(
        name,
        mode="live",
        environment={"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes", "AUTO_RESTART_TIME": f"{restart:%I:%M %p}"},
        controller_settings=_SHORT_CONTROLLER,
    )
    wait_for_line(container, "Attempt 2: Connecting to server")
    fleet.broker.link(True, name)
    fleet.wait_for("push_expired", name)
    fleet.broker.change_user(name, push_validity=PATIENT_PUSH)
    fleet.wait_for("push_sent", name, times=2)
    time.sleep(5)  # a person takes out the phone
    fleet.broker.approve(name)
    fleet.logged_in(name)


# The second factor


def nobody_approves(fleet: Fleet, name: str) -> None:
    fleet.start(name, mode="live", controller_settings=_PATIENT_CONTROLLER)
    fleet.wait_for("push_sent", name)


def push_expired(fleet: Fleet, name: str) -> None:
    fleet.start(name, mode="live", controller_settings=_SHORT_CONTROLLER)
    fleet.wait_for("push_expired", name)


def one_of_two_waits(fleet: Fleet, name: str) -> None:
    """One container, two users: paper is logged in, live waits for its second factor."""
    paper = f"{name}-paper"
    fleet.broker.add_user(paper, PASSWORD, "DU4999999")
    fleet.start(name, mode="both", paper_user=paper, paper_password=PASSWORD, controller_settings=_PATIENT_CONTROLLER)
    fleet.wait_for("push_sent", name)
    fleet.logged_in(paper)


# The login


def wrong_password(fleet: Fleet, name: str) -> None:
    fleet.start(name, password=WRONG_PASSWORD)
    fleet.wait_for("login_refused", name)


def wrong_password_again_and_again(fleet: Fleet, name: str) -> None:
    """Refused in the way that the controller answers with a cold restart, without end."""
    fleet.start(name, password=WRONG_PASSWORD)
    fleet.wait_for("login_refused", name, times=3)


def saved_session_refused(fleet: Fleet, name: str) -> None:
    # The full minute before that is one to two minutes ahead: time to log in on a busy machine, too. What misses it restarts tomorrow.
    restart = datetime.now(timezone.utc) + timedelta(seconds=120)
    fleet.start(name, mode="live", environment={"AUTO_RESTART_TIME": f"{restart:%I:%M %p}"})
    approve(fleet, name)
    fleet.broker.revoke_tokens(name)
    fleet.wait_for("token_refused", name, seconds=180)


def login_throttled(fleet: Fleet, name: str) -> None:
    fleet.broker.throttle(name, PATIENT_PUSH)
    fleet.start(name, mode="live")
    fleet.wait_for("login_refused", name)


def logged_in_elsewhere_before(fleet: Fleet, name: str) -> None:
    fleet.broker.log_in_elsewhere(name)
    fleet.start(name, environment={"EXISTING_SESSION_DETECTED_ACTION": "manual"})
    fleet.wait_for("existing_session", name)


def taken_over(fleet: Fleet, name: str) -> None:
    container = fleet.start(name, mode="live", environment={"EXISTING_SESSION_DETECTED_ACTION": "primaryoverride"})
    approve(fleet, name)
    wait_for_line(container, "Configuration tasks completed")
    fleet.broker.log_in_elsewhere(name)
    container.wait(timeout=_LOGIN_SECONDS)


# The gateway's process


def api_hung(fleet: Fleet, name: str) -> None:
    """Its port accepts and nobody answers; clients that lose patience leave their connections behind."""
    container = fleet.start(name, mode="live")
    approve(fleet, name)
    fleet.broker.hang(name)
    port = published_port(container, "4003/tcp")
    for _ in range(_IMPATIENT_CLIENTS):
        client.lose_patience(port)


def heap_full(fleet: Fleet, name: str) -> None:
    """IBC 3.20.0 still lets Java's own words into the log."""
    container = fleet.start(name, release="3.20.0", environment={"JAVA_HEAP_SIZE": "48"})
    fleet.logged_in(name)
    fleet.broker.flood(name, megabytes=64)
    wait_for_line(container, "java.lang.OutOfMemoryError")


def memory_full(fleet: Fleet, name: str) -> None:
    """The heap may be larger than the container's memory: the kernel ends what goes beyond."""
    container = fleet.start(name, mem_limit="160m", memswap_limit="160m")
    fleet.logged_in(name)
    fleet.broker.flood(name)
    container.wait(timeout=_LOGIN_SECONDS)


def login_window_unknown(fleet: Fleet, name: str) -> None:
    """A build of the Gateway whose login window no release of IBC knows, and a controller that starts it again and again."""
    container = fleet.start(name, gateway="10.37.1q", controller_settings={"LoginDialogDisplayTimeout": "20"})
    wait_for_line(container, "IBC returned exit status 88")


# IBKR


def link_lost(fleet: Fleet, name: str) -> None:
    fleet.start(name)
    fleet.logged_in(name)
    fleet.broker.link(False, name)


# The container and its configuration


def bypassed_relay(fleet: Fleet, name: str) -> None:
    fleet.start(name, ports={"4002/tcp": free_port(4002)})
    fleet.logged_in(name)


def dead_relay(fleet: Fleet, name: str) -> None:
    container = fleet.start(name)
    fleet.logged_in(name)
    container.exec_run(["pkill", "-9", "-f", "run_socat.sh"])
    container.exec_run(["pkill", "-9", "-x", "socat"])


def settings_of_root(fleet: Fleet, name: str) -> None:
    """A volume that Docker makes belongs to root, and the gateway's user may not write to it."""
    container = fleet.start(
        name,
        environment={"TWS_SETTINGS_PATH": _SETTINGS},
        volumes=[_SETTINGS],
        restart_policy={"Name": "unless-stopped"},
    )

    def ended_thrice() -> bool:
        container.reload()
        return int(container.attrs["RestartCount"]) >= 3

    until(ended_thrice, f"{name} to end again and again", _LOGIN_SECONDS)


def just_started(fleet: Fleet, name: str) -> None:
    fleet.start(name)


def stopped_by_hand(fleet: Fleet, name: str) -> None:
    container = fleet.start(name)
    fleet.logged_in(name)
    container.stop(timeout=30)
