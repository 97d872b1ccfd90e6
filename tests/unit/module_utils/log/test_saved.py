# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that somebody gives as a saved log: packed ones are read, and what is no log is said to be what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.log.saved import SavedLog
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable

LOG = "".join(
    f"2026-03-04 12:00:{at % 60:02}:000 IBC: line {at * 7919 % 104729} of a log\n" for at in range(3000)
).encode()


def zipped(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("some.log", content)
    return held.getvalue()


def tarred(content: bytes, mode: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]  # typeshed wants literals
        entry = tarfile.TarInfo("some.log")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return held.getvalue()


@pytest.fixture
def saved(tmp_path: Path) -> Callable[..., SavedLog]:
    def save(content: bytes, max_bytes: int = 0) -> SavedLog:
        (tmp_path / "some.log").write_bytes(content)
        return SavedLog(str(tmp_path / "some.log"), max_bytes)

    return save


Saved = Callable[..., SavedLog]


@pytest.mark.parametrize(
    "content",
    [LOG, gzip.compress(LOG), gzip.compress(LOG[:5000]) + gzip.compress(LOG[5000:]), gzip.compress(LOG) + b"\0" * 512],
    ids=["plain", "gzip", "gzip of two members", "gzip with padding"],
)
def test_a_whole_log_is_read_whole(saved: Saved, content: bytes) -> None:
    log = saved(content)
    assert b"".join(log) == LOG
    assert not log.truncated
    assert not log.damaged


@pytest.mark.parametrize("max_bytes", [100, 5000])
def test_of_a_long_file_the_end_is_read_from_the_start_of_a_line(saved: Saved, max_bytes: int) -> None:
    log = saved(LOG, max_bytes)
    read = b"".join(log)
    assert log.truncated
    assert LOG.endswith(b"\n" + read)
    assert max_bytes - 100 < len(read) <= max_bytes


@pytest.mark.parametrize("kind", ["overwritten", "cut"])
def test_a_damaged_log_is_read_up_to_its_damage_and_said_to_be_damaged(saved: Saved, kind: str) -> None:
    packed = gzip.compress(LOG)
    half = len(packed) // 2
    log = saved(packed[:half] + (b"\xff" * 64 + packed[half + 64 :] if kind == "overwritten" else b""))
    read = b"".join(log)
    assert log.damaged
    assert LOG.startswith(read[: len(LOG) // 4])
    assert len(read) > len(LOG) // 4


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (zipped(LOG), "a zip archive"),
        (lzma.compress(LOG), "packed with xz"),
        (bz2.compress(LOG), "packed with bzip2"),
        (b"\x28\xb5\x2f\xfd" + LOG, "packed with zstd"),
        (tarred(LOG, "w"), "a tar archive"),
        (tarred(LOG, "w:gz"), "a tar archive"),
    ],
    ids=["zip", "xz", "bzip2", "zstd", "tar", "tar.gz"],
)
def test_an_archive_is_to_be_unpacked(saved: Saved, content: bytes, what: str) -> None:
    with pytest.raises(Unavailable, match=f"some.log could not be read: it is {what}") as refused:
        list(saved(content))
    assert refused.value.fix.startswith("unpack it, and give the log in it")


def test_what_could_keep_the_probe_waiting_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, what in ((tmp_path, "it is a directory"), (tmp_path / "fifo", "it is not a regular file")):
        with pytest.raises(Unavailable, match=what):
            list(SavedLog(str(path)))


@pytest.mark.parametrize(
    ("content", "what", "fix"),
    [
        (b"", "it is empty", "docker logs -t NAME"),
        (b"\n \n\r\n", "it has nothing but blank lines", "docker logs -t NAME"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20, "it is no text", "docker logs -t NAME"),
        (b"\x89PNG\r\n\x1a\n" + os.urandom(5000), "it is no text", "docker logs -t NAME"),
        (gzip.compress(LOG)[:12] + b"\xff" * 900, "it is damaged at its start", "gzip -t"),
        (b'10.0.0.1 - - "GET / HTTP/1.1" 200\n' * 7, "none of its 7 lines is of a controller", "docker logs -t NAME"),
        (b"DETAIL:  Login failed.\n", "its one line is not of a controller", "docker logs -t NAME"),
        (b"Error response from daemon: No such container: gw\n", "there is no such container", "docker ps -a"),
        (b"Error: No such container: gw\n", "there is no such container", "docker ps -a"),
        (b"no such service: gw\n", "there is no such container", "docker ps -a"),
        (b"no configuration file provided: not found\n", "no compose file was found", "docker ps -a"),
        (
            b"permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock\n",
            "the user may not use Docker",
            "sudo",
        ),
        (
            b"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n",
            "no Docker engine answered",
            "where the engine runs",
        ),
        (b"bash: docker: command not found\n", "no Docker engine answered", "where the engine runs"),
        (
            b"Error response from daemon: configured logging driver does not support reading\n",
            "its logging driver keeps nothing to read",
            "logging driver local or json-file",
        ),
        (b'"docker logs" requires exactly 1 argument.\n\nUsage:  docker logs [OPTIONS] CONTAINER\n', "Docker refused", "NAME"),
    ],
)  # fmt: skip
def test_what_is_no_log_of_a_gateway_is_said_to_be_what_it_is(
    saved: Saved, content: bytes, what: str, fix: str
) -> None:
    log = saved(content)
    written = sum(1 for line in b"".join(log).splitlines() if line.strip())
    told = log.nothing_of_a_gateway(written)
    assert what in told.reason
    assert fix in told.fix


def test_what_is_no_log_is_not_quoted(saved: Saved) -> None:
    """It may be anything: the file of a password, too."""
    log = saved(b"hunter2Geheim\n")
    list(log)
    assert "hunter2" not in log.nothing_of_a_gateway(1).reason
