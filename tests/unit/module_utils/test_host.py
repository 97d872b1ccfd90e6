# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The machine under the containers, as this test machine really is."""

from __future__ import annotations

import ctypes
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import host


def test_this_machine_is_described(tmp_path: Path) -> None:
    seen = host.machine(host.disks(["/", str(tmp_path)]))

    assert seen["boot_time"] < seen["now"]
    assert 0 < seen["memory"]["available"] <= seen["memory"]["total"]
    assert seen["clock_synchronized"] in (True, False, None)
    assert len(seen["load"]) == 3
    assert seen["cpus"] >= 1
    assert (seen["kernel"], seen["architecture"]) == (os.uname().release, os.uname().machine)


@pytest.mark.parametrize(
    ("state", "told", "synchronized", "offset"),
    [
        (0, {"offset": -2_500_000, "status": 0x2001}, True, -0.0025),
        (0, {"offset": -2_500, "status": 0x0001}, True, -0.0025),
        (5, {"offset": 7, "status": 0x0040}, False, None),
        (-1, {}, None, None),
    ],
    ids=["in nanoseconds", "in microseconds", "nothing keeps it", "not to be asked"],
)
def test_the_clock(state: int, told: dict[str, int], synchronized: bool | None, offset: float | None) -> None:
    assert host.clock_of(state, host.Timex(**told)) == {"clock_synchronized": synchronized, "clock_offset": offset}


def test_the_kernel_fills_in_what_is_read() -> None:
    told = host.Timex()
    state = ctypes.CDLL(None).adjtimex(ctypes.byref(told))
    assert state >= 0
    assert bool(told.status & 0x40) == (state == 5)  # STA_UNSYNC and TIME_ERROR: the same, told twice


def test_each_file_system_is_shown_once_under_its_first_path(tmp_path: Path) -> None:
    (tmp_path / "settings").mkdir()

    (seen,) = host.disks([str(tmp_path), str(tmp_path / "settings"), str(tmp_path / "gone")]).values()

    assert seen["path"] == str(tmp_path)
    room = shutil.disk_usage(tmp_path)
    assert seen["total"] == room.total
    assert seen["free"] == pytest.approx(room.free, rel=0.5)  # others write to it meanwhile


@pytest.mark.parametrize(("files", "free_inodes"), [(1000, 7), (0, None)])
def test_a_file_system_without_a_table_of_inodes_counts_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, free_inodes: int | None
) -> None:
    room = SimpleNamespace(f_bavail=3, f_blocks=5, f_frsize=4096, f_files=files, f_favail=7)
    monkeypatch.setattr(host.os, "statvfs", lambda _path: room)
    (seen,) = host.disks([str(tmp_path)]).values()
    assert seen == {"path": str(tmp_path), "free": 12288, "total": 20480, "free_inodes": free_inodes}


def test_the_fullest_disk_stands_first() -> None:
    rooms = [{"free": 2, "free_inodes": 1}, {"free": 1, "free_inodes": 9}, {"free": 1, "free_inodes": None}]
    assert host.machine(dict(enumerate(rooms)))["disks"] == rooms[::-1]


def test_memory_is_told_in_bytes(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       8000 kB\nMemFree:         100 kB\nMemAvailable:    5000 kB\n")
    assert host.memory(tmp_path) == {"total": 8_192_000, "available": 5_120_000}


def test_memory_that_can_not_be_read_is_null(tmp_path: Path) -> None:
    assert host.memory(tmp_path) == {"total": None, "available": None}


HEAD = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=" + "d" * 64 + ",mems_allowed=0"
TAIL = ",task_memcg=/docker/{},task=java,pid=9,uid=1000"
KILL = f"{HEAD},global_oom{TAIL}"
GONE = "a" * 64


@pytest.mark.parametrize(
    ("reaches_back_to", "kills", "killed"),
    [
        pytest.param(0, [(50, GONE, "")], True, id="killed in this run"),
        pytest.param(0, [(50, GONE, "/user.slice")], True, id="killed for the limit of a group around it"),
        pytest.param(0, [(50, GONE, f"/docker/{GONE}")], False, id="killed for its own limit"),
        pytest.param(0, [(5, GONE, "")], False, id="killed in an earlier run"),
        pytest.param(0, [(50, "b" * 64, "")], False, id="another container was killed"),
        pytest.param(0, [], False, id="nothing was killed"),
        pytest.param(20, [], None, id="the log begins after the run did"),
        pytest.param(20, [(50, GONE, "")], True, id="the log is short but shows it"),
    ],
)
def test_the_kernel_log_tells_whom_the_machines_want_of_memory_killed(
    reaches_back_to: float, kills: list[tuple[float, str, str]], killed: bool | None
) -> None:
    log = host.KernelLog(
        reaches_back_to, tuple(host.Kill(at, "java", f"/docker/{group}", of) for at, group, of in kills)
    )
    assert log.killed(GONE, since=10) is killed


def test_the_kernel_log_is_read_from_its_device_and_only_the_kernels_own_words_count(tmp_path: Path) -> None:
    device = tmp_path / "kmsg"
    device.write_text(
        "5,0,0,-;Linux version\n"
        f"6,1,100,-;{KILL.format(GONE)}\n SUBSYSTEM=memory\n"
        f"6,2,100,-;{HEAD},oom_memcg=/docker/{GONE}{TAIL.format(GONE)}\n"
        f"14,3,200,-;{KILL.format('b' * 64)}\n"  # written by a program
        "not a record\n"
    )

    seen = host.kernel_log(str(device))

    assert seen is not None
    assert [(kill.process, kill.short_of(GONE)) for kill in seen.of(GONE, 0)] == [
        ("java", "machine"),
        ("java", "container"),
    ]
    assert seen.killed(GONE, since=0) is True
    assert seen.killed("b" * 64, since=0) is False
    assert seen.killed("d" * 64, since=0) is False, "it asked for memory; another paid"


@pytest.mark.parametrize(
    ("first", "known"), [(f"5,0,{90 * 10**6},-;Linux version\n", False), (f"5,7,{90 * 10**6},-;eth0: up\n", None)]
)
def test_a_kernel_log_tells_only_of_what_came_after_its_first_record(
    tmp_path: Path, first: str, known: bool | None
) -> None:
    device = tmp_path / "kmsg"
    device.write_text(first)
    seen = host.kernel_log(str(device))
    booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    assert seen is not None
    assert seen.killed(GONE, since=booted + 100) is False
    assert seen.killed(GONE, since=booted + 80) is known  # its ring has lost what was before, or there was nothing


@pytest.mark.parametrize("content", [None, "", "not a record\n"], ids=["no device", "empty", "no record"])
def test_a_kernel_log_that_can_not_be_read_tells_nothing(tmp_path: Path, content: str | None) -> None:
    device = tmp_path / "kmsg"
    if content is not None:
        device.write_text(content)
    assert host.kernel_log(str(device)) is None
