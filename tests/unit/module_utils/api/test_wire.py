# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The byte layout of the TWS API against captured bytes, however they are cut."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.api import wire
from hypothesis import given
from hypothesis import strategies as st

VERSION = bytes.fromhex("0000001a 31373800") + b"20261122 06:41:12 EST\0"
NEXT_ID = bytes.fromhex("00000006 3900 3100 3100")
ACCOUNTS = bytes.fromhex("0000000f 313500 3100") + b"DU1234567\0"


def test_the_hello_has_no_nul_at_its_end() -> None:
    assert wire.hello() == b"API\0\0\0\0\x09v100..178"


@pytest.mark.parametrize(
    ("version", "sent"),
    [
        (178, "00000008 373100 3200 3700 00"),
        (200, "00000008 373100 3200 3700 00"),
        (201, "00000009 00000047 3200 3700 00"),
        (212, "00000009 00000047 3200 3700 00"),
        (213, "00000006 0000010f 0807"),
    ],
)
def test_start_api_in_the_dialect_of_the_server(version: int, sent: str) -> None:
    assert wire.start_api(version, 7) == bytes.fromhex(sent)


def test_a_large_client_id_as_protobuf() -> None:
    assert wire.start_api(213, 0x7FFFFFFF)[8:] == b"\x08\xff\xff\xff\xff\x07"


@given(st.lists(st.integers(0, len(VERSION + NEXT_ID + ACCOUNTS)), max_size=6))
def test_frames_come_out_whole_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    stream = VERSION + NEXT_ID + ACCOUNTS
    edges = [0, *sorted(cuts), len(stream)]
    frames, popped = wire.Frames(), []
    for start, end in zip(edges, edges[1:], strict=False):
        frames.feed(stream[start:end])
        while (frame := frames.pop()) is not None:
            popped.append(frame)
    assert popped == [VERSION[4:], NEXT_ID[4:], ACCOUNTS[4:]]


@pytest.mark.parametrize("start", [b"SSH-", b"HTTP", b"\x15\x03\x01\x00", b"\x7f\xff\xff\xff", b"\x00\x10\x00\x00"])
def test_a_length_that_makes_no_sense_is_refused_at_once(start: bytes) -> None:
    frames = wire.Frames()
    frames.feed(start)
    with pytest.raises(wire.Malformed):
        frames.pop()


@pytest.mark.parametrize(
    ("payload", "reply"),
    [
        (VERSION[4:], (178, "20261122 06:41:12 EST")),
        (b"178\x0020261122 06:41:12 Central European Standard Time\0", (178, "20261122 06:41:12 Central European Standard Time")),
        (b"178\x0020261122 06:41:12 \xd6\xd0\0", (178, "20261122 06:41:12 \ufffd\ufffd")),
        (b"-1\x00gw.example.com\0", (-1, "gw.example.com")),
        (b"178\0", None),
        (NEXT_ID[4:], None),
        (b"", None),
    ],
)  # fmt: skip
def test_the_version_reply_is_the_frame_with_two_fields(payload: bytes, reply: tuple[int, str] | None) -> None:
    assert wire.version_reply(payload) == reply


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (NEXT_ID[4:], wire.NextValidId(1)),
        (bytes.fromhex("00000009") + b"1\x001\0", wire.NextValidId(1)),
        (bytes.fromhex("000000d1 0801"), wire.NextValidId(1)),
        (ACCOUNTS[4:], wire.ManagedAccounts(["DU1234567"])),
        (b"15\x001\x00U1111111,U2222222,\0", wire.ManagedAccounts(["U1111111", "U2222222"])),
        (b"15\x001\0\0", wire.ManagedAccounts([])),
        (bytes.fromhex("000000d7 0a09") + b"DU1234567", wire.ManagedAccounts(["DU1234567"])),
        (b"4\x002\x00-1\x00326\x00taken\0", wire.Notice(326, "taken", None)),
        (b"4\x002\x00-1\x00326\x00taken\0\0", wire.Notice(326, "taken", None)),
        (b"4\x00-1\x002104\x00OK:usfarm\0\x001775425766350\0", wire.Notice(2104, "OK:usfarm", 1775425766350)),
        (
            bytes.fromhex("00000004") + b"-1\x002104\x00OK:usfarm\0\x001775425766350\0",
            wire.Notice(2104, "OK:usfarm", 1775425766350),
        ),
        (
            bytes.fromhex("000000cc 08ffffffffffffffffff01 18c602 220574616b656e"),
            wire.Notice(326, "taken", None),
        ),
        (b"49\x001\x001790000000\0", None),
        (bytes.fromhex("000000f9 0801"), None),
        (b"", None),
    ],
)
def test_messages_of_every_dialect(payload: bytes, message: Any) -> None:
    assert wire.decode(payload) == message


@pytest.mark.parametrize(
    "payload",
    [
        b"hello\0",
        b"\xfe\xfd",
        b"\0\0",
        b"9\x001\0",
        b"9\x001\x00soon\0",
        b"15\0",
        b"4\x002\0",
        bytes.fromhex("000000d1 08ff"),
        bytes.fromhex("000000d7 0a7f41"),
        bytes.fromhex("000000d1 0f"),
    ],
)
def test_what_is_no_message_is_refused(payload: bytes) -> None:
    with pytest.raises(wire.Malformed):
        wire.decode(payload)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_refused(payload: bytes) -> None:
    for read in (wire.version_reply, wire.decode):
        with suppress(wire.Malformed):
            read(payload)
