# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of the machine and of its containers: what they are, and what the gateway's user may do with them.

A container decides what its links say. So a path is walked one name at a time, below a directory that is held open, and a link is
followed only within that directory, as the container itself would follow it: none leads to a file of the machine.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import procfs

READ, WRITE, SEARCH = 4, 2, 1

# As many as the kernel follows, path_resolution(7).
_MOST_LINKS = 40

# What a path is opened with to look at it: nothing is read, and a device behind it is not touched.
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC

_KINDS = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "directory"), (stat.S_ISSOCK, "socket"))


@dataclass(frozen=True)
class Entry:
    """What stands at a path: `file`, `directory`, `socket`, `other` or `missing`; `kind` is None where that could not be looked at.

    `passed` are the directories on the way. With an access list (`acl`) among them owner and mode do not tell all. `content` is what
    was asked of a regular file, from its beginning; None where nothing was asked or it may not be read.
    """

    kind: str | None
    status: os.stat_result | None = None
    passed: tuple[os.stat_result, ...] = ()
    read_only: bool = False
    acl: bool = False
    content: bytes | None = None

    @property
    def owner(self) -> dict[str, Any] | None:
        """Whose it is: uid, gid, and the mode as `chmod` takes it."""
        if self.status is None:
            return None
        mode = f"{stat.S_IMODE(self.status.st_mode):04o}"
        return {"uid": self.status.st_uid, "gid": self.status.st_gid, "mode": mode}

    def allows(self, user: procfs.Credentials | None, wanted: int) -> bool | None:
        """Whether `user` may do that with it; None when it can not be looked at, or only its access list knows."""
        if self.status is None or user is None:
            return None
        if wanted & WRITE and self.read_only:
            return False
        wanted |= SEARCH if wanted & WRITE and stat.S_ISDIR(self.status.st_mode) else 0
        if _grants(self.status, user, wanted) and all(_grants(one, user, SEARCH) for one in self.passed):
            return True
        return None if self.acl else False


UNSEEN, MISSING = Entry(None), Entry("missing")


def _grants(status: os.stat_result, user: procfs.Credentials, wanted: int) -> bool:
    # A capability counts only for what belongs to a user of its own namespace, user_namespaces(7).
    if user.overrides and any(status.st_uid in ids for ids in user.namespace):
        return True
    if user.uid == status.st_uid:
        allowed = status.st_mode >> 6
    elif status.st_gid in (user.gid, *user.groups):
        allowed = status.st_mode >> 3
    else:
        allowed = status.st_mode
    return allowed & wanted == wanted


def on_machine(path: str, below: str = "", limit: int = 0) -> Entry:
    """What stands at a path of the machine, or at `below` in it, where no link is followed: it would mean another place inside."""
    try:
        root = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except OSError:
        return UNSEEN
    try:
        return look(root, below, limit, links=0)
    finally:
        os.close(root)


@contextmanager
def root_of(container: str, pid: int) -> Iterator[int | None]:
    """The root directory of the container with that id, as its process `pid` sees it; None where we may not, or it is not its process."""
    try:
        root = os.open(f"/proc/{pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        # Only now: had the pid gone to another process before its root was opened, that one would fail this proof.
        yield root if procfs.in_container(pid, container) else None
    finally:
        os.close(root)


def look(root: int, path: str, limit: int = 0, links: int = _MOST_LINKS) -> Entry:
    """What stands at `path` below the open directory `root`, with up to `limit` bytes of it; so many `links` are followed."""
    opened = [os.dup(root)]
    try:
        return _walk(opened, path, limit, links)
    except (FileNotFoundError, NotADirectoryError):
        return MISSING
    except OSError:
        return UNSEEN
    finally:
        for one in opened:
            os.close(one)


def _walk(opened: list[int], path: str, limit: int, links: int) -> Entry:
    """The walk; `opened` are the directories from the root down to where it is, each of which its caller closes."""
    names = _names(path)
    passed: list[os.stat_result] = []
    acl = _has_acl(opened[0])
    while names:
        name, here = names.pop(), os.fstat(opened[-1])
        if not stat.S_ISDIR(here.st_mode):
            return MISSING
        passed.append(here)
        if name == ".":
            continue
        if name == "..":
            if len(opened) > 1:
                os.close(opened.pop())
            continue
        opened.append(os.open(name, _LOOK, dir_fd=opened[-1]))
        if stat.S_ISLNK(os.fstat(opened[-1]).st_mode):
            os.close(opened.pop())
            if not links:
                return UNSEEN
            links -= 1
            target = os.readlink(name, dir_fd=opened[-1])
            names += _names(target)
            if target.startswith("/"):
                while len(opened) > 1:
                    os.close(opened.pop())
        else:
            acl = acl or _has_acl(opened[-1])
    return _entry(opened[-1], tuple(passed), acl, limit)


def _names(path: str) -> list[str]:
    """The names of a path, the first last."""
    return [name for name in reversed(path.split("/")) if name]


def _entry(found: int, passed: tuple[os.stat_result, ...], acl: bool, limit: int) -> Entry:
    status = os.fstat(found)
    kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "other")
    read_only = bool(os.fstatvfs(found).f_flag & os.ST_RDONLY)
    return Entry(kind, status, passed, read_only, acl, _content(found, status, limit))


def _content(found: int, status: os.stat_result, limit: int) -> bytes | None:
    """The beginning of a regular file. What the kernel makes up, as below /proc, has no size and is not read: that can have effects."""
    if not limit or not stat.S_ISREG(status.st_mode):
        return None
    if not status.st_size:
        return b""
    try:
        # The same file again, now to be read; its name may have gone to another meanwhile.
        reading = os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(reading, limit)
    except OSError:
        return None
    finally:
        os.close(reading)


def _has_acl(found: int) -> bool:
    try:
        return bool(os.getxattr(f"/proc/self/fd/{found}", "system.posix_acl_access"))
    except OSError:
        return False
