"""The broker's two ports: nobody of a whole fleet is turned away."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from socketserver import TCPServer

import pytest

from simulator.broker.__main__ import ControlHandler, ControlServer, GatewayHandler, GatewayServer


@pytest.mark.parametrize("port", [(ControlServer, ControlHandler), (GatewayServer, GatewayHandler)])
def test_a_whole_fleet_may_come_at_once(port: tuple[type[TCPServer], type]) -> None:
    kind, handler = port
    with kind(("127.0.0.1", 0), handler) as busy, ExitStack() as clients:
        for _ in range(60):  # none is served yet; who finds no place does not get a connection
            clients.enter_context(socket.create_connection(busy.server_address, timeout=5))
