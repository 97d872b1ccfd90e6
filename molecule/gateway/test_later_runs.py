# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What later runs do to a server in use: what changes, what it costs at the broker, and that nothing else is touched.

Each test takes the server as the one before has left it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Server, deploy, deployed
from gateways import (
    LOGIN_SECONDS,
    account,
    answers,
    broker,
    client,
    diagnosed,
    inspected,
    logins,
    process,
    simulation,
)

from simulator import registry
from simulator.servers import free_port
from simulator.waiting import until

pytestmark = pytest.mark.skipif(os.environ.get("SERVER") != "bookworm", reason="tested on bookworm")

LIVE_PORT, PAPER_PORT = 4001, 4002
REPOSITORY = "registry.simulated:5000/ibgw-ops-simulator"
PAPER: dict[str, Any] = {"name": "ib-gateway-paper", "trading_mode": "paper", "daily_restart": "21:15"}
PAPER_USER = {"user": "annapaper", "password": "S1mulated-paper"}
UPGRADED = {**PAPER, "image": f"{REPOSITORY}:3.24.1"}
BOTH: dict[str, Any] = {"name": "ib-both", "trading_mode": "both", "ports": {"live": 4011, "paper": 4012}}
BOTH_USERS = {"user": "carla", "password": "S1mulated-c", "paper_user": "carlapaper", "paper_password": "S1mulated-cp"}


@pytest.fixture(scope="module", autouse=True)
def accounts(server: Server) -> None:
    broker().add_user("annapaper", "S1mulated-paper", "DU7654321")
    broker().add_user("carla", "S1mulated-c", "U3333333", second_factor="push")
    broker().add_user("carlapaper", "S1mulated-cp", "DU3333333")


def secrets(**changed: Any) -> dict[str, Any]:
    """Of the gateways that are no part of the inventory."""
    return {"ib-gateway-paper": {**PAPER_USER, **changed}, "ib-both": BOTH_USERS}


def command(server: Server, gateway: str, said: str) -> str:
    """The answer of the controller's command server, which is on the container's loopback alone."""
    ask = f"exec 3<>/dev/tcp/127.0.0.1/7462 && printf '{said}\\nEXIT\\n' >&3 && cat <&3"
    return str(server.as_root().check_output("docker exec %s bash -c %s", gateway, ask))


def test_diagnose_tells_when_it_waits_for_a_push(server: Server) -> None:
    broker().change_user("anna", second_factor="push")
    server.as_root().check_output("docker restart --time 90 ib-gateway")
    broker().wait_for("push_sent", "anna", LOGIN_SECONDS)
    status, (row,) = diagnosed(server, "waiting")
    assert (status, row["status"], row["code"]) == (2, "waiting", "twofa.pending"), row
    assert account(server, LIVE_PORT) == "U1234567"


def test_a_soft_restart_keeps_the_session(server: Server) -> None:
    before, container = logins("anna"), process(server, "ib-gateway")
    assert "OK " in command(server, "ib-gateway", "RESTART")
    broker().wait_for("login_attempt", "anna", timeout=120, times=before["typed"] + before["saved"] + 1)
    assert account(server, LIVE_PORT) == "U1234567"
    assert logins("anna") == {**before, "saved": before["saved"] + 1}
    assert process(server, "ib-gateway") == container


@pytest.mark.parametrize("arguments", [["--check"], []])
def test_nobody_is_cut_off_by_a_changed_setting(server: Server, arguments: list[str]) -> None:
    before = process(server, "ib-gateway")
    with client(server, LIVE_PORT) as connection:
        run = deploy(server, *arguments, gateway_open_files=9000)
        assert connection.isConnected()
    assert run.status == 2, run.output
    cost = "It costs a login, with a push to approve on the phone"
    assert f"ib-gateway would be made anew because of ulimits, but 1 client is connected. {cost}" in run.output
    # The probe knows from the record that this API may be asked.
    assert "Open orders were not counted" not in run.output
    assert run.changed == 0
    assert process(server, "ib-gateway") == before


def test_a_changed_setting_counts_when_told(server: Server) -> None:
    before, container = logins("anna"), process(server, "ib-gateway")
    lost = broker().count("session_ended", "anna", why="connection_lost")
    with client(server, LIVE_PORT):
        run = deployed(server, gateway_open_files=9000, gateway_ignore_clients=True)
    assert "ib-gateway is made anew because of ulimits: that costs a login" in run.output
    assert process(server, "ib-gateway") != container
    assert account(server, LIVE_PORT) == "U1234567"
    assert logins("anna") == {**before, "typed": before["typed"] + 1, "pushes": before["pushes"] + 1}
    # It was told to log out, so that IBKR held no session against the new one.
    assert broker().count("session_ended", "anna", why="connection_lost") == lost


def test_a_second_gateway_leaves_the_first_alone(server: Server) -> None:
    before, container = logins("anna"), process(server, "ib-gateway")
    deployed(server, gateways=[PAPER], gateway_secrets=secrets())
    assert account(server, PAPER_PORT) == "DU7654321"
    assert process(server, "ib-gateway") == container
    assert logins("anna") == before


def test_an_image_that_is_not_there_ends_nothing(server: Server) -> None:
    before = process(server, "ib-gateway-paper")
    run = deploy(server, gateways=[{**PAPER, "image": f"{REPOSITORY}:9.9.9"}], gateway_secrets=secrets())
    assert run.status == 2, run.output
    assert f"The image {REPOSITORY}:9.9.9 of ib-gateway-paper could not be pulled" in run.output
    assert process(server, "ib-gateway-paper") == before


def test_an_image_is_upgraded_by_tag_and_by_digest(server: Server) -> None:
    digest = registry.digest(simulation(), "ibgw-ops-simulator:3.24.1")
    images = {"ib-gateway-paper": UPGRADED["image"], "ib-gateway": f"{REPOSITORY}@{digest}"}
    live = {"name": "ib-gateway", "trading_mode": "live", "read_only_api": False, "open_files": 9000}
    before = logins("anna")
    run = deployed(
        server,
        gateways=[UPGRADED, {**live, "image": images["ib-gateway"]}],
        gateway_secrets={**secrets(), "ib-gateway": {"user": "anna", "password": 'S1mu#lated "live"'}},
    )
    assert account(server, PAPER_PORT) == "DU7654321"
    assert account(server, LIVE_PORT) == "U1234567"
    for gateway, image in images.items():
        assert re.search(rf"{gateway} is made anew because of [\w, ]*\bimage\b", run.output), run.output
        assert inspected(server, gateway)["Config"]["Image"] == image
        assert "IBC: version: 3.24.1" in server.as_root().run("docker logs %s 2>&1", gateway).stdout
    # What the settings directory keeps is no session: the new container types its password.
    assert logins("anna") == {**before, "typed": before["typed"] + 1, "pushes": before["pushes"] + 1}


def test_a_rotated_secret_waits_for_a_restart(server: Server) -> None:
    container, before = process(server, "ib-gateway-paper"), logins("annapaper")
    broker().set_password("annapaper", "An0ther-paper")
    rotated: dict[str, Any] = {"gateways": [UPGRADED], "gateway_secrets": secrets(password="An0ther-paper")}
    run = deployed(server, "--diff", **rotated)
    file = "/etc/ibgw/gateways/ib-gateway-paper/config.ini"
    assert f"ib-gateway-paper: {file} changed; it counts after a restart, which costs a login" in run.output
    assert "An0ther-paper" not in run.output
    assert process(server, "ib-gateway-paper") == container
    assert logins("annapaper") == before
    assert deployed(server, **rotated).changed == 0

    server.as_root().check_output("docker restart --time 90 ib-gateway-paper")
    assert account(server, PAPER_PORT) == "DU7654321"
    assert broker().count("login_refused", "annapaper") == 0


def test_both_modes_in_one_container(server: Server) -> None:
    deployed(server, gateways=[BOTH], gateway_secrets=secrets())
    assert account(server, 4011) == "U3333333"
    assert account(server, 4012) == "DU3333333"


def test_the_screen_is_reached_with_the_command_that_the_run_prints(server: Server) -> None:
    port = free_port()
    shown = {**BOTH, "vnc": True, "ports": {**BOTH["ports"], "vnc": port}}
    run = deployed(server, gateways=[shown], gateway_secrets=secrets())
    root = server.as_root()
    password = root.file("/etc/ibgw/gateways/ib-both.vnc_password")
    assert (password.mode, password.uid, password.size) == (0o400, 0, 8)
    assert password.path in run.output
    assert password.content_string not in run.output + str(inspected(server, "ib-both"))
    listening = root.check_output("ss --no-header --listening --tcp --numeric").splitlines()
    assert [line.split()[3] for line in listening if line.split()[3].endswith(f":{port}")] == [f"127.0.0.1:{port}"]

    told = re.search(r"run (ssh .*?) and\s+open", run.output)
    assert told, run.output
    with subprocess.Popen(shlex.split(told[1].replace('\\"', '"'))) as tunnel:
        try:
            until(lambda: answers(port), "the tunnel", 30)
        finally:
            tunnel.terminate()
    assert {account(server, 4011), account(server, 4012)} == {"U3333333", "DU3333333"}


@pytest.fixture
def stranger(server: Server) -> Iterator[str]:
    """A container that somebody has made by hand."""
    root = server.as_root()
    root.check_output("docker run --detach --name ib-adopted --env TRADING_MODE=live %s", f"{REPOSITORY}:3.24.1")
    yield "ib-adopted"
    root.run("docker rm --force --volumes ib-adopted")


def test_a_container_of_somebody_else_is_replaced_only_when_told(server: Server, stranger: str) -> None:
    broker().add_user("dora", "S1mulated-d", "DU4444444")
    wanted: dict[str, Any] = {
        "gateways": [{"name": stranger, "trading_mode": "paper", "ports": {"paper": 4022}}],
        "gateway_secrets": {stranger: {"user": "dora", "password": "S1mulated-d"}},
    }
    before = process(server, stranger)
    run = deploy(server, **wanted)
    assert run.status == 2, run.output
    assert f"{stranger} is the name of a container that was not deployed by this role" in run.output
    assert re.search("TRADING_MODE: .*live.* there, .*paper.* planned", run.output), run.output
    assert process(server, stranger) == before
    deployed(server, **wanted, gateway_replace=True)
    assert account(server, 4022) == "DU4444444"


def test_everything_comes_back_after_a_reboot(server: Server) -> None:
    users = ("anna", "annapaper", "carla", "carlapaper")
    before = {user: logins(user) for user in users}
    booted = "systemctl show --property=UserspaceTimestampMonotonic --value"
    boot = server.as_root().check_output(booted)
    server.reboot()
    assert server.as_root().check_output(booted) != boot
    ports = {"U1234567": LIVE_PORT, "DU7654321": PAPER_PORT, "U3333333": 4011, "DU3333333": 4012}
    assert {account(server, port) for port in ports.values()} == set(ports)
    service = server.as_root().service("docker")
    assert service.is_running
    assert service.is_enabled
    # A reboot costs each of them a full login, and each live one a push.
    for user in users:
        live = not user.endswith("paper")
        assert logins(user) == {
            **before[user],
            "typed": before[user]["typed"] + 1,
            "pushes": before[user]["pushes"] + live,
        }


def test_a_gateway_that_is_to_be_absent_goes_alone(server: Server) -> None:
    other = process(server, "ib-gateway")
    absent: dict[str, Any] = {"gateways": [{**UPGRADED, "state": "absent"}]}
    run = deployed(server, **absent)
    root = server.as_root()
    assert "ib-gateway-paper" not in root.check_output("docker ps --all --format '{{.Names}}'").split()
    assert not root.file("/etc/ibgw/gateways/ib-gateway-paper").exists
    assert root.file("/var/lib/ibgw/ib-gateway-paper/settings").is_directory
    assert "its settings stay in /var/lib/ibgw/ib-gateway-paper/settings" in run.output
    assert broker().ledger("annapaper")[-1].items() >= {"event": "session_ended", "why": "logout"}.items()
    assert deployed(server, **absent).changed == 0
    deployed(server, **absent, gateway_delete_settings=True)
    assert not root.file("/var/lib/ibgw/ib-gateway-paper/settings").exists
    assert process(server, "ib-gateway") == other


def test_a_mistake_stops_before_a_change(server: Server) -> None:
    run = deploy(server, gateway_second_factor="totp")
    assert run.status != 0
    assert run.changed == 0
    assert "totp" in run.output
