# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One inspected container in the words of the result."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import container
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME

IBC = BY_NAME["gnzsnz-ibc"]


def inspected(state: dict[str, Any] | None = None, config: dict[str, Any] | None = None, **host: Any) -> dict[str, Any]:
    return {
        "Id": "a" * 64,
        "Image": "sha256:" + "c" * 64,
        "Created": "2026-11-22T10:00:00.123456789Z",
        "RestartCount": 0,
        "State": {"Status": "running", "ExitCode": 0, "Pid": 42, "OOMKilled": False, "Error": "", **(state or {})},
        "Config": {"Image": "gateway:1", "Env": [], "Labels": {}, **(config or {})},
        "HostConfig": {"NetworkMode": "bridge", "RestartPolicy": {"Name": "", "MaximumRetryCount": 0}, **host},
        "NetworkSettings": {"Ports": {}},
        "Mounts": [],
    }


def test_a_running_container_has_no_exit_code() -> None:
    seen = container.facts(
        inspected({"StartedAt": "2026-11-22T10:00:01Z", "FinishedAt": "0001-01-01T00:00:00Z"}), IBC, None
    )
    assert (seen["status"], seen["exit_code"], seen["exit_meaning"], seen["finished_at"]) == (
        "running",
        None,
        None,
        None,
    )
    assert (seen["restart_policy"], seen["stop_timeout"], seen["pid"]) == ("no", 10, 42)


def test_an_ended_container_tells_what_its_code_means() -> None:
    seen = container.facts(inspected({"Status": "exited", "ExitCode": 4, "Pid": 0}), IBC, None)
    assert seen["exit_code"] == 4
    assert "program files are missing" in seen["exit_meaning"]
    assert seen["pid"] is None


@pytest.mark.parametrize(
    ("code", "of_the_family", "of_any"),
    [
        (0, "closed by itself", "ended by itself"),
        (6, "config.ini", "not known"),
        (88, "login window", "not known"),  # IBC's 1112 modulo 256
        (127, "not found", "not found"),
        (137, "SIGKILL", "SIGKILL"),
        (143, "orderly", "orderly"),
        (130, "SIGINT", "SIGINT"),
        (200, "not known", "not known"),
    ],
)
def test_exit_codes_are_translated_by_family(code: int, of_the_family: str, of_any: str) -> None:
    assert of_the_family in container.exit_meaning(code, IBC)
    assert of_any in container.exit_meaning(code, None)


def test_of_secrets_user_names_and_unknown_variables_only_their_presence_is_told() -> None:
    env = [
        "TWS_USERID=fredtrader",
        "TWS_PASSWORD=hunter2!",
        "TWS_PASSWORD_PAPER=",
        "TWS_PASSWORD_FILE=/run/secrets/password",
        "TWOFACTOR_CODE=JBSWY3DPEHPK3PXP",
        "SOMEBODYS_OWN=http://u:p@proxy",
        "TRADING_MODE=paper",
        "JAVA_HEAP_SIZE=",
    ]
    seen = container.facts(inspected(config={"Env": env}), IBC, None)["environment"]
    assert seen == {
        "TWS_USERID": "<set>",
        "TWS_PASSWORD": "<set>",
        "TWS_PASSWORD_PAPER": "<empty>",
        "TWS_PASSWORD_FILE": "/run/secrets/password",
        "TWOFACTOR_CODE": "<set>",
        "SOMEBODYS_OWN": "<set>",
        "TRADING_MODE": "paper",
        "JAVA_HEAP_SIZE": "<empty>",
    }


def test_a_mode_is_told_even_when_the_password_is_the_same_word() -> None:
    seen = container.facts(inspected(config={"Env": ["TWS_PASSWORD=paper", "TRADING_MODE=paper"]}), IBC, None)
    assert seen["environment"]["TRADING_MODE"] == "paper"


def test_a_secret_stands_nowhere_else_either() -> None:
    health = {
        "Status": "unhealthy",
        "FailingStreak": 3,
        "Log": [{"Output": "old"}, {"Output": "login hunter2! failed\x1b[2J"}],
    }
    labels = {"org.opencontainers.image.title": "pw hunter2!", "mine": "hunter2!"}
    one = inspected(
        {"Error": "exec: hunter2!: not found", "Health": health}, {"Env": ["TWS_PASSWORD=hunter2!"], "Labels": labels}
    )
    for family in (IBC, None):
        seen = container.facts(one, family, None)
        assert "hunter2" not in json.dumps(seen)
        assert seen["labels"]["mine"] == "<set>"
        assert seen["health"] == {"status": "unhealthy", "failing_streak": 3, "last_output": "login *** failed"}


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        ({"Name": "always", "MaximumRetryCount": 0}, "always"),
        ({"Name": "on-failure", "MaximumRetryCount": 3}, "on-failure:3"),
        ({}, "no"),
    ],
)
def test_restart_policies(policy: dict[str, Any], told: str) -> None:
    assert container.facts(inspected(RestartPolicy=policy), IBC, None)["restart_policy"] == told


def published(**ports: list[dict[str, str]] | None) -> dict[str, Any]:
    one = inspected()
    one["NetworkSettings"]["Ports"] = {port.replace("_", "/").removeprefix("p"): at for port, at in ports.items()}
    return one


def test_published_ports_have_the_role_of_what_listens_inside() -> None:
    one = published(
        p4004_tcp=[{"HostIp": "127.0.0.1", "HostPort": "4002"}],
        p4001_tcp=[{"HostIp": "0.0.0.0", "HostPort": "4001"}, {"HostIp": "::", "HostPort": "4001"}],
        p5900_tcp=[{"HostIp": "127.0.0.1", "HostPort": "5900"}],
        p8080_tcp=[{"HostIp": "", "HostPort": "80"}],
        p9000_udp=[{"HostIp": "", "HostPort": "9"}],
        p7462_tcp=None,
    )
    told = [
        (port["host_ip"], port["host_port"], port["container_port"], port["role"], port["endpoint"])
        for port in container.ports(one, IBC)
    ]
    assert told == [
        ("0.0.0.0", 4001, 4001, "gateway", "live"),
        ("::", 4001, 4001, "gateway", "live"),
        ("127.0.0.1", 4002, 4004, "relay", "paper"),
        ("127.0.0.1", 5900, 5900, "vnc", None),
        ("0.0.0.0", 80, 8080, "other", None),
    ]
    assert {port["role"] for port in container.ports(one, None)} == {"other"}


def test_a_stopped_container_shows_the_ports_that_it_will_publish() -> None:
    one = inspected({"Status": "exited"}, PortBindings={"4004/tcp": [{"HostIp": "", "HostPort": ""}]})
    (port,) = container.ports(one, IBC)
    assert (port["container_port"], port["host_port"]) == (4004, None)


def test_a_running_container_shows_no_port_that_it_was_to_publish_and_does_not() -> None:
    """One that lost its network keeps what was asked for; meanwhile another container may have that port."""
    one = inspected({"Status": "running"}, PortBindings={"4004/tcp": [{"HostIp": "127.0.0.1", "HostPort": "4002"}]})
    assert container.ports(one, IBC, running=True) == []


def test_the_machines_own_network_knows_no_mapping() -> None:
    """Docker keeps what was asked for, and discards it (`docker run --network host -p` says so)."""
    one = inspected({}, PortBindings={"4004/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5002"}]}, NetworkMode="host")
    (port,) = container.ports(one, IBC)
    assert (port["container_port"], port["host_port"]) == (4004, None)


# How it is defined

IMAGE: dict[str, Any] = {
    "Created": "2026-05-01T08:00:00.5Z",
    "Architecture": "arm64",
    "RepoDigests": ["ghcr.io/gnzsnz/ib-gateway@sha256:0123"],
    "Config": {"Env": ["PATH=/bin", "TWS_PATH=/x"], "Healthcheck": {"Test": ["CMD-SHELL", "nc -z"]}},
}


@pytest.mark.parametrize(
    ("image", "named"),
    [
        ("ib-gateway", "latest"),
        ("registry.test:5000/ib-gateway", "latest"),
        ("ghcr.io/gnzsnz/ib-gateway:latest", "latest"),
        ("ghcr.io/gnzsnz/ib-gateway:stable", "tag"),
        ("registry.test:5000/ib-gateway:10.45.1j", "tag"),
        ("ib-gateway:10.45@sha256:" + "0" * 64, "digest"),
        ("sha256:" + "0" * 64, "id"),
        ("0123456789ab", "id"),
    ],
)
def test_how_an_image_is_named_decides_whether_it_stays_what_it_is(image: str, named: str) -> None:
    assert container.facts(inspected(config={"Image": image}), IBC, None)["image_named_by"] == named


def test_of_the_image_its_age_is_told_and_of_one_that_is_gone_nothing() -> None:
    told = ("image_digest", "image_created", "image_architecture")
    seen = container.facts(inspected(), IBC, IMAGE)
    assert [seen[key] for key in told] == ["sha256:0123", "2026-05-01T08:00:00Z", "arm64"]
    gone = container.facts(inspected(), IBC, None)
    assert [gone[key] for key in (*told, "environment_given")] == [None] * 4


def test_variables_that_the_image_brings_are_not_given() -> None:
    env = ["PATH=/bin", "TWS_PATH=/mine", "OWN=1", "IB_ACCOUNT=x", "TRADING_MODE=paper"]
    seen = container.facts(inspected(config={"Env": env}), IBC, IMAGE)
    assert seen["environment_given"] == [
        "TRADING_MODE",
        "TWS_PATH",
        "IB_ACCOUNT",
        "OWN",
    ]  # own, other families', others
    assert list(seen["environment"])[-1] != "IB_ACCOUNT"


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (None, None),
        ({"Test": []}, None),
        ({"Test": ["NONE"]}, None),
        (
            {"Test": ["CMD-SHELL", "nc -z"]},
            {
                "test": "CMD-SHELL nc -z",
                "interval": 30,
                "timeout": 30,
                "start_period": 0,
                "retries": 3,
                "from_image": True,
            },
        ),
        (
            {
                "Test": ["CMD", "own", "--password", "hunter2!"],
                "Interval": 6 * 10**10,
                "StartPeriod": 9 * 10**10,
                "Retries": 5,
            },
            {
                "test": "CMD own --password ***",
                "interval": 60,
                "timeout": 30,
                "start_period": 90,
                "retries": 5,
                "from_image": False,
            },
        ),
    ],
)
def test_the_health_check_in_effect(check: dict[str, Any] | None, told: dict[str, Any] | None) -> None:
    assert container.facts(inspected(config={"Healthcheck": check}), IBC, IMAGE)["healthcheck"] == told


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"Type": "json-file", "Config": {}}, ("json-file", None, None)),
        ({"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}, ("json-file", 10_000_000, 3)),
        ({"Type": "local", "Config": {"max-size": "1.5G"}}, ("local", 1_500_000_000, None)),
        ({"Type": "json-file", "Config": {"max-size": "-1"}}, ("json-file", None, None)),
        ({}, (None, None, None)),
    ],
)
def test_how_long_the_log_may_grow(config: dict[str, Any], told: tuple[Any, ...]) -> None:
    assert tuple(container.facts(inspected(LogConfig=config), IBC, None)["log"].values()) == told
