# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The account phase of the handshake probe, with the real `ib_async` client."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.api import account
from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe
from ansible_collections.ibgw.ops.tests.unit.module_utils.peer import LATE, LINK_LOST, Link, Peer, message
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ib_async")

fields = st.lists(st.sampled_from(["1", "3", "-1", "", "DU1234567", "NetLiquidation", "x", "1e999"]), max_size=18)
messages = st.builds(
    lambda kind, rest: message(kind, *rest),
    st.sampled_from([3, 4, 5, 6, 9, 15, 53, 54, 61, 62, 63, 64, 71, 999]),
    fields,
)
answers = st.lists(st.one_of(messages, st.binary(min_size=1, max_size=40), st.just(LINK_LOST)), max_size=6)


def ask(port: int, **arguments: Any) -> dict[str, Any]:
    result = probe(port=port, **{"depth": "account", "timeout": 20.0, "retry_delay": 0.01, **arguments})
    endpoint: dict[str, Any] = result["endpoints"][0]
    return endpoint


@pytest.mark.parametrize("mode", ["healthy", "drip", "strange_zone", "notice_before_version"])
def test_account_values_came(mode: str) -> None:
    with Peer(mode) as peer:
        seen = ask(peer.port)
    assert (seen["outcome"], seen["problem"], seen["reached"]) == ("account_ok", None, "account")
    assert seen["account"] == {"net_liquidation_seen": True, "positions": 2, "open_orders": None}
    assert len({notice["text"] for notice in seen["notices"]}) == seen["notice_count"]


def test_nothing_is_left_behind_and_one_connection_is_enough() -> None:
    with Peer("healthy") as peer:
        ask(peer.port)
        link = peer.ended()
    start, summary, positions, cancel_summary, cancel_positions = (request[0] for request in link.requests)
    assert (start, summary, positions) == ("71", "62", "61")
    assert (cancel_summary, cancel_positions) == ("63", "64")
    assert (len(peer.links), link.ended) == (1, "eof")


def test_open_orders_are_counted_only_when_told() -> None:
    with Peer("healthy") as peer:
        assert ask(peer.port, count_orders=True)["account"]["open_orders"] == 1
        assert ask(peer.port)["account"]["open_orders"] is None
    assert ["16", "1"] in peer.links[0].requests
    assert ["16", "1"] not in peer.links[1].requests


def test_a_read_only_api_does_not_count_orders() -> None:
    with Peer("read_only") as peer:
        seen = ask(peer.port, count_orders=True)
    assert seen["outcome"] == "account_ok"
    assert seen["account"]["open_orders"] is None


def test_a_gateway_that_is_logged_out_is_silent_about_the_account() -> None:
    with Peer("account_silent") as peer:
        seen = ask(peer.port, timeout=0.6)
    assert (seen["outcome"], seen["problem"], seen["reached"]) == ("account_silent", "ibkr.account_silent", "ready")
    assert seen["account"] == {"net_liquidation_seen": False, "positions": None, "open_orders": None}
    assert seen["detail"]


def test_a_refusal_to_tell_is_not_silence() -> None:
    with Peer("account_refused") as peer:
        seen = ask(peer.port)
    assert (seen["outcome"], seen["problem"]) == ("ready", "probe.incomplete")
    assert seen["account"]["net_liquidation_seen"] is None
    assert "322" in seen["detail"]


def test_silence_about_the_account_is_the_links_fault_when_that_is_down() -> None:
    def gateway(link: Link) -> None:
        link.ready()
        link.read_request()
        link.send(LINK_LOST)
        link.hold()

    with Peer(gateway) as peer:
        seen = ask(peer.port, timeout=0.6)
    assert (seen["outcome"], seen["problem"]) == ("account_silent", "ibkr.disconnected")


@pytest.mark.parametrize(
    ("version", "says"),
    [((3, 9), f"needs Python 3.10 or newer, and {sys.executable} is Python 3.9"), ((3, 12), "'ib_async' is missing")],
)
def test_without_ib_async_the_session_is_ready_and_the_account_phase_says_why(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], says: str
) -> None:
    monkeypatch.setitem(sys.modules, "ib_async.client", None)
    monkeypatch.setattr(sys, "version_info", version)
    with Peer("healthy") as peer:
        seen = ask(peer.port)
    assert (seen["outcome"], seen["problem"], seen["reached"]) == ("ready", "probe.incomplete", "ready")
    assert (seen["next_valid_id"], seen["phases"][-1]["phase"]) == (1, "account")
    assert says in seen["detail"]


def test_no_silence_is_heard_in_the_time_that_the_import_took(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = itertools.chain([time.monotonic()], itertools.repeat(time.monotonic() + 11))
    monkeypatch.setattr(account, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    with Peer("account_silent") as peer:
        seen = ask(peer.port)
    assert (seen["outcome"], seen["problem"], seen["reached"]) == ("ready", "probe.incomplete", "ready")
    assert "loading ib_async took 11.0 seconds" in seen["detail"]


def test_a_time_too_short_to_leave_is_still_used_to_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    def gateway(link: Link) -> None:
        link.ready()
        threading.Event().wait(LATE)
        link.serve()

    monkeypatch.setattr(account, "_LEAVE_SECONDS", 60)
    with Peer(gateway) as peer:
        assert ask(peer.port)["outcome"] == "account_ok"


@pytest.mark.parametrize("mode", ["raw_id", "old_server"])
def test_a_version_that_ib_async_does_not_speak_leaves_the_session_ready(mode: str) -> None:
    with Peer(mode) as peer:
        seen = ask(peer.port)
    assert (seen["outcome"], seen["reached"]) == ("ready", "ready")
    assert seen["phases"][-1]["phase"] == "account"
    assert not seen["phases"][-1]["ok"]
    assert "ib_async" in seen["detail"]


@pytest.mark.parametrize(
    "rubbish",
    [b"\x7f\xff\xff\xff", b"\0\0\0\x03\xfe\xfd\0", b"\0\0\0\x05" + b"63\0a\0", b"\0\0\0\0", b"\0\0\0\x04" + b"61\0\0"],
)
def test_rubbish_about_the_account_ends_in_an_outcome(rubbish: bytes) -> None:
    def gateway(link: Link) -> None:
        link.ready()
        link.read_request()
        link.send(rubbish)
        link.fin()

    with Peer(gateway) as peer:
        seen = ask(peer.port)
    assert (seen["outcome"], seen["reached"]) == ("account_silent", "ready")


def test_a_flood_about_the_account_ends() -> None:
    def gateway(link: Link) -> None:
        link.ready()
        link.read_request()
        link.send((1 << 30).to_bytes(4, "big"))
        while True:
            link.send(b"x" * 65536)

    with Peer(gateway) as peer:
        assert ask(peer.port)["outcome"] == "account_silent"


@settings(max_examples=25)
@given(answer=answers, close=st.booleans())
def test_any_answer_about_the_account_ends_in_an_outcome_in_time(answer: list[bytes], close: bool) -> None:
    def gateway(link: Link) -> None:
        link.ready()
        link.read_request()
        link.send(*answer)
        link.fin() if close else link.hold()

    with Peer(gateway) as peer:
        seen = ask(peer.port, timeout=0.5, attempts=1, count_orders=True)
    assert seen["outcome"] in ("account_ok", "account_silent", "ready"), seen["detail"]
    assert seen["reached"] in ("ready", "account")
    assert seen["total_ms"] < 5000
