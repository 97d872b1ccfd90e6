"""The controller's command server answers and does what IBC's does."""

from __future__ import annotations

import socket

import pytest
from docker import DockerClient

from simulator.containers import published_port
from tests.integration.simulated.conftest import Running, Start

_ON = {"CommandServerPort": "7462"}
_PUSH = {"second_factor": "push"}


def say(running: Running, *commands: str) -> list[str]:
    """What comes back from the command server, asked inside the container."""
    lines = "".join(f"{command}\\n" for command in commands)
    script = f"exec 3<>/dev/tcp/127.0.0.1/7462 && printf '{lines}' >&3 && cat <&3"
    answer = running.container.exec_run(["timeout", "20", "bash", "-c", script])
    assert answer.exit_code == 0, answer.output
    return bytes(answer.output).decode().splitlines()


def test_off_unless_a_port_is_set(start: Start) -> None:
    paper = start()
    paper.wait_for_line("CommandServer is not started because the port is not configured")
    assert paper.container.exec_run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7462"]).exit_code != 0


def test_answers_to_each_command(start: Start) -> None:
    paper = start(controller_settings={**_ON, "SuppressInfoMessages": "no"}).logged_in()
    assert say(paper, "enableapi", "RECONNECTDATA", "", "nonsense", "EXIT") == [
        "INFO IBC Command Server",
        "ERROR ENABLEAPI is not valid for the IB Gateway",
        "OK ",
        "ERROR Command invalid",
        "OK Goodbye",
    ]
    assert say(paper, "RECONNECTACCOUNT", "EXIT")[1] == "OK "
    paper.wait_for_line("Starting application...; event=Closed", times=2)
    paper.wait_for_line("Closing command channel", times=2)
    log = paper.log()
    assert "IBC: CommandServer listening on addresses: " in log
    assert "IBC: CommandServer: invalid command received: nonsense\n" in log


@pytest.mark.parametrize(
    ("release", "reply"), [("3.18.0", "OK Shutting down"), ("3.24.1", "OK Shutting down: STOP command")]
)
def test_stop_closes_the_gateway_in_an_orderly_way(start: Start, release: str, reply: str) -> None:
    paper = start(release=release, controller_settings=_ON).logged_in()
    assert say(paper, "STOP") == [reply]
    assert paper.wait_for_end() == 0
    log = paper.log()
    assert "Login has completed: exiting via [File, Close] menu" in log
    assert log.index("CommandServer closing") < log.index("IBC returned exit status 0") < log.index("Gateway finished")
    assert paper.broker.count("session_ended", paper.user, why="logout") == 1


def test_stop_before_the_login_ends_at_once(start: Start) -> None:
    live = start("live", user=_PUSH, controller_settings=_ON)
    live.wait_for_line("Second Factor Authentication initiated")
    assert say(live, "STOP") == ["OK Shutting down: STOP command"]
    assert live.wait_for_end() == 0
    assert "Login has not completed: exiting immediately" in live.log()


def test_only_who_is_listed_may_command(start: Start, engine: DockerClient) -> None:
    network = engine.networks.list(names=[start().container.attrs["HostConfig"]["NetworkMode"]])[0]
    host = network.attrs["IPAM"]["Config"][0]["Gateway"]
    ports = {"7462/tcp": None}
    unlisted = start(ports=ports, controller_settings=_ON)
    listed = start(ports=ports, controller_settings={**_ON, "ControlFrom": f"somebody,{host}"})
    for paper in (unlisted, listed):
        paper.wait_for_line("CommandServer started")
    assert ask_from_outside(listed) == b"OK Goodbye\n"
    assert ask_from_outside(unlisted) == b""
    assert f"CommandServer denied access to: /{host}" in unlisted.log()


def ask_from_outside(running: Running) -> bytes:
    with socket.create_connection(("127.0.0.1", published_port(running.container, "7462/tcp")), timeout=10) as client:
        try:
            client.sendall(b"EXIT\n")
            return client.recv(100)
        except ConnectionError:
            return b""


def test_restart_keeps_the_session(start: Start) -> None:
    """At the next full minute, once for each Java machine; a pause ends the container until somebody starts it again."""
    replies = {"3.18.0": "Restarting at ", "3.20.0": "Restarting at ", "3.24.1": "RESTART at "}
    restarted = {
        release: start("live", release=release, user=_PUSH, controller_settings=_ON).logged_in() for release in replies
    }
    paused = start("live", user=_PUSH, controller_settings=_ON).logged_in()
    for release, running in restarted.items():
        (reply,) = say(running, "RESTART")
        assert reply.startswith(f"OK {replies[release]}")
        assert say(running, "RESTART") == ["ERROR RESTART already in progress"]
    assert say(paused, "PAUSE")[0].startswith("OK PAUSE at ")

    for release in ("3.20.0", "3.24.1"):
        restarted[release].wait_for_line("Re-starting session", timeout=90)
        restarted[release].wait_for_line("Login has completed", times=2)
    assert restarted["3.18.0"].wait_for_end() == 76  # it ends as soon as the saved session is there (IBC#228)
    assert "java.lang.NullPointerException" in restarted["3.18.0"].log()

    assert paused.wait_for_end() == 0
    assert "IBC is paused" in paused.log()
    paused.container.start()
    paused.wait_for_line("Login has completed", times=2)
    for running in (*restarted.values(), paused):
        assert running.broker.count("push_sent", running.user) == 1
