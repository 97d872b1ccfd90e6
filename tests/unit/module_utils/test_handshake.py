# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The handshake probe against a scripted peer: each way to fail has its own outcome, direct and through a relay."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import handshake
from ansible_collections.ibgw.ops.plugins.module_utils.api import inside
from ansible_collections.ibgw.ops.plugins.module_utils.handshake import CLIENT_IDS, probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.tests.unit.module_utils.outcomes import OUTCOMES, Row
from ansible_collections.ibgw.ops.tests.unit.module_utils.peer import (
    REPLY,
    Link,
    Peer,
    Relay,
    frame,
    free_port,
    message,
    ready_with,
    unaccepted_port,
    unanswered_port,
)
from hypothesis import given, settings
from hypothesis import strategies as st

QUICK: dict[str, Any] = {"timeout": 20.0, "retry_delay": 0.01}

#: For a silent peer, which uses all of it.
SHORT: dict[str, Any] = {"timeout": 0.5, "retry_delay": 0.01}

#: For one that falls silent after a word: time to hear it on a busy machine, too.
LONGER: dict[str, Any] = {**SHORT, "timeout": 1.5}

PATIENCE = {"silent_at_hello": SHORT, "silent_at_start": LONGER, "start_incomplete": LONGER}


def ask(port: int, **arguments: Any) -> dict[str, Any]:
    """The one endpoint of a quick probe."""
    result = probe(port=[port], **{**QUICK, **arguments})
    assert result["available"]
    assert len(result["endpoints"]) == 1
    endpoint: dict[str, Any] = result["endpoints"][0]
    assert len(json.dumps(result)) < 8192
    return endpoint


@contextmanager
def relayed(port: int, through: str) -> Iterator[int]:
    """The port to ask, direct or behind a relay."""
    if through == "direct":
        yield port
    else:
        with Relay(port) as relay:
            yield relay.port


@pytest.mark.parametrize("through", ["direct", "relay"])
@pytest.mark.parametrize("row", OUTCOMES, ids=lambda row: row.mode)
def test_each_way_to_fail_has_its_own_outcome(row: Row, through: str) -> None:
    with Peer(row.mode) as peer, relayed(peer.port, through) as port:
        seen = ask(port, **PATIENCE.get(row.outcome, QUICK))
        links = [peer.ended() for _ in range(row.connections)]  # a relay may be later than who gave up
    assert (seen["outcome"], seen["problem"] or "-", seen["reached"]) == row[1:4]
    assert seen["attempts"] == len(peer.links) == len(links)
    assert [phase["ok"] for phase in seen["phases"]][:-1] == [True] * (len(seen["phases"]) - 1)
    assert (seen["detail"] is None) == row.outcome.startswith("ready")


def test_a_reset_at_once_reads_as_closed_before_a_word() -> None:
    with Peer("accept_rst") as peer:
        seen = ask(peer.port)
    assert (seen["outcome"], seen["problem"]) == ("closed_at_open", "relay.no_backend")


def test_nothing_listens() -> None:
    seen = ask(free_port())
    assert (seen["outcome"], seen["problem"], seen["reached"]) == ("refused", "api.not_listening", "resolve")
    assert seen["closed_by"] is None


def test_a_relay_without_a_gateway_is_told_from_a_gateway_that_closes() -> None:
    with Relay(free_port()) as relay:
        seen = ask(relay.port)
    assert (seen["outcome"], seen["problem"], seen["reached"]) == ("closed_at_open", "relay.no_backend", "tcp")
    assert seen["first_failure"]["outcome"] == "closed_at_hello"


def test_one_connection_alone_does_not_claim_why_the_hello_was_closed() -> None:
    with Peer("hello_fin") as peer:
        seen = ask(peer.port, attempts=1)
    assert (seen["outcome"], seen["problem"], len(peer.links)) == ("closed_at_hello", None, 1)


def test_connections_that_nobody_accepts() -> None:
    with unaccepted_port() as port:
        seen = ask(port, **SHORT)
    assert (seen["outcome"], seen["problem"], seen["attempts"]) == ("silent_at_hello", "api.silent", 2)


def test_connections_that_the_kernel_leaves_unanswered() -> None:
    with unanswered_port() as port:
        seen = ask(port, timeout=0.3)
    assert (seen["outcome"], seen["problem"], seen["attempts"]) == ("connect_timeout", "api.unreachable", 1)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70, "..", "bad\0name"])
def test_a_name_that_means_nothing(host: str) -> None:
    seen = ask(4002, host=host)
    assert (seen["outcome"], seen["problem"]) == ("name_unknown", "api.unreachable")
    assert seen["address"] is None
    assert "\0" not in seen["host"] + seen["detail"]


def test_ipv6() -> None:
    with socket.socket(socket.AF_INET6) as trial:
        try:
            trial.bind(("::1", 0))
        except OSError:
            pytest.skip("no ::1 on this machine")
    with Peer("healthy", host="::1") as peer:
        seen = ask(peer.port, host="::1")
    assert (seen["outcome"], seen["address"]) == ("ready", "::1")


def test_a_name_with_several_addresses_is_tried_until_one_answers() -> None:
    with Peer("healthy") as peer:
        seen = ask(peer.port, host="localhost")
    assert (seen["outcome"], seen["address"]) == ("ready", "127.0.0.1")


@pytest.mark.parametrize(
    "first",
    ["accept_fin", "hello_fin", "silent", "start_fin", "version_silent", "no_order_id", "id_taken", "bad_order_id"],
)
def test_success_on_a_fresh_connection_is_healthy_with_a_note(first: str) -> None:
    with Peer(first, "healthy") as peer:
        seen = ask(peer.port, timeout=2.0 if first in ("silent", "version_silent", "no_order_id") else 20.0)
    assert (seen["outcome"], seen["problem"], seen["attempts"]) == ("ready", "api.first_attempt_failed", 2)
    assert seen["first_failure"]["outcome"] not in ("ready", None)
    assert seen["first_failure"]["detail"]


@pytest.mark.parametrize(
    ("mode", "detail"),
    [
        ("no_order_id", "the peer stayed silent before the order id came, without a code"),
        ("accounts_fin", "the peer closed the connection before the order id came, without a code"),
        ("version_silent", "the peer stayed silent after startApi, without a code"),
    ],
)
def test_what_was_missing_is_one_sentence(mode: str, detail: str) -> None:
    with Peer(mode) as peer:
        assert ask(peer.port, timeout=1.0, retry_delay=0)["detail"] == detail


@pytest.mark.parametrize("mode", ["version_silent", "no_order_id"])
def test_silence_is_pause_enough(mode: str) -> None:
    with Peer(mode) as peer:
        ask(peer.port, timeout=1.0, retry_delay=60)
    assert len(peer.links) == 2


def test_listening_without_a_word_leaves_time_to_ask() -> None:
    with Peer("hello_fin", "healthy") as peer:
        seen = ask(peer.port, timeout=2.0, mute_wait=30)
    assert (seen["outcome"], seen["attempts"]) == ("ready", 2)


def test_after_silence_one_more_connection_and_no_third() -> None:
    with Peer("silent") as peer:
        seen = ask(peer.port, **SHORT, attempts=5)
    assert (seen["outcome"], len(peer.links)) == ("silent_at_hello", 2)


@pytest.mark.parametrize(("allowed", "connections"), [(0, 1), (1, 2), (2, 3)])
def test_after_silence_no_more_connections_than_allowed(allowed: int, connections: int) -> None:
    with Peer("silent") as peer:
        ask(peer.port, timeout=1.5, attempts=5, after_silence=allowed)
    assert len(peer.links) == connections


def test_who_asks_but_once_after_silence_still_repeats_a_close() -> None:
    with Peer("accept_fin", "healthy") as peer:
        assert ask(peer.port, after_silence=0)["problem"] == "api.first_attempt_failed"


def test_closes_are_repeated_as_often_as_allowed() -> None:
    with Peer("start_fin") as peer:
        ask(peer.port, attempts=4)
    assert len(peer.links) == 4


def test_an_id_that_is_taken_is_replaced() -> None:
    with Peer("id_taken", "healthy") as peer:
        seen = ask(peer.port)
    first, second = (link.client_id for link in peer.links)
    assert first != second
    assert seen["client_id"] == second
    assert {first, second} <= set(CLIENT_IDS)


def test_an_id_that_the_operator_gave_is_not_replaced() -> None:
    with Peer("id_taken") as peer:
        seen = ask(peer.port, client_id=17)
    assert (seen["outcome"], seen["problem"], seen["attempts"]) == ("client_id_taken", "api.client_id_taken", 1)
    assert [link.client_id for link in peer.links] == [17]
    assert "326" in seen["detail"]


def test_the_probe_is_a_polite_client() -> None:
    with Peer("healthy") as peer:
        ask(peer.port)
        link = peer.ended()
    assert link.offered == "v100..178"
    assert [request[0] for request in link.requests] == ["71"]
    assert link.ended == "eof"


def test_a_healthy_endpoint_is_told_in_full() -> None:
    with Peer("healthy") as peer:
        seen = ask(peer.port)
    assert (seen["server_version"], seen["server_time"]) == (178, "20261122 06:41:12 EST")
    assert (seen["accounts"], seen["account_count"], seen["account_mode"]) == (["DU12***67"], 1, "paper")
    assert (seen["next_valid_id"], seen["closed_by"], seen["host"]) == (1, "us", "127.0.0.1")
    assert [notice["code"] for notice in seen["notices"]] == [2104, 2158]
    assert [phase["phase"] for phase in seen["phases"]] == ["resolve", "tcp", "hello", "start", "ready"]
    assert seen["account"] == {"net_liquidation_seen": None, "open_orders": None, "positions": None}


def test_the_gateways_own_time_stamps_a_notice() -> None:
    with Peer("error_time") as peer:
        seen = ask(peer.port)
    assert seen["notices"] == [
        {"code": 2103, "text": "Market data farm connection is broken:usfarm", "at": "2026-04-05T21:49:26.350Z"}
    ]


@pytest.mark.parametrize(
    ("mode", "name", "start"),
    [
        ("ssh", "SSH", "SSH-2.0-"),
        ("http", "HTTP", "HTTP/1.1 400"),
        ("tls", "TLS", "\\x15\\x03"),
        ("vnc", "VNC", "RFB "),
    ],
)
def test_another_service_is_named_by_its_first_bytes(mode: str, name: str, start: str) -> None:
    with Peer(mode) as peer:
        seen = ask(peer.port)
    assert name in seen["detail"]
    assert seen["first_bytes"].startswith(start)


@pytest.mark.parametrize("depth", ["tcp", "api"])
def test_the_first_bytes_are_harmless_text(depth: str) -> None:
    nasty = b"\x1b[2J\x1b]0;x\x07 password=hunter2 DU7654321 \xff\xfe\xe2\x80\xae"

    def mode(link: Link) -> None:
        link.send(nasty)
        link.hold()

    with Peer(mode) as peer:
        text = json.dumps(ask(peer.port, depth=depth))
    assert "hunter2" not in text
    assert "DU7654321" not in text
    assert "\x1b" not in text


def test_depth_tcp_says_nothing() -> None:
    with Peer("healthy") as peer:
        seen = ask(peer.port, depth="tcp")
        link = peer.ended()
    assert (seen["outcome"], seen["reached"], seen["problem"]) == ("connected", "tcp", None)
    assert link.offered == ""


@pytest.mark.parametrize(
    ("accounts", "mode"),
    [
        ("DU1234567", "paper"),
        ("U1234567", "live"),
        ("DF1234567,DU1234568", "paper"),
        ("F1234567,U1234568", "live"),
        ("U1234567,DU1234567", None),
        ("something", None),
    ],
)
def test_paper_or_live_from_the_accounts(accounts: str, mode: str | None) -> None:
    with Peer(ready_with(accounts=message(15, 1, accounts))) as peer:
        assert ask(peer.port)["account_mode"] == mode
        expected = "config.account_mode_mismatch" if mode == "live" else None
        assert ask(peer.port, expect_mode="paper")["problem"] == expected


def test_account_ids_of_any_shape_are_masked() -> None:
    ids = ",".join(["SECRET99", "DUQ123456", "U123456", *(f"DU{number}" for number in range(1000000, 1000100))])
    with Peer(ready_with(accounts=message(15, 1, ids))) as peer:
        seen = ask(peer.port)
    assert seen["account_count"] == 103
    assert len(seen["accounts"]) == 20
    assert all("***" in account for account in seen["accounts"])
    assert not any(account in json.dumps(seen) for account in ids.split(","))


def test_endpoints_are_probed_together_and_keep_their_names() -> None:
    with Peer("healthy") as well, Peer("silent") as sick:
        result = probe(
            endpoints=[
                {"gateway": "alpha", "endpoint": "paper", "port": sick.port, "host": None},
                {"gateway": "alpha", "endpoint": "live", "port": well.port, "expect_mode": "live"},
                {"gateway": "beta", "port": well.port, "skip": "its accept queue is full"},
                {"gateway": "gamma", "port": well.port, "inside": "gamma"},
            ],
            docker_host="unix:///nonexistent.sock",
            **SHORT,
        )
    found = [(each["gateway"], each["endpoint"], each["outcome"], each["problem"]) for each in result["endpoints"]]
    assert found == [
        ("alpha", "paper", "silent_at_hello", "api.silent"),
        ("alpha", "live", "ready", "config.account_mode_mismatch"),
        ("beta", None, "not_asked", None),
        ("gamma", None, "error", "probe.incomplete"),
    ]
    assert result["endpoints"][2]["detail"] == "its accept queue is full"
    assert result["endpoints"][3]["detail"].startswith("inside gamma: ")
    assert "unix:///nonexistent.sock" in result["endpoints"][3]["detail"]
    assert len(well.links) == 1


def test_ports_are_asked_at_the_same_time_in_the_order_given() -> None:
    with Peer("healthy") as well, unaccepted_port() as mute:
        ports = [mute, well.port] * 6
        begun = time.monotonic()
        result = probe(port=ports, timeout=1.0)
    assert time.monotonic() - begun < 5, "one after the other takes six seconds"
    assert [each["port"] for each in result["endpoints"]] == ports
    assert {each["outcome"] for each in result["endpoints"][::2]} == {"silent_at_hello"}
    assert {each["outcome"] for each in result["endpoints"][1::2]} == {"ready"}
    assert len(well.links) == 6


def test_no_silence_is_heard_in_the_time_that_the_engine_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that is asked in the last instant seems to hang, and would be restarted for it."""
    clock = 0.0

    def slowly(names: Any, docker_host: Any, seconds: float) -> dict[str, Any]:
        nonlocal clock
        clock += seconds * 1.01
        return dict.fromkeys(names)

    monkeypatch.setattr(handshake.time, "monotonic", lambda: clock)
    monkeypatch.setattr(inside, "find", slowly)
    monkeypatch.setattr(inside, "sockets", lambda *_: [socket.socket()])
    with Peer("silent") as peer:
        (seen,) = probe(port=peer.port, inside="gateway", timeout=5.0)["endpoints"]
    assert (seen["outcome"], seen["problem"], seen["attempts"]) == ("error", "probe.incomplete", 0)
    assert "took 2.5 of 5 seconds" in seen["detail"]
    assert not peer.links


MISUSES: list[tuple[dict[str, Any], str]] = [
    ({"port": 0}, "port is 0; allowed is a whole number from 1 to 65535"),
    ({"port": [4001, 65536]}, "port is 65536"),
    ({"port": "4001"}, "port is '4001'"),
    ({"port": []}, "no endpoint is given"),
    ({}, "no endpoint is given"),
    ({"host": "alpha"}, "no endpoint is given"),
    ({"endpoints": [{"host": "alpha"}]}, "port is None"),
    ({"port": 4001, "endpoints": [{"port": 4002}]}, "together"),
    ({"host": "alpha", "endpoints": [{"port": 4002}]}, "together"),
    ({"port": 4001, "host": " "}, "host is ' '"),
    ({"port": 4001, "depth": "wire"}, "allowed are tcp, api, account"),
    ({"port": 4001, "client_id": 0}, "client_id is 0; allowed is a whole number from 1 to 2147483647"),
    ({"port": 4001, "client_id": -1}, "client_id is -1"),
    ({"endpoints": [{"port": 4001, "client_id": 0}]}, "client_id is 0"),
    ({"port": 4001, "timeout": 0}, "timeout is 0; allowed is a number above 0 up to 300"),
    ({"port": 4001, "timeout": float("nan")}, "timeout is nan"),
    ({"port": 4001, "attempts": 0}, "attempts is 0"),
    ({"port": 4001, "retry_delay": -1}, "retry_delay is -1"),
    ({"port": 4001, "mute_wait": -1}, "mute_wait is -1"),
    ({"port": 4001, "expect_mode": "both"}, "allowed are paper, live"),
    ({"port": 4001, "after_silence": -1}, "after_silence is -1"),
    ({"port": 4001, "inside": "../etc"}, "'../etc' is no container's name"),
    (
        {"port": 4001, "inside": "gateway", "host": "alpha"},
        "host is 'alpha' together with inside; allowed is an address",
    ),
    ({"port": 4001, "inside": "gateway", "docker_host": "nowhere"}, "docker_host 'nowhere'"),
]


def test_who_asks_from_outside_needs_no_engine() -> None:
    (seen,) = probe(endpoints=[{"host": "127.0.0.1", "port": 1}], docker_host="nowhere")["endpoints"]
    assert seen["outcome"] == "refused"


def test_no_endpoints_are_answered_with_none() -> None:
    seen = probe(endpoints=[])
    assert (seen["available"], seen["endpoints"]) == (True, [])


@pytest.mark.parametrize(("arguments", "sentence"), MISUSES, ids=lambda value: str(value)[:40])
def test_bad_input_is_one_sentence_before_any_connection(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Misuse) as misuse:
        probe(**arguments)
    assert sentence in str(misuse.value)
    assert "\n" not in str(misuse.value)


chunks = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=40).map(frame),
    st.sampled_from(
        [REPLY, frame(b"15\x001\x00DU1234567\0"), frame(b"9\x001\x001\0"), frame(b"4\x002\0"), b"\xff" * 9]
    ),
)


@settings(max_examples=20)
@given(before=st.lists(chunks, max_size=2), after=st.lists(chunks, max_size=5), close=st.booleans())
def test_any_bytes_at_any_time_end_in_an_outcome(before: list[bytes], after: list[bytes], close: bool) -> None:
    def mode(link: Link) -> None:
        for chunk in before:
            link.send(chunk)
        link.read_hello()
        for chunk in after:
            link.send(chunk)
        link.fin() if close else link.hold()

    with Peer(mode) as peer:
        seen = ask(peer.port, timeout=0.05, attempts=1, depth="api")
    assert seen["outcome"] != "error"
    assert seen["problem"] != "probe.incomplete"


def test_an_unmodified_client_finds_the_healthy_peer_healthy() -> None:
    ib_async = pytest.importorskip("ib_async")

    async def connect(port: int) -> tuple[list[str], int, bool]:
        client = ib_async.IB()
        await client.connectAsync("127.0.0.1", port, clientId=7, timeout=5, raiseSyncErrors=True)
        try:
            return client.managedAccounts(), len(client.positions()), client.isConnected()
        finally:
            client.disconnect()

    with Peer("healthy") as peer:
        assert asyncio.run(connect(peer.port)) == (["DU1234567"], 2, True)


def test_the_wire_phases_need_nothing_but_python(tmp_path: Path) -> None:
    namespace = tmp_path / "ansible_collections" / "ibgw"
    namespace.mkdir(parents=True)
    (namespace / "ops").symlink_to(Path(__file__).resolve().parents[3])
    with Peer("healthy") as peer:
        program = (
            f"import sys; sys.path.append({str(tmp_path)!r})\n"
            "from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe\n"
            f"print(probe(port={peer.port})['endpoints'][0]['outcome'], 'asyncio' in sys.modules)\n"
            f"print(probe(port={peer.port}, depth='account')['endpoints'][0])\n"
        )
        run = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    first, second = run.stdout.splitlines()
    assert first == "ready False"
    assert "'outcome': 'ready'" in second
    assert "'problem': 'probe.incomplete'" in second
    assert "ib_async" in second
    assert run.stderr == ""
