# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many connections may wait on a listening socket, as the kernel says."""

from __future__ import annotations

import copy
import os
import socket

import pytest
from ansible_collections.ibgw.ops.plugins.module_utils import connections, netns, procfs, sockdiag
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable


def limits() -> dict[tuple[str, int], int]:
    with socket.socket(*sockdiag.KIND) as asking:
        return sockdiag.accept_limits(asking)


@pytest.mark.parametrize("backlog", [0, 5, 50])
@pytest.mark.parametrize(
    ("family", "address", "told"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "0.0.0.0", "0.0.0.0"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::ffff:127.0.0.1", "127.0.0.1"),  # as Java listens
    ],
)
def test_each_listener_has_its_limit_under_the_address_that_procfs_tells(
    family: socket.AddressFamily, address: str, told: str, backlog: int
) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((address, 0))
        except OSError:
            pytest.skip(f"no {address} on this machine")
        listener.listen(backlog)
        port = listener.getsockname()[1]
        assert limits()[told, port] == backlog
        assert told in [one.address for one in procfs.sockets(os.getpid()) if one.port == port]


def test_many_listeners_take_several_answers() -> None:
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=3) for _ in range(400)]
    try:
        ports = {listener.getsockname()[1] for listener in listeners}
        seen = limits()
    finally:
        for listener in listeners:
            listener.close()
    assert {seen["127.0.0.1", port] for port in ports} == {3}


def test_who_does_not_listen_has_none() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert ("127.0.0.1", bound.getsockname()[1]) not in limits()


def test_without_the_right_to_enter_a_container_only_the_limits_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = Unavailable("probe.incomplete", "not root", "become")
    monkeypatch.setattr(netns, "sockets_in_each", lambda containers, _kinds: [refused for _one in containers])
    seen = {"listening": [{"port": 4002, "address": "127.0.0.1", "accept_queue": 3, "accept_limit": None}]}
    there = connections.Network("1", 7, frozenset(), shared=False)
    told = {"1": copy.deepcopy(seen)}
    assert connections.limited(told, [there]) == {"1": "accept_limit: not root; become"}
    assert told == {"1": seen}
