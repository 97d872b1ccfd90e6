"""What befalls gateways: causes beyond those of the demo, for the fault matrix and the benchmark. Each leaves its gateway broken."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from docker.models.containers import Container

from simulator import client
from simulator.broker.client import Refused
from simulator.conditions import PASSWORD, WRONG_PASSWORD, Fleet, approve, wait_for_line
from simulator.containers import published_port
from simulator.waiting import until

COMMANDS_ON = {"CommandServerPort": "7462"}
#: A controller that loses patience with the second factor soon, so that nobody waits for minutes.
IMPATIENT = {"SecondFactorAuthenticationTimeout": "5"}
_ALWAYS = {"Name": "unless-stopped"}
_SECONDS = 60.0
_IMPATIENT_CLIENTS = 20
#: Where `Fleet.start` of the fault matrix keeps the settings; the image's own place is another one.
SETTINGS = "/home/ibgateway/tws_settings"


def healthy(fleet: Fleet, name: str, **options: Any) -> Container:
    """A gateway that is logged in and configured; a push of its user is approved."""
    container = fleet.start(name, **options)
    if options.get("mode") == "live":
        approve(fleet, name)
    else:
        fleet.logged_in(name)
    wait_for_line(container, "Pending Tasks; event=Closed")
    return container


def _ended(container: Container) -> None:
    container.wait(timeout=_SECONDS)


# The container


def relay_killed(fleet: Fleet, name: str) -> None:
    """Its loop sleeps before it begins a new one; a nap longer than usual, so that a diagnosis sees what is missing."""
    container = healthy(fleet, name, environment={"SSH_RESTART": "45"})
    container.exec_run(["pkill", "-9", "-x", "socat"])


def relay_and_loop_killed(fleet: Fleet, name: str) -> None:
    container = healthy(fleet, name)
    container.exec_run(["pkill", "-9", "-f", "run_socat.sh"])
    container.exec_run(["pkill", "-9", "-x", "socat"])


def process_killed(fleet: Fleet, name: str) -> None:
    container = healthy(fleet, name)
    container.exec_run(["pkill", "-9", "-f", "ibcalpha"])
    _ended(container)


def process_of_live_killed(fleet: Fleet, name: str) -> None:
    process_killed_in(healthy(fleet, name, mode="live"))


def process_killed_in(container: Container) -> None:
    container.exec_run(["pkill", "-9", "-f", "ibcalpha"])
    _ended(container)


def display_killed(fleet: Fleet, name: str) -> None:
    container = healthy(fleet, name)
    container.exec_run(["pkill", "Xvfb"])
    _ended(container)


def stopped(fleet: Fleet, name: str) -> None:
    healthy(fleet, name).stop(timeout=30)


def killed(fleet: Fleet, name: str) -> None:
    healthy(fleet, name).kill()


def paused(fleet: Fleet, name: str) -> None:
    healthy(fleet, name).pause()


def removed(fleet: Fleet, name: str) -> None:
    healthy(fleet, name).remove(force=True)


def half_killed(fleet: Fleet, name: str) -> None:
    """Two gateways in one container: of live the process is gone, paper goes on, and so does the container."""
    paper = f"{name}-paper"
    fleet.broker.add_user(paper, PASSWORD, "DU4999999")
    container = fleet.start(name, mode="both", paper_user=paper, paper_password=PASSWORD)
    approve(fleet, name)
    fleet.logged_in(paper)
    wait_for_line(container, "(Simulated Trading); event=Closed")
    container.exec_run(["pkill", "-9", "-f", "ibcalpha.*config.ini_live"])
    wait_for_line(container, "IBC returned exit status 137")


# Files


def secret_gone(fleet: Fleet, name: str) -> None:
    container = healthy(fleet, name)
    container.exec_run(["rm", "-f", "/run/secrets/tws_password"], user="root")
    container.restart(timeout=30)
    _ended(container)


def stale_session(fleet: Fleet, name: str) -> None:
    """The file of a daily restart that never came back."""
    container = healthy(fleet, name)
    folder = f"{SETTINGS}/left-behind"
    container.exec_run(["sh", "-c", f"mkdir -p {folder} && : > {folder}/autorestart"])
    container.kill()
    container.start()
    wait_for_line(container, "Re-starting session")


def disk_full(fleet: Fleet, name: str) -> None:
    """A volume for the settings that has no room for them."""
    volume = fleet.simulation.full_volume(name)
    container = fleet.start(
        name,
        environment={"TWS_SETTINGS_PATH": SETTINGS},
        volumes={volume: {"bind": SETTINGS, "mode": "rw"}},
    )
    _ended(container)


# The process


def api_hung(fleet: Fleet, name: str) -> None:
    _hang(fleet, name, healthy(fleet, name))


def api_hung_with_commands(fleet: Fleet, name: str) -> None:
    """One that can be restarted by command, which keeps its session."""
    daily = datetime.now(timezone.utc) + timedelta(hours=6)
    environment = {"AUTO_RESTART_TIME": f"{daily:%I:%M %p}"}
    _hang(fleet, name, healthy(fleet, name, environment=environment, controller_settings=COMMANDS_ON))


def _hang(fleet: Fleet, name: str, container: Container) -> None:
    fleet.broker.hang(name)
    port = published_port(container, "4004/tcp")
    for _ in range(_IMPATIENT_CLIENTS):
        client.lose_patience(port)


# The login


def wrong_password_restarted(fleet: Fleet, name: str) -> None:
    """Refused in the way that the controller answers with a cold restart, under a policy that would bring it back, too."""
    fleet.start(name, password=WRONG_PASSWORD, restart_policy=_ALWAYS)
    fleet.wait_for("login_refused", name, times=3)


def session_refused(fleet: Fleet, name: str) -> None:
    """IBKR refuses what was kept over the daily restart."""
    _restarts_soon(fleet, name)
    _refuse_session(fleet, name)


def session_refused_of_live(fleet: Fleet, name: str) -> None:
    _restarts_soon(fleet, name, mode="live")
    _refuse_session(fleet, name)


def session_refused_after_other_login(fleet: Fleet, name: str) -> None:
    """The same, minutes after somebody else logged in as this user and was sent away again."""
    container = _restarts_soon(fleet, name)
    fleet.broker.log_in_elsewhere(name)
    fleet.wait_for("session_reclaimed", name)
    wait_for_line(container, "Existing session detected; event=Closed")
    _refuse_session(fleet, name)


def _restarts_soon(fleet: Fleet, name: str, **options: object) -> Container:
    daily = datetime.now(timezone.utc) + timedelta(seconds=90)  # the full minute before that is far enough to log in
    return healthy(fleet, name, environment={"AUTO_RESTART_TIME": f"{daily:%I:%M %p}"}, **options)


def relogin_refused(fleet: Fleet, name: str, **options: object) -> None:
    """IBKR wants a login within the session, and refuses what was kept of it; the API stays as it was."""
    healthy(fleet, name, **options)
    fleet.broker.revoke_tokens(name)
    fleet.broker.require_relogin(name)
    fleet.wait_for("token_refused", name)


def relogin_refused_under_policy(fleet: Fleet, name: str) -> None:
    """The same, of a container that Docker restarts."""
    relogin_refused(fleet, name, restart_policy=_ALWAYS)


def _refuse_session(fleet: Fleet, name: str) -> None:
    fleet.broker.revoke_tokens(name)
    fleet.wait_for("token_refused", name, seconds=180)


def locked(fleet: Fleet, name: str) -> None:
    fleet.broker.lock(name)
    fleet.start(name)
    fleet.wait_for("login_refused", name)


def throttled(fleet: Fleet, name: str) -> None:
    fleet.broker.throttle(name, 600)
    fleet.start(name)
    fleet.wait_for("login_refused", name)


def throttled_and_tried_again(fleet: Fleet, name: str) -> None:
    """A controller that logs in again when the wait is over."""
    fleet.broker.throttle(name, 600)
    fleet.start(name, environment={"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes"})
    fleet.wait_for("login_refused", name)


# Another session of the same user


def existing_session(action: str, stubborn: bool = False) -> Callable[[Fleet, str], None]:
    """Somebody is logged in when the gateway starts; `action` is what the controller is told to do then."""

    def cause(fleet: Fleet, name: str) -> None:
        fleet.broker.log_in_elsewhere(name, stubborn=stubborn)
        fleet.start(name, environment={"EXISTING_SESSION_DETECTED_ACTION": action})
        fleet.wait_for("existing_session", name)
        if action == "secondary" or stubborn:
            _ended(fleet.simulation.engine.containers.get(name))
        elif action != "manual":
            fleet.logged_in(name)

    return cause


def taken_over(fleet: Fleet, name: str) -> None:
    container = healthy(fleet, name, environment={"EXISTING_SESSION_DETECTED_ACTION": "primaryoverride"})
    fleet.broker.log_in_elsewhere(name)
    _ended(container)


def killed_with_slot_held(fleet: Fleet, name: str) -> None:
    """IBKR keeps the session of the killed one for a while, and the controller asks what to do about it."""
    container = healthy(fleet, name, environment={"EXISTING_SESSION_DETECTED_ACTION": "manual"})
    container.kill()
    fleet.wait_for("session_ended", name)


# The second factor


def push_missed(fleet: Fleet, name: str) -> None:
    fleet.start(name, mode="live", controller_settings=IMPATIENT)
    fleet.wait_for("push_expired", name)


def push_missed_by_somebody_ready(fleet: Fleet, name: str) -> None:
    """By now the person has the phone at hand, and the next push stays long enough."""
    push_missed(fleet, name)
    fleet.broker.change_user(name, push_validity=600.0)


def push_refused(fleet: Fleet, name: str) -> None:
    """The controller takes it for an approval and ends when no login follows."""
    container = fleet.start(
        name, mode="live", environment={"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes", "TWOFA_EXIT_INTERVAL": "3"}
    )
    fleet.wait_for("push_sent", name)
    fleet.broker.refuse(name)
    _ended(container)


def push_asked_again(fleet: Fleet, name: str) -> None:
    """Nobody answers, and the controller has sent a push five times."""
    fleet.start(
        name,
        mode="live",
        environment={"RELOGIN_AFTER_TWOFA_TIMEOUT": "yes"},
        controller_settings=IMPATIENT,
    )
    fleet.wait_for("push_expired", name, times=5, seconds=180)


def push_not_sent(fleet: Fleet, name: str) -> None:
    """After one that nobody answered IBKR sends none; controller and start script try again and again."""
    fleet.start(
        name,
        mode="live",
        environment={
            "RELOGIN_AFTER_TWOFA_TIMEOUT": "yes",
            "TWOFA_TIMEOUT_ACTION": "restart",
            "TWOFA_EXIT_INTERVAL": "3",
        },
        controller_settings=IMPATIENT,
    )
    fleet.wait_for("push_withheld", name, times=3)


def device_not_chosen(fleet: Fleet, name: str) -> None:
    fleet.start(name, mode="live")
    fleet.wait_for("device_asked", name)


# IBKR


def link_lost_and_back(fleet: Fleet, name: str) -> None:
    container = healthy(fleet, name)
    fleet.broker.link(False, name)
    wait_for_line(container, "Attempt 2: Connecting to server")
    fleet.broker.link(True, name)
    until(lambda: container.logs().count(b"Starting application...; event=Closed") > 1, "the link to be back", _SECONDS)


# What happens while somebody mends it


def phone_at_hand(fleet: Fleet, name: str, after: float = 0.0) -> Callable[[], None]:
    """A person approves each push as it comes; call what is returned when that is over."""
    over = threading.Event()

    def approve_each() -> None:
        over.wait(after)
        while not over.wait(0.5):
            if any(push["user"] == name for push in fleet.broker.pending()):
                time.sleep(1)  # it is taken out of a pocket
                with contextlib.suppress(Refused):
                    fleet.broker.approve(name)

    return _beside(approve_each, over)


def person_comes(fleet: Fleet, name: str) -> Callable[[], None]:
    """The same, of one who comes while recover already waits."""
    return phone_at_hand(fleet, name, after=40)


def _beside(work: Callable[[], None], over: threading.Event) -> Callable[[], None]:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def end() -> None:
        over.set()
        thread.join()

    return end


def serving(container: Container) -> list[client.Connection]:
    """A client at each published port that serves one."""
    container.reload()
    if container.status != "running":
        return []
    found = (client.connect(int(bound[0]["HostPort"])) for bound in container.ports.values() if bound)
    return [connection for connection in found if connection is not None]


def settled(container: Container, statuses: tuple[str, ...]) -> None:
    """Wait until the container is in one of these states."""

    def reached() -> bool:
        container.reload()
        return container.status in statuses

    until(reached, f"{container.name} to be {' or '.join(statuses)}", _SECONDS)
