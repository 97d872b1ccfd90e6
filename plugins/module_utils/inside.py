# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections from inside containers: which container is meant, whether it can be entered, and sockets in its network.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import socket
from collections.abc import Collection

from ansible_collections.ibgw.ops.plugins.module_utils import engine, netns
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Misuse, Unavailable
from ansible_collections.ibgw.ops.plugins.module_utils.redact import quote


def find(names: Collection[str], docker_host: str | None, seconds: float) -> dict[str, engine.Target]:
    """The containers called so, by name; raises `Unavailable` when the engine can not be asked within `seconds`."""
    for name in names:
        if not engine.CONTAINER_NAME.fullmatch(name):
            raise Misuse(f"inside is {quote(name)!r}, no container's name; allowed are {engine.CONTAINER_NAMES}")
    client = engine.connect(docker_host, seconds)
    try:
        return {target.name: target for target in engine.gateway_containers(client, sorted(names), find=False)}
    finally:
        client.close()


def sockets(target: engine.Target, family: int, count: int) -> list[socket.socket]:
    """TCP sockets of an address family in the container's network; raises `Unavailable` with what is missing."""
    if target.unavailable:
        raise target.unavailable
    if target.inspected is None:
        near = f" (there is {', '.join(target.similar_names)})" if target.similar_names else ""
        raise _not_to_enter(f"there is no container of that name{near}", "name one that runs")
    state = target.inspected["State"]
    if not state.get("Pid"):  # "Running" also says one that waits to be restarted
        raise _not_to_enter(f"it does not run ({state.get('Status')})", "ask when it runs")
    return netns.sockets(target.inspected["Id"], state["Pid"], [(family, socket.SOCK_STREAM, 0)] * count)


def _not_to_enter(reason: str, fix: str) -> Unavailable:
    return Unavailable("probe.incomplete", reason, fix)
