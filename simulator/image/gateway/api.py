"""The Gateway's API port: closed until somebody is logged in, then the text dialect of the TWS API for up to 32 clients."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from . import console, orders, wire
from .heap import OutOfMemoryError
from .line import Message, Unreachable

if TYPE_CHECKING:
    from .program import Gateway

_FARMS = (
    (2104, 2103, "Market data farm connection is {state}:usfarm"),
    (2106, 2105, "HMDS data farm connection is {state}:ushmds"),
    (2158, 2157, "Sec-def data farm connection is {state}:secdefil"),
)
_LOST = (1100, "Connectivity between IBKR and Trader Workstation has been lost.")
_RESTORED = (
    1102,
    "Connectivity between IBKR and Trader Workstation has been restored - data maintained. "
    "All data farms are connected: usfarm; ushmds; secdefil.",
)
_AWAY = (2110, "Connectivity between Trader Workstation and server is broken. It will be restored automatically.")
_TAKEN = (326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
_READ_ONLY = "The API interface is currently in Read-Only mode."
_NO_REQUEST = -1
_BUFFER = 8192  # bytes of heap that a thread needs for each message

_Received = TypeVar("_Received")


class Client:
    """One API connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.id: int | None = None
        self.version = 0
        self.follows_account = False

    def send(self, *fields: object) -> None:
        self.writer.write(wire.frame(*fields))

    def notice(self, code: int, text: str, request: int = _NO_REQUEST) -> None:
        self.send(4, 2, request, code, text, "")


class Api:
    def __init__(self, gateway: Gateway, port: int) -> None:
        self._gateway = gateway
        self._port = port
        self._server: asyncio.Server | None = None
        self._clients: dict[int, Client] = {}
        self._abandoned: list[Client] = []  # connections that no thread is left to close
        self._link_up = True
        self._threads_run = asyncio.Event()
        self._threads_run.set()
        self._answers: dict[str, Callable[[Client, list[str]], Awaitable[None]]] = {
            "3": self._place_order,
            "4": self._cancel_order,
            "5": self._own_orders,
            "6": self._account_updates,
            "7": self._executions,
            "8": self._order_id,
            "15": self._bind_orders,
            "16": self._all_orders,
            "17": self._accounts,
            "49": self._current_time,
            "61": self._positions,
            "62": self._account_summary,
            "76": self._account_updates_multi,
            "99": self._completed_orders,
        }

    async def open(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for client in list(self._clients.values()):
            client.writer.close()

    def hang(self) -> None:
        """Its threads wait for each other for ever: connections are accepted, and neither served nor closed any more."""
        self._threads_run.clear()

    def link_lost(self) -> None:
        self._link_up = False
        self._tell_all(*_LOST)

    def link_restored(self) -> None:
        self._link_up = True
        self._tell_all(*_RESTORED)

    async def values_changed(self) -> None:
        values = await self._values()
        for client in self._clients.values():
            if client.follows_account and self._threads_run.is_set():
                self._tell_values(client, values)

    def _tell_all(self, code: int, text: str) -> None:
        if self._threads_run.is_set():
            for client in self._clients.values():
                client.notice(code, text)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client = Client(reader, writer)
        try:
            await self._converse(client)
        except OutOfMemoryError as error:
            error.end(f"JTS-EServerSocket-{writer.get_extra_info('peername')[1]}")
            self._abandoned.append(client)
            return
        except (OSError, EOFError, LookupError, ValueError):
            pass  # gone, or talks something else: cut off
        if client.id is not None:
            del self._clients[client.id]
            console.raw(f"remove Client {client.id}")
        writer.close()

    async def _converse(self, client: Client) -> None:
        # Alone in its segment: some clients read it with one recv and throw the rest away.
        client.version = wire.agreed_version(await self._next(wire.read_hello(client.reader)))
        client.send(client.version, time.strftime("%Y%m%d %H:%M:%S %Z"))
        await client.writer.drain()
        while True:
            await self._answer(client, await self._next(wire.read_fields(client.reader)))
            await client.writer.drain()

    async def _next(self, message: Awaitable[_Received]) -> _Received:
        """What a client sends next, or that it is gone: neither is noticed while the threads hang."""
        try:
            received = await message
        finally:
            await self._threads_run.wait()
        self._gateway.heap.need(_BUFFER)
        return received

    async def _answer(self, client: Client, fields: list[str]) -> None:
        request = fields[0] if fields else ""
        if client.id is None:
            if request == "71":
                await self._start(client, int(fields[2]))
        elif request in self._answers:
            await self._answers[request](client, fields)

    async def _start(self, client: Client, wanted: int) -> None:
        if wanted in self._clients:
            client.notice(*_TAKEN)
            raise EOFError
        client.id = wanted
        self._clients[wanted] = client
        console.raw(f"addLogConsole Client {wanted}")
        client.send(15, 1, self._gateway.account)
        client.send(9, 1, await self._next_order_id())
        for fine, broken, text in _FARMS:
            code, state = (fine, "OK") if self._link_up else (broken, "broken")
            client.notice(code, text.format(state=state))
        if not self._link_up:
            client.notice(*_AWAY)

    # Requests

    async def _accounts(self, client: Client, _: list[str]) -> None:
        client.send(15, 1, self._gateway.account)

    async def _order_id(self, client: Client, _: list[str]) -> None:
        client.send(9, 1, await self._next_order_id())

    async def _next_order_id(self) -> int:
        return max((order["order_id"] for order in await self._orders()), default=0) + 1

    async def _current_time(self, client: Client, _: list[str]) -> None:
        client.send(49, 1, int(time.time()))

    async def _orders(self) -> list[Message]:
        open_ones: list[Message] = (await self._gateway.portfolio()).get("orders", [])
        return open_ones

    async def _bind_orders(self, client: Client, _: list[str]) -> None:
        if not self._refuse_when_read_only(client):
            for order in await self._orders():
                if order["client_id"] == order["order_id"] == 0:
                    self._tell_order(client, order)

    async def _own_orders(self, client: Client, _: list[str]) -> None:
        """Those of this client; what a person placed on a screen counts as client 0's."""
        if not self._refuse_when_read_only(client):
            for order in await self._orders():
                if order["client_id"] == client.id:
                    self._tell_order(client, order)
            client.send(53, 1)

    async def _all_orders(self, client: Client, _: list[str]) -> None:
        if not self._refuse_when_read_only(client):
            for order in await self._orders():
                self._tell_order(client, order)
            client.send(53, 1)

    async def _place_order(self, client: Client, fields: list[str]) -> None:
        assert client.id is not None
        if not self._refuse_when_read_only(client, int(fields[1])):
            with contextlib.suppress(Unreachable):
                self._tell_order(client, await self._gateway.place_order(orders.placed(fields, client.id)))

    async def _cancel_order(self, client: Client, fields: list[str]) -> None:
        assert client.id is not None
        order_id = int(fields[2])
        if self._refuse_when_read_only(client, order_id):
            return
        with contextlib.suppress(Unreachable):
            order = await self._gateway.cancel_order(client.id, order_id)
            if order:
                client.send(*orders.order_status(order))
                client.notice(202, "Order Canceled - reason:", order_id)
            else:
                client.notice(10147, f"OrderId {order_id} that needs to be cancelled is not found.", order_id)

    def _tell_order(self, client: Client, order: Message) -> None:
        client.send(*orders.open_order(order, self._gateway.account, client.version))
        client.send(*orders.order_status(order))

    async def _completed_orders(self, client: Client, _: list[str]) -> None:
        if not self._refuse_when_read_only(client):
            client.send(102)

    def _refuse_when_read_only(self, client: Client, request: int = _NO_REQUEST) -> bool:
        """Order requests are refused, their end never comes (facts: handshake, row `read-only`)."""
        if self._gateway.read_only:
            name = f"'{os.urandom(2).hex()}'"
            client.notice(321, f"Error validating request.-{name} : cause - {_READ_ONLY}", request)
        return self._gateway.read_only

    async def _positions(self, client: Client, _: list[str]) -> None:
        for position in (await self._gateway.portfolio()).get("positions", []):
            client.send(
                61,
                3,
                self._gateway.account,
                position["contract"],
                position["symbol"],
                "STK",
                "",
                0.0,
                "",
                "",
                "SMART",
                "USD",
                position["symbol"],
                position["symbol"],
                position["quantity"],
                position["average_cost"],
            )
        client.send(62, 1)

    async def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = (await self._gateway.portfolio()).get("values", {})
        return values

    async def _account_updates(self, client: Client, fields: list[str]) -> None:
        client.follows_account = fields[2:3] == ["1"]
        if client.follows_account:
            self._tell_values(client, await self._values())
            client.send(54, 1, self._gateway.account)

    def _tell_values(self, client: Client, values: dict[str, Any]) -> None:
        for name, value in values.items():
            client.send(6, 2, name, value, "USD", self._gateway.account)
        client.send(8, 1, time.strftime("%H:%M"))

    async def _account_updates_multi(self, client: Client, fields: list[str]) -> None:
        request, account = fields[2], fields[3] or self._gateway.account
        for name, value in (await self._values()).items():
            client.send(73, 1, request, account, "", name, value, "USD")
        client.send(74, 1, request)

    async def _account_summary(self, client: Client, fields: list[str]) -> None:
        request, wanted = fields[2], fields[4].split(",")
        for name, value in (await self._values()).items():
            if name in wanted or wanted == ["All"]:
                client.send(63, 1, request, self._gateway.account, name, value, "USD")
        client.send(64, 1, request)

    async def _executions(self, client: Client, fields: list[str]) -> None:
        client.send(55, 1, fields[2])
