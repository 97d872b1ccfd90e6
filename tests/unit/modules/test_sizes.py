# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""However much there is to say, a gateway takes 8 KiB of a result at most; what was cut is counted, what rules read stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import (
    connections,
    gateway,
    handshake,
    logscan,
    procfs,
    record,
)
from ansible_collections.ibgw.ops.plugins.module_utils import (
    machine as machines,
)
from ansible_collections.ibgw.ops.plugins.module_utils.api import wire
from ansible_collections.ibgw.ops.plugins.module_utils.api.attempt import Observation
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME, Recognition
from ansible_collections.ibgw.ops.plugins.module_utils.probe import RESULT_BYTES, fit
from ansible_collections.ibgw.ops.plugins.module_utils.targets import Target

from tests.unit.module_utils.ibc_log import Log

#: One byte, two, three and four of UTF-8; and what JSON escapes.
LETTERS = ["x", "ü", "漢", "\N{GRINNING FACE}", '"', "\\"]


def bytes_of(result: Any) -> int:
    return len(json.dumps(result))


# The container probe

FAMILY = BY_NAME["gnzsnz-ibc"]
ONE = "a" * 64


def inspected(letter: str, many: int) -> dict[str, Any]:
    """A container with as much of everything as somebody cares to give it."""
    text = letter * 600
    numbers = range(many)
    return {
        "Id": ONE,
        "Image": "sha256:" + "c" * 64,
        "Created": "2026-11-22T10:00:00.123456789Z",
        "RestartCount": 10**9,
        "State": {
            "Status": "running",
            "Pid": 42,
            "Error": text,
            "StartedAt": "2026-11-22T10:00:00Z",
            "Health": {"Status": "unhealthy", "FailingStreak": 10**9, "Log": [{"Output": text}]},
        },
        "Config": {
            "Image": text,
            "Env": ["TRADING_MODE=paper", *(f"A{number}{letter * 60}={text}" for number in numbers), "TWS_USERID=me"],
            "Labels": {f"org.opencontainers.image.{number}{letter * 60}": text for number in numbers},
        },
        "HostConfig": {"NetworkMode": text, "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}},
        "NetworkSettings": {
            "Ports": {
                f"{number}/tcp": [{"HostIp": "ffff:" * 7 + "ffff", "HostPort": str(number)}]
                for number in [*range(1, 1 + many), 4004]
            }
        },
        "Mounts": [
            {"Source": f"/{number}{text}", "Destination": f"/{number}{text}", "Type": "bind"} for number in numbers
        ],
    }


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> machines.Machine:
    """A machine on which everything about that container can be seen, and there is much of it."""
    idle = [procfs.Process(pid, "/usr/bin/sleep", 0.0, 10**12) for pid in range(42, 542)]
    gateway = procfs.Process(9999, "java ibcalpha.ibc.IbcGateway", 0.0, 10**12)
    listening = [procfs.Socket("listening", "0.0.0.0", port, "", 10**6) for port in [*range(20000, 20500), 4002]]
    clients = [procfs.Socket("established", "0.0.0.0", 4002, f"10.0.0.1:{port}", 0) for port in range(3000)]
    monkeypatch.setattr(procfs, "processes", lambda _pids: [*idle, gateway])
    monkeypatch.setattr(procfs, "sockets", lambda _pid: listening + clients)
    monkeypatch.setattr(connections, "_LOOK_AGAIN", 0)
    monkeypatch.setattr(record, "RECORDS", tmp_path)
    events = [
        {"time": at, "Action": "kill", "Actor": {"ID": ONE, "Attributes": {"signal": "15"}}} for at in range(1000)
    ]
    sockets = connections.seen([connections.Network(ONE, 42, frozenset(FAMILY.ports), shared=False)])
    return machines.Machine({ONE: [42]}, True, 0, {"sha256:" + "c" * 64: {}}, None, events, sockets=sockets)


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("record", ["reason", "nested", "keys"])
def test_health(machine: machines.Machine, tmp_path: Path, letter: str, record: str) -> None:
    (tmp_path / "gw").mkdir()
    held = {
        "reason": {"code": "login.account_locked", "reason": letter * 600},
        "nested": {"deep": [{"reason": letter * 50} for _ in range(12)]},
        "keys": {f"{letter * 20}{number}": number for number in range(8)},
    }[record]
    for kind in ("hold", "deployment", "rebuild"):
        (tmp_path / "gw" / f"{kind}.json").write_text(json.dumps(held, ensure_ascii=False), encoding="utf-8")
    recognition = Recognition(FAMILY, "high", (letter * 600,) * 4)
    seen = gateway.gateway(
        Target("gw", True, (letter * 600,) * 3, inspected(letter, 50), recognition=recognition), machine
    )

    assert bytes_of(seen) <= RESULT_BYTES - gateway.MACHINE_BYTES
    assert seen["hold"]
    environment = seen["container"]["environment"]
    assert len(environment) + seen["cut"]["container.environment"] == 52
    assert (environment["TRADING_MODE"], environment["TWS_USERID"]) == ("paper", "<set>")
    assert "gateway" in {process["role"] for process in seen["processes"]}
    assert "relay" in {port["role"] for port in seen["ports"]}
    assert 4002 in {socket["port"] for socket in seen["sockets"]["listening"]}
    assert seen["events"][-1]["at"] == "1970-01-01T00:16:39Z"


def test_health_tells_the_machine_in_what_the_gateways_leave() -> None:
    disks = [{"path": f"/{at}" * 60, "free": at, "total": 10**15, "free_inodes": 10**9} for at in range(200)]
    told = {"engine": {"root_dir": "x" * 9000}, "host": {"disks": disks}, "not_seen": ["y" * 300] * 50}
    seen = fit(told, [("host", "disks"), ("not_seen",)], limit=gateway.MACHINE_BYTES)
    assert bytes_of(seen) <= gateway.MACHINE_BYTES
    assert 0 < seen["cut"]["host.disks"] <= 200
    assert seen["engine"]["root_dir"].startswith("xxx")


# The log probe


@pytest.mark.parametrize("letter", LETTERS)
def test_logscan(tmp_path: Path, letter: str) -> None:
    long = letter * 600
    log = Log(version=f"3.24.1{letter * 300}").container().script()
    log.jvm(**{f"Setting{number}{letter * 60}": long for number in range(100)})
    for number in range(100):
        log.window(f"{number}{long}").submitted().window("Second Factor Authentication").wait(30)
        log.ibc(f"Login attempt: {number}", f"detected dialog entitled: {long}; event=Opened")
        log.raw(letter * 300_000 if number == 50 else long)
    for number in range(100):
        log.ends(number % 256).start()
    for number in range(100):
        log.window(f"{number}{long}").attempt(number)
    path = tmp_path / "gateway.log"
    path.write_text(log.text, encoding="utf-8")
    for most in (50, 1000):
        (seen,) = logscan.probe(None, str(path), "auto", None, 0, most, None, 60.0)["gateways"]
        assert bytes_of(seen) <= RESULT_BYTES
        assert seen["cut"]["events"] > 0
        assert seen["instances"]


# The API probe


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("endpoints", [1, 4])
def test_handshake(monkeypatch: pytest.MonkeyPatch, letter: str, endpoints: int) -> None:
    long = letter * 600
    seen = Observation(
        reached="ready",
        outcome="ready_ibkr_away",
        detail=long[:300],
        phases=[{"phase": "resolve", "ok": True, "ms": 10**9, "detail": long[:300]} for _ in range(7)],
        address="ffff:" * 7 + "ffff",
        server_time=long,
        accounts=[f"DU{number:07}" for number in range(500)] + [long] * 20,
        notices=[(wire.Notice(2104, long, 0), 1.0)] * 300,
        first_bytes=long[:64],
    )
    monkeypatch.setattr(handshake, "_last_attempt", lambda *_given: seen)
    given = [{"gateway": "g" * 63, "endpoint": "paper", "host": long, "port": 4002} for _ in range(endpoints)]
    results = handshake.probe(endpoints=given)["endpoints"]
    assert bytes_of(results) <= RESULT_BYTES + 2 * endpoints  # the list's own brackets and commas
    for result in results:
        assert (result["account_count"], result["notice_count"]) == (520, 300)
        assert result["outcome"] == "ready_ibkr_away"
