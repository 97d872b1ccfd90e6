# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packed archives of plain files: written whole or not at all, and read as what a stranger made.

What is read is never unpacked to a disk: there is no path to escape from, and a link leads nowhere. Every header is looked at
before anything is read by it, so that no size that it claims takes memory or time without end.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

#: Limits of an archive: bytes of a file, bytes of all files, number of files.
FILE_BYTES = 80 << 20
TOTAL_BYTES = 1 << 30
FILES = 20_000

_NAME = re.compile(r"\w[\w.@:*+=,%-]*(?:/\w[\w.@:*+=,%-]*){0,4}")

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20

_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a directory",
}


class Refused(Misuse):
    """The archive is not what it should be; the message is the end of a sentence about it."""


@dataclass(frozen=True)
class File:
    """One file of an archive."""

    path: str
    content: bytes


def write(path: Path, files: Iterable[File], at: datetime) -> None:
    """Write an archive that only its owner may read; `files` are asked for one after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    seconds = int(at.timestamp())
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as raw:
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=seconds)
            with packed, tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
                for file in files:
                    entry = tarfile.TarInfo(file.path)
                    entry.size, entry.mode, entry.mtime = len(file.content), 0o600, seconds
                    archive.addfile(entry, io.BytesIO(file.content))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read(path: Path) -> Iterator[File]:
    """The files of an archive, one after the other; raises `Refused`."""
    try:
        with gzip.open(path, "rb") as unpacked:
            yield from _files(unpacked)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise Refused(f"is not a whole tar.gz ({quote(str(error))})") from None


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def _files(stream: _Stream) -> Iterator[File]:
    seen: set[str] = set()
    total = 0
    while any(header := _exactly(stream, _BLOCK)):
        entry = tarfile.TarInfo.frombuf(header, "utf-8", "replace")
        _check(entry)
        total += entry.size
        if total > TOTAL_BYTES:
            raise Refused(f"holds more than {TOTAL_BYTES >> 20} MiB, the most that is read of an archive")
        if entry.name in seen or len(seen) >= FILES:
            raise Refused(f"holds {quote(entry.name)} twice" if entry.name in seen else f"holds over {FILES} files")
        seen.add(entry.name)
        content = _exactly(stream, entry.size)
        _exactly(stream, -entry.size % _BLOCK)
        yield File(entry.name, content)


def _check(entry: tarfile.TarInfo) -> None:
    name = quote(entry.name, limit=80)
    if entry.type not in _PLAIN:
        kind = _KINDS.get(entry.type, "of a kind that is not known here")
        raise Refused(f"holds {name}, which is {kind}; there must be nothing but plain files")
    if not _NAME.fullmatch(entry.name):
        raise Refused(f"holds a file named {name!r}, which is no path of a bundle")
    if not 0 <= entry.size <= FILE_BYTES:
        raise Refused(f"holds {name}, which claims {entry.size} bytes; a file has {FILE_BYTES >> 20} MiB at most")


def _exactly(stream: _Stream, size: int) -> bytes:
    taken = bytearray()
    while len(taken) < size:
        chunk = stream.read(min(size - len(taken), _CHUNK))
        if not chunk:
            raise EOFError("it ends in the middle")
        taken += chunk
    return bytes(taken)
