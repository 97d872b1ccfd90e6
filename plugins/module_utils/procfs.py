# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes and sockets of containers, from the machine's own /proc; nothing is executed inside a container.

A process counts as a container's only when its control group names that container: an engine on another machine or in a virtual
machine tells pids of another /proc.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")

# Podman's monitor of a container stands beside it, in a group that bears its id too (libpod/oci_conmon_linux.go).
_CONTAINER_ID = re.compile(r"(?<!conmon-)[0-9a-f]{64}")
_MAX_HEAP = re.compile(r"(?:^|\s)-Xmx(\d+)([kKmMgGtT]?)(?=\s|$)")
_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

# linux/capability.h: to pass by the permission to read, write and search
_DAC_OVERRIDE = 1 << 1

# States in /proc/net/tcp, include/net/tcp_states.h
_ESTABLISHED, _CLOSE_WAIT, _LISTEN = "01", "08", "0A"


#: Threads that collect garbage, as Java 17 calls them; "VM Thread" is the serial collector, and coordinates the others. Java 8 names none.
_COLLECTORS = re.compile(r"GC Thread#\d+|G1 .*|VM Thread")


@dataclass(frozen=True)
class Process:
    """A process as the machine sees it: its pid is the machine's, sizes are bytes, the start is in seconds since the epoch."""

    pid: int
    command_line: str
    started_at: float
    rss: int

    @property
    def max_heap(self) -> int | None:
        """The largest Java heap that the command line allows; the last -Xmx counts."""
        limits = _MAX_HEAP.findall(self.command_line)
        return int(limits[-1][0]) * _UNITS[limits[-1][1].lower()] if limits else None


@dataclass(frozen=True)
class Socket:
    """A TCP socket of a network namespace. `queued` are, of a listening socket, the connections that nobody accepted yet; `inode` is
    the number by which a process holds it."""

    state: str  # listening, established, close_wait
    address: str
    port: int
    peer: str
    queued: int
    inode: int = 0


#: Every user id that there can be.
EVERYBODY = (range(2**32),)


@dataclass(frozen=True)
class Credentials:
    """Who a process is to the machine's file systems; ids are the machine's.

    One that `overrides` (CAP_DAC_OVERRIDE) reads and writes whatever belongs to a user of its own `namespace`.
    """

    uid: int
    gid: int
    groups: frozenset[int] = frozenset()
    overrides: bool = False
    namespace: tuple[range, ...] = EVERYBODY


def container_pids(ids: Collection[str], proc: Path = PROC) -> dict[str, list[int]]:
    """The pids of the containers `ids`, proven by the control group of each process; in one pass over all processes."""
    pids: dict[str, list[int]] = {one: [] for one in ids}
    for entry in os.scandir(proc) if ids else ():
        if entry.name.isdigit():
            for owner in set(_CONTAINER_ID.findall(_text(f"{entry.path}/cgroup"))) & pids.keys():
                pids[owner].append(int(entry.name))
    return {owner: sorted(found) for owner, found in pids.items()}


def in_container(pid: int, container: str, proc: Path = PROC) -> bool:
    """Whether the control group of `pid` proves that it is the container's with this id."""
    return container in _CONTAINER_ID.findall(_text(proc / str(pid) / "cgroup"))


def shows_others(proc: Path = PROC) -> bool:
    """Whether processes of other users show; the machine may hide them from all but root (hidepid, proc(5))."""
    return (proc / "1").exists()


def processes(pids: Collection[int], proc: Path = PROC) -> list[Process]:
    """What these processes are, without those that ended meanwhile."""
    booted = boot_time(proc)
    return [process for pid in pids for process in _process(pid, booted, proc)]


def gc_share(pid: int, proc: Path = PROC) -> float | None:
    """Which part of its processor time a Java machine has spent on collecting garbage; None where its threads have no names."""
    stats = [_stat(entry) for entry in (proc / str(pid) / "task").glob("*")]
    collecting = [_processor_time(fields) for name, fields in stats if _COLLECTORS.fullmatch(name)]
    whole = _processor_time(_stat(proc / str(pid))[1])  # with that of threads that have ended
    return round(min(sum(collecting) / whole, 1.0), 3) if collecting and whole else None


def boot_time(proc: Path = PROC) -> float:
    """When the machine started, in seconds since the epoch."""
    found = re.search(r"^btime (\d+)", _text(proc / "stat"), re.MULTILINE)
    return float(found[1]) if found else 0.0


def engine_started(pid_file: Path = Path("/run/docker.pid"), proc: Path = PROC) -> float | None:
    """When the Docker engine came up, in seconds since the epoch; None where it does not write its pid there, as with Podman."""
    pid = _text(pid_file).strip()
    found = processes([int(pid)], proc) if pid.isdecimal() else []
    return found[0].started_at if found and "dockerd" in found[0].command_line else None


def sockets(pid: int, proc: Path = PROC) -> list[Socket]:
    """The TCP sockets of the network namespace of `pid` that listen, are connected, or were left by their peer."""
    lines = (_text(proc / str(pid) / "net" / table).splitlines()[1:] for table in ("tcp", "tcp6"))
    return [found for table in lines for line in table for found in _socket(line)]


def held(pids: Collection[int], proc: Path = PROC) -> set[int] | None:
    """The inodes of the sockets that these processes hold; None where we may not see that of one, or where none lives."""
    inodes: set[int] | None = None
    for pid in pids:
        try:
            links = [os.readlink(one.path) for one in os.scandir(proc / str(pid) / "fd")]
        except (FileNotFoundError, ProcessLookupError):  # it has ended, or closed what it held
            continue
        except OSError:
            return None
        inodes = (inodes or set()) | {int(link[8:-1]) for link in links if link.startswith("socket:[")}
    return inodes


def nofile(pid: int, proc: Path = PROC) -> tuple[int, int] | None:
    """How many files `pid` may open, soft and hard; -1 is unlimited."""
    found = re.search(r"^Max open files\s+(\S+)\s+(\S+)", _text(proc / str(pid) / "limits"), re.MULTILINE)
    if found is None:
        return None
    soft, hard = (-1 if limit == "unlimited" else int(limit) for limit in found.groups())
    return soft, hard


def memory_usage(pid: int, proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Bytes of memory that the container of `pid` uses, without caches that it would give back, as `docker stats` counts."""
    paths = {hierarchy: path for _number, hierarchy, path in _control_groups(pid, proc)}
    if "memory" in paths:
        group, usage, cache = cgroups / "memory" / paths["memory"], "memory.usage_in_bytes", "total_inactive_file"
    else:
        group, usage, cache = cgroups / paths.get("", ""), "memory.current", "inactive_file"
    used, given_back = _text(group / usage), re.search(rf"^{cache} (\d+)", _text(group / "memory.stat"), re.MULTILINE)
    return int(used) - int(given_back[1]) if used and given_back else None


def memory_kills(pid: int, proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """How many processes of the container of `pid` the kernel has killed for want of memory since it was started."""
    paths = {hierarchy: path for _number, hierarchy, path in _control_groups(pid, proc)}
    counts = (
        f"memory/{paths['memory']}/memory.oom_control" if "memory" in paths else f"{paths.get('', '')}/memory.events"
    )
    # The older hierarchy has the count since Linux 4.13.
    found = re.search(r"^oom_kill (\d+)", _text(cgroups / counts), re.MULTILINE)
    return int(found[1]) if found else None


def environment(pid: int, proc: Path = PROC) -> dict[str, str]:
    """The variables with which `pid` was started; none when we may not see them."""
    return dict(entry.partition("=")[::2] for entry in _text(proc / str(pid) / "environ").split("\0"))


def credentials(pid: int, proc: Path = PROC) -> Credentials | None:
    """Whose rights `pid` has on file systems."""
    fields = dict(line.partition(":")[::2] for line in _text(proc / str(pid) / "status").splitlines())
    try:
        # The fourth number is the one that file systems check, proc(5).
        uid, gid = (int(fields[name].split()[3]) for name in ("Uid", "Gid"))
        overrides = bool(int(fields["CapEff"], 16) & _DAC_OVERRIDE)
        groups = frozenset(map(int, fields["Groups"].split()))
        return Credentials(uid, gid, groups, overrides, _namespace(pid, proc))
    except (KeyError, IndexError, ValueError):
        return None


def _namespace(pid: int, proc: Path) -> tuple[range, ...]:
    """The machine's user ids that are anybody in the user namespace of `pid`; of each line the second and third number tell them."""
    lines = (line.split() for line in _text(proc / str(pid) / "uid_map").splitlines())
    return tuple(range(int(first), int(first) + int(count)) for _inside, first, count in lines) or EVERYBODY


def _control_groups(pid: int, proc: Path) -> Iterator[tuple[str, str, str]]:
    """Number, hierarchy ("" is the unified one) and path below the hierarchy's root, for each group of `pid`."""
    for line in _text(proc / str(pid) / "cgroup").splitlines():
        number, _colon, rest = line.partition(":")
        hierarchies, _colon, path = rest.partition(":")
        for hierarchy in hierarchies.split(","):
            yield number, hierarchy, path.lstrip("/")


def _stat(directory: Path) -> tuple[str, list[str]]:
    """The name of a process or thread, and the fields that follow it."""
    # The name in brackets may itself hold brackets and blanks: the fields begin after the last one, proc(5).
    name, _bracket, fields = _text(directory / "stat").rpartition(")")
    return name.partition("(")[2], fields.split()


def _processor_time(fields: Sequence[str]) -> int:
    """In user and in kernel mode, in ticks of the clock, proc(5)."""
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0


def _process(pid: int, booted: float, proc: Path) -> Iterator[Process]:
    command_line = _text(proc / str(pid) / "cmdline").replace("\0", " ").strip()
    fields = _stat(proc / str(pid))[1]
    if command_line and len(fields) > 21:
        started = booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")
        yield Process(pid, command_line, started, int(fields[21]) * os.sysconf("SC_PAGE_SIZE"))


def _socket(line: str) -> Iterator[Socket]:
    fields = line.split()
    states = {_LISTEN: "listening", _ESTABLISHED: "established", _CLOSE_WAIT: "close_wait"}
    if len(fields) > 4 and fields[3] in states:
        (address, port), (peer, peer_port) = _endpoint(fields[1]), _endpoint(fields[2])
        # The second queue is the receive queue; of a listening socket it counts connections, net/ipv4/tcp_ipv4.c
        queued = int(fields[4].partition(":")[2], 16)
        peer = f"[{peer}]:{peer_port}" if ":" in peer else f"{peer}:{peer_port}"
        yield Socket(states[fields[3]], address, port, peer, queued, int(fields[9]) if len(fields) > 9 else 0)


def ip_text(raw: bytes) -> str:
    """An address in network order as text; IPv4 where that is all that an IPv6 one stands for."""
    found = ipaddress.ip_address(raw)
    return str(getattr(found, "ipv4_mapped", None) or found)


def _endpoint(text: str) -> tuple[str, int]:
    """An address of /proc/net/tcp: 32-bit words in the machine's byte order, then the port."""
    words, _colon, port = text.partition(":")
    raw = b"".join(int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8))
    return ip_text(raw), int(port, 16)


def _text(path: Path | str) -> str:
    """A file of /proc, empty when its process has ended or we may not see it."""
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
