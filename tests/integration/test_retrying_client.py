"""The example of a client that comes back, as the documents have it, beside a gateway that is not ready, is, loses IBKR, and is restarted."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.engine import CHECKOUT
from simulator.waiting import until
from tests.integration.gateways import Start

EXAMPLE = CHECKOUT / "docs" / "examples" / "retrying_client.py"


class Client:
    """The example in a process of its own, and what it has said."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self._output = output

    def said(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def says(self, text: str, times: int = 1) -> None:
        try:
            until(lambda: self.said().count(text) >= times, f"{times} times {text!r}", 120)
        except TimeoutError as late:
            raise AssertionError(f"{late}; it said:\n{self.said()}") from None


@contextmanager
def client(port: int, output: Path) -> Iterator[Client]:
    command = [sys.executable, str(EXAMPLE), "--port", str(port), "--client-id", "17", "--longest-wait", "4"]
    with (
        output.open("wb") as written,
        subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield Client(process, output)
        finally:
            process.kill()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_it_waits_for_the_gateway_and_comes_back_after_a_restart(start: Start, tmp_path: Path) -> None:
    port = free_port()
    with client(port, tmp_path / "client.log") as example:
        example.says("not connected")
        gateway = start(ports={"4004/tcp": port})
        example.says("connected, accounts seen: 1")

        gateway.broker.link(False, gateway.user)
        example.says("1100: IBKR is away")
        gateway.broker.link(True, gateway.user)
        example.says("1102: IBKR is back, nothing was lost")

        gateway.container.restart(timeout=90)
        example.says("connected, accounts seen: 1", times=2)
        waits = [int(seconds) for seconds in re.findall(r"next attempt in (\d+) s", example.said())]
        assert len(waits) == len(re.findall("not connected|has closed the connection", example.said()))
        assert min(waits) >= 2, "it never hammers"

        example.process.send_signal(signal.SIGTERM)
        assert example.process.wait(timeout=30) == 0
        assert "told to stop" in example.said()
        gateway.wait_for_line("remove Client 17")
