# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking from inside a container: what only its loopback reaches, and every reason not to enter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import netns
from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable

from tests.integration.handshake.conftest import StartPeers
from tests.integration.playbooks import CHECKOUT
from tests.integration.proxy import EngineProxy


@pytest.fixture
def ask(address: str) -> Callable[..., list[dict[str, Any]]]:
    """Probe, with the test engine."""

    def ask(**arguments: Any) -> list[dict[str, Any]]:
        endpoints: list[dict[str, Any]] = probe(**{"docker_host": address, "timeout": 10.0, **arguments})["endpoints"]
        return endpoints

    return ask


Ask = Callable[..., list[dict[str, Any]]]


def test_what_listens_on_a_containers_loopback_is_reached_from_inside_alone(start_peers: StartPeers, ask: Ask) -> None:
    gateway = start_peers("healthy")
    port = gateway.ports["healthy"]
    inside, outside = ask(endpoints=[{"port": port, "inside": gateway.name}, {"port": port}])
    assert (inside["outcome"], inside["inside"], inside["accounts"]) == ("ready", gateway.name, ["DU12***67"])
    assert (outside["outcome"], outside["inside"]) == ("refused", None)


@pytest.mark.parametrize(
    ("mode", "outcome"),
    [
        ("silent", "silent_at_hello"),
        ("accept_fin", "closed_at_open"),
        ("start_fin", "closed_at_start"),
        ("ssh", "not_tws"),
    ],
)
def test_phases_are_told_from_inside_as_from_outside(
    start_peers: StartPeers, ask: Ask, mode: str, outcome: str
) -> None:
    gateway = start_peers(mode)
    (seen,) = ask(port=gateway.ports[mode], inside=gateway.name, timeout=4.0, retry_delay=0.01, mute_wait=1.0)
    assert (seen["outcome"], seen["attempts"]) == (outcome, 1 if mode == "ssh" else 2)


def test_containers_side_by_side_each_in_its_own_network(start_peers: StartPeers, ask: Ask) -> None:
    one, other = start_peers("healthy"), start_peers("order_id_first")
    ports = (one.ports["healthy"], other.ports["order_id_first"])
    seen = ask(endpoints=[{"port": port, "inside": each.name} for each in (one, other) for port in ports])
    assert [each["accounts"] for each in seen][0] == ["DU12***67"]
    assert [each["accounts"] for each in seen][3] == ["U76***21"]


def test_account_data_is_asked_from_inside_too(start_peers: StartPeers, ask: Ask) -> None:
    pytest.importorskip("ib_async")
    gateway = start_peers("healthy")
    (seen,) = ask(port=gateway.ports["healthy"], inside=gateway.name, depth="account", count_orders=True)
    assert seen["outcome"] == "account_ok"
    assert seen["account"] == {"net_liquidation_seen": True, "open_orders": 1, "positions": 2}


def refused(seen: dict[str, Any]) -> str:
    """Why nothing was asked: the endpoint's detail."""
    assert (seen["outcome"], seen["problem"], seen["attempts"]) == ("error", "probe.incomplete", 0)
    return str(seen["detail"])


def test_a_container_that_can_not_be_entered_says_why_and_hides_no_other(start_peers: StartPeers, ask: Ask) -> None:
    gateway, stopped = start_peers("healthy"), start_peers("healthy")
    stopped.container.kill()
    names = [gateway.name + "s", stopped.name, gateway.name]
    seen = ask(endpoints=[{"port": gateway.ports["healthy"], "inside": name} for name in names])
    assert f"there is no container called {names[0]}; there is {gateway.name}" in refused(seen[0])
    assert "it does not run (exited)" in refused(seen[1])
    assert seen[2]["outcome"] == "ready"


def test_whose_network_it_is_makes_no_difference(start_peers: StartPeers, ask: Ask) -> None:
    gateway = start_peers("healthy")
    beside, lonely, exposed = (
        start_peers("healthy", network_mode=mode) for mode in (f"container:{gateway.name}", "none", "host")
    )
    ports = [(gateway, beside), (lonely, lonely), (exposed, exposed)]
    seen = ask(endpoints=[{"port": owner.ports["healthy"], "inside": entered.name} for owner, entered in ports])
    assert [each["outcome"] for each in seen] == ["ready"] * 3


def test_a_container_between_two_starts_does_not_run(start_peers: StartPeers, ask: Ask, proxy: EngineProxy) -> None:
    gateway = start_peers("healthy")
    # What the engine says of one whose restart policy waits (moby container/state.go).
    between = {"Status": "restarting", "Running": True, "Restarting": True, "Pid": 0}
    proxy.edit = lambda inspected: inspected["State"].update(between)
    (seen,) = ask(port=gateway.ports["healthy"], inside=gateway.name, docker_host=proxy.address)
    assert "it does not run (restarting)" in refused(seen)


def test_a_pid_of_another_machine_is_not_entered(start_peers: StartPeers, ask: Ask, proxy: EngineProxy) -> None:
    gateway = start_peers("healthy")
    stranger = os.getpid()

    def as_elsewhere(inspected: dict[str, Any]) -> None:
        inspected["State"]["Pid"] = stranger

    proxy.edit = as_elsewhere
    (seen,) = ask(port=gateway.ports["healthy"], inside=gateway.name, docker_host=proxy.address)
    assert f"control group of process {stranger} does not prove" in refused(seen)


def test_an_engine_that_hangs_takes_no_longer_than_the_timeout(
    start_peers: StartPeers, ask: Ask, proxy: EngineProxy
) -> None:
    gateway = start_peers("healthy")
    proxy.hung.add("/containers/json")
    (seen,) = ask(port=4002, inside=gateway.name, docker_host=proxy.address, timeout=1.0)
    assert "did not answer" in refused(seen)


def test_another_containers_process_is_not_entered(start_peers: StartPeers) -> None:
    one, other = start_peers("healthy"), start_peers("healthy")
    with pytest.raises(Unavailable, match="control group"):
        netns.sockets(str(one.container.id), other.pid, [(2, 1, 0)])


PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
PYTHONS = [path for path in PYENV.glob("versions/3.*/bin/python3") if int(path.parts[-3].split(".")[1]) >= 9]


@pytest.mark.parametrize("python", [sys.executable, *map(str, sorted(PYTHONS))])
def test_every_python_of_a_target_can_enter(start_peers: StartPeers, tmp_path: Path, python: str) -> None:
    namespace = tmp_path / "ansible_collections" / "ibgw"
    namespace.mkdir(parents=True)
    (namespace / "ops").symlink_to(CHECKOUT)
    gateway = start_peers("healthy")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from ansible_collections.ibgw.ops.plugins.module_utils import netns\n"
        f"(made,) = netns.sockets({gateway.container.id!r}, {gateway.pid}, [(2, 1, 0)])\n"
        f"with made: made.connect(('127.0.0.1', {gateway.ports['healthy']}))\n"
        "print('connected')\n"
    )
    run = subprocess.run([python, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("connected\n", "")


def test_without_the_right_the_right_is_named(start_peers: StartPeers, address: str) -> None:
    gateway = start_peers("healthy")
    drop = "import ctypes; ctypes.CDLL(None).prctl(24, 21)"  # CAP_SYS_ADMIN, from what the next program can get
    ask = (
        "import json\n"
        "from ansible_collections.ibgw.ops.plugins.module_utils.handshake import probe\n"
        f"given = dict(port={gateway.ports['healthy']}, inside={gateway.name!r}, docker_host={address!r})\n"
        "print(json.dumps(probe(**given)['endpoints'][0]))\n"
    )
    again = f"{drop}; import os, sys; os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    run = subprocess.run([sys.executable, "-c", again, ask], capture_output=True, text=True, check=True)
    detail = refused(json.loads(run.stdout))
    assert "may not enter the container's network (Operation not permitted)" in detail
    assert "CAP_SYS_ADMIN" in detail
