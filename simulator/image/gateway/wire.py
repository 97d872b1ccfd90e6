"""The TWS API on the wire, text dialect: frames of NUL-terminated fields behind a length in four bytes."""

from __future__ import annotations

import asyncio
import re
import struct

#: The highest server version that is spoken here; the one agreed is the lower of both sides' highest.
SERVER_VERSION = 178
_LONGEST = 0xFFFFFF
_VERSIONS = re.compile(r"v(\d+)(?:\.\.(\d+))?(?: .*)?")


class NotSpoken(ValueError):
    """The peer does not speak this protocol."""


def frame(*fields: object) -> bytes:
    payload = "".join(f"{_text(field)}\0" for field in fields).encode("utf-8")
    return struct.pack(">I", len(payload)) + payload


def _text(field: object) -> str:
    return str(int(field)) if isinstance(field, bool) else str(field)


def agreed_version(offer: str) -> int:
    """What a hello like `v157..178` leads to."""
    found = _VERSIONS.fullmatch(offer)
    if not found:
        raise NotSpoken(f"not a range of versions: {offer!r}")
    return min(SERVER_VERSION, int(found[2] or found[1]))


async def read_hello(reader: asyncio.StreamReader) -> str:
    if await reader.readexactly(4) != b"API\0":
        raise NotSpoken("the hello does not begin with API")
    return (await _read_payload(reader)).decode("ascii", errors="replace")


async def read_fields(reader: asyncio.StreamReader) -> list[str]:
    return (await _read_payload(reader)).decode("utf-8", errors="replace").split("\0")[:-1]


async def _read_payload(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack(">I", await reader.readexactly(4))
    if length > _LONGEST:
        raise NotSpoken(f"a frame of {length} bytes")
    return await reader.readexactly(length)
