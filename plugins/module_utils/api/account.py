# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask a ready API session for account data, with the low-level client of `ib_async`.

A gateway that is logged out still answers the handshake; account values are what tells. The client is handed the
connection that is already open, so that asking costs no second session. Whatever was requested is cancelled.

This module util is private to the collection; it can change at any time.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from ansible_collections.ibgw.ops.plugins.module_utils.api.wire import Notice
from ansible_collections.ibgw.ops.plugins.module_utils.probe import Unavailable, missing_library

#: What the account phase may receive; a thousand positions are about 200 KiB.
_MAX_BYTES = 4 << 20

#: How long the last requests may take to leave, out of the time for all of it, of which half at least is for listening.
_LEAVE_SECONDS = 0.2

# Share of the time that may go to the import: a gateway that has too little left to answer seems silent.
_LOADING = 0.5

_OLDEST_PYTHON = (3, 10)  # ib_async 2.1.0 pyproject.toml

_READ_ONLY = 321  # a request that a read-only API refuses; for open orders it comes without the request's id


class Account(NamedTuple):
    """What the account answered; None where it was not asked or not told."""

    net_liquidation_seen: bool | None = None
    open_orders: int | None = None
    positions: int | None = None
    notices: tuple[Notice, ...] = ()
    closed: bool = False
    detail: str | None = None


def load_client() -> Any:
    """The class `ib_async.client.Client`; raises `Unavailable`. The import takes a third of a second."""
    try:
        from ib_async.client import Client
    except Exception:  # not there, or not for this Python: both are mended by the probes' own interpreter
        raise (_python_too_old() if sys.version_info < _OLDEST_PYTHON else missing_library("ib_async")) from None
    for name in ("ib_async", "eventkit", "asyncio"):
        logging.getLogger(name).addHandler(logging.NullHandler())  # else what it can not decode goes to stderr
    return Client


def _python_too_old() -> Unavailable:
    here, needed = (".".join(map(str, version[:2])) for version in (sys.version_info, _OLDEST_PYTHON))
    return Unavailable(
        "probe.incomplete",
        f"account data need ib_async, which needs Python {needed} or newer, and {sys.executable} is Python {here}",
        "let ibgw.ops.enroll make the probes' environment with a newer one (probe_base_python), or use depth=api",
    )


def ask(connection: socket.socket, received: bytes, deadline: float, count_orders: bool) -> Account:
    """Ask over `connection`, on which `received` has led to readiness; until `deadline` at most.

    Open orders are counted only when `count_orders` says that the API is not read-only: elsewhere the question itself
    can open a dialog.
    """
    begun = time.monotonic()
    client_class = load_client()
    took = time.monotonic() - begun
    if took > (deadline - begun) * _LOADING:
        reason = f"loading ib_async took {took:.1f} seconds, which leaves too little to ask"
        raise Unavailable("probe.incomplete", reason, "look at the load of the machine, or give it more time")
    try:
        return asyncio.run(_ask(client_class, connection, received, deadline, count_orders))
    except Unavailable:
        raise
    except Exception as error:
        reason = f"ib_async failed on the account's answer with {type(error).__name__}: {error}"
        raise Unavailable("probe.incomplete", reason, "use depth=api") from None


async def _ask(
    client_class: Any, connection: socket.socket, received: bytes, deadline: float, count_orders: bool
) -> Account:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    listener = _Listener({"values", "positions", "orders"} if count_orders else {"values", "positions"})
    client = client_class(listener)
    client.startApi = lambda: None  # sent already, on this same connection
    client.conn.hasData.emit(received)
    listener.notices.clear()  # known from the start
    if not client.isReady():
        versions = f"{client.MinClientVersion} to {client.MaxClientVersion}"
        reason = f"ib_async can not talk to this gateway: it speaks server versions {versions} in plain text"
        raise Unavailable("probe.incomplete", reason, "use depth=api")
    listener.bytes_received = lambda: client.connectionStats().numBytesRecv
    leaving = min(_LEAVE_SECONDS, max(deadline - time.monotonic(), 0) / 2)
    connection.setblocking(False)
    client.conn.transport, _protocol = await loop.create_connection(lambda: client.conn, sock=connection)
    try:
        listener.request_id = client.getReqId()
        client.reqAccountSummary(listener.request_id, "All", "NetLiquidation")
        client.reqPositions()
        if count_orders:
            client.reqAllOpenOrders()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(listener.done.wait(), max(deadline - leaving - time.monotonic(), 0))
    finally:
        await _leave(client, listener.request_id, leaving)
    return listener.account()


async def _leave(client: Any, request_id: int | None, seconds: float) -> None:
    """Cancel what was asked for and close in order, within `seconds`."""
    with suppress(ConnectionError, OSError, RuntimeError, asyncio.TimeoutError):
        if client.conn.isConnected() and client.isReady():
            client.cancelAccountSummary(request_id)
            client.cancelPositions()
        if client.conn.isConnected():
            gone = asyncio.Event()
            client.conn.disconnected += lambda *_: gone.set()
            client.disconnect()
            await asyncio.wait_for(gone.wait(), seconds)


class _Listener:
    """What `ib_async`'s client reports to; it calls these methods by name."""

    def __init__(self, awaited: set[str]) -> None:
        self.done = asyncio.Event()
        self.request_id: int | None = None
        self.bytes_received: Callable[[], int] = lambda: 0
        self._awaited = awaited
        self._told: set[str] = set()
        self._net_liquidation = False
        self._positions: set[tuple[str, int]] = set()
        self._orders: set[int] = set()
        self.notices: list[Notice] = []
        self._closed = False
        self._refusal: str | None = None

    def account(self) -> Account:
        """What was told until now."""
        values_told = self._net_liquidation or self._refusal is None
        return Account(
            net_liquidation_seen=self._net_liquidation if values_told else None,
            open_orders=len(self._orders) if "orders" in self._told else None,
            positions=len(self._positions) if "positions" in self._told else None,
            notices=tuple(self.notices),
            closed=self._closed,
            detail=self._refusal or self._missing(),
        )

    def _missing(self) -> str | None:
        missing = sorted(self._awaited - self._told)
        if not missing:
            return None
        return ("the peer closed before it told: " if self._closed else "not told in time: ") + ", ".join(missing)

    def _tell(self, what: str, answered: bool = True) -> None:
        if answered:
            self._told.add(what)
        else:
            self._awaited.discard(what)
        if self._awaited <= self._told:
            self.done.set()

    def accountSummary(self, _request_id: int, _account: str, tag: str, value: str, _currency: str) -> None:
        self._net_liquidation |= tag == "NetLiquidation" and bool(value)

    def accountSummaryEnd(self, _request_id: int) -> None:
        self._tell("values")

    def position(self, account: str, contract: Any, size: float, _average_cost: float) -> None:
        if size:
            self._positions.add((account, contract.conId))

    def positionEnd(self) -> None:
        self._tell("positions")

    def openOrder(self, order_id: int, _contract: Any, order: Any, _state: Any) -> None:
        self._orders.add(order.permId or order_id)

    def orderStatus(self, order_id: int, _status: str, *rest: Any) -> None:
        self._orders.add(rest[3] or order_id)  # the permanent id; an order that can not be decoded still counts by this

    def openOrderEnd(self) -> None:
        self._tell("orders")

    def error(self, request_id: int, code: int, text: str, _reject: str) -> None:
        if request_id == self.request_id:
            self._refusal = f"the gateway refuses account values with {code}: {text}"
            self._tell("values", answered=False)
        elif code == _READ_ONLY:
            self._tell("orders", answered=False)
        else:
            self.notices.append(Notice(code, text, None))

    def connectionClosed(self) -> None:
        self._closed = True
        self.done.set()

    def tcpDataArrived(self) -> None:
        if self.bytes_received() > _MAX_BYTES:
            self.done.set()

    def __getattr__(self, _name: str) -> Callable[..., None]:
        """Everything else that a gateway may tell is of no interest."""
        return lambda *_: None
