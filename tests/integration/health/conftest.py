# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Containers that look like a gateway from outside, with real processes and sockets; nobody logs in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.health import probe
from docker.models.containers import Container

import simulator.containers

# Listens where the gateway does and never accepts; behind the code stands what a JVM's command line would show.
_GATEWAY = "import socket, time; s = socket.create_server(('127.0.0.1', 4002), backlog=2); time.sleep(100000)"
_RUN = f'''
trap 'exit 143' TERM
python3 -c "{_GATEWAY}" -Xmx768m ibcalpha.ibc.IbcGateway &
socat TCP-LISTEN:4004,fork TCP:127.0.0.1:4002 &
wait
'''


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    """An image laid out like a gateway's."""
    return simulator.containers.build_image(engine)


@pytest.fixture
def create(engine: docker.DockerClient, image: str) -> Iterator[Callable[..., Container]]:
    """Make a container with a name of its own; options as for the SDK. Every one is removed after the test."""
    made: list[Container] = []

    def make(name: str = "gw", **options: Any) -> Container:
        defaults = {"image": image, "command": ["bash", "-c", _RUN], "name": f"health-{uuid.uuid4().hex[:8]}-{name}"}
        made.append(engine.containers.create(**{**defaults, **options}))
        return made[-1]

    yield make
    for container in made:
        container.remove(force=True, v=True)


@pytest.fixture
def start(create: Callable[..., Container]) -> Callable[..., Container]:
    """Make a container and start it."""

    def make(name: str = "gw", **options: Any) -> Container:
        container = create(name, **options)
        container.start()
        container.reload()
        return container

    return make


@pytest.fixture
def look(address: str) -> Callable[..., dict[str, Any]]:
    """Probe the test engine for containers."""

    def probed(*containers: Container, **arguments: Any) -> dict[str, Any]:
        names = [container.name for container in containers]
        given = {"names": names, "find": False, "docker_host": address, "timeout": 20.0, "events_since": "1h"}
        return probe(**{**given, **arguments})

    return probed
