# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one run leaves on a server that was bare: a gateway that a client of today can use, and none of its secrets in sight."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Server, deployed
from gateways import account, broker, declared, diagnosed, inspected

from simulator.waiting import until

GATEWAY = "ib-gateway"


@pytest.fixture(scope="module")
def user(server: Server) -> Any:
    return declared(server)["users"][0]


@pytest.fixture(scope="module")
def port(server: Server) -> int:
    """Where clients expect an endpoint of that kind."""
    return 4001 if declared(server)["gateways"][0]["trading_mode"] == "live" else 4002


def test_a_client_is_served_over_ssh(server: Server, user: Any, port: int) -> None:
    assert account(server, port) == user["account"]
    assert broker().count("login_attempt", user["name"], kind="typed") == 1


def test_diagnose_finds_it_healthy(server: Server) -> None:
    status, (row,) = diagnosed(server, "degraded")
    assert (status, row["status"]) == (0, "healthy"), row


def test_the_engine_finds_it_healthy(server: Server) -> None:
    def checked() -> str:
        return str(inspected(server, GATEWAY)["State"]["Health"]["Status"])

    until(lambda: checked() != "starting", "the first health check", 120)
    assert checked() == "healthy"


def test_its_image_is_the_one_of_the_registry(server: Server) -> None:
    image = inspected(server, GATEWAY)["Config"]["Image"]
    assert image.startswith("registry.simulated:5000/")
    assert json.loads(server.as_root().check_output("docker image inspect %s", image))[0]["RepoDigests"]


def test_its_deployment_is_recorded(server: Server) -> None:
    record = json.loads(server.as_root().file(f"/var/lib/ibgw/{GATEWAY}/deployment.json").content_string)
    assert record["name"] == GATEWAY
    labels = inspected(server, GATEWAY)["Config"]["Labels"]
    assert labels["ibgw.ops.family"] == record["family"]
    assert labels["ibgw.ops.trading_mode"] == record["trading_mode"]


def test_the_container_is_hardened(server: Server) -> None:
    config = inspected(server, GATEWAY)
    assert config["HostConfig"]["Memory"] == 512 << 20
    assert config["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert config["HostConfig"]["LogConfig"]["Config"] == {"max-size": "20m", "max-file": "5"}
    assert [(each["Name"], each["Hard"]) for each in config["HostConfig"]["Ulimits"]] == [("nofile", 10000)]
    assert config["Config"]["StopTimeout"] == 90


def test_only_the_servers_loopback_listens(server: Server, port: int) -> None:
    listening = server.as_root().check_output("ss --no-header --listening --tcp --numeric").splitlines()
    assert [line.split()[3] for line in listening if line.split()[3].endswith(f":{port}")] == [f"127.0.0.1:{port}"]


def test_only_the_containers_user_reads_its_files(server: Server) -> None:
    root = server.as_root()
    file = root.file(f"/etc/ibgw/gateways/{GATEWAY}/config.ini")
    assert (file.mode, file.uid) == (0o400, 1000)
    assert (root.file("/etc/ibgw/gateways").mode, root.file("/etc/ibgw/gateways").uid) == (0o700, 0)
    assert root.file(f"/var/lib/ibgw/{GATEWAY}/settings").mode == 0o700
    assert not server.as_user().run(f"cat /etc/ibgw/gateways/{GATEWAY}/config.ini").succeeded


def test_no_secret_is_in_sight(server: Server, user: Any) -> None:
    root = server.as_root()
    seen = {
        "docker inspect": json.dumps(inspected(server, GATEWAY)),
        "its log": root.run("docker logs %s 2>&1", GATEWAY).stdout,
        "the processes": root.check_output(
            "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
        ),
    }
    assert {where for where, text in seen.items() if user["password"] in text} == set()


def test_no_secret_is_in_the_output_of_a_run(server: Server, user: Any) -> None:
    run = deployed(server, "-vvv", "--diff")
    assert run.changed == 0
    assert user["password"] not in run.output
