# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An archive is written whole or not at all, and one that a stranger made can do no harm."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.plugin_utils import archive
from ansible_collections.ibgw.ops.plugins.plugin_utils.archive import File, Refused

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
FILES = [File("top/one.json", b"{}\n"), File("top/logs/alpha/gw.log", b"x" * 5000), File("top/empty", b"")]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "some.tar.gz"
    archive.write(path, FILES, NOW)
    assert list(archive.read(path)) == FILES
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["some.tar.gz"]
    with tarfile.open(path) as unpacked:
        assert {entry.mtime for entry in unpacked} == {NOW.timestamp()}


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> list[File]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        archive.write(tmp_path / "some.tar.gz", (file for file in broken()), NOW)
    assert os.listdir(tmp_path) == []


def entry(name: str = "top/file", kind: bytes = tarfile.REGTYPE, **more: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in more.items():
        setattr(made, key, value)
    return made


def packed(*entries: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT) -> bytes:
    return gzip.compress(b"".join(each.tobuf(form) for each in entries) + bytes(1024))


LONG = "top/" + "n" * 300


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed(entry("../../etc/passwd")), "is no path of a bundle"),
        (packed(entry("top/../../x")), "is no path of a bundle"),
        (packed(entry("/etc/passwd")), "is no path of a bundle"),
        (packed(entry("top\\..\\x")), "is no path of a bundle"),
        (packed(entry("top/\x1b[2Jx")), "is no path of a bundle"),
        (packed(entry("top/.ssh")), "is no path of a bundle"),
        (packed(entry("top/-rf")), "is no path of a bundle"),
        (packed(entry(kind=tarfile.SYMTYPE, linkname="/etc/passwd")), "which is a symbolic link"),
        (packed(entry(kind=tarfile.LNKTYPE, linkname="/etc/passwd")), "which is a hard link"),
        (packed(entry(kind=tarfile.CHRTYPE)), "which is a device"),
        (packed(entry(kind=tarfile.BLKTYPE)), "which is a device"),
        (packed(entry(kind=tarfile.FIFOTYPE)), "which is a pipe"),
        (packed(entry(kind=tarfile.DIRTYPE)), "which is a directory"),
        (packed(entry(LONG), form=tarfile.GNU_FORMAT), "of a kind that is not known here"),
        (packed(entry(LONG), form=tarfile.PAX_FORMAT), "of a kind that is not known here"),
        (packed(entry(kind=tarfile.XHDTYPE, size=1 << 40), form=tarfile.GNU_FORMAT), "of a kind that is not known"),
        (packed(entry(size=1 << 40), form=tarfile.GNU_FORMAT), "claims 1099511627776 bytes"),
        (packed(entry(), entry()), "holds top/file twice"),
        (packed(entry(size=100))[:-20], "is not a whole tar.gz"),
        (gzip.compress(entry(size=10**6).tobuf() + b"half"), "is not a whole tar.gz (it ends in the middle)"),
        (gzip.compress(b"no header" * 100), "is not a whole tar.gz"),
        (gzip.compress(b""), "is not a whole tar.gz (it ends in the middle)"),
        (b"nothing of the kind", "is not a whole tar.gz"),
        (b"", "is not a whole tar.gz"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # gzip's bytes have a time in them
)
def test_what_is_no_archive_of_plain_files_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "some.tar.gz"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r".") as refused:
        list(archive.read(path))
    assert said in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert os.listdir(tmp_path) == ["some.tar.gz"]


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [
        ("FILE_BYTES", 4000, "claims 5000 bytes"),
        ("TOTAL_BYTES", 5002, "the most that is read of an archive"),
        ("FILES", 2, "holds over 2 files"),
    ],
)
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, said: str) -> None:
    path = tmp_path / "some.tar.gz"
    archive.write(path, FILES, NOW)
    monkeypatch.setattr(archive, limit, value)
    with pytest.raises(Refused, match=said):
        list(archive.read(path))


class Counting(io.BytesIO):
    """A stream that remembers the most that was asked of it at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        self.most = max(self.most, size)
        return super().read(size)


def test_no_more_is_taken_at_once_than_a_little(tmp_path: Path) -> None:
    stream = Counting(entry(size=archive.FILE_BYTES).tobuf() + b"short")
    with pytest.raises(EOFError):
        list(archive._files(stream))
    assert stream.most <= 1 << 20
