# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who listens and who is connected in the networks of gateways, as it is before anything of ours connects there.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils import engine, netns, procfs, sockdiag
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote

# Seconds between the two looks at connections that pile up.
_LOOK_AGAIN = 0.5


@dataclass(frozen=True)
class Network:
    """The network of a container, which its process `pid` shows. Of one that is `shared` only the family's `ports` are its own, and
    of those only where none but others than its processes, `pids`, listen."""

    container: str
    pid: int
    ports: frozenset[int]
    shared: bool
    pids: Sequence[int] = ()


def none() -> dict[str, Any]:
    """Nobody listens and nobody is connected."""
    return {"listening": [], "established": [], "close_wait": {}, "taken": []}


def seen(networks: Sequence[Network]) -> dict[str, dict[str, Any]]:
    """The sockets in each network, by container.

    A pile-up counts as far as it lasts: where one shows it is looked at again, after one wait for all.
    """
    samples = dict(zip([one.container for one in networks], engine.each(_sample, networks)))
    piled_up = [one for one in networks if _piles_up(samples[one.container])]
    if piled_up:
        time.sleep(_LOOK_AGAIN)
    return {**samples, **{one.container: _lasting(samples[one.container], _sample(one)) for one in piled_up}}


def limited(sockets: Mapping[str, dict[str, Any]], networks: Sequence[Network]) -> dict[str, str]:
    """Say of each socket that listens how many connections may wait on it; why not, by container, where we have no right to see that."""
    listening = [one for one in networks if sockets[one.container]["listening"]]
    entered = netns.sockets_in_each([(one.container, one.pid) for one in listening], [sockdiag.KIND])
    problems = {one.container: _limited(sockets[one.container], made) for one, made in zip(listening, entered)}
    return {container: problem for container, problem in problems.items() if problem}


def _limited(sockets: dict[str, Any], entered: list[socket.socket] | Unavailable) -> str | None:
    if isinstance(entered, Unavailable):
        return f"accept_limit: {entered.reason}; {entered.fix}"
    (asking,) = entered
    with asking:
        try:
            limits = sockdiag.accept_limits(asking)
        except OSError as error:
            return quote(f"accept_limit: {error}")
    for one in sockets["listening"]:
        one["accept_limit"] = limits.get((one["address"], one["port"]))
    return None


def _piles_up(sample: dict[str, Any]) -> bool:
    return bool(sample["close_wait"]) or any(one["accept_queue"] for one in sample["listening"])


def _lasting(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What is there `now`, with no more of a pile-up than there was `before`."""
    queues = {(one["address"], one["port"]): one["accept_queue"] for one in before["listening"]}
    for one in now["listening"]:
        one["accept_queue"] = min(one["accept_queue"], queues.get((one["address"], one["port"]), 0))
    now["close_wait"] = dict(Counter(now["close_wait"]) & Counter(before["close_wait"]))
    return now


def _sample(network: Network) -> dict[str, Any]:
    """The sockets at this moment; connections that the container itself opened are left out."""
    there = procfs.sockets(network.pid)
    served = {one.port for one in there if one.state == "listening"} | network.ports
    taken = _taken(network, there) if network.shared else set()
    if network.shared:
        served &= network.ports - taken
    mine = sorted((one for one in there if one.port in served), key=lambda one: one.port not in network.ports)
    return {
        "listening": [
            {"port": one.port, "address": one.address, "accept_queue": one.queued, "accept_limit": None}
            for one in mine
            if one.state == "listening"
        ],
        "established": [{"port": one.port, "peer": one.peer} for one in mine if one.state == "established"],
        "close_wait": dict(Counter(str(one.port) for one in mine if one.state == "close_wait")),
        "taken": sorted(taken),
    }


def _taken(network: Network, there: Sequence[procfs.Socket]) -> set[int]:
    """The family's ports at which somebody else listens, and nobody of the container; none where we may not see who holds a socket."""
    listening = [one for one in there if one.state == "listening" and one.port in network.ports]
    held = procfs.held(network.pids) if listening else None
    if held is None:
        return set()
    return {one.port for one in listening} - {one.port for one in listening if one.inode in held}
