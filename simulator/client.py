"""A trading program as people write them: connects to the API with ib_async and stays, until told to stop or cut off."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from simulator.containers import CanNotSimulate
from simulator.engine import CACHE, CHECKOUT

_PIDFILE = CACHE / "demo-client.pid"


def start(port: int) -> None:
    """One that stays connected, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator.client", str(port)],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline().strip() != "connected":
        raise CanNotSimulate(f"the ib_async client was not served on port {port}")
    _PIDFILE.parent.mkdir(exist_ok=True)
    _PIDFILE.write_text(str(process.pid))


def runs() -> bool:
    """Whether it is connected: it ends when it is cut off."""
    if not _PIDFILE.exists():
        return False
    command = Path(f"/proc/{_PIDFILE.read_text()}/cmdline")
    return command.exists() and b"simulator.client" in command.read_bytes()


def stop() -> None:
    """End it, if it runs."""
    if runs():
        os.kill(int(_PIDFILE.read_text()), signal.SIGTERM)
    _PIDFILE.unlink(missing_ok=True)


def lose_patience(port: int) -> None:
    """Connect, greet, wait a moment for an answer, and give up: what a health check with a short time-out does."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"API\0\0\0\0\x09v100..178")
        connection.settimeout(0.2)
        with contextlib.suppress(OSError):
            connection.recv(64)


@dataclass(frozen=True)
class Connection:
    """A client that asks for nothing, in this process."""

    socket: socket.socket

    def cut(self) -> bool:
        """Whether the other side has closed it."""
        try:
            while self.socket.recv(4096):
                pass
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def close(self) -> None:
        self.socket.close()


def connect(port: int) -> Connection | None:
    """One that is served and stays; None where nobody is."""
    hello, start = b"v100..178", f"71\x002\x00{random.randint(1, 10**6)}\x00\x00".encode()
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=3))
            connection.sendall(b"API\0" + struct.pack(">I", len(hello)) + hello)
            served = connection.recv(64)
            connection.sendall(struct.pack(">I", len(start)) + start)
            served = served and connection.recv(64)
        except OSError:
            return None
        if not served:
            return None
        stack.pop_all()
        connection.setblocking(False)
        return Connection(connection)


async def _stay_connected(port: int) -> None:
    import ib_async  # by the process that is the client only

    client = ib_async.IB()
    await client.connectAsync("127.0.0.1", port, clientId=21)
    print("connected", flush=True)
    over = asyncio.Event()
    client.disconnectedEvent += over.set
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    await over.wait()
    client.disconnect()


if __name__ == "__main__":
    asyncio.run(_stay_connected(int(sys.argv[1])))
