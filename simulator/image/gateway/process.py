"""How a process looks in /proc."""

from __future__ import annotations

import os
from collections.abc import Sequence


def show_command_line(arguments: Sequence[str]) -> None:
    """Let /proc show `arguments` as this process's command line, instead of the interpreter's.

    The memory that the kernel shows can not grow or shrink, so what is left of it is filled with NUL.
    """
    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, proc(5)
    shown = b"\0".join(map(os.fsencode, arguments))[: end - start - 1]
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(shown.ljust(end - start, b"\0"))
