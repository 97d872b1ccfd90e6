# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections from inside containers: which container is meant, whether it can be entered, and sockets in its network.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import closing

from ansible_collections.ibgw.ops.plugins.module_utils import engine, netns
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable


def find(names: Collection[str], docker_host: str | None, seconds: float) -> dict[str, engine.Container]:
    """The containers called so, by name; raises `Unavailable` when the engine can not be asked within `seconds`."""
    engine.check_names(names)
    with closing(engine.connect(docker_host, seconds)) as client:
        return {one.name: one for one in engine.containers(client, sorted(names))}


def sockets(target: engine.Container, family: int, count: int) -> list[socket.socket]:
    """TCP sockets of an address family in the container's network; raises `Unavailable` with what is missing."""
    container = target.found()
    state = container["State"]
    if not state.get("Pid"):  # "Running" also says one that waits to be restarted
        raise Unavailable("probe.incomplete", f"it does not run ({state.get('Status')})", "ask when it runs")
    return netns.sockets(container["Id"], state["Pid"], [(family, socket.SOCK_STREAM, 0)] * count)
