"""The demo's second machine: a container behind SSH, with a key pair of its own. The inventory finds both in `.cache/`."""

from __future__ import annotations

import shutil
import socket
import subprocess

from simulator.containers import CanNotSimulate, Simulation, free_port, published_port
from simulator.engine import CACHE
from simulator.waiting import until

#: Where the inventory of the demo looks for the key and the port.
DIRECTORY = CACHE / "demo-machine"
_WANTED_PORT = 12022
_START_SECONDS = 30


def up(simulation: Simulation) -> None:
    """Start it anew and wait until its SSH server answers."""
    forget()
    key = DIRECTORY / "id_ed25519"
    DIRECTORY.mkdir(parents=True)
    try:
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", simulation.name, "-f", str(key)]
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise CanNotSimulate("ssh-keygen is missing: install OpenSSH's client (openssh-client)") from error
    except subprocess.CalledProcessError as error:
        raise CanNotSimulate(f"ssh-keygen made no key: {error.stderr.strip()}") from error
    public = key.with_suffix(".pub").read_text(encoding="ascii")
    machine = simulation.start_machine(f"{simulation.name}-machine", public, free_port(_WANTED_PORT))
    port = published_port(machine, "22/tcp")
    until(lambda: _ssh_answers(port), f"the SSH server on port {port}", _START_SECONDS)
    (DIRECTORY / "port").write_text(f"{port}\n", encoding="ascii")


def forget() -> None:
    """Remove its key and what else it left in `.cache/`; the container is the simulation's to remove."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)


def _ssh_answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
