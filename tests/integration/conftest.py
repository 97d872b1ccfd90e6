"""What every integration test stands on: a real engine, simulated gateways, gateways that are deployed, and Ansible as a user runs it."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest
from ansible_collections.ibgw.ops.plugins.module_utils.engine import address_of
from ansible_collections.ibgw.ops.plugins.module_utils.record import RECORDS
from docker.models.containers import Container
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

import simulator.engine
from simulator.broker.client import Broker
from simulator.conditions import PASSWORD
from simulator.containers import Simulation
from tests.integration import playbooks
from tests.integration.deployed import Deploy, Deployed
from tests.integration.gateways import Running, Start
from tests.integration.playbooks import Play
from tests.integration.proxy import EngineProxy

_ours = pytest.StashKey[bool]()
#: Modules whose tests share something dear, or would see what another of them has started beside its gateway: they stay with one
#: worker, every other test goes to whoever is free.
_SHARED = (
    *("test_demo.py", "test_package.py", "bundle/test_bundle.py", "deploy/test_gateway.py", "faults/test_servers.py"),
    *("awx/test_configure.py", "handshake/test_relays.py", "health/test_audited.py", "health/test_who_did_it.py"),
    "page/test_page.py",
    *(f"simulator/test_{name}.py" for name in ("api", "container", "releases", "restart")),
)
#: This one counts who asked a gateway that hangs, and the demo's tests once ask every gateway of the engine: never both at once.
_COUNTS, _ASKS_ALL = (f"tests/integration/{name}.py" for name in ("diagnose/test_relay_or_gateway", "test_demo"))


#: Where a single test takes a minute or so: they begin first, so that no worker is left alone with one at the end.
_SLOW = ("faults/", "rebuild/", "recover/", "runner/")


class _BySharing(LoadScopeScheduling):
    """What xdist's `loadgroup` is for, which does not hear of groups under pytest 9."""

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        if module == _COUNTS:
            return _ASKS_ALL
        return module if module.endswith(_SHARED) else nodeid

    def _reschedule(self, node: WorkerController) -> None:
        """Keep one test at hand beside the one that runs: what more a worker holds waits there while others have nothing to do."""
        if self._pending_of(self.assigned_work[node]) < 2 or not self.workqueue:
            super()._reschedule(node)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow ones first; each of them stays behind what it stood behind among its own."""
    items.sort(key=lambda item: not item.nodeid.startswith(tuple(f"tests/integration/{each}" for each in _SLOW)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _BySharing(config, log)


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


@pytest.fixture(scope="session")
def simulation(engine: docker.DockerClient) -> Iterator[Simulation]:
    """A broker and its network; gateways whose names begin with its own are taken away with all that the machine keeps of them."""
    simulation = Simulation(engine, f"ibgw-test-{uuid.uuid4().hex[:8]}")
    try:
        simulation.start()
        yield simulation
    finally:
        simulation.remove()
        for kept in RECORDS.glob(f"{simulation.name}-*"):
            shutil.rmtree(kept)


@pytest.fixture(scope="session")
def broker(simulation: Simulation) -> Broker:
    """IBKR's side, and its ledger."""
    return simulation.broker()


@pytest.fixture(scope="module")
def start(simulation: Simulation, broker: Broker) -> Iterator[Start]:
    """Start a gateway with a user of its own: `start("live", user={traits}, password=…, environment={…})`."""
    started: list[Container] = []

    def start(
        mode: str = "paper", *, user: dict[str, Any] | None = None, password: str = PASSWORD, **options: Any
    ) -> Running:
        name = f"{simulation.name}-{uuid.uuid4().hex[:6]}"
        broker.add_user(name, PASSWORD, "DU1234567" if mode == "paper" else "U1234567", **(user or {}))
        container = simulation.create_gateway(name, name, password, mode, **options)
        started.append(container)
        container.start()
        return Running(container, name, broker)

    yield start
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda container: container.remove(force=True, v=True), started))


@pytest.fixture
def deploy(simulation: Simulation, broker: Broker, tmp_path: Path) -> Iterator[Deploy]:
    """Deploy a gateway with the collection and wait until it is logged in: `deploy(trading_mode="live", user={traits})`."""
    made: list[Deployed] = []

    def deploy(user: dict[str, Any] | None = None, **words: Any) -> Deployed:
        gateway = Deployed(f"{simulation.name}-{uuid.uuid4().hex[:6]}", simulation, broker, tmp_path)
        made.append(gateway)
        gateway.deploy(user or {}, words)
        return gateway

    yield deploy
    for gateway in made:
        gateway.remove()


@pytest.fixture
def ansible_playbook(tmp_path: Path) -> Play:
    """Run a playbook in the test's directory: `ansible_playbook("diagnose", "-i", inventory, ANSIBLE_TIMEOUT="1")`."""
    return lambda playbook, *arguments, **environment: playbooks.run(tmp_path, playbook, *arguments, **environment)


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
