"""What it costs to ask: time and memory of a short program that has a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Asker:
    """A program that asks: what it imports, and what it does with the text `argument`."""

    name: str
    imports: str
    asks: str


_PROGRAM = """
import json, os, sys, time

def peak():
    return next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))

argument, began, bare, started = sys.argv[1], float(sys.argv[2]), peak(), time.monotonic()
{imports}
loaded = time.monotonic()
{asks}
asked = time.monotonic()
print(json.dumps([asked - loaded, asked - started, asked - began, peak() - bare]), flush=True)
os._exit(0)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds of the asking alone, with the import, with the start of Python; MiB on top of the interpreter."""

    asking: float
    importing: float
    starting: float
    memory: float


def ask(asker: Asker, argument: str) -> Cost:
    """One asking, in a process of its own."""
    program = _PROGRAM.format(imports=asker.imports, asks=asker.asks)
    command = [sys.executable, "-c", program, argument, str(time.monotonic())]
    return Cost(*json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
