"""The controller's command server answers and does what IBC's does."""

from __future__ import annotations

import socket

import pytest
from docker import DockerClient

from simulator.containers import published_port
from tests.integration.gateways import COMMANDS_ON, PUSH, Running, Start


def test_off_unless_a_port_is_set(start: Start) -> None:
    paper = start()
    paper.wait_for_line("CommandServer is not started because the port is not configured")
    assert paper.container.exec_run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7462"]).exit_code != 0


def test_answers_to_each_command(start: Start) -> None:
    paper = start(controller_settings={**COMMANDS_ON, "SuppressInfoMessages": "no"}).logged_in()
    assert paper.command("enableapi", "RECONNECTDATA", "", "nonsense", "EXIT") == [
        "INFO IBC Command Server",
        "ERROR ENABLEAPI is not valid for the IB Gateway",
        "OK ",
        "ERROR Command invalid",
        "OK Goodbye",
    ]
    assert paper.command("RECONNECTACCOUNT", "EXIT")[1] == "OK "
    paper.wait_for_line("Starting application...; event=Closed", times=2)
    paper.wait_for_line("Closing command channel", times=2)
    log = paper.log()
    assert "IBC: CommandServer listening on addresses: " in log
    assert "IBC: CommandServer: invalid command received: nonsense\n" in log


@pytest.mark.parametrize(
    ("release", "reply"), [("3.18.0", "OK Shutting down"), ("3.24.1", "OK Shutting down: STOP command")]
)
def test_stop_closes_the_gateway_in_an_orderly_way(start: Start, release: str, reply: str) -> None:
    paper = start(release=release, controller_settings=COMMANDS_ON).logged_in()
    assert paper.command("STOP") == [reply]
    assert paper.wait_for_end() == 0
    log = paper.log()
    assert "Login has completed: exiting via [File, Close] menu" in log
    assert log.index("CommandServer closing") < log.index("IBC returned exit status 0") < log.index("Gateway finished")
    assert paper.broker.count("session_ended", paper.user, why="logout") == 1


def test_stop_before_the_login_ends_at_once(start: Start) -> None:
    live = start("live", user=PUSH, controller_settings=COMMANDS_ON)
    live.wait_for_line("Second Factor Authentication initiated")
    assert live.command("STOP") == ["OK Shutting down: STOP command"]
    assert live.wait_for_end() == 0
    assert "Login has not completed: exiting immediately" in live.log()


def test_only_who_is_listed_may_command(start: Start, engine: DockerClient) -> None:
    ports = {"7462/tcp": None}
    unlisted = start(ports=ports, controller_settings=COMMANDS_ON)
    network = engine.networks.list(names=[unlisted.container.attrs["HostConfig"]["NetworkMode"]])[0]
    host = network.attrs["IPAM"]["Config"][0]["Gateway"]
    listed = start(ports=ports, controller_settings={**COMMANDS_ON, "ControlFrom": f"somebody,{host}"})
    for paper in (unlisted, listed):
        paper.wait_for_line("CommandServer started")
    assert ask_from_outside(listed) == b"OK Goodbye\n"
    assert ask_from_outside(unlisted) == b""
    unlisted.wait_for_line(f"CommandServer denied access to: /{host}")


def ask_from_outside(running: Running) -> bytes:
    with socket.create_connection(("127.0.0.1", published_port(running.container, "7462/tcp")), timeout=10) as client:
        try:
            client.sendall(b"EXIT\n")
            return client.recv(100)
        except ConnectionError:
            return b""
