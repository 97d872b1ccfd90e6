# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sockets in the network namespace of a container; nothing is executed in the container.

A socket belongs to the namespace in which it was made, whoever uses it afterwards. So a forked child enters the namespace, makes
the sockets, hands them to its parent (SCM_RIGHTS) and ends; the parent, which never leaves home, connects with them as with any.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NoReturn

from ansible_collections.ibgw.ops.plugins.module_utils import procfs
from ansible_collections.ibgw.ops.plugins.module_utils.probe import AS_ROOT, Unavailable, missing_library

#: Family, type and protocol of a socket.
Kind = tuple[int, int, int]

_CLONE_NEWNET = 0x40000000  # linux/sched.h

# The child needs milliseconds; one that the machine holds up is not waited for.
_SECONDS = 2.0

_MADE = b"made"

_RIGHT = f"it takes root with CAP_SYS_ADMIN and CAP_SYS_PTRACE on the engine's machine: {AS_ROOT}"


def sockets(container: str, pid: int, kinds: Sequence[Kind]) -> list[socket.socket]:
    """One socket of each kind in the network of the container with the id `container`, whose process the engine says is `pid`.

    Raises `Unavailable`. To be called while there is no other thread: a fork copies the locks that threads hold, not the threads.
    """
    (made,) = sockets_in_each([(container, pid)], kinds)
    if isinstance(made, Unavailable):
        raise made
    return made


def sockets_in_each(
    containers: Sequence[tuple[str, int]], kinds: Sequence[Kind]
) -> list[list[socket.socket] | Unavailable]:
    """For each container and its process what `sockets` gives, or why it can not; one child makes them all."""
    with ExitStack() as stack:
        places: list[int | Unavailable] = []
        for container, pid in containers:
            try:
                places.append(stack.enter_context(_namespace(container, pid)))
            except Unavailable as problem:
                places.append(problem)
        made = iter(_made_in([one for one in places if isinstance(one, int)], kinds))
        return [next(made) if isinstance(one, int) else one for one in places]


@contextmanager
def _namespace(container: str, pid: int) -> Iterator[int]:
    """The network of a process that is proven to be the container's."""
    try:
        namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    except OSError as error:
        raise (_refused(error) if procfs.in_container(pid, container) else _unproven(pid)) from None
    try:
        # Only now: had the pid gone to another process before the namespace was opened, that one would fail this proof.
        if not procfs.in_container(pid, container):
            raise _unproven(pid)
        yield namespace
    finally:
        os.close(namespace)


def _made_in(namespaces: Sequence[int], kinds: Sequence[Kind]) -> list[list[socket.socket] | Unavailable]:
    """The sockets that a child made in each of `namespaces`; whatever became of it, it is gone when this returns."""
    if not namespaces:
        return []
    enter = _entering()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        child = os.fork()
        if child == 0:
            _make(enter, namespaces, kinds, theirs)
        try:
            theirs.close()
            ends = time.monotonic() + _SECONDS
            return [_received(ours, len(kinds), ends) for _namespace in namespaces]
        finally:
            with suppress(ProcessLookupError, ChildProcessError):  # SIGCHLD can be ignored, from whoever started us
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def _received(ours: socket.socket, count: int, ends: float) -> list[socket.socket] | Unavailable:
    """What the child says of one namespace, by that time."""
    ours.settimeout(max(ends - time.monotonic(), 0.001))
    try:
        said, handed_over, _flags, _address = socket.recv_fds(ours, 16, count)
    except OSError as error:
        return _refused(error)
    made = [socket.socket(fileno=one) for one in handed_over]
    if said == _MADE and len(made) == count:
        return made
    for one in made:
        one.close()
    number = int(said) if said.isdigit() else errno.EIO
    return _refused(OSError(number, os.strerror(number)))


def _make(
    enter: Callable[[int], None], namespaces: Sequence[int], kinds: Sequence[Kind], parent: socket.socket
) -> NoReturn:
    """The child. No exception and none of the parent's exit handlers and unwritten output may get beyond it."""
    try:
        for namespace in namespaces:
            try:
                enter(namespace)
                made = [socket.socket(*kind) for kind in kinds]
                socket.send_fds(parent, [_MADE], [one.fileno() for one in made])
            except OSError as error:
                parent.send(str(error.errno).encode())
    finally:
        os._exit(0)


def _entering() -> Callable[[int], None]:
    """setns(2), loaded ahead of the fork so that the child loads nothing; `os.setns` comes only with Python 3.12."""
    try:
        import ctypes
    except ImportError:  # a Python that was built without it
        raise missing_library("ctypes") from None
    setns = ctypes.CDLL(None, use_errno=True).setns

    def enter(namespace: int) -> None:
        if setns(namespace, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    return enter


def _unproven(pid: int) -> Unavailable:
    reason = f"the control group of process {pid} does not prove that it is the container's"
    return Unavailable(
        "probe.incomplete", reason, "run the probe as root on the machine on which the engine itself runs"
    )


def _refused(error: OSError) -> Unavailable:
    user = f"uid {os.geteuid()}"
    if error.errno in (errno.EPERM, errno.EACCES):
        reason = f"{user} may not enter the container's network ({error.strerror})"
        return Unavailable("probe.incomplete", reason, _RIGHT)
    reason = f"{user} could not enter the container's network: {error.strerror or 'that took too long'}"
    return Unavailable("probe.incomplete", reason, "diagnose again")
