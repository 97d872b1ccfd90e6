# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sockets of gateways: what counts as a pile-up, and whose they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import connections, procfs
from ansible_collections.ibgw.ops.plugins.module_utils.connections import Network

PORTS = frozenset({4002, 4004})
OWN = Network("a" * 64, 7, PORTS, shared=False)
SHARED = Network("b" * 64, 8, PORTS, shared=True)

Look = list[procfs.Socket]


def sockets(*states: tuple[int, str, int]) -> Look:
    return [procfs.Socket(state, "127.0.0.1", port, "172.17.0.1:5000", queued) for port, state, queued in states]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """What each look at a process shows, one after the other; the waits in between."""

    def prepare(**by_pid: list[Look]) -> list[float]:
        waits: list[float] = []
        monkeypatch.setattr(procfs, "sockets", lambda pid: by_pid[f"pid{pid}"].pop(0))
        monkeypatch.setattr(connections.time, "sleep", waits.append)
        return waits

    return prepare


def test_a_pile_up_counts_only_as_far_as_it_lasts(looks: Callable[..., list[float]]) -> None:
    first = sockets((4002, "listening", 3), (4004, "listening", 7), *[(4002, "close_wait", 0)] * 4)
    second = sockets((4002, "listening", 5), (4004, "listening", 0), *[(4002, "close_wait", 0)] * 12)
    looks(pid7=[first, second])
    seen = connections.seen([OWN])[OWN.container]
    assert seen["close_wait"] == {"4002": 4}
    assert [one["accept_queue"] for one in seen["listening"]] == [3, 0]


def test_quiet_gateways_are_looked_at_once_and_those_that_pile_up_wait_together(
    looks: Callable[..., list[float]],
) -> None:
    pile = sockets((4002, "listening", 3))
    waits = looks(pid7=[pile, pile], pid8=[pile, pile], pid9=[sockets((4002, "listening", 0))])
    seen = connections.seen([OWN, SHARED, Network("c" * 64, 9, PORTS, shared=False)])
    assert len(waits) == 1
    assert [one["listening"][0]["accept_queue"] for one in seen.values()] == [3, 3, 0]


@pytest.mark.parametrize(
    ("held", "ports", "taken"),
    [({1, 2}, [4002, 4004], []), ({1}, [4002], [4004]), ({7}, [], [4002, 4004]), (None, [4002, 4004], [])],
)
def test_in_a_network_that_is_shared_a_port_is_its_own_where_its_processes_listen(
    looks: Callable[..., list[float]],
    monkeypatch: pytest.MonkeyPatch,
    held: set[int] | None,
    ports: list[int],
    taken: list[int],
) -> None:
    there = [
        procfs.Socket("listening", "0.0.0.0", port, "0.0.0.0:0", 0, inode) for port, inode in ((4002, 1), (4004, 2))
    ]
    looks(pid8=[there])
    monkeypatch.setattr(procfs, "held", lambda _pids: held)
    seen: dict[str, Any] = connections.seen([SHARED])[SHARED.container]
    assert ([one["port"] for one in seen["listening"]], seen["taken"]) == (ports, taken)


@pytest.mark.parametrize(("network", "ports"), [(OWN, [4002, 8888]), (SHARED, [4002])])
def test_in_a_network_that_is_shared_only_the_familys_ports_are_its_own(
    looks: Callable[..., list[float]], network: Network, ports: list[int]
) -> None:
    there = sockets((8888, "listening", 0), (4002, "listening", 0), (50000, "established", 0))
    looks(pid7=[there], pid8=[there])
    seen: dict[str, Any] = connections.seen([network])[network.container]
    assert [one["port"] for one in seen["listening"]] == ports
    assert seen["established"] == [], "it opened that one itself"
