# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Byte layout of the TWS API from hello to readiness: what a client sends, and how to read what comes back.

Pure: no socket, no clock. The server decides which of three dialects is spoken (text, text after a raw id, protobuf);
each can be told from the bytes alone, so a message is read the same way whatever version was agreed.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Union

#: How far a connection is taken: to an open port, to readiness, to the figures of an account.
DEPTHS = ("tcp", "api", "account")

#: Versions that the hello offers: from the oldest that frames its messages, to the newest that `ib_async` speaks, which
#: still answers in plain text (ib_async client.py:88-89; the server takes min(its own newest, ours)).
OFFERED = (100, 178)

#: Newest version whose start-up messages are known (nautilus-ibapi 10.46.1 server_versions.py).
NEWEST = 225

#: Longest frame that is read. The official client allows 0xFFFFFF (ibapi const.py:6); no start-up message comes near.
MAX_FRAME = 0xFFFFF

#: Notices that tell of the links to IBKR: lost, back, and for each kind of data farm broken and well again (IBKR message codes).
IBKR_LOST, IBKR_BACK = (1100, 2110), (1101, 1102)
FARM_DOWN = {2103: 2104, 2105: 2106, 2157: 2158}

_RAW_ID_FROM = 201
_PROTOBUF_FROM = 213
_PROTOBUF_OFFSET = 200  # on the wire a protobuf message has its id plus this; ids up to it are followed by text

_START_API = 71
_ERROR = 4
_NEXT_VALID_ID = 9
_MANAGED_ACCOUNTS = 15

_INTEGER = re.compile(rb"-?[0-9]{1,18}")

# How other services that are found on such a port begin to speak.
_SERVICES = (
    (b"SSH-", "SSH"),
    (b"HTTP/", "HTTP"),
    (b"<!DOCTYPE", "HTTP"),
    (b"<html", "HTTP"),
    (b"\x15\x03", "TLS"),
    (b"\x16\x03", "TLS"),
    (b"RFB ", "VNC"),
    (b"8=FIX", "FIX"),
    (b"220 ", "SMTP or FTP"),
    (b"220-", "SMTP or FTP"),
    (b"* OK", "IMAP"),
    (b"+OK", "POP3"),
    (b"-ERR", "Redis"),
)


class Malformed(ValueError):
    """Bytes that are not the TWS API; the message says why."""


class VersionReply(NamedTuple):
    """The server's answer to the hello: the version agreed and its clock, as it wrote it."""

    version: int
    time: str


class NextValidId(NamedTuple):
    """Message 9."""

    order_id: int


class ManagedAccounts(NamedTuple):
    """Message 15; the list can be empty."""

    accounts: list[str]


class Notice(NamedTuple):
    """Message 4, which carries errors and mere notes alike; `at_ms` is the server's stamp (version 194 and later)."""

    code: int
    text: str
    at_ms: int | None


Message = Union[NextValidId, ManagedAccounts, Notice, None]


def hello() -> bytes:
    """The first bytes of a client. The version range has no trailing NUL, and ``API\\0`` stands outside the frame."""
    return b"API\0" + _frame(b"v%d..%d" % OFFERED)


def start_api(version: int, client_id: int) -> bytes:
    """The request that opens the session, in the dialect of the server's version."""
    if version >= _PROTOBUF_FROM:
        return _frame((_START_API + _PROTOBUF_OFFSET).to_bytes(4, "big") + b"\x08" + _varint(client_id))
    body = b"2\0%d\0\0" % client_id
    if version >= _RAW_ID_FROM:
        return _frame(_START_API.to_bytes(4, "big") + body)
    return _frame(b"%d\0" % _START_API + body)


class Frames:
    """Cuts a stream into frames, however its bytes arrive."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def pop(self) -> bytes | None:
        """The next complete frame, or None; raises `Malformed` as soon as a length makes no sense."""
        if len(self._buffer) < 4:
            return None
        length = int.from_bytes(self._buffer[:4], "big")
        if length > MAX_FRAME:
            raise Malformed(f"a frame of {length} bytes is announced")
        if len(self._buffer) < 4 + length:
            return None
        payload = bytes(self._buffer[4 : 4 + length])
        del self._buffer[: 4 + length]
        return payload


def version_reply(payload: bytes) -> VersionReply | None:
    """The reply to the hello if this frame is it: the first with exactly two fields (as every client tells it)."""
    fields = _fields(payload)
    if len(fields) != 2 or payload.startswith(b"\0"):
        return None
    # The zone name behind the time may hold blanks and bytes of any encoding.
    return VersionReply(_integer(fields[0]), fields[1].decode("utf-8", "replace"))


def decode(payload: bytes) -> Message:
    """The message in a frame; None for one that says nothing about the start. Raises `Malformed`."""
    if not payload:
        return None
    if not payload.startswith(b"\0"):
        return _decode_text(_fields(payload))
    if len(payload) < 4:
        raise Malformed("a frame is too short for a message id")
    message_id = int.from_bytes(payload[:4], "big")
    if message_id > _PROTOBUF_OFFSET:
        return _decode_protobuf(message_id - _PROTOBUF_OFFSET, payload[4:])
    return _decode_text([b"%d" % message_id, *_fields(payload[4:])])


def service(first_bytes: bytes) -> str | None:
    """The name of another service that speaks like this."""
    return next((name for start, name in _SERVICES if first_bytes.startswith(start)), None)


def _frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


def _fields(payload: bytes) -> list[bytes]:
    """NUL-terminated fields; a missing last NUL is forgiven."""
    fields = payload.split(b"\0")
    return fields[:-1] if not fields[-1] else fields


def _integer(field: bytes) -> int:
    if not _INTEGER.fullmatch(field):
        raise Malformed("a number is expected where there is none")
    return int(field)


def _decode_text(fields: list[bytes]) -> Message:
    message_id = _integer(fields[0])
    try:
        if message_id == _NEXT_VALID_ID:
            return NextValidId(_integer(fields[2]))
        if message_id == _MANAGED_ACCOUNTS:
            return ManagedAccounts(_accounts(fields[2]))
        if message_id == _ERROR:
            return _text_notice(fields)
    except IndexError:
        raise Malformed(f"message {message_id} is too short") from None
    return None


def _text_notice(fields: list[bytes]) -> Notice:
    """Up to version 193 a version field follows the id; later ones have none, and a time stamp at the end."""
    if len(fields) > 4 and _INTEGER.fullmatch(fields[3]):
        return Notice(_integer(fields[3]), fields[4].decode("utf-8", "replace"), None)
    stamp = fields[5] if len(fields) > 5 else b""
    at_ms = int(stamp) if _INTEGER.fullmatch(stamp) else None
    return Notice(_integer(fields[2]), fields[3].decode("utf-8", "replace"), at_ms)


def _accounts(field: bytes) -> list[str]:
    return [account.strip() for account in field.decode("utf-8", "replace").split(",") if account.strip()]


def _decode_protobuf(message_id: int, body: bytes) -> Message:
    if message_id not in (_NEXT_VALID_ID, _MANAGED_ACCOUNTS, _ERROR):
        return None
    numbers, texts = _read_protobuf(body)
    if message_id == _NEXT_VALID_ID:
        return NextValidId(numbers.get(1, 0))
    if message_id == _MANAGED_ACCOUNTS:
        return ManagedAccounts(_accounts(texts.get(1, b"")))
    return Notice(numbers.get(3, 0), texts.get(4, b"").decode("utf-8", "replace"), numbers.get(2))


def _read_protobuf(body: bytes) -> tuple[dict[int, int], dict[int, bytes]]:
    """The top-level fields of a protobuf message by number: integers, and byte strings."""
    numbers: dict[int, int] = {}
    texts: dict[int, bytes] = {}
    position = 0
    while position < len(body):
        tag, position = _read_varint(body, position)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = _read_varint(body, position)
            numbers[field] = value - (1 << 64) if value >= 1 << 63 else value
            continue
        if kind == 2:
            length, position = _read_varint(body, position)
            texts[field] = body[position : position + length]
        elif kind == 1:
            length = 8
        elif kind == 5:
            length = 4
        else:
            raise Malformed("a protobuf field has no known type")
        position += length
        if position > len(body):
            raise Malformed("a protobuf field ends behind its message")
    return numbers, texts


def _read_varint(body: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(body):
            break
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise Malformed("a protobuf number does not end")


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
