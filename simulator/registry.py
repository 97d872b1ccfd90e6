"""A registry in a simulation's network, as `registry.simulated:5000` there, for servers that pull the simulator's images."""

from __future__ import annotations

import http.client
import urllib.request

from docker.errors import NotFound

from simulator.containers import CanNotSimulate, Simulation, build_image, published_port
from simulator.waiting import until

#: It has no certificate: engines pull from it where their `insecure-registries` name it.
ADDRESS = "registry.simulated:5000"

_HOST, _, _PORT = ADDRESS.partition(":")
_SECONDS = 30


def start(simulation: Simulation, image: str) -> None:
    """A registry that is empty, from the image of one."""
    container = simulation.create(
        f"{simulation.name}-registry", image=image, ports={f"{_PORT}/tcp": ("127.0.0.1", None)}, alias=_HOST
    )
    container.start()
    until(lambda: _answers(_published(simulation)), f"the registry {container.name} to answer", _SECONDS)


def push(simulation: Simulation, release: str) -> None:
    """Bring the image of an IBC release there, built before where it must be."""
    image = build_image(simulation.engine, release)
    repository = f"{_published(simulation)}/{image.partition(':')[0]}"
    simulation.engine.images.get(image).tag(repository, release)
    try:
        for said in simulation.engine.images.push(repository, release, stream=True, decode=True):
            if "error" in said:
                raise CanNotSimulate(f"the engine could not push {image} to its own registry: {said['error']}")
    finally:
        simulation.engine.images.remove(f"{repository}:{release}")


def digest(simulation: Simulation, image: str) -> str:
    """The digest (`sha256:…`) of an image by its name there, like `ibgw-ops-simulator:3.24.1`."""
    return str(simulation.engine.images.get_registry_data(f"{_published(simulation)}/{image}").id)


def _published(simulation: Simulation) -> str:
    """Where the engine itself, and this machine, reach it."""
    try:
        container = simulation.engine.containers.get(f"{simulation.name}-registry")
    except NotFound:
        raise CanNotSimulate(f"the simulation {simulation.name!r} has no registry: start it first") from None
    return f"127.0.0.1:{published_port(container, f'{_PORT}/tcp')}"


def _answers(address: str) -> bool:
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://{address}/v2/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False
