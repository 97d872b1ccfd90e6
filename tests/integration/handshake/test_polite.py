# Copyright: ibgw.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The probe beside a program that trades: an unmodified ib_async is not disturbed, however often it is probed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from ansible_collections.ibgw.ops.plugins.module_utils.handshake import CLIENT_IDS, probe
from ib_async import IB, AccountValue, LimitOrder, Stock

from tests.integration.gateways import Running, Start

PROBES = 100
_OURS = 7
#: What a client is told that places and cancels orders and is left alone: a cancelled order, and links that are well.
_NORMAL = {202, 2104, 2106, 2158}


class Trader:
    """Places and cancels orders and follows its account, and keeps what it was told."""

    def __init__(self, client: IB, gateway: Running) -> None:
        self.client, self.gateway = client, gateway
        self.rounds = 0
        self.codes: set[int] = set()
        self.cut_off = False
        self._worth: asyncio.Queue[str] = asyncio.Queue()
        client.errorEvent += lambda _request, code, *_rest: self.codes.add(code)
        client.disconnectedEvent += self._disconnected
        client.accountValueEvent += self._account_value

    def _disconnected(self) -> None:
        self.cut_off = True

    def _account_value(self, value: AccountValue) -> None:
        if value.tag == "NetLiquidation":
            self._worth.put_nowait(value.value)

    async def trade(self) -> None:
        """One order, placed and cancelled, and one change of the account, each awaited."""
        self.rounds += 1
        order = LimitOrder("BUY", 10, 100.25, tif="GTC")
        trade = self.client.placeOrder(Stock("AAPL", "SMART", "USD", conId=265598), order)
        while trade.orderStatus.status != "Submitted":
            await asyncio.wait_for(trade.statusEvent, 10)
        worth = f"{1_000_000 + self.rounds}.00"
        await asyncio.to_thread(self.gateway.broker.change_user, self.gateway.user, values={"NetLiquidation": worth})
        while await asyncio.wait_for(self._worth.get(), 10) != worth:
            pass
        self.client.cancelOrder(trade.order)
        while not trade.isDone():
            await asyncio.wait_for(trade.statusEvent, 10)


async def beside(gateway: Running) -> tuple[Trader, list[dict[str, Any]]]:
    """A trader that goes on until all probes are through, and what they saw."""
    client = IB()
    await client.connectAsync("127.0.0.1", gateway.port(), clientId=_OURS, timeout=10, raiseSyncErrors=True)
    trader = Trader(client, gateway)
    seen: list[dict[str, Any]] = []
    port = gateway.port()

    async def probe_all() -> None:
        for number in range(PROBES):
            depth = "account" if number % 4 == 3 else "api"
            result = await asyncio.to_thread(probe, port=port, depth=depth, count_orders=True, timeout=20.0)
            seen.append(result["endpoints"][0])

    probing = asyncio.create_task(probe_all())
    try:
        while not probing.done():
            await trader.trade()
        await probing
        await trader.trade()
        assert client.isConnected()
        assert [trade.orderStatus.status for trade in client.trades()] == ["Cancelled"] * trader.rounds
        assert not trader.cut_off
    finally:
        probing.cancel()
        client.disconnectedEvent -= trader._disconnected
        client.disconnect()
    return trader, seen


def test_a_session_with_orders_and_account_updates_is_undisturbed_by_a_hundred_probes(start: Start) -> None:
    gateway = start().logged_in()
    trader, seen = asyncio.run(beside(gateway))
    outcomes = Counter(each["outcome"] for each in seen)
    assert outcomes == {"ready": PROBES * 3 // 4, "account_ok": PROBES // 4}
    assert {each["attempts"] for each in seen} == {1}, "a client id that is taken would cost a second one"
    assert trader.codes <= _NORMAL
    assert trader.rounds > 10, "nothing flowed beside the probes"
    gateway.wait_for_line("remove Client 9", times=PROBES)
    clients = {int(line.split()[2]) for line in gateway.log().splitlines() if line.startswith("addLogConsole Client")}
    assert clients - {_OURS} <= set(CLIENT_IDS)
