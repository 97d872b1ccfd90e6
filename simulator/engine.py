"""A Docker engine for the demo and the tests: the one that runs, else one that is installed and started here.

Everything that had to be started is remembered in `.cache/`, so that `stop` takes away just that.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
from pathlib import Path

import docker
import docker.errors

from simulator.waiting import until

CHECKOUT = Path(__file__).resolve().parent.parent
CACHE = CHECKOUT / ".cache"
_PIDFILE = CACHE / "dockerd.pid"
_LOG = CACHE / "dockerd.log"
_SECONDS = 60


class EngineMissing(Exception):
    """No engine can be had; the message is one sentence that says what is missing and what to do."""


def running() -> docker.DockerClient | None:
    """The engine if one answers; nothing is started."""
    try:
        return _answering()
    except docker.errors.DockerException:
        return None


def client() -> docker.DockerClient:
    """The engine of `DOCKER_HOST` or of the local socket; started, and installed before that, where it must be and can be."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the processes of a test run all come here at once
        return _started()


def _started() -> docker.DockerClient:
    try:
        return _answering()
    except docker.errors.DockerException as error:
        problem = str(error)
    if os.environ.get("DOCKER_HOST"):
        raise EngineMissing(
            f"DOCKER_HOST is {os.environ['DOCKER_HOST']}, and no Docker engine answers there; start it, or unset DOCKER_HOST"
        )
    if "Permission denied" in problem:
        raise EngineMissing(
            "the Docker engine's socket may not be read by this user; run as root, or join the group: sudo usermod -aG docker $USER, then log in anew"
        )
    if shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin") is None:
        _install()
    if os.geteuid() != 0:
        raise EngineMissing(
            "Docker is installed but not running, and only root can start it; run: sudo systemctl start docker"
        )
    return _start()


def started_here() -> bool:
    """Whether an engine runs that was started by `client`, now or in an earlier run."""
    return _PIDFILE.exists() and _runs(int(_PIDFILE.read_text()))


def stop() -> None:
    """Stop the engine if `client` started it."""
    if started_here():
        pid = int(_PIDFILE.read_text())
        os.kill(pid, signal.SIGTERM)
        until(lambda: not _runs(pid), "the Docker engine to stop", _SECONDS)
    for trace in (_PIDFILE, _LOG, CACHE / "engine.lock"):
        trace.unlink(missing_ok=True)
    if CACHE.is_dir() and not any(CACHE.iterdir()):
        CACHE.rmdir()


def _runs(pid: int) -> bool:
    """Whether `pid` is a Docker daemon; what has ended and was not reaped yet has no command line."""
    try:
        return b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _answering() -> docker.DockerClient:
    engine = docker.from_env(timeout=120)
    engine.ping()
    return engine


def _install() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise EngineMissing("Docker is missing, and installing it needs root; run: sudo apt-get install docker.io")
    print("Installing Docker from the distribution's packages (a minute or two) ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A server that was just rented is busy with its own first upgrade: wait for it.
    install = ["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    install += ["docker.io", "iptables", "iproute2"]
    for command in (["apt-get", "update"], install):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise EngineMissing(
                f"installing Docker failed: '{' '.join(command)}' ended with: {done.stderr.strip().splitlines()[-1]}"
            )


def _start() -> docker.DockerClient:
    print("Starting the Docker engine (some seconds) ...", flush=True)
    if Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "start", "docker"], check=False, capture_output=True)
    elif not started_here():
        with _LOG.open("wb") as log:
            daemon = subprocess.Popen(
                ["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        _PIDFILE.write_text(str(daemon.pid))
    return until(running, f"the Docker engine to answer (its log: {_LOG})", _SECONDS)
