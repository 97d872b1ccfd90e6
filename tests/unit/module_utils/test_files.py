# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a container, looked at from outside: as the container sees them, and never beyond it."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import files, procfs

STRANGER = procfs.Credentials(4711, 4711)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    """A container's root directory, with a secret in it, and one of the machine's beside it."""
    (tmp_path / "secret").write_text("the machine's")
    (tmp_path / "root/run/secrets").mkdir(parents=True)
    (tmp_path / "root/run/secrets/password").write_text("the container's")
    (tmp_path / "root/secret").write_text("the container's")
    opened = os.open(tmp_path / "root", os.O_PATH)
    yield opened
    os.close(opened)


@pytest.mark.parametrize(
    "path", ["/run/secrets/password", "run//secrets/./password", "/run/secrets/../secrets/password", "/../secret"]
)
def test_a_path_is_the_containers_own(root: int, path: str) -> None:
    assert files.look(root, path, 100).content == b"the container's"


@pytest.mark.parametrize(
    "target",
    [
        "/secret",
        "../../../secret",
        "../../../../../../../../secret",
        "/run/../../secret",
        "inner",
        "{outside}/../secret",
    ],
)
def test_no_link_leads_out_of_the_container(root: int, tmp_path: Path, target: str) -> None:
    (tmp_path / "root/run/secrets/inner").symlink_to("/run/../secret")
    (tmp_path / "root/run/secrets/link").symlink_to(target.format(outside=tmp_path))
    seen = files.look(root, "/run/secrets/link", 100)
    assert seen.content == (None if "{" in target else b"the container's")


def test_a_directory_that_is_a_link_stays_inside_too(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/etc").symlink_to(tmp_path)
    assert files.look(root, "/etc/secret", 100) == files.MISSING


def test_links_in_a_circle_are_given_up(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/a").symlink_to("b")
    (tmp_path / "root/b").symlink_to("a")
    assert files.look(root, "/a") == files.UNSEEN


def test_behind_a_mount_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to("secret")
    assert files.on_machine(str(tmp_path), "secret").kind == "file"
    assert files.on_machine(str(tmp_path), "link") == files.UNSEEN
    assert files.on_machine(str(tmp_path / "link")).kind == "file"  # where the engine mounted it, the link was followed


def test_what_stands_there_is_told(root: int, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "root/fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "root/s"))
        names = ("run", "secret", "s", "fifo", "gone", "secret/below")
        kinds = [files.look(root, name, 100).kind for name in names]
    assert kinds == ["directory", "file", "socket", "other", "missing", "missing"]


def test_a_secret_is_read_no_further_than_asked(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/long").write_bytes(b"x" * 10_000)
    (tmp_path / "root/none").write_bytes(b"")
    assert len(files.look(root, "long", 4096).content or b"") == 4096
    assert files.look(root, "none", 4096).content == b""
    assert files.look(root, "long").content is None


def test_a_file_that_the_kernel_makes_up_is_not_read() -> None:
    assert files.on_machine("/proc/self/status", limit=100).content == b""


@pytest.mark.parametrize(
    ("mode", "user", "wanted", "allowed"),
    [
        (0o700, "owner", files.WRITE, True),
        (0o500, "owner", files.WRITE, False),
        (0o770, "group", files.WRITE, True),
        (0o750, "group", files.WRITE, False),
        (0o777, "stranger", files.WRITE, True),
        (0o775, "stranger", files.WRITE, False),
        (0o776, "stranger", files.WRITE, False),  # a directory that may not be entered
        (0o000, "root", files.WRITE, True),
        (0o700, "root without the capability", files.WRITE, False),
        (0o700, "root of another namespace", files.WRITE, False),
        (0o077, "owner", files.WRITE, False),  # the owner's bits count, not the best
        (0o444, "stranger", files.READ, True),
        (0o440, "stranger", files.READ, False),
    ],
)
def test_owner_mode_and_capability_decide(tmp_path: Path, mode: int, user: str, wanted: int, allowed: bool) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 1000, 1000)
    found = tmp_path.stat()
    users = {
        "owner": procfs.Credentials(found.st_uid, 4711),
        "group": procfs.Credentials(4711, 4711, frozenset([found.st_gid])),
        "stranger": STRANGER,
        "root": procfs.Credentials(0, 0, overrides=True),
        "root without the capability": procfs.Credentials(0, 0),
        "root of another namespace": procfs.Credentials(
            100_000, 100_000, frozenset(), True, (range(100_000, 165_536),)
        ),
    }
    tmp_path.chmod(mode)
    try:
        assert files.on_machine(str(tmp_path)).allows(users[user], wanted) is allowed
    finally:
        tmp_path.chmod(0o700)


def test_a_file_needs_no_right_to_be_searched(tmp_path: Path) -> None:
    (tmp_path / "jts.ini").touch()
    (tmp_path / "jts.ini").chmod(0o666)
    seen = files.on_machine(str(tmp_path / "jts.ini"))
    assert seen.allows(STRANGER, files.WRITE) is True
    assert (seen.owner or {})["mode"] == "0666"


def test_a_directory_on_the_way_that_may_not_be_entered_hides_what_is_in_it(root: int, tmp_path: Path) -> None:
    (tmp_path / "root/run/secrets/password").chmod(0o644)
    assert files.look(root, "/run/secrets/password").allows(STRANGER, files.READ) is True
    (tmp_path / "root/run").chmod(0o700)
    assert files.look(root, "/run/secrets/password").allows(STRANGER, files.READ) is False


def test_nobody_writes_to_a_file_system_that_is_read_only() -> None:
    read_only = next((line.split()[4] for line in _mounts() if line.split()[5].startswith("ro,")), None)
    if read_only is None:
        pytest.skip("this machine has none")
    everything = procfs.Credentials(0, 0, overrides=True)
    assert files.on_machine(read_only).allows(everything, files.WRITE) is False


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()


def test_an_access_list_may_allow_what_the_mode_does_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    # Version 2; owner rwx, user 4711 rwx, group ---, mask rwx, others --- (linux/posix_acl_xattr.h).
    entries = ((1, 7, -1), (2, 7, 4711), (4, 0, -1), (16, 7, -1), (32, 0, -1))
    raw = (2).to_bytes(4, "little") + b"".join(
        tag.to_bytes(2, "little") + allowed.to_bytes(2, "little") + (who % 2**32).to_bytes(4, "little")
        for tag, allowed, who in entries
    )
    try:
        os.setxattr(tmp_path, "system.posix_acl_access", raw)
    except OSError:
        pytest.skip("this file system has no access lists")
    assert files.on_machine(str(tmp_path)).allows(procfs.Credentials(4712, 4712), files.WRITE) is None


def test_a_path_that_is_missing_tells_nothing_of_rights(tmp_path: Path) -> None:
    gone = files.on_machine(str(tmp_path / "gone"))
    assert (gone.kind, gone.owner, gone.allows(STRANGER, files.WRITE)) == ("missing", None, None)


def test_the_root_of_a_process_that_is_not_the_containers_is_not_opened() -> None:
    with files.root_of("a" * 64, os.getpid()) as root:
        assert root is None
    with files.root_of("a" * 64, 2**22 + 1) as root:
        assert root is None


def _as_the_container_sees_it(root: Path, paths: list[str]) -> list[str | None]:
    """What a process whose root directory that is reads at each path."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.chroot(root)
            os.chdir("/")
            os.write(theirs, json.dumps([_text(path) for path in paths]).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as told:
        seen: list[str | None] = json.load(told)
    os.waitpid(child, 0)
    return seen


def _text(path: str) -> str | None:
    try:
        return Path("/", path).read_text(encoding="utf-8")
    except OSError:
        return None


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to have another root directory")
@pytest.mark.parametrize("seed", range(20))
def test_whatever_its_links_a_container_shows_what_it_sees_itself(tmp_path: Path, seed: int) -> None:
    made = random.Random(seed)
    (tmp_path / "secret").write_text("the machine's")
    root = tmp_path / "root"
    names = ["a", "b", "c", "secret"]
    places = [(one, *rest) for one in names[:3] for rest in ((), ("a",), ("b", "c"))]
    for place in places:
        (root.joinpath(*place)).mkdir(parents=True, exist_ok=True)
    for directory in (root, *(root.joinpath(*place) for place in places)):
        for name in names:
            parts = [made.choice(["..", ".", *names]) for _each in range(made.randint(1, 5))]
            target = made.choice(["", "/", str(tmp_path) + "/"]) + "/".join(parts)
            if not (directory / name).exists() and not (directory / name).is_symlink():
                if made.random() < 0.2:
                    (directory / name).write_text(f"{directory.relative_to(root)}/{name}")
                else:
                    (directory / name).symlink_to(target)
    paths = ["/".join(made.choice(["..", *names]) for _each in range(made.randint(1, 4))) for _path in range(60)]
    opened = os.open(root, os.O_PATH)
    try:
        seen = [(files.look(opened, path, 100).content or b"").decode() or None for path in paths]
    finally:
        os.close(opened)
    assert seen == _as_the_container_sees_it(root, paths)
