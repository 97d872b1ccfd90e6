# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plan: what the container gets, which files there are and whose, and that no secret is in it."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import gateway
from ansible_collections.ibgw.ops.plugins.module_utils.families.family import traits
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, recognise
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.container import HELLO
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.plan import plan_machine, plan_removals
from ansible_collections.ibgw.ops.plugins.plugin_utils.deployment.vocabulary import DEPLOYED

from tests.unit.module_utils.peer import free_port
from tests.unit.plugin_utils.deployment.machine import BOTH, KEY, NAME, PAPER_USER, USER, plan, variables

NAMES = list(DEPLOYED)

#: Where the password of a screen is that was made on the machine.
SCREEN = f"/etc/ibgw/gateways/{NAME}.vnc_password"


def container(secrets: Any = None, **entry: Any) -> dict[str, Any]:
    made: dict[str, Any] = plan(secrets, **entry)["container"]
    return made


@pytest.mark.parametrize("family", NAMES)
def test_no_secret_is_in_the_plan(family: str) -> None:
    secrets: dict[str, str] = {"user": "trader-7-name", "password": "Secret-7-word", "vnc_password": "Screen-7"}
    entry: dict[str, Any] = {"family": family, "vnc": family != "extrange"}
    if family in ("ibga", "ibg-controller"):
        secrets["totp_key"], entry["second_factor"] = KEY, "totp"
    told = json.dumps(plan(secrets, **entry))
    assert [name for name, value in secrets.items() if value in told] == []


#: Where each secret is, by family: the file, and the name that it has there or the variable that names the file.
PLACES: dict[str, dict[str, dict[str, str]]] = {
    "gnzsnz-ibc": {"config.ini": {"IbLoginId": "user", "IbPassword": "password"}},
    "gnzsnz-ibcontroller": {"user": {"IBC_USERID_FILE": "user"}, "password": {"IBC_PASSWORD_FILE": "password"}},
    "ibg-controller": {
        "password": {"TWS_PASSWORD_FILE": "password"},
        "totp_key": {"TWOFACTOR_CODE_FILE": "totp_key"},
        "environment": {"TWS_USERID": "user"},
    },
    "ibga": {"environment": {"IB_USERNAME": "user", "IB_PASSWORD": "password", "TOTP_KEY": "totp_key"}},
    "extrange": {"environment": {"USERNAME": "user", "PASSWORD": "password"}},
}


@pytest.mark.parametrize("family", NAMES)
def test_secrets_are_files_of_the_containers_user_alone(family: str) -> None:
    totp = family in ("ibga", "ibg-controller")
    entry = {"family": family, **({"second_factor": "totp"} if totp else {})}
    planned = plan({"password": "x", **({"totp_key": KEY} if totp else {})}, **entry)
    places = {
        file["path"].removeprefix(f"/etc/ibgw/gateways/{NAME}/"): {
            file["variable"] or name: secret for name, secret in file["secrets"].items()
        }
        for file in planned["files"]
    }
    assert places == PLACES[family]
    user = BY_NAME[family].user
    assert {(file["owner"], file["group"], file["mode"]) for file in planned["files"]} == {(*user, "0400")}
    modes = {one["path"]: (one["owner"], one["mode"]) for one in planned["directories"]}
    assert modes["/etc/ibgw/gateways"] == (0, "0700")
    assert modes[f"/etc/ibgw/gateways/{NAME}"] == (user[0], "0500")
    private = [one for one in planned["container"]["mounts"] if one["target"] == "/run/ibgw"]
    assert private == [
        {"type": "bind", "target": "/run/ibgw", "source": f"/etc/ibgw/gateways/{NAME}", "read_only": True}
    ]


def test_a_start_that_reads_variables_from_a_file_is_still_recognised() -> None:
    made = container({"password": "x"}, family="ibga")
    assert made["entrypoint"][-1].endswith("exec /opt/ibga/manager.sh")
    assert container()["entrypoint"] is None
    recognised = recognise(traits({"Env": [], "Entrypoint": made["entrypoint"]}))
    assert recognised is not None
    assert recognised.family.name == "ibga"


def test_each_container_is_made_to_last() -> None:
    made = container(java_heap_mb=1024)
    assert made["stop_timeout"] == 90
    assert made["memory"] == "2048M"
    assert made["ulimits"] == ["nofile:10000:10000"]
    assert made["log_options"] == {"max-size": "20m", "max-file": "5"}
    assert made["published_ports"] == ["127.0.0.1:4002:4004/tcp"]


@pytest.mark.parametrize(("heap", "memory"), [(256, "640M"), (384, "768M"), (1024, "2048M")])
def test_the_memory_leaves_room_beside_the_heap_however_small_that_is(heap: int, memory: str) -> None:
    assert container(java_heap_mb=heap)["memory"] == memory


@pytest.mark.parametrize(
    ("family", "policy"),
    [
        ("gnzsnz-ibc", "unless-stopped"),
        ("gnzsnz-ibcontroller", "no"),  # ends with 77 on a refused login
        ("ibg-controller", "unless-stopped"),
        ("ibga", "unless-stopped"),
        ("extrange", "unless-stopped"),
    ],
)
def test_the_restart_policy_repeats_no_refused_login(family: str, policy: str) -> None:
    assert container({"password": "x"}, family=family)["restart_policy"] == policy


@pytest.mark.parametrize(
    ("secrets", "entry", "published"),
    [
        (None, {"trading_mode": "live"}, ["127.0.0.1:4001:4003/tcp"]),
        (None, {"ports": {"paper": 5002}}, ["127.0.0.1:5002:4004/tcp"]),
        (PAPER_USER, {**BOTH}, ["127.0.0.1:4001:4003/tcp", "127.0.0.1:4002:4004/tcp"]),
        (None, {"program": "tws"}, ["127.0.0.1:4002:7499/tcp"]),
        (None, {"program": "tws", "vnc": True}, ["127.0.0.1:4002:7499/tcp", "127.0.0.1:5900:3389/tcp"]),
        (None, {"vnc": True}, ["127.0.0.1:4002:4004/tcp", "127.0.0.1:5900:5900/tcp"]),
        ({"password": "x"}, {"family": "ibga", "vnc": True}, ["127.0.0.1:4002:4000/tcp", "127.0.0.1:5900:5800/tcp"]),
        (None, {"family": "extrange"}, ["127.0.0.1:4002:8888/tcp"]),
        (None, {"bind_address": "0.0.0.0", "expose": True}, ["0.0.0.0:4002:4004/tcp"]),
        (None, {"bind_address": "::1"}, ["[::1]:4002:4004/tcp"]),
    ],
)
def test_ports_lead_to_the_relay_of_the_mode(secrets: Any, entry: dict[str, Any], published: list[str]) -> None:
    assert container(secrets, **entry)["published_ports"] == published


@pytest.mark.parametrize(
    ("secrets", "entry", "mounts"),
    [
        (None, {}, {"/home/ibgateway/tws_settings": ""}),
        (
            PAPER_USER,
            BOTH,
            {
                "/home/ibgateway/tws_settings_live": "/tws_settings_live",
                "/home/ibgateway/tws_settings_paper": "/tws_settings_paper",
            },
        ),
        (None, {"program": "tws"}, {"/config": ""}),
        ({"password": "x"}, {"family": "ibga"}, {"/home/ibg": "/ibg", "/home/ibg_settings": "/ibg_settings"}),
        (
            None,
            {"family": "gnzsnz-ibcontroller"},
            {"/home/ibgateway/tws_settings": "/tws_settings", "/home/ibgateway/ibcontroller": "/ibcontroller"},
        ),
    ],
)
def test_settings_last(secrets: Any, entry: dict[str, Any], mounts: dict[str, str]) -> None:
    planned = plan(secrets, settings_dir="/srv/gw", **entry)
    kept = {
        one["target"]: one["source"]
        for one in planned["container"]["mounts"]
        if one["type"] == "bind" and one["target"] != "/run/ibgw"
    }
    assert kept == {target: f"/srv/gw{below}" for target, below in mounts.items()}
    assert set(kept.values()) <= {one["path"] for one in planned["directories"]}


@pytest.mark.parametrize(
    ("secrets", "entry", "paths"),
    [
        (None, {}, ["/var/lib/ibgw/ib-gateway/settings/jts.ini"]),
        (None, {"program": "tws"}, ["/var/lib/ibgw/ib-gateway/settings/tws_settings/jts.ini"]),
        (
            PAPER_USER,
            BOTH,
            [f"/var/lib/ibgw/ib-gateway/settings/tws_settings_{mode}/jts.ini" for mode in ("live", "paper")],
        ),
        ({"password": "x"}, {"family": "ibga"}, []),
    ],
)
def test_jts_ini_is_where_the_gateway_looks_for_it(secrets: Any, entry: dict[str, Any], paths: list[str]) -> None:
    planned = plan(secrets, time_zone="Asia/Tokyo", **entry)
    assert [one["path"] for one in planned["seeds"]] == paths
    assert {one["time_zone"] for one in planned["seeds"]} <= {"Asia/Tokyo"}
    assert {path.rpartition("/")[0] for path in paths} <= {one["path"] for one in planned["directories"]}


@pytest.mark.parametrize(
    ("entry", "port", "desktop"),
    [
        ({}, "127.0.0.1:4002:4004/tcp", False),
        ({"program": "tws"}, "127.0.0.1:4002:7499/tcp", True),
        ({"program": "tws", "trading_mode": "live"}, "127.0.0.1:4001:7498/tcp", True),
        ({"program": "tws", "family": "gnzsnz-ibcontroller"}, "127.0.0.1:4002:7499/tcp", True),
        ({"program": "tws", "family": "extrange"}, "127.0.0.1:4002:8888/tcp", False),  # it has a VNC server only
    ],
)
def test_tws_gets_its_own_image_ports_and_room_for_its_desktop(entry: dict[str, Any], port: str, desktop: bool) -> None:
    planned = plan({"password": "x"}, **entry)
    made = planned["container"]
    assert made["published_ports"] == [port]
    assert (made["shm_size"], made["security_opts"]) == (("1G", ["seccomp=unconfined"]) if desktop else (None, []))
    assert ("tws-rdesktop" in made["image"]) is desktop
    assert any("Enable ActiveX" in warning for warning in planned["warnings"]) is (entry.get("program") == "tws")
    assert planned["record"]["program"] == entry.get("program", "gateway")


def test_the_password_of_a_desktop_is_no_longer_the_one_that_everybody_knows() -> None:
    env = container(program="tws")["env"]
    assert env["PASSWD_FILE"] == "/run/ibgw/vnc_password"
    assert (env["PUID"], env["PGID"]) == ("1000", "1000")  # it does not start without
    ibcontroller = container(program="tws", family="gnzsnz-ibcontroller")["env"]
    assert ibcontroller["RDP_PASSWORD_FILE"] == "/run/ibgw/vnc_password"
    assert not any("tmpfs" in said for said in plan(program="tws", family="gnzsnz-ibcontroller")["warnings"])


@pytest.mark.parametrize(
    ("entry", "secrets", "screen"),
    [
        ({}, None, None),
        ({"vnc": True}, None, {"address": "127.0.0.1", "port": 5900, "viewer": "a VNC client", "password": SCREEN}),
        (
            {"vnc": True, "ports": {"vnc": 5999}},
            {"vnc_password": "own"},
            {"address": "127.0.0.1", "port": 5999, "viewer": "a VNC client", "password": None},
        ),
        (
            {"vnc": True, "bind_address": "0.0.0.0", "expose": True},  # that is about the API
            None,
            {"address": "127.0.0.1", "port": 5900, "viewer": "a VNC client", "password": SCREEN},
        ),
        (
            {"vnc": True, "bind_address": "::1"},
            None,
            {"address": "[::1]", "port": 5900, "viewer": "a VNC client", "password": SCREEN},
        ),
        (
            {"vnc": True, "family": "ibga"},
            {"password": "x"},
            {"address": "127.0.0.1", "port": 5900, "viewer": "a browser", "password": SCREEN},
        ),
        (
            {"vnc": True, "program": "tws"},
            None,
            {"address": "127.0.0.1", "port": 5900, "viewer": "a remote desktop client", "password": SCREEN},
        ),
    ],
)
def test_a_screen_is_on_loopback_only(entry: dict[str, Any], secrets: Any, screen: Any) -> None:
    planned = plan(secrets, **entry)
    assert planned["screen"] == screen
    published = [one for one in planned["container"]["published_ports"] if one.split(":")[-1][:2] in ("59", "58", "33")]
    if screen:
        assert [one.rpartition(":")[0] for one in published] == [f"{screen['address']}:{screen['port']}"]
    else:
        assert published == []


def test_ports_are_told_as_they_are_taken() -> None:
    planned = plan(vnc=True, bind_address="10.1.1.1", expose=True)
    assert planned["ports"] == [
        {"name": "paper", "address": "10.1.1.1", "port": 4002},
        {"name": "vnc", "address": "127.0.0.1", "port": 5900},
    ]


@pytest.mark.parametrize(
    ("entry", "secrets", "ports"),
    [
        ({}, None, [7462]),
        (BOTH, PAPER_USER, [7462, 7463]),
        ({"family": "extrange"}, None, [7462]),
        ({"family": "ibg-controller"}, None, []),
    ],
)
def test_the_record_tells_where_a_gateway_takes_commands(entry: dict[str, Any], secrets: Any, ports: list[int]) -> None:
    assert plan(secrets, **entry)["record"]["command_ports"] == ports


def test_credentials_in_a_configuration_are_told_apart_from_its_settings() -> None:
    path = f"/etc/ibgw/gateways/{NAME}/config.ini"
    assert plan()["credentials"] == [
        {"path": path, "key": "IbLoginId", "secret": "user"},
        {"path": path, "key": "IbPassword", "secret": "password"},
    ]
    assert plan({"password": "x"}, family="ibga")["credentials"] == []


def absent(name: str = NAME, **words: Any) -> dict[str, Any]:
    return {"name": name, "state": "absent", **words}


def test_what_is_to_go_is_told_and_needs_no_secret() -> None:
    given = {"gateways": [absent(), absent("other", settings_dir="/srv/other")]}
    assert plan_machine("alpha", given) == []
    assert plan_removals("alpha", given) == [
        {
            "name": NAME,
            "paths": [
                f"/etc/ibgw/gateways/{NAME}",
                f"/etc/ibgw/gateways/{NAME}.vnc_password",
                f"/var/lib/ibgw/{NAME}/deployment.json",
            ],
            "settings_dir": f"/var/lib/ibgw/{NAME}/settings",
        },
        {
            "name": "other",
            "paths": [
                "/etc/ibgw/gateways/other",
                "/etc/ibgw/gateways/other.vnc_password",
                "/var/lib/ibgw/other/deployment.json",
            ],
            "settings_dir": "/srv/other",
        },
    ]


def test_what_is_to_go_takes_nothing_from_what_comes() -> None:
    present = variables({})
    given = {**present, "gateways": [absent("old", ports={"paper": 4002}), *present["gateways"]]}
    given["gateway_secrets"]["old"] = present["gateway_secrets"][NAME]
    assert [one["name"] for one in plan_machine("alpha", given)] == [NAME]
    assert plan_removals("alpha", present) == []


def test_a_misspelt_word_of_what_is_to_go_is_refused() -> None:
    with pytest.raises(Misuse, match="the nearest is settings_dir"):
        plan_removals("alpha", {"gateways": [absent(settings_dirs="/srv")]})


def test_sockets_of_ibcontroller_are_in_memory() -> None:
    run = "/home/ibgateway/ibcontroller/run"
    assert {"type": "tmpfs", "target": run, "tmpfs_mode": "1777"} in container(family="gnzsnz-ibcontroller")["mounts"]


@pytest.mark.parametrize(
    ("entry", "secrets", "generated"),
    [
        ({}, None, []),
        ({"vnc": True}, None, [{"secret": "vnc_password", "path": SCREEN, "length": 8}]),
        ({"vnc": True}, {"vnc_password": "own"}, []),
        # Its screen is always there.
        ({"program": "tws"}, None, [{"secret": "vnc_password", "path": SCREEN, "length": 20}]),
        ({"vnc": True, "family": "ibga"}, {"password": "x"}, [{"secret": "vnc_password", "path": SCREEN, "length": 8}]),
    ],
)
def test_a_screen_never_is_without_a_password(entry: dict[str, Any], secrets: Any, generated: list[Any]) -> None:
    planned = plan(secrets, **entry)
    assert planned["generate"] == generated
    held = [secret for file in planned["files"] for secret in file["secrets"].values()]
    assert ("vnc_password" in held) is (bool(generated) or bool(secrets and "vnc_password" in secrets))


@pytest.mark.parametrize(
    ("entry", "possible"),
    [
        ({}, True),
        ({"daily_restart": ""}, False),
        ({"family": "extrange"}, True),
        ({"family": "gnzsnz-ibcontroller"}, False),
        ({"family": "ibg-controller"}, False),
    ],
)
def test_whether_a_restart_keeps_the_session_is_known(entry: dict[str, Any], possible: bool) -> None:
    assert plan(**entry)["soft_restart"] is possible


def test_the_record_is_one_that_the_probe_reads() -> None:
    record = plan()["record"]
    assert len(json.dumps(record)) < gateway._RECORD_BYTES
    assert gateway._redacted(record) == record


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"image": "x/y:latest"}, "the tag latest moves with each release"),
        ({"vnc": True}, "config.vnc_enabled"),
        ({"bind_address": "10.1.1.1", "expose": True}, "no password, guard"),
        ({"trading_mode": "live", "daily_restart": ""}, "config.auto_restart_unset"),
        ({"family": "extrange"}, "prints the password in its log"),
    ],
)
def test_what_is_allowed_but_has_a_price_is_said(entry: dict[str, Any], words: str) -> None:
    assert any(words in warning for warning in plan(**entry)["warnings"])
    assert plan()["warnings"] == []


# The health check, as the container runs it


def check(*ports: int) -> subprocess.CompletedProcess[str]:
    script = HELLO.format(ports=" ".join(map(str, ports)))
    return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def answering(reply: bytes | None) -> Iterator[tuple[int, list[bytes]]]:
    """A peer that answers a hello with `reply`, or closes without a word; what it was told is kept."""
    heard: list[bytes] = []

    def serve() -> None:
        with closing(listener.accept()[0]) as peer:
            if reply is not None:
                heard.append(peer.recv(64))
                peer.sendall(reply)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], heard
        thread.join()


def test_a_gateway_that_answers_is_well() -> None:
    with answering(b"\0\0\0\x1a187\x0020260301 12:00:00 EST\0") as (port, heard):
        assert check(port).returncode == 0
    assert heard == [b"API\0\0\0\0\x09v100..187"]


def test_a_relay_without_a_gateway_is_not() -> None:
    with answering(None) as (port, _heard):
        failed = check(port)
    assert failed.returncode == 1
    assert f"no answer of the API on port {port}" in failed.stdout


def test_of_two_instances_both_have_to_answer() -> None:
    closed = free_port()
    with answering(b"\0\0\0\x1a187\0x\0") as (port, _heard):
        failed = check(port, closed)
    assert failed.returncode == 1
    assert str(closed) in failed.stdout


@pytest.mark.parametrize(
    ("secrets", "entry", "ports"),
    [
        (None, {}, "4002"),
        (PAPER_USER, BOTH, "4001 4002"),
        (None, {"program": "tws", "trading_mode": "live"}, "7496"),
        ({"password": "x"}, {"family": "ibga"}, "9000"),
        (None, {"family": "extrange", "program": "tws"}, "7497"),
    ],
)
def test_the_gateways_own_port_is_asked(secrets: Any, entry: dict[str, Any], ports: str) -> None:
    test = container(secrets, **entry)["healthcheck"]["test"]
    assert test[:3] == ["CMD", "/bin/bash", "-c"]
    assert f"for port in {ports}; do" in test[3]


def test_a_check_of_the_image_that_knows_the_login_is_kept() -> None:
    assert container(family="ibg-controller")["healthcheck"] is None
    assert USER not in json.dumps(container(family="ibg-controller"))
