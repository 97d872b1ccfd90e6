# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A saved log: opened and unpacked, and where it holds no log of a gateway, what it holds instead.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

#: Bytes that are read at once; of a packed file few, for what came out of the same ones is lost with a damage.
_CHUNK, _PACKED_CHUNK = 1 << 18, 1 << 10

#: What is looked at to tell what a file is.
_HEAD = 4096

_GZIP = b"\x1f\x8b"

#: What is not unpacked here, by its first bytes.
_PACKED = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\xfd7zXZ\x00", "packed with xz"),
    (b"BZh", "packed with bzip2"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
)

_MAKE_ONE = (
    "give the log of the gateway's container, from its start if that is possible: docker logs -t NAME > some.log 2>&1"
)

#: What Docker's own programs write where a log was to be, and what to do about it.
_NOT_DOCKER_LOGS = tuple(
    (re.compile(pattern, re.IGNORECASE | re.MULTILINE), what, fix)
    for pattern, what, fix in (
        (
            r"^Error(?: response from daemon)?: No such (?:container|object)\b|^no such service\b|^service \"[^\"]*\" is not running",
            "there is no such container",
            "find its name (docker ps -a), then save its log: docker logs -t NAME > some.log 2>&1",
        ),
        (
            r"^no configuration file provided|^stat .*compose.*no such file",
            "no compose file was found",
            "save the log by the container's name (docker ps -a): docker logs -t NAME > some.log 2>&1",
        ),
        (
            r"^permission denied while trying to connect to the Docker|^.*docker\.sock.*permission denied",
            "the user may not use Docker",
            "save the log as a user who may (sudo): docker logs -t NAME > some.log 2>&1",
        ),
        (
            r"^Cannot connect to the Docker daemon|^error during connect:|^.*docker: (?:command )?not found",
            "no Docker engine answered",
            "save the log where the engine runs: docker logs -t NAME > some.log 2>&1",
        ),
        (
            r"does not support reading",
            "its logging driver keeps nothing to read",
            "recreate the container with the logging driver local or json-file, or take the log from where the driver sends it",
        ),
        (r"^Error response from daemon:|^Usage:\s+docker ", "Docker refused the command", _MAKE_ONE),
    )
)  # docker/cli and docker/compose: their messages on stderr, which `2>&1` puts in the file


class SavedLog:
    """The bytes of the log at `path`, unpacked: all of them, or the last `max_bytes` of a file that is not packed.

    Iterating raises `Unavailable` for what can be no log, and `OSError` for what can not be read.
    """

    def __init__(self, path: str, max_bytes: int = 0) -> None:
        #: Whether the log goes further back than what is read, and whether a packed one ends in a damage; known when it was read.
        self.truncated = self.damaged = False
        self.name = os.path.basename(path.rstrip("/")) or path
        self._path = path
        self._max_bytes = max_bytes
        self._head = b""

    def __iter__(self) -> Iterator[bytes]:
        with self._open() as log:
            self._head = log.read(_HEAD)
            self._refuse_archive()
            log.seek(0)
            if not self._head.startswith(_GZIP):
                yield from self._plain(log)
                return
            self._head = b""
            for chunk in self._inflated(log):
                if len(self._head) < _HEAD:
                    self._head += chunk[:_HEAD]
                    self._refuse_archive()
                yield chunk

    def _open(self) -> BinaryIO:
        kind = os.stat(self._path).st_mode
        if stat.S_ISDIR(kind):
            raise self._unreadable("it is a directory", "give the path of a saved log in it")
        if not stat.S_ISREG(kind):  # a pipe or a device could keep the probe waiting for ever
            raise self._unreadable("it is not a regular file", "give the path of a saved log")
        return open(self._path, "rb")

    def _refuse_archive(self) -> None:
        what = next((what for start, what in _PACKED if self._head.startswith(start)), None)
        if what:
            raise self._unreadable(f"it is {what}", "unpack it, and give the log in it")
        if self._head[257:262] == b"ustar":  # tar.h, TMAGIC
            fix = "unpack it, and give the log in it; where it is an evidence bundle, give it as diagnose_bundle"
            raise self._unreadable("it is a tar archive", fix)

    def _unreadable(self, what: str, fix: str) -> Unavailable:
        return Unavailable("probe.incomplete", f"the log {self._path} could not be read: {what}", fix)

    def _plain(self, log: BinaryIO) -> Iterator[bytes]:
        size = os.fstat(log.fileno()).st_size
        self.truncated = 0 < self._max_bytes < size
        if self.truncated:
            log.seek(size - self._max_bytes)
            log.readline(_CHUNK)  # the rest of a line, which could be the rest of a secret
        while chunk := log.read(_CHUNK):
            yield chunk

    def _inflated(self, log: BinaryIO) -> Iterator[bytes]:
        """The members of a gzip file; logrotate and cat leave several. A damaged one ends where the damage is."""
        unpack, begun = zlib.decompressobj(wbits=31), True
        while chunk := log.read(_PACKED_CHUNK):
            while chunk:
                try:
                    yield unpack.decompress(chunk, 1 << 20)
                except zlib.error:
                    self.damaged = begun  # what is no member any more is padding
                    return
                chunk, begun = unpack.unconsumed_tail or unpack.unused_data, True
                if unpack.eof:
                    unpack, begun = zlib.decompressobj(wbits=31), False
        self.damaged = begun

    def nothing_of_a_gateway(self, written: int) -> Unavailable:
        """Why it tells nothing, when all was read and none of the `written` lines is known. No word of it is quoted: it may be anything."""
        text = self._head.decode("utf-8", errors="replace")
        docker = next(
            ((what, fix) for known, what, fix in _NOT_DOCKER_LOGS if written < 25 and known.search(text)), None
        )
        if self.damaged and not written:
            what, fix = "it is damaged at its start", "give one that gzip -t does not complain of"
        elif not self._head:
            what, fix = "it is empty", _MAKE_ONE
        elif not written:
            what, fix = "it has nothing but blank lines", _MAKE_ONE
        elif docker:
            what, fix = f"it is no log, but an error of Docker ({docker[0]})", docker[1]
        elif _is_binary(self._head):
            what, fix = "it is no text", _MAKE_ONE
        else:
            lines = "its one line is not" if written == 1 else f"none of its {written} lines is"
            what, fix = f"{lines} of a controller that this probe knows", _MAKE_ONE
        return Unavailable("probe.incomplete", f"the log {quote(self.name)} tells nothing: {what}", fix)


def _is_binary(head: bytes) -> bool:
    """Whether it is no text in any encoding that logs are in: more of it than a few bytes are control characters."""
    text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", errors="replace")
    odd = sum(1 for letter in text if letter == "\ufffd" or letter < " " and letter not in "\t\n\r\f\x1b")
    return odd * 10 > len(text)
