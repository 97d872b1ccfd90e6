# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes and sockets from /proc: whose they are is proven first."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import procfs

MINE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., int]:
    """A process of a made-up /proc, for what this machine's own /proc can not show."""

    def make(pid: int, **files: str) -> int:
        for name, text in files.items():
            path = tmp_path / str(pid) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return pid

    return make


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(f"12:memory:/docker/{MINE}\n1:name=systemd:/docker/{MINE}\n0::/\n", id="cgroup v1"),
        pytest.param(f"0::/system.slice/docker-{MINE}.scope\n", id="cgroup v2 with systemd"),
        pytest.param(f"0::/docker/{MINE}\n", id="cgroup v2 with cgroupfs"),
        pytest.param(f"0::/../../docker/{MINE}\n", id="seen from another cgroup namespace"),
        pytest.param(
            f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{MINE}.scope/container\n",
            id="podman without root",
        ),
        pytest.param(f"0::/machine.slice/machine-libpod_pod_{'d' * 64}.slice/libpod-{MINE}.scope\n", id="pod"),
        pytest.param(f"0::/system.slice/ib-gateway.service/libpod-payload-{MINE}\n", id="podman under systemd"),
        pytest.param(
            f"0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker-{MINE}.scope\n", id="rootless"
        ),
        pytest.param(f"0::/docker/{OTHER}/docker/{MINE}\n", id="an engine in a container"),
    ],
)
def test_a_process_is_a_containers_when_its_control_group_says_so(
    process: Callable[..., int], tmp_path: Path, group: str
) -> None:
    process(7, cgroup=group)
    process(8, cgroup=f"0::/docker/{OTHER}\n")
    process(9, cgroup="0::/\n")

    assert procfs.container_pids([MINE, "c" * 64], tmp_path) == {MINE: [7], "c" * 64: []}


def ticks(name: str, user: int, system: int) -> str:
    """A stat file of a process or thread that has used so many ticks."""
    return f"40 ({name}) S {'0 ' * 10}{user} {system} {'0 ' * 30}"


@pytest.mark.parametrize(
    ("threads", "share"),
    [
        pytest.param(
            {"java": 300, "GC Thread#0": 400, "GC Thread#1": 300, "VM Thread": 0}, 0.7, id="a parallel collector"
        ),
        pytest.param(
            {"java": 100, "G1 Conc#0": 100, "G1 Main Marker": 50, "VM Thread": 50},
            0.2,
            id="G1, and threads that have ended",
        ),
        pytest.param({"java": 950, "VM Thread": 50}, 0.05, id="the serial collector"),
        pytest.param({"java": 1000}, None, id="Java 8, whose threads have no names of their own"),
        pytest.param({"java": 900, "G1": 100}, None, id="a thread called alike"),
    ],
)
def test_the_share_of_the_collector_is_told_by_its_threads(
    process: Callable[..., int], tmp_path: Path, threads: dict[str, int], share: float | None
) -> None:
    of_threads = {f"task/{number}/stat": ticks(name, used, 0) for number, (name, used) in enumerate(threads.items())}
    process(40, stat=ticks("java", 600, 400), **of_threads)
    assert procfs.gc_share(40, tmp_path) == share
    assert procfs.gc_share(41, tmp_path) is None


def test_podmans_monitor_is_no_process_of_the_container(process: Callable[..., int], tmp_path: Path) -> None:
    process(7, cgroup=f"0::/machine.slice/libpod-{MINE}.scope/container\n")
    process(8, cgroup=f"0::/machine.slice/libpod-conmon-{MINE}.scope\n")
    assert procfs.container_pids([MINE], tmp_path) == {MINE: [7]}
    assert not procfs.in_container(8, MINE, tmp_path)


def test_a_process_that_ended_or_is_a_kernel_thread_is_left_out(process: Callable[..., int], tmp_path: Path) -> None:
    process(2, cmdline="", stat="2 (kthreadd) S " + "0 " * 30)
    assert procfs.processes([2, 4711], tmp_path) == []


def test_a_real_process_shows_its_command_its_age_and_its_memory() -> None:
    before = time.time()
    command = [sys.executable, "-c", "print(flush=True); input()", "-Xmx1024m", "-Xmx2g"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()  # it has come up
        (seen,) = procfs.processes([child.pid])
    finally:
        child.communicate(b"\n")
    assert "-Xmx1024m" in seen.command_line
    assert seen.max_heap == 2 * 2**30
    assert abs(seen.started_at - before) < 5
    assert seen.rss > 2**20


@pytest.mark.parametrize(
    ("command_line", "heap"),
    [
        ("java -Xmx768m Main", 768 * 2**20),
        ("java -Xmx1024mm Main", None),  # what the JVM refuses is no limit
        ("java -Xms768m Main", None),
        ("java -Xmx805306368 Main", 805306368),
    ],
)
def test_the_largest_heap_is_read_from_the_command_line(command_line: str, heap: int | None) -> None:
    assert procfs.Process(1, command_line, 0, 0).max_heap == heap


@pytest.mark.parametrize(("family", "loopback"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_connections_that_nobody_accepts_are_counted_on_the_listening_port(
    family: socket.AddressFamily, loopback: str
) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((loopback, 0))
        except OSError:
            pytest.skip(f"no {loopback} on this machine")
        listener.listen(8)
        port = listener.getsockname()[1]
        clients = [socket.create_connection((loopback, port)) for _ in range(3)]
        try:
            seen = [one for one in procfs.sockets(os.getpid()) if one.port == port and one.state == "listening"]
        finally:
            for client in clients:
                client.close()
    assert [(one.address, one.queued) for one in seen] == [(loopback, 3)]


def test_a_connection_that_only_the_client_closed_is_close_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        peer = "{}:{}".format(*client.getsockname())
        served, _ = listener.accept()
        with served:
            states = [one for one in procfs.sockets(os.getpid()) if one.port == port and one.state != "listening"]
            assert [(one.state, one.peer) for one in states] == [("established", peer)]
            client.close()
            served.recv(1)  # the end of the stream has arrived
            states = [one for one in procfs.sockets(os.getpid()) if one.port == port and one.state != "listening"]
            assert [(one.state, one.peer) for one in states] == [("close_wait", peer)]


def test_an_ipv4_client_of_a_dual_stack_listener_is_shown_as_ipv4(process: Callable[..., int], tmp_path: Path) -> None:
    # Java listens on IPv6 sockets: ::ffff:127.0.0.1:4002 with a client on port 0xC350
    line = (
        "   0: 0000000000000000FFFF00000100007F:0FA2 0000000000000000FFFF00000100007F:C350 01 00000000:00000000 00:00000000 "
        "00000000  1000        0 1 1"
    )
    process(7, **{"net/tcp6": f"  sl  local_address\n{line}\n"})
    (seen,) = procfs.sockets(7, tmp_path)
    assert (seen.state, seen.address, seen.port, seen.peer) == ("established", "127.0.0.1", 4002, "127.0.0.1:50000")


def test_a_socket_is_held_by_the_process_that_opened_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        (mine,) = (
            one
            for one in procfs.sockets(os.getpid())
            if one.state == "listening" and one.port == server.getsockname()[1]
        )
        held = procfs.held([os.getpid()])
        assert held is not None
        assert mine.inode in held
    assert mine.inode not in (procfs.held([os.getpid()]) or ())
    assert procfs.held([]) is None
    assert procfs.held([2**22 + 1]) is None, "it has ended: what it held is not known"


def test_sockets_of_a_process_that_is_gone_are_none() -> None:
    assert procfs.sockets(2**22 + 1) == []


def test_own_limits_and_rights_are_read() -> None:
    limits = procfs.nofile(os.getpid())
    assert limits is not None
    assert limits[0] > 0 or limits == (-1, -1)
    user = procfs.credentials(os.getpid())
    assert user is not None
    assert user.uid == os.geteuid()
    assert (user.gid, user.groups) == (os.getegid(), frozenset(os.getgroups()))


def test_an_unlimited_number_of_files_is_minus_one(process: Callable[..., int], tmp_path: Path) -> None:
    process(
        7,
        limits="Limit  Soft Limit  Hard Limit  Units\nMax open files            unlimited            unlimited            files\n",
    )
    assert procfs.nofile(7, tmp_path) == (-1, -1)
    assert procfs.nofile(8, tmp_path) is None


@pytest.mark.parametrize(
    ("cgroup", "folder", "usage", "cache"),
    [
        (f"4:memory:/docker/{MINE}\n0::/\n", f"memory/docker/{MINE}", "memory.usage_in_bytes", "total_inactive_file"),
        (f"0::/docker-{MINE}.scope\n", f"docker-{MINE}.scope", "memory.current", "inactive_file"),
    ],
)
def test_memory_counts_as_docker_stats_does(
    process: Callable[..., int], tmp_path: Path, cgroup: str, folder: str, usage: str, cache: str
) -> None:
    process(7, cgroup=cgroup)
    group = tmp_path / "cgroups" / folder
    group.mkdir(parents=True)
    (group / usage).write_text("1000\n")
    (group / "memory.stat").write_text(f"cache 900\n{cache} 300\n")

    assert procfs.memory_usage(7, tmp_path, tmp_path / "cgroups") == 700
    assert procfs.memory_usage(8, tmp_path, tmp_path / "cgroups") is None


@pytest.mark.parametrize(
    ("groups", "folder", "counts"),
    [
        ("4:memory:/docker/x\n0::/docker/x\n", "memory/docker/x", "memory.oom_control"),
        ("0::/x\n", "x", "memory.events"),
    ],
)
def test_the_kernels_kills_in_a_container_are_counted(tmp_path: Path, groups: str, folder: str, counts: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cgroup").write_text(groups)
    group = tmp_path / "cgroups" / folder
    group.mkdir(parents=True)
    (group / counts).write_text("oom 5\noom_kill 2\noom_kill_disable 0\n")
    assert procfs.memory_kills(7, tmp_path, tmp_path / "cgroups") == 2
    (group / counts).write_text("oom_kill_disable 0\n")  # before Linux 4.13
    assert procfs.memory_kills(7, tmp_path, tmp_path / "cgroups") is None


def test_an_engine_is_as_old_as_the_process_that_wrote_its_pid_there(tmp_path: Path) -> None:
    pid_file = tmp_path / "docker.pid"
    assert procfs.engine_started(pid_file) is None
    pid_file.write_text(str(os.getpid()))
    assert procfs.engine_started(pid_file) is None, "the pid is somebody else's by now"
