"""`python -m simulator` as people run it: twice at once, and interrupted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def simulator(command: str, engine: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", command],
        cwd=CHECKOUT,
        env={**os.environ, "DOCKER_HOST": f"unix://{engine}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests may run in the background, where shells have the interrupt ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


def test_a_second_one_is_refused_and_an_interrupted_one_says_what_is_left(tmp_path: Path) -> None:
    address = tmp_path / "engine"
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(str(address))
        engine.listen()
        engine.settimeout(60)
        first = simulator("demo", address)
        connection, _ = engine.accept()  # and no answer: it waits
        with connection:
            for command in ("demo", "up", "down"):
                second = simulator(command, address)
                assert second.communicate(timeout=60)[1] == (
                    "simulator: another one is at work in this checkout; wait until it has ended\n"
                )
                assert second.returncode == 1
            first.send_signal(signal.SIGINT)
            said = first.communicate(timeout=60)[1]
    assert first.returncode == 130
    assert said.strip() == "simulator: interrupted; make demo starts anew, make demo-down removes what was started"
