# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers in whose network peers listen on loopback, where nobody outside reaches them."""

from __future__ import annotations

import io
import json
import os
import tarfile
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import docker
import pytest
from docker.models.containers import Container

import simulator.containers
from tests.integration.playbooks import CHECKOUT

_PEER = CHECKOUT / "tests" / "unit" / "module_utils" / "peer.py"
_SERVE = """
import json, sys
sys.path.insert(0, "/")
from peer import Peer, socket
peers = {mode: Peer(mode) for mode in sys.argv[1:]}
print(json.dumps({mode: peer.port for mode, peer in peers.items()}), flush=True)
"""


@dataclass(frozen=True)
class Inside:
    """A container, and the ports on its loopback by the mode of the peer that listens there."""

    container: Container
    ports: dict[str, int]

    @property
    def name(self) -> str:
        return str(self.container.name)

    @property
    def pid(self) -> int:
        return int(self.container.attrs["State"]["Pid"])


StartPeers = Callable[..., Inside]


@pytest.fixture
def start_peers(engine: docker.DockerClient) -> Iterator[StartPeers]:
    """Start a container with peers of these modes; options as for the SDK. Every one is removed after the test."""
    if os.geteuid() != 0:
        pytest.skip("takes root to enter a container's network")
    simulator.containers.build_image(engine)
    made: list[Container] = []

    def start(*modes: str, **options: Any) -> Inside:
        container = engine.containers.create(
            simulator.containers.BROKER_IMAGE,
            command=["python3", "-c", _SERVE, *modes],
            name=f"handshake-{uuid.uuid4().hex[:8]}",
            init=True,
            **options,
        )
        made.append(container)
        container.put_archive("/", archive())
        container.start()
        container.reload()
        said = next(container.logs(stream=True, follow=True))
        return Inside(container, json.loads(said))

    yield start
    for container in made:
        container.remove(force=True, v=True)


def archive() -> bytes:
    """The peer, to put it in a container."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(_PEER, "peer.py")
    return packed.getvalue()
