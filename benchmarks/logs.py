"""What reading a log costs: a whole history beside ripgrep and beside a loop over all patterns, and the newest run in a log of any size.

    python -m benchmarks.logs [--largest MIB]      writes benchmarks/logs.md and prints it (five minutes, 4 GB of disk)

The logs are made for it: months of a gateway's service, and a login that is refused and tried again without end, each repeated to the size
that is wanted. Every reading has a process of its own; memory is its peak above the interpreter with what it imports.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.grammars import ibc
from ansible_collections.ibgw.ops.plugins.module_utils.log.passage import MARKS
from docker.types import LogConfig

import simulator.base_image
import simulator.engine
from tests.unit.module_utils.ibc_log import Log

_TABLE = Path(__file__).with_suffix(".md")
_MIB = 1 << 20
_SIZES = (1, 64, 1024)
_NEWEST_RUN = 1 << 22  # the module's default
_FAMILY = "gnzsnz-ibc"

# Logs

_TEMPLATE_DAY = "2026-03-04"
_WINDOW_NOISE = ("Activated", "Focused", "Lost focus", "Deactivated")
_SETTINGS: dict[str, Any] = {f"SomeSettingOfTheController{number}": "" for number in range(90)}
_COMMAND = '"/opt/java/bin/java" ' + "--add-opens=java.desktop/java.awt=ALL-UNNAMED " * 30
_PROPERTIES = [f"some.property.of.java.{number} = some value of it" for number in range(50)]


def service(stamped: bool) -> list[str]:
    """A week of service: each day a restart on the saved session, clients that come every half minute; on the last day a full login."""
    return [_day(stamped, saved=True)] * 6 + [_day(stamped, saved=False)]


def _day(stamped: bool, saved: bool) -> str:
    log = Log(stamped=stamped)
    log.now = log.now.replace(hour=0)
    if saved:
        log.raw(
            "autorestart file found at /home/ibgateway/Jts/abcdefghijkl/autorestart: authentication will not be required"
        )
        log.raw("IBC will restart shortly", "sleep 2")
    else:
        log.container().script()
    log.jvm(saved=saved, **_SETTINGS).raw(_COMMAND, *_PROPERTIES).refused(4001, 20, every=1)
    for title in (
        "IBKR Gateway",
        "Loading...",
        "Connecting to server...",
        "Authenticating...",
        "Starting application...",
    ):
        for change in ("Opened", *_WINDOW_NOISE, "Closed"):
            log.frame(title, change)
        if title == "IBKR Gateway" and not saved:
            log.ibc("Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT").attempt()
        if title == "Authenticating..." and not saved:
            log.prompt().prompt_closes(5, 9)
    log.ibc("Login has completed", "Configuration tasks completed")
    while log.now.hour < 23:
        log.wait(30).raw(f"addLogConsole Client {log.now.minute}")
    return log.shuts_down().text


def refusals(stamped: bool) -> list[str]:
    """Logins that are refused, each followed by the next."""
    log = Log(stamped=stamped)
    log.now = log.now.replace(hour=0)
    while log.now.hour < 1:
        log.jvm(**_SETTINGS).raw(_COMMAND, *_PROPERTIES).login_window().attempt().authenticating().window(
            "Login failed"
        )
        log.ibc("Login failed").cold_restarts()
    return [log.text]


def write(path: Path, days: list[str], size: int) -> Path:
    """A log of at least `size` bytes, day after day, that ends with a whole day."""
    today = date.fromisoformat(_TEMPLATE_DAY)
    with path.open("wb") as log:
        while log.tell() < size:
            today += timedelta(days=1)
            text = days[today.toordinal() % len(days)]
            log.write(
                text.replace(_TEMPLATE_DAY, str(today))
                .replace(_TEMPLATE_DAY.replace("-", "/"), f"{today:%Y/%m/%d}")
                .encode()
            )
    return path


# Readings


@dataclass(frozen=True)
class Reading:
    """What one reading cost: seconds, also of the processor, bytes of the log, and peak memory in bytes, without and with the interpreter."""

    seconds: float
    processor: float
    read: int
    memory: int
    whole_memory: int


_READ = """
import json, sys, time
import docker
from ansible_collections.ibgw.ops.plugins.module_utils.families.recognise import BY_NAME
from ansible_collections.ibgw.ops.plugins.module_utils.logscan import probe

def peak():
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))

before, began, worked = peak(), time.monotonic(), time.process_time()
(gateway,) = probe(**json.loads(sys.argv[1]))["gateways"]
seconds, processor = time.monotonic() - began, time.process_time() - worked
assert gateway["available"], gateway["reason"]
print(json.dumps([seconds, processor, gateway["window"]["bytes_read"], peak() - before, peak()]))
"""


def read(max_bytes: int, path: Path | None = None, container: str | None = None) -> Reading:
    """One call of the probe in a process of its own."""
    arguments = {
        "names": [container] if container else None,
        "path": str(path) if path else None,
        "family": _FAMILY,
        "as_of": None,
        "max_bytes": max_bytes,
        "max_events": 50,
        "docker_host": None,
        "timeout": 600.0,
    }
    done = subprocess.run([sys.executable, "-c", _READ, json.dumps(arguments)], stdout=subprocess.PIPE, check=True)
    return Reading(*json.loads(done.stdout))


@contextmanager
def container_of(log: Path) -> Iterator[str]:
    """The name of a container that has written `log`, as its engine's own log files keep it."""
    engine = simulator.engine.client()
    container = engine.containers.run(
        simulator.base_image.ensure(engine, "bookworm"),
        ["cat", "/some.log"],
        name=f"ibgw-benchmark-{uuid.uuid4().hex[:6]}",
        volumes={str(log): {"bind": "/some.log", "mode": "ro"}},
        log_config=LogConfig(type=LogConfig.types.JSON),
        network_mode="none",
        detach=True,
    )
    try:
        container.wait()
        yield str(container.name)
    finally:
        container.remove(force=True)


# What it is compared with


def ripgrep(path: Path, marks: Iterable[str]) -> float:
    """Seconds of the processor in which `rg -c` counts the lines with one of `marks`."""
    patterns = [word for mark in marks for word in ("-e", mark)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["rg", "--count", *patterns, str(path)], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def plain_loop(path: Path, patterns: Iterable[re.Pattern[str]], size: int) -> float:
    """Seconds of the processor in which every pattern is tried on every line of the first `size` bytes."""
    patterns = list(patterns)
    with path.open("rb") as log:
        content = log.read(size).decode()
    began = time.process_time()
    for line in content.split("\n"):
        for pattern in patterns:
            pattern.search(line)
    return time.process_time() - began


# Figures


def speeds(directory: Path, sizes: Iterable[int]) -> Iterator[str]:
    """A whole history beside what it is compared with, for each kind of log, in millions of bytes per second of the processor."""
    yield from (
        "| whole history of | MiB | the probe, MB/s | `rg -c` of its marks | a loop over all patterns |",
        "|---|---|---|---|---|",
    )
    for kind, days in (("months of service", service(True)), ("a login refused without end", refusals(True))):
        for size in sizes:
            path = write(directory / "whole.log", days, size * _MIB)
            written = path.stat().st_size / 1e6
            passed = written / min(read(0, path).processor for _ in range(3))
            counted = written / min(ripgrep(path, _marks()) for _ in range(3))
            looped = _MIB / plain_loop(path, _patterns(), _MIB) / 1e6
            compared = f"{counted:.0f} ({counted / passed:.1f} times) | {looped:.1f} (1/{passed / looped:.0f})"
            yield f"| {kind} | {size} | {passed:.0f} | {compared} |"


def costs(directory: Path, sizes: Iterable[int]) -> Iterator[str]:
    """What reading costs in logs of each size: of a saved one its newest run and its whole history, of a container's its newest run."""
    yield from (
        "| log | MiB | read | seconds | of the processor | memory, MiB | with the interpreter |",
        "|---|---|---|---|---|---|---|",
    )
    for size in sizes:
        saved = write(directory / "saved.log", service(True), size * _MIB)
        yield _cost("saved", size, "newest run", read(_NEWEST_RUN, saved))
        yield _cost("saved", size, "whole history", read(0, saved))
        saved.unlink()
        printed = write(directory / "printed.log", service(False), size * _MIB)
        with container_of(printed) as name:
            yield _cost("of a container", size, "newest run", read(_NEWEST_RUN, container=name))
        printed.unlink()


def _cost(log: str, size: int, what: str, cost: Reading) -> str:
    memory = f"{cost.memory / _MIB:.1f} | {cost.whole_memory / _MIB:.0f}"
    return f"| {log} | {size} | {what} | {cost.seconds:.1f} | {cost.processor:.1f} | {memory} |"


def _marks() -> list[str]:
    """What the quick pass over a whole history looks for, as ripgrep writes it."""
    return [
        re.escape(mark).decode().replace("\\ ", " ").replace("\\-", "-")
        if isinstance(mark, bytes)
        else mark.pattern.decode()
        for mark in MARKS
    ]


def _patterns() -> Iterable[re.Pattern[str]]:
    """Every pattern of the grammar of these logs."""
    tables = (*ibc._MESSAGE_RULES.values(), *ibc._SCRIPT_RULES.values())
    return dict.fromkeys(pattern for rules in tables for pattern, _kind in rules)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logs", description=__doc__.partition("\n")[0])
    parser.add_argument("--largest", type=int, default=_SIZES[-1], help="the largest log, in MiB")
    arguments = parser.parse_args()
    sizes = [size for size in _SIZES if size <= arguments.largest]
    lines = []
    with tempfile.TemporaryDirectory() as directory:
        for line in chain(speeds(Path(directory), sizes[1:]), [""], costs(Path(directory), sizes)):
            lines.append(line)
            print(line, flush=True)
    if sizes == list(_SIZES):
        _TABLE.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return 0


_HEAD = """# What reading a log costs

`python -m benchmarks.logs` writes these tables, on made logs; see `logs.py`. Memory is the peak of the probe's process above the interpreter with
its imports.

"""

if __name__ == "__main__":
    sys.exit(main())
