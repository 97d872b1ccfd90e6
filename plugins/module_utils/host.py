# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine under the containers: clock, memory, load, disks, and what its kernel killed for want of memory.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import ctypes
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import procfs
from ansible_collections.ibgw.ops.plugins.module_utils.redact import printable
from ansible_collections.ibgw.ops.plugins.module_utils.timestamps import iso

_TIME_ERROR = 5  # the clock is not synchronised, adjtimex(2)
# priority,sequence,microseconds since boot,flags;message (Documentation/ABI/testing/dev-kmsg)
_RECORD = re.compile(r"^(\d+),(\d+),(\d+),[^;]*;(.*)", re.MULTILINE)
# mm/oom_kill.c, mm/memcontrol.c (mem_cgroup_print_oom_context): whose group ran out, if it was one, and the victim; the group that
# stands before both is that of the process that asked for memory.
_KILL = re.compile(
    r"oom-kill:.*?(?:,oom_memcg=(?P<limited>[^,]*)|,global_oom),task_memcg=(?P<group>[^,]*),task=(?P<process>.*),pid=\d+.*"
)
_NANOSECONDS = 0x2000  # the offset counts nanoseconds, else microseconds: STA_NANO of the status


class Timex(ctypes.Structure):
    """The beginning of `struct timex`, adjtimex(2); all zero asks without setting."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


@dataclass(frozen=True)
class Kill:
    """One process that the kernel killed for want of memory: whose control group it was of, and whose limit was used up.

    Without a group whose limit it was, it was the memory of the whole machine.
    """

    at: float
    process: str
    group: str
    limited: str

    def short_of(self, container: str) -> str:
        """What was used up: the limit of the `container` itself, that of a group `around` it, or the `machine`."""
        return ("container" if container in self.limited else "around") if self.limited else "machine"


@dataclass(frozen=True)
class KernelLog:
    """The kernel's kills for want of memory, and since when the log still reaches back."""

    since: float
    kills: tuple[Kill, ...]

    def of(self, container: str, since: float) -> list[Kill]:
        """Those of the container's processes after `since`."""
        return [kill for kill in self.kills if container in kill.group and kill.at >= since]

    def killed(self, container: str, since: float) -> bool | None:
        """Whether the machine outside the container was short of memory for one of them; None when the log does not reach back so far."""
        if any(kill.short_of(container) != "container" for kill in self.of(container, since)):
            return True
        return False if self.since <= since else None


def machine(disks: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """The machine's state, with those of its `disks` that matter, the fullest first."""
    booted, system = procfs.boot_time(), os.uname()
    return {
        "now": iso(time.time()),
        **clock(),
        "boot_time": iso(booted) if booted else None,
        "kernel": printable(system.release),
        "architecture": printable(system.machine),
        "cpus": os.cpu_count(),
        "memory": memory(),
        "load": [round(average, 2) for average in os.getloadavg()],
        "disks": sorted(disks.values(), key=lambda disk: (disk["free"], disk["free_inodes"] or 0)),
    }


def clock() -> dict[str, Any]:
    """What the kernel holds of its clock; both are None when it can not be asked."""
    told = Timex()
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(told))
    except (OSError, AttributeError):
        state = -1
    return clock_of(state, told)


def clock_of(state: int, told: Timex) -> dict[str, Any]:
    """Whether the clock is synchronised, and by how many seconds it still has to be moved, by what adjtimex(2) returned and filled in."""
    synchronized = None if state < 0 else state != _TIME_ERROR
    offset = told.offset / (1e9 if told.status & _NANOSECONDS else 1e6) if synchronized else None
    return {"clock_synchronized": synchronized, "clock_offset": offset}


def memory(proc: Path = procfs.PROC) -> dict[str, int | None]:
    """Memory of the machine in bytes; what is available counts what caches would give back."""
    try:
        sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", (proc / "meminfo").read_text(), re.MULTILINE))
    except OSError:
        sizes = {}
    wanted = (("total", "MemTotal"), ("available", "MemAvailable"))
    return {key: int(sizes[name]) * 1024 if name in sizes else None for key, name in wanted}


def disks(paths: Iterable[str]) -> dict[int, dict[str, Any]]:
    """Room on the file systems of `paths` by their device, each under the first path that lies on it."""
    found: dict[int, dict[str, Any]] = {}
    for path in paths:
        try:
            device, room = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        found.setdefault(
            device,
            {
                "path": printable(path),
                "free": room.f_bavail * room.f_frsize,
                "total": room.f_blocks * room.f_frsize,
                # A file system without a table of inodes, such as btrfs, counts none.
                "free_inodes": room.f_favail if room.f_files else None,
            },
        )
    return found


def kernel_log(device: str = "/dev/kmsg") -> KernelLog | None:
    """What the kernel's log tells; None where this user may not read it."""
    booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    try:
        log = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        records = [found for text in _kernel_records(log) for found in _RECORD.findall(text)]
    finally:
        os.close(log)
    if not records:
        return None
    _priority, first, first_at, _text = records[0]
    since = 0.0 if first == "0" else booted + int(first_at) / 1e6
    # Programs may write to this log too; below 8 it is the kernel itself.
    said = ((booted + int(at) / 1e6, _KILL.fullmatch(text)) for priority, _n, at, text in records if int(priority) < 8)
    kills = (Kill(at, found["process"], found["group"], found["limited"] or "") for at, found in said if found)
    return KernelLog(since, tuple(kills))


def _kernel_records(log: int) -> Iterator[str]:
    """One record for each read, until there is no more for now."""
    while True:
        try:
            record = os.read(log, 8192)
        except BrokenPipeError:  # overwritten while we read; the next record stands
            continue
        except OSError:
            return
        if not record:
            return
        yield record.decode("utf-8", errors="replace")
