"""An unmodified ib_async is served through the relay as by a real gateway."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from docker import DockerClient
from ib_async import IB, LimitOrder, Stock

from simulator.broker.client import Broker
from tests.integration.diagnosis import diagnose
from tests.integration.gateways import Running, Start


def with_client(port: int, use: Callable[[IB], Awaitable[Any]], client_id: int = 7) -> Any:
    async def run() -> Any:
        client = IB()
        try:
            await client.connectAsync("127.0.0.1", port, clientId=client_id, timeout=5, raiseSyncErrors=True)
            return await use(client)
        finally:
            client.disconnect()

    return asyncio.run(run())


@pytest.fixture(scope="module")
def paper(start: Start) -> Running:
    position = {"contract": 265598, "symbol": "AAPL", "quantity": 10, "average_cost": 100.5}
    return start(user={"positions": [position]}).logged_in()


def test_synchronises_and_sees_the_account(paper: Running) -> None:
    async def look(client: IB) -> tuple[Any, ...]:
        summary = {value.tag: value.value for value in await client.accountSummaryAsync()}
        return (
            client.client.serverVersion(),
            client.managedAccounts(),
            [(position.contract.symbol, position.position) for position in client.positions()],
            summary["NetLiquidation"],
            await client.reqAllOpenOrdersAsync(),
            (await client.reqCurrentTimeAsync()).year > 2000,
        )

    seen = with_client(paper.port(), look)
    assert seen == (178, ["DU1234567"], [("AAPL", 10.0)], "1000000.00", [], True)
    paper.wait_for_line("remove Client 7")


def test_orders_are_placed_seen_and_cancelled_and_survive_the_gateway(start: Start, engine: DockerClient) -> None:
    paper = start().logged_in()
    by_hand = paper.broker.place_order(paper.user, "MSFT", action="SELL", quantity=3, limit_price=500.5)

    async def place(client: IB) -> int:
        contract = Stock("AAPL", "SMART", "USD", conId=265598)
        trade = client.placeOrder(contract, LimitOrder("BUY", 10, 100.25, tif="GTC"))
        while not trade.orderStatus.permId:
            await asyncio.wait_for(trade.statusEvent, 10)
        return trade.order.orderId

    order_id = with_client(paper.port(), place)
    paper.container.restart(timeout=30)
    paper.wait_for_line("Login has completed", times=2)
    paper.wait_for_line("Pending Tasks; event=Closed", times=2)

    async def look_and_cancel(client: IB) -> list[Any]:
        own = client.openTrades()
        every = await client.reqAllOpenOrdersAsync()
        (trade,) = own
        client.cancelOrder(trade.order)
        while not trade.isDone():
            await asyncio.wait_for(trade.statusEvent, 10)
        return [
            [trade.order.orderId, trade.contract.symbol, trade.order.lmtPrice, trade.order.totalQuantity],
            trade.orderStatus.status,
            sorted((one.contract.symbol, one.order.action, one.order.permId == by_hand) for one in every),
            client.client.getReqId() > order_id,
        ]

    seen = diagnose(engine, paper.user)
    assert seen.api is not None
    assert seen.api["account"]["open_orders"] == 2
    assert with_client(paper.port(), look_and_cancel) == [
        [order_id, "AAPL", 100.25, 10.0],
        "Cancelled",
        [("AAPL", "BUY", False), ("MSFT", "SELL", True)],
        True,
    ]
    assert [order["perm_id"] for order in paper.broker.orders(paper.user)] == [by_hand]

    async def bind(client: IB) -> list[str]:
        return [trade.contract.symbol for trade in client.openTrades()]

    assert with_client(paper.port(), bind, client_id=0) == ["MSFT"]


def test_taken_client_id_is_refused(paper: Running) -> None:
    async def connect_again(_: IB) -> list[int]:
        codes: list[int] = []
        second = IB()
        second.errorEvent += lambda _request, code, *_rest: codes.append(code)
        with pytest.raises(TimeoutError):
            await second.connectAsync("127.0.0.1", paper.port(), clientId=7, timeout=1)
        return codes

    assert with_client(paper.port(), connect_again) == [326]


# An id of its own for each: the last one is free as soon as the gateway has seen that its client is gone.
@pytest.mark.parametrize(("whose", "client_id"), [("own", 8), ("everybody's", 9)])
def test_lost_link_is_told_and_told_again_when_back(paper: Running, broker: Broker, whose: str, client_id: int) -> None:
    user = paper.user if whose == "own" else None

    async def lose_link(client: IB) -> list[int]:
        codes: list[int] = []
        told = asyncio.Event()

        def note(_request: int, code: int, *_rest: object) -> None:
            codes.append(code)
            told.set()

        client.errorEvent += note
        for up in (False, True):
            told.clear()
            await asyncio.to_thread(broker.link, up, user)
            await asyncio.wait_for(told.wait(), 10)
        return codes

    assert with_client(paper.port(), lose_link, client_id) == [1100, 1102]


def test_read_only_refuses_order_requests(start: Start) -> None:
    paper = start(environment={"READ_ONLY_API": "yes"}).logged_in()

    async def connect() -> list[int]:
        codes: list[int] = []
        client = IB()
        client.errorEvent += lambda _request, code, *_rest: codes.append(code)
        await client.connectAsync("127.0.0.1", paper.port(), clientId=7, timeout=1)
        client.disconnect()
        return codes

    assert [code for code in asyncio.run(connect()) if code < 2000] == [321, 321]


def test_relay_is_open_before_login_and_closes_what_connects(start: Start) -> None:
    live = start("live", user={"second_factor": "push"})
    live.wait_for_line("Second Factor Authentication initiated")
    with socket.create_connection(("127.0.0.1", live.port(4003)), timeout=10) as connection:
        assert connection.recv(1) == b""
    live.wait_for_line("127.0.0.1:4001, 16): Connection refused")
