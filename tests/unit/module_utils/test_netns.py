# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sockets made in another network namespace: whose it is is proven first, and no child outlives the call."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import netns, procfs, sockdiag
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable

CONTAINER = "c" * 64
TCP = (socket.AF_INET, socket.SOCK_STREAM, 0)

#: A network of its own, whose loopback is up and has one listener; it says on which port.
ELSEWHERE = """
import ctypes, fcntl, os, socket, struct, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
    sys.exit("not permitted")
with socket.socket() as any:
    fcntl.ioctl(any, 0x8914, struct.pack("16sh14x", b"lo", 1))
listener = socket.create_server(("127.0.0.1", 0), backlog=7)
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.sendall(b"inside")
sys.stdin.read()
"""


@pytest.fixture
def proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of this test stand for a container's: their control group says nothing about that."""
    monkeypatch.setattr(procfs, "in_container", lambda _pid, _container: True)


@pytest.fixture
def elsewhere() -> Iterator[tuple[int, int]]:
    """A process in a network of its own, and the port on which it listens there."""
    with subprocess.Popen([sys.executable, "-c", ELSEWHERE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            pytest.skip("takes the right to make a network namespace")
        yield process.pid, int(said)
        process.kill()


def test_a_socket_from_elsewhere_reaches_what_only_listens_there(proven: None, elsewhere: tuple[int, int]) -> None:
    pid, port = elsewhere
    first, second = netns.sockets(CONTAINER, pid, [TCP, sockdiag.KIND])
    with first, second, socket.socket() as ours:
        assert sockdiag.accept_limits(second) == {("127.0.0.1", port): 7}
        assert ours.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
        first.connect(("127.0.0.1", port))
        assert first.recv(6) == b"inside"


def test_this_process_stays_at_home(proven: None, elsewhere: tuple[int, int]) -> None:
    home = os.stat("/proc/self/ns/net").st_ino
    (made,) = netns.sockets(CONTAINER, elsewhere[0], [TCP])
    made.close()
    assert os.stat("/proc/self/ns/net").st_ino == home


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1, 0], ids=["a stranger", "gone", "none"])
def test_a_process_that_is_not_proven_to_be_the_containers_is_not_entered(
    monkeypatch: pytest.MonkeyPatch, pid: int
) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("it was entered"))
    with pytest.raises(Unavailable) as refused:
        netns.sockets(CONTAINER, pid, [TCP])
    assert refused.value.problem == "probe.incomplete"
    assert "control group" in refused.value.reason


def _denied(_namespace: int) -> NoReturn:
    raise PermissionError(errno.EPERM, "setns")


def _broken(_namespace: int) -> NoReturn:
    raise ValueError("a defect")


def _hanging(_namespace: int) -> NoReturn:
    threading.Event().wait()
    raise AssertionError


def _dying(_namespace: int) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


@pytest.mark.parametrize(
    ("enter", "reason", "fix"),
    [
        (_denied, "may not enter the container's network (Operation not permitted)", "CAP_SYS_ADMIN"),
        (_broken, "could not enter the container's network", "diagnose again"),
        (_dying, "could not enter the container's network", "diagnose again"),
        (_hanging, "that took too long", "diagnose again"),
    ],
)
def test_however_the_child_ends_it_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    proven: None,
    enter: Callable[[int], None],
    reason: str,
    fix: str,
) -> None:
    monkeypatch.setattr(netns, "_entering", lambda: enter)
    monkeypatch.setattr(netns, "_SECONDS", 0.2)
    forked, fork = [], os.fork
    monkeypatch.setattr(os, "fork", lambda: forked.append(fork()) or forked[-1])
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(Unavailable) as refused:
        netns.sockets(CONTAINER, os.getpid(), [TCP])
    assert reason in refused.value.reason
    assert fix in refused.value.fix
    assert capfd.readouterr() == ("", "")
    assert set(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ProcessLookupError):  # neither running nor a zombie
        os.kill(forked[0], 0)


def test_a_launcher_that_ignores_its_children_costs_nothing(proven: None, elsewhere: tuple[int, int]) -> None:
    """Whether children are ignored is inherited by every program; the kernel takes them away then, and there is none to wait for."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        (made,) = netns.sockets(CONTAINER, elsewhere[0], [TCP])
    finally:
        signal.signal(signal.SIGCHLD, before)
    with made:
        made.connect(("127.0.0.1", elsewhere[1]))


def test_a_kind_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch, proven: None) -> None:
    monkeypatch.setattr(netns, "_entering", lambda: lambda _namespace: None)
    with pytest.raises(Unavailable) as refused:
        netns.sockets(CONTAINER, os.getpid(), [TCP, (socket.AF_INET, socket.SOCK_STREAM, 200)])
    assert os.strerror(errno.EPROTONOSUPPORT) in refused.value.reason


def test_without_the_right_to_look_the_right_is_named(monkeypatch: pytest.MonkeyPatch, proven: None) -> None:
    def closed(*_arguments: object, **_options: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", closed)
    with pytest.raises(Unavailable) as refused:
        netns.sockets(CONTAINER, os.getpid(), [TCP])
    assert refused.value.reason == f"uid {os.geteuid()} may not enter the container's network (Permission denied)"
    assert "become" in refused.value.fix
