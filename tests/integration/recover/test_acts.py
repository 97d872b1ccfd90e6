# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be done to a container does it, proves it, and never kills first; IBKR's ledger keeps count."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import acts
from ansible_collections.ibgw.ops.plugins.modules import ibgw_container

from tests.integration.simulated.conftest import COMMANDS_ON, PUSH, Running, Start
from tests.unit.modules.test_return import differing, documented

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to see and signal the processes of containers")

RELAY = {"cut": False, "wait": 90}
COMMAND_PORT = int(COMMANDS_ON["CommandServerPort"])


def stop(command_port: int | None = None, stays: int = 0) -> dict[str, Any]:
    return {"grace": 90, "command_port": command_port, "stays": stays}


def act(address: str, running: Running, check_mode: bool = False, seen: str | None = None, **asked: Any) -> Any:
    result = acts.probe(str(running.container.name), seen, address, 20.0, check_mode, **asked)
    running.container.reload()
    assert list(differing(documented(ibgw_container), result)) == [".changed"]  # told beside the result
    return result


def end_relay(running: Running, *processes: str) -> None:
    for process in processes:
        assert running.container.exec_run(["pkill", *process.split()]).exit_code == 0


def relay_listens(running: Running) -> bool:
    return running.container.exec_run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/4004"]).exit_code == 0


def test_a_stop_lets_java_close_its_session_while_its_display_stands(start: Start, address: str) -> None:
    paper = start(restart_policy={"Name": "always"}).logged_in()
    stopped = act(address, paper, stop=stop(stays=2))
    assert (stopped["done"], stopped["said"]) == (True, "its Java machine ended on SIGTERM")
    assert (stopped["after"]["status"], stopped["after"]["exit_code"]) == ("exited", 143)
    assert (stopped["before"]["restart_policy"], stopped["after"]["restart_policy"]) == ("always", "no")
    assert "Stopping Xvfb" not in paper.log()
    again = act(address, paper, stop=stop())
    assert (again["done"], again["changed"]) == (True, False)


def test_a_stop_by_the_command_server_logs_out(start: Start, address: str) -> None:
    paper = start(controller_settings=COMMANDS_ON).logged_in()
    stopped = act(address, paper, stop=stop(COMMAND_PORT))
    assert stopped["said"] == "it closed on STOP of its command server"
    assert stopped["after"]["exit_code"] == 0
    assert paper.broker.count("session_ended", paper.user, why="logout") == 1


def test_a_command_server_that_does_not_answer_does_not_keep_it_from_stopping(start: Start, address: str) -> None:
    paper = start().logged_in()
    assert act(address, paper, stop=stop(COMMAND_PORT))["said"] == "its Java machine ended on SIGTERM"


def test_a_stop_is_heard_while_the_container_still_starts(start: Start, address: str) -> None:
    """The image itself hears none before its start script is through, and would be killed after its grace."""
    waits = start("both", user=PUSH, paper_user="nobody", paper_password="none")
    waits.wait_for_line("Second Factor Authentication initiated")  # the paper half starts 15 seconds after the live one
    stopped = act(address, waits, stop=stop())
    assert (stopped["done"], stopped["said"]) == (True, "its Java machine ended on SIGTERM")
    assert waits.log().count("IBC returned exit status 143") == 1
    assert waits.log().count("Starting Gateway with this command") == 1


def test_both_java_machines_of_a_container_end(start: Start, address: str) -> None:
    other = start().logged_in()
    both = start("both", paper_user=other.user, paper_password="simulated-password", controller_settings=COMMANDS_ON)
    both.wait_for_line("Login has completed", times=2)
    stopped = act(address, both, stop=stop(COMMAND_PORT))
    assert stopped["said"] == "its Java machine ended on SIGTERM"
    assert both.log().count("IBC returned exit status 143") == 2


def test_what_starts_it_again_is_seen_and_named(start: Start, address: str) -> None:
    labels = {"com.docker.compose.project": "trading", "com.docker.compose.service": "gateway"}
    paper = start(restart_policy={"Name": "no"}, labels=labels).logged_in()

    def somebody() -> None:
        paper.wait_for_end()
        paper.container.start()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(somebody)
        stopped = act(address, paper, stop=stop(stays=10))
    assert (stopped["done"], stopped["said"]) == (False, "something started it again")
    assert stopped["starters"] == ["docker compose up of the project trading, in which it is the service gateway"]
    assert act(address, paper, stop=stop(stays=1))["done"]


def test_a_start_is_proven_and_done_once(start: Start, address: str) -> None:
    paper = start().logged_in()
    assert not act(address, paper, start=True)["changed"]
    paper.container.kill()
    before = paper.container.attrs["State"]["StartedAt"]
    started = act(address, paper, start=True)
    assert (started["done"], started["changed"]) == (True, True)
    assert paper.container.attrs["State"]["StartedAt"] > before


def test_a_start_that_the_engine_refuses_says_why(start: Start, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paper = start(ports={"4004/tcp": port})
    paper.container.stop(timeout=0)
    with socket.create_server(("127.0.0.1", port)):
        refused = act(address, paper, start=True)
    assert refused["done"] is False
    assert f"127.0.0.1:{port}" in refused["said"]
    assert "in use" in refused["said"]


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure:3", "no"])
def test_a_restart_policy_is_set_and_restarts_nothing(start: Start, address: str, policy: str) -> None:
    paper = start(restart_policy={"Name": "always" if policy == "no" else "no"})
    changed = act(address, paper, restart_policy=policy)
    assert (changed["changed"], changed["after"]["restart_policy"]) == (True, policy)
    assert not act(address, paper, restart_policy=policy)["changed"]
    assert changed["before"]["started_at"] == changed["after"]["started_at"]


@pytest.mark.parametrize("ended", [("-x socat",), ("-f run_socat.sh", "-x socat")])
def test_a_relay_comes_back_with_or_without_its_loop(start: Start, address: str, ended: tuple[str, ...]) -> None:
    paper = start().logged_in()
    assert not act(address, paper, restart_relay=RELAY)["changed"]
    end_relay(paper, *ended)
    assert not relay_listens(paper)
    mended = act(address, paper, restart_relay=RELAY)
    assert (mended["done"], mended["said"]) == (True, "the relay listens on 4004 again")
    assert relay_listens(paper)
    assert paper.broker.count("login_attempt", paper.user) == 1

    end_relay(paper, "-x socat")  # whatever brought it back, it stays
    assert act(address, paper, restart_relay=RELAY)["done"]


def test_clients_of_a_relay_that_is_gone_are_cut_off_only_when_told(start: Start, address: str) -> None:
    """Each has a process of its own, which lives on and keeps the port."""
    paper = start().logged_in()
    with socket.create_connection(("127.0.0.1", paper.port()), timeout=10) as client:
        client.sendall(b"API\0\0\0\0\x09v100..178")
        assert client.recv(100)
        assert paper.container.exec_run(["pkill", "-o", "-x", "socat"]).exit_code == 0
        refused = act(address, paper, restart_relay=RELAY)
        assert (refused["done"], refused["changed"]) == (False, False)
        assert "clients are still connected" in refused["said"]
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert act(address, paper, restart_relay={**RELAY, "cut": True})["done"]
        client.settimeout(10)
        assert client.recv(1) == b""
    assert relay_listens(paper)


def test_a_relay_is_left_alone_while_nobody_listens_behind_it(start: Start, address: str) -> None:
    waits = start("live", user=PUSH)
    waits.wait_for_line("Second Factor Authentication initiated")
    end_relay(waits, "-x socat")
    assert not act(address, waits, restart_relay=RELAY)["changed"]


def test_a_stale_saved_session_is_removed_and_nothing_else(start: Start, address: str) -> None:
    paper = start(environment={"TWS_SETTINGS_PATH": "/home/ibgateway/tws_settings"}).logged_in()
    settings = "/home/ibgateway/tws_settings"
    script = f"mkdir -p {settings}/anna && touch {settings}/anna/autorestart {settings}/anna/kept"
    assert paper.container.exec_run(["sh", "-c", script]).exit_code == 0
    removed = act(address, paper, forget_session=True)
    assert removed["changed"]
    assert "autorestart" in removed["said"]
    assert not act(address, paper, forget_session=True)["changed"]
    assert paper.container.exec_run(["ls", f"{settings}/anna"]).output == b"kept\n"
    assert paper.container.exec_run(["test", "-e", f"{settings}/jts.ini"]).exit_code == 0


def test_a_soft_restart_keeps_the_session(start: Start, address: str) -> None:
    live = start("live", user=PUSH, controller_settings=COMMANDS_ON).logged_in()
    asked = {"command_port": COMMAND_PORT, "wait": 180}
    restarted = act(address, live, soft_restart=asked)
    assert (restarted["done"], restarted["said"]) == (True, "a new Java machine runs")
    live.wait_for_line("Login has completed", times=2)
    assert "Re-starting session" in live.log()
    assert live.broker.count("push_sent", live.user) == 1


def test_a_soft_restart_that_is_refused_says_so(start: Start, address: str) -> None:
    paper = start(controller_settings=COMMANDS_ON).logged_in()
    paper.command("RESTART")
    refused = act(address, paper, soft_restart={"command_port": COMMAND_PORT, "wait": 5})
    assert (refused["done"], refused["changed"]) == (False, False)
    assert refused["said"] == "its command server answered 'ERROR RESTART already in progress'"


@pytest.mark.parametrize(
    "asked",
    [
        {"stop": stop()},
        {"restart_policy": "always"},
        {"soft_restart": {"command_port": COMMAND_PORT, "wait": 5}},
        {"forget_session": True},
    ],
)
def test_check_mode_does_nothing(start: Start, address: str, asked: dict[str, Any]) -> None:
    paper = start().logged_in()
    log = paper.log()
    told = act(address, paper, check_mode=True, **asked)
    assert (told["done"], told["changed"]) == (True, True)
    assert told["before"] == told["after"]
    assert paper.log() == log


def test_another_container_of_the_name_is_left_alone(start: Start, address: str) -> None:
    paper = start()
    refused = act(address, paper, seen="0" * 64, stop=stop())
    assert refused["done"] is False
    assert "another container by now" in refused["said"]
    assert paper.container.status == "running"


def test_a_container_that_is_not_there_is_said(address: str) -> None:
    refused = acts.probe("nobody-made-this", None, address, 20.0, False, start=True)
    assert (refused["done"], refused["said"]) == (False, "there is no container called nobody-made-this")
