"""What asking an API costs: a healthy endpoint beside ib_async and beside a bare socket, every way to fail, and memory.

    python -m benchmarks.handshake [--times 15]      writes benchmarks/handshake.md and prints it (two minutes)

The peer is that of the tests, on loopback; whoever asks it has a process of its own. Times are medians; failures are asked once each, with the
module's defaults. On a machine that does other things, too, the fastest of many tells more of who asks, the median more of the machine.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe

from benchmarks.asking import Asker, ask
from tests.unit.module_utils.outcomes import OUTCOMES
from tests.unit.module_utils.peer import Peer, free_port, unaccepted_port, unanswered_port

_TABLE = Path(__file__).with_suffix(".md")
_TIMEOUT = 5.0  # the module's default

#: These close late by themselves.
_LATE = ("late_fin", "late_hello_fin")


_PROBE = Asker(
    "the probe",
    "from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe",
    "(seen,) = probe(port=int(argument))['endpoints']",
)
_IB_ASYNC = Asker(
    "`ib_async.connectAsync`",
    "import asyncio, logging, ib_async; logging.disable()",
    "asyncio.run(ib_async.IB().connectAsync('127.0.0.1', int(argument), clientId=7))",
)
_SOCKET = Asker(
    "a bare socket, the same exchange",
    "import socket",
    r"""
with socket.create_connection(("127.0.0.1", int(argument))) as connection:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"API\0\0\0\0\x09v100..178")
    connection.recv(4096)
    connection.sendall(b"\0\0\0\x0d71\0" b"2\0900007\0\0")
    connection.recv(4096)""",
)


def healthy(times: int) -> Iterator[str]:
    """A healthy endpoint, asked in turn by each, so that what else the machine does hits all alike."""
    yield from (
        "| a healthy endpoint, ms: median (fastest) | asking | with the import | with the start of Python |",
        "|---|---|---|---|",
    )
    with Peer("healthy") as peer:
        costs = [[ask(asker, str(peer.port)) for asker in (_PROBE, _IB_ASYNC, _SOCKET)] for _ in range(times)]
    medians = []
    for asker, each in zip((_PROBE, _IB_ASYNC, _SOCKET), zip(*costs, strict=True), strict=True):
        parts = [[cost.asking for cost in each], [cost.importing for cost in each], [cost.starting for cost in each]]
        medians.append([statistics.median(part) for part in parts])
        shown = (f"{statistics.median(part) * 1000:.1f} ({min(part) * 1000:.1f})" for part in parts)
        yield f"| {asker.name} | {' | '.join(shown)} |"
    (asking, *ours), theirs = medians[0], medians[1]
    yield ""
    yield (
        f"`ib_async.connectAsync` in a fresh process takes {theirs[1] / asking:.0f} times as long as the probe;"
        f" {theirs[1] / ours[0]:.0f} times where the probe is imported anew, too, and {theirs[2] / ours[1]:.0f} times with the start of Python."
    )


def failures() -> Iterator[str]:
    """How long the worst of each outcome took, and which it was; at the greatest depth, so that silence about the account is among them."""
    worst: dict[str, tuple[float, str]] = {}
    for mode, where in _ways_to_fail():
        with where() as port:
            began = time.monotonic()
            outcome = probe(port=port, depth="account")["endpoints"][0]["outcome"]
            seconds = time.monotonic() - began
        worst[outcome] = max(worst.get(outcome, (0.0, "")), (seconds, mode))
    yield from ("| failure | verdict after, s | the slowest of them |", "|---|---|---|")
    for outcome, (seconds, mode) in sorted(worst.items(), key=lambda item: item[1]):
        yield f"| `{outcome}` | {seconds:.3f} | {mode.replace('_', ' ')} |"
    closed, silent = _split([seconds for seconds, _mode in worst.values()])
    yield ""
    yield f"Closed, refused or nonsense: at most {max(closed):.2f} s. Silent, of {_TIMEOUT:g} s: at most {max(silent):.2f} s."


def _split(seconds: list[float]) -> tuple[list[float], list[float]]:
    return [each for each in seconds if each < _TIMEOUT / 2], [each for each in seconds if each >= _TIMEOUT / 2]


Where = Callable[[], Any]


def _ways_to_fail() -> Iterator[tuple[str, Where]]:
    """Each mode of the peer that is no session, and ports without one."""
    for row in OUTCOMES:
        if not row.outcome.startswith("ready") and row.mode not in _LATE:
            yield row.mode, lambda mode=row.mode: _port_of(mode)
    yield "nobody listens", _nobody
    yield "accept_rst", lambda: _port_of("accept_rst")
    yield "account_silent", lambda: _port_of("account_silent")
    yield "never accepted", unaccepted_port
    yield "never connected", unanswered_port


@contextmanager
def _port_of(mode: str) -> Iterator[int]:
    with Peer(mode) as peer:
        yield peer.port


@contextmanager
def _nobody() -> Iterator[int]:
    yield free_port()


def memory() -> Iterator[str]:
    """Peak on top of the interpreter, with what is imported."""
    yield from ("| memory on top of the interpreter | MiB |", "|---|---|")
    for mode in ("healthy", "silent", "flood", "long_frame", "zeros"):
        with Peer(mode) as peer:
            yield f"| the probe, {mode.replace('_', ' ')} | {ask(_PROBE, str(peer.port)).memory:.1f} |"
    with Peer("healthy") as peer:
        yield f"| {_IB_ASYNC.name}, healthy | {ask(_IB_ASYNC, str(peer.port)).memory:.1f} |"


_HEAD = """# What asking an API costs

`python -m benchmarks.handshake` writes these tables; see `handshake.py`. The peer is on loopback.

"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handshake", description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=15, help="how often the healthy endpoint is asked by each")
    lines = []
    for part in (healthy(parser.parse_args().times), failures(), memory()):
        for line in (*part, ""):
            lines.append(line)
            print(line, flush=True)
    _TABLE.write_text(_HEAD + "\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
