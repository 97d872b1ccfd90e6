"""What every integration test stands on: a real engine, and Ansible as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of

import simulator.engine
from tests.integration.proxy import EngineProxy

CHECKOUT = Path(__file__).resolve().parents[2]

_ours = pytest.StashKey[bool]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember whether an engine that runs at the end will be of this run."""
    session.stash[_ours] = not hasattr(session.config, "workerinput") and not simulator.engine.started_here()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the engine if this run started it: once, after all of its processes."""
    if session.stash.get(_ours, False):
        simulator.engine.stop()


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """A Docker engine: the one that runs, else one that is started for this run."""
    client = simulator.engine.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def address(engine: docker.DockerClient) -> str:
    """Where that engine is asked."""
    return address_of(engine)


@pytest.fixture
def proxy(address: str) -> Iterator[EngineProxy]:
    """The engine behind a TCP port, as a remote one is."""
    with EngineProxy(address.removeprefix("unix://")) as server:
        yield server


Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ansible_playbook(tmp_path: Path) -> Play:
    """Run `ansible-playbook` with the arguments given, in an empty directory, as a user's shell would without a terminal."""

    def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("ansible-playbook")), *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log in which a gateway waits for its second factor, in IBC's words, as `docker logs -t` gives it."""
    path = tmp_path / "gateway.log"
    lines = [
        ("09:59:00", "version: 3.24.1"),
        ("10:00:00", "Click button: Log In"),
        ("10:00:03", "detected dialog entitled: Second Factor Authentication; event=Opened"),
    ]
    text = "".join(f"2026-03-02T{at}.000000000Z 2026-03-02 {at}:000 IBC: {said}\n" for at, said in lines)
    path.write_text(text, encoding="utf-8")
    return path
