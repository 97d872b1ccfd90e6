# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The container probe: what needs no engine. The rest is in tests/integration/health."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import gateway, health, procfs, record
from ansible_collections.ibgw.ops.plugins.module_utils import machine as machines
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, Recognition
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.supervision.machine import Supervision
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"names": [""]}, "container's name"),
        ({"names": ["ib-gateway", "../etc"]}, "'../etc' is no container's name; allowed are at least two letters"),
        ({"events_since": "yesterday"}, "events_since 'yesterday' is not a duration; allowed are"),
        ({"events_since": "0h"}, "events_since"),
        ({"events_since": "24"}, "events_since"),
        ({"timeout": 0.0}, "timeout 0"),
        ({"docker_host": "docker.sock"}, "docker_host 'docker.sock'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_asked(
    arguments: dict[str, Any], said: str
) -> None:
    given = {"names": None, "find": False, "docker_host": "unix:///nowhere", "timeout": 1.0, "events_since": "24h"}
    with pytest.raises(Misuse) as refused:
        health.probe(**{**given, **arguments})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "hold"),
    [
        (
            '{"since": "2026-11-22T10:00:00Z", "reason": "password=hunter2\\u001b[2J"}',
            {"since": "2026-11-22T10:00:00Z", "reason": "password=***"},
        ),
        (
            '{"password": "hunter2", "by": {"user_name": "alice", "said": ["U1234567 is locked\\u001b[2J"]}}',
            {"password": "<set>", "by": {"user_name": "<set>", "said": ["U12***67 is locked"]}},
        ),
        ("", "unreadable"),
        ("[1]", "unreadable"),
        ("[" * 4000, "unreadable"),
        (f'{{"reason": "{"x" * 10_000}"}}', "unreadable"),  # it would not fit beside the rest
        (None, None),
    ],
)
def test_a_hold_that_can_not_be_understood_is_still_a_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, hold: Any
) -> None:
    monkeypatch.setattr(record, "RECORDS", tmp_path)
    if text is not None:
        (tmp_path / "ib-gateway").mkdir()
        (tmp_path / "ib-gateway" / "hold.json").write_text(text)

    not_seen: list[str] = []
    seen = gateway.recorded("ib-gateway", "hold", not_seen)

    assert not not_seen
    if hold == "unreadable":
        assert list(seen or ()) == ["unreadable"]
    else:
        assert seen == hold


@pytest.mark.parametrize(
    ("kind", "schema", "understood"),
    [
        ("deployment", "ibgw.ops/deployment/1", True),
        ("deployment", "ibgw.ops/deployment/2", False),
        ("deployment", "\x1b[2J" * 1000, False),
        ("deployment", 2, False),
        ("rebuild", "ibgw.ops/rebuild/1", True),
        ("rebuild", "ibgw.ops/rebuild/2", False),
    ],
)
def test_a_record_of_a_newer_version_counts_and_is_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, schema: Any, understood: bool
) -> None:
    monkeypatch.setattr(record, "RECORDS", tmp_path)
    (tmp_path / "gw").mkdir()
    (tmp_path / "gw" / f"{kind}.json").write_text(json.dumps({"schema": schema, "name": "gw"})[:4000])
    seen = gateway.recorded("gw", kind, [])
    assert seen is not None
    assert ("unreadable" not in seen) == understood
    assert all(str(value).isprintable() and len(str(value)) < 300 for value in seen.values())


@pytest.mark.parametrize("kind", ["directory", "loop"])
def test_what_stands_in_the_place_of_a_hold_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(record, "RECORDS", tmp_path)
    hold = tmp_path / "ib-gateway" / "hold.json"
    hold.parent.mkdir()
    hold.mkdir() if kind == "directory" else hold.symlink_to(hold)
    assert list(gateway.recorded("ib-gateway", "hold", []) or ()) == ["unreadable"]


@pytest.mark.parametrize(
    ("code", "counts"), [(errno.EIO, True), (errno.ENOTDIR, True), (errno.ENOENT, False), (errno.EACCES, False)]
)
def test_a_hold_that_can_not_be_looked_for_is_one_unless_we_may_not_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, counts: bool
) -> None:
    def refused(path: Path, _most: int) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(record, "RECORDS", tmp_path)
    monkeypatch.setattr(record, "load", refused)
    not_seen: list[str] = []
    hold = gateway.recorded("ib-gateway", "hold", not_seen)
    assert (hold is not None, bool(not_seen)) == (counts, code == errno.EACCES)
    assert ("hold" in record.read("ib-gateway")["corrupt"]) == (code != errno.ENOENT)  # for those that act


INSPECTED: dict[str, Any] = {"Config": {"Env": ["IBC_VERSION=3.19.0"], "Cmd": ["/root/start.sh"]}}
IBEAM: dict[str, Any] = {"Config": {"Env": ["IBEAM_GATEWAY_DIR=/srv/clientportal.gw"], "Cmd": ["python"]}}
JAVA = "/usr/bin/java -cp a.jar ibcalpha.ibc.IbcGateway /x/config.ini"


@pytest.mark.parametrize(
    ("inspected", "command_line", "controller", "said"),
    [
        (INSPECTED, JAVA, "ibc", "IBC runs in it"),
        (INSPECTED, "/bin/bash /opt/ibc/scripts/ibcstart.sh 10.45", "ibc", "IBC runs in it"),
        (
            IBEAM,
            "/usr/bin/java -jar clientportal.gw",
            None,
            "it is ibeam: that serves IBKR's Web API and has no TWS API port",
        ),
    ],
)
def test_of_an_image_that_nobody_knows_it_is_told_what_runs_in_it(
    inspected: dict[str, Any], command_line: str, controller: str | None, said: str
) -> None:
    told = gateway._family(None, inspected, [procfs.Process(1, command_line, 0, 0)])
    assert told == {"name": None, "controller": controller, "generation": None, "confidence": None, "because": [said]}


def test_of_a_stranger_nothing_is_told() -> None:
    assert gateway._family(None, INSPECTED, [procfs.Process(1, "nginx: master process", 0, 0)]) is None


@pytest.mark.parametrize(
    ("options", "root", "remap"),
    [
        ([], "/var/lib/docker", 0),
        (["name=seccomp,profile=default", "name=userns"], "/var/lib/docker/231072.231072", 231072),
        (["name=userns"], "/srv/docker", None),
        (["name=rootless"], "/home/me/.local/share/docker", None),
    ],
)
def test_what_a_containers_root_is_to_the_machine(options: list[str], root: str, remap: int | None) -> None:
    assert machines._remap({"SecurityOptions": options, "DockerRootDir": root}) == remap


IBC = BY_NAME["gnzsnz-ibc"]


@pytest.mark.parametrize(
    ("user", "family", "host_config", "remap", "expected"),
    [
        ("1000:1000", IBC, {}, 0, (1000, 1000, False)),
        ("1234", None, {}, 0, (1234, 0, False)),
        ("ibgateway", IBC, {}, 0, (1000, 1000, False)),
        ("somebody", None, {}, 0, None),
        ("root", IBC, {}, 0, (0, 0, True)),
        ("0", IBC, {"CapDrop": ["ALL"]}, 0, (0, 0, False)),
        ("0", IBC, {"CapDrop": ["CAP_DAC_OVERRIDE"]}, 0, (0, 0, False)),
        ("", IBC, {}, 0, None),  # it starts as root, and goes on as another
        ("", BY_NAME["extrange"], {}, 0, (0, 0, True)),
        ("1000:1000", IBC, {}, 231072, (232072, 232072, False)),
        ("1000:1000", IBC, {"UsernsMode": "host"}, 231072, (1000, 1000, False)),
        ("1000:1000", IBC, {}, None, None),
    ],
)
def test_whose_rights_a_gateway_will_have(
    user: str, family: Any, host_config: dict[str, Any], remap: int | None, expected: Any
) -> None:
    machine = machines.Machine({}, here=True, remap=remap, images={}, kernel_log=None, events=None)
    seen = gateway._configured_user({"Config": {"User": user}, "HostConfig": host_config}, family, machine)
    assert (seen and (seen.uid, seen.gid, seen.overrides)) == expected


def test_root_of_a_remapped_container_overrides_only_among_its_own() -> None:
    machine = machines.Machine({}, here=True, remap=231072, images={}, kernel_log=None, events=None)
    seen = gateway._configured_user({"Config": {"User": "0"}, "HostConfig": {}}, IBC, machine)
    assert seen is not None
    assert [any(uid in ids for ids in seen.namespace) for uid in (0, 231072, 231072 + 65535)] == [False, True, True]


@pytest.mark.parametrize("salt", ["", "short", "x" * 15])
def test_a_salt_that_could_be_guessed_is_refused(salt: str) -> None:
    with pytest.raises(Misuse) as refused:
        health.probe(None, False, "unix:///nowhere", 1.0, "24h", user_salt=salt)
    assert "16 characters" in str(refused.value)
    assert not salt or salt not in str(refused.value).replace("too short", "")


def test_a_salt_that_is_long_enough_is_taken() -> None:
    with pytest.raises(Unavailable):  # it is the engine that is not there
        health.probe(None, False, "unix:///nowhere", 1.0, "24h", user_salt="x" * 16)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("24h", 86_400), ("2d", 172_800)])
def test_how_far_back_events_are_asked_for(text: str, seconds: int) -> None:
    assert health._period(text) == seconds


def test_a_secret_in_a_name_of_who_did_it_stays_on_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(record, "RECORDS", tmp_path)
    one, labels = "a" * 64, {"com.docker.compose.project": "Hunter2pw", "com.docker.compose.service": "gw"}
    inspected = {
        "Id": one,
        "Name": "/gw",
        "Image": "sha256:" + "c" * 64,
        "State": {"Status": "exited", "ExitCode": 143},
        "Config": {"Image": "x", "Env": ["TWS_PASSWORD=Hunter2pw"], "Labels": labels},
        "HostConfig": {},
    }
    events = [
        {"time": at, "Action": action, "Actor": {"ID": one, "Attributes": {"signal": "15"}}}
        for at, action in ((1, "create"), (2, "start"), (900, "kill"), (901, "die"), (902, "stop"))
    ]
    supervision = Supervision(None, {}, [])
    machine = machines.Machine(
        {}, here=True, remap=0, images={inspected["Image"]: {}}, kernel_log=None, events=events, supervision=supervision
    )
    seen = gateway.gateway(Target("gw", True, (), inspected, recognition=Recognition(IBC, "high", ())), machine)
    assert [event["who"] is not None for event in seen["events"]] == [True, True, False, False, False]
    assert seen["events"][-1]["candidates"]
    assert seen["supervisors"]
    assert "Hunter2pw" not in str(seen)
