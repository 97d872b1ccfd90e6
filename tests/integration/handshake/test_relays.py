# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same outcomes behind the relays of real containers: socat as the images run it, docker-proxy, and one behind the other.

What a relay makes of a close differs from kind to kind and from time to time (FIN, reset, before or after our hello); outcomes may not.
"""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.api import attempt
from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe
from ansible_collections.ibgw.ops.tests.unit.module_utils.outcomes import OUTCOMES, Row

import simulator.containers
from simulator.containers import published_port
from simulator.waiting import until
from tests.integration.handshake.conftest import archive

_PEER, _RELAY = 4002, 4004
_NOBODY, _RELAY_TO_NOBODY = 4001, 4003
_CONTROL = 4000

#: Runs the peer behind its relays, and whichever mode is asked for on the control port.
_SERVE = f"""
import socket, subprocess, sys
sys.path.insert(0, "/")
from peer import Peer
for port, backend in (({_RELAY}, {_PEER}), ({_RELAY_TO_NOBODY}, {_NOBODY})):
    subprocess.Popen(["socat", f"TCP-LISTEN:{{port}},fork,reuseaddr", f"TCP:127.0.0.1:{{backend}}"])
peer = Peer("healthy", host="0.0.0.0", port={_PEER})
with socket.create_server(("0.0.0.0", {_CONTROL})) as control:
    print("listens", flush=True)
    while True:
        asked, _ = control.accept()
        with asked:
            peer.play(asked.recv(100).decode())
            asked.sendall(b"plays")
"""

#: Time for who falls silent, and none to lose for who does not.
_PATIENCE = {"silent_at_hello": 1.0, "silent_at_start": 2.0, "start_incomplete": 2.0}
#: Modes of which something comes after readiness. How long that is waited for is held by the unit tests, without a relay.
_COME_LATE = ("late_notice", "ready_fin")


@dataclass(frozen=True)
class Ways:
    """Where to ask, by what is on the way."""

    to_peer: dict[str, tuple[str, int]]
    to_nobody: dict[str, tuple[str, int]]
    control: tuple[str, int]

    def play(self, mode: str) -> None:
        with socket.create_connection(self.control, timeout=10) as control:
            control.sendall(mode.encode())
            assert control.recv(100) == b"plays"


@pytest.fixture(scope="module")
def ways(engine: docker.DockerClient) -> Iterator[Ways]:
    """A container with the peer and relays in it, all of them published."""
    ports = (_PEER, _RELAY, _NOBODY, _RELAY_TO_NOBODY, _CONTROL)
    container = engine.containers.create(
        simulator.containers.build_image(engine),
        entrypoint=["python3", "-c", _SERVE],
        name=f"handshake-{uuid.uuid4().hex[:8]}",
        init=True,
        ports={f"{port}/tcp": ("127.0.0.1", None) for port in ports},
    )
    try:
        container.put_archive("/", archive())
        container.start()
        container.reload()
        address = next(iter(container.attrs["NetworkSettings"]["Networks"].values()))["IPAddress"]

        def published(port: int) -> tuple[str, int]:
            return "127.0.0.1", published_port(container, f"{port}/tcp")

        ways = Ways(
            {
                "socat": (address, _RELAY),
                "docker-proxy": published(_PEER),
                "docker-proxy and socat": published(_RELAY),
            },
            {
                "none": (address, _NOBODY),
                "socat": (address, _RELAY_TO_NOBODY),
                "docker-proxy": published(_NOBODY),
                "docker-proxy and socat": published(_RELAY_TO_NOBODY),
            },
            (address, _CONTROL),
        )
        assert next(container.logs(stream=True, follow=True)) == b"listens\n"
        until(lambda: all(map(_accepts, (ways.to_peer["socat"], ways.to_nobody["socat"]))), "the relays", 30)
        yield ways
    finally:
        container.remove(force=True, v=True)


def _accepts(where: tuple[str, int]) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(where) == 0


def ask(*places: tuple[str, int], **arguments: Any) -> list[dict[str, Any]]:
    """What the probe says of these places, all asked at once."""
    endpoints = [{"host": host, "port": port} for host, port in places]
    seen: list[dict[str, Any]] = probe(endpoints=endpoints, **{"timeout": 20.0, "retry_delay": 0.01, **arguments})[
        "endpoints"
    ]
    return seen


def _mute_wait(outcome: str) -> dict[str, float]:
    return {"mute_wait": 3.0} if outcome == "closed_at_open" else {}


@pytest.mark.parametrize("row", OUTCOMES, ids=lambda row: row.mode)
def test_a_relay_changes_no_outcome(ways: Ways, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    ways.play(row.mode)
    # What is sure to come is waited for: a relay on a busy machine may take its time.
    if row.mode in _COME_LATE:
        monkeypatch.setattr(attempt, "_LINK_WAIT", 10.0)
    seen = ask(*ways.to_peer.values(), timeout=_PATIENCE.get(row.outcome, 20.0), **_mute_wait(row.outcome))
    told = [(each["outcome"], each["problem"] or "-", each["reached"], each["attempts"]) for each in seen]
    assert dict(zip(ways.to_peer, told, strict=True)) == dict.fromkeys(ways.to_peer, row[1:])


def test_a_gateway_that_resets_at_once_is_none_behind_a_relay(ways: Ways) -> None:
    ways.play("accept_rst")
    for seen in ask(*ways.to_peer.values()):
        assert (seen["outcome"], seen["problem"], seen["reached"]) == ("closed_at_open", "relay.no_backend", "tcp")


@pytest.mark.parametrize("through", ["socat", "docker-proxy", "docker-proxy and socat"])
def test_a_relay_without_a_gateway_is_known_each_time_and_at_once(ways: Ways, through: str) -> None:
    begun = time.monotonic()
    seen = [each for _ in range(20) for each in ask(ways.to_nobody[through])]
    assert {(each["outcome"], each["problem"], each["reached"]) for each in seen} == {
        ("closed_at_open", "relay.no_backend", "tcp")
    }
    assert (time.monotonic() - begun) / 20 < 2, "it takes milliseconds"


def test_without_a_relay_nobody_refuses(ways: Ways) -> None:
    (seen,) = ask(ways.to_nobody["none"])
    assert (seen["outcome"], seen["problem"], seen["attempts"]) == ("refused", "api.not_listening", 1)
