"""Orders on the wire, as the real `ib_async` reads them."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.image.gateway import wire
from simulator.image.gateway.orders import open_order

decoder = pytest.importorskip("ib_async.decoder")

ORDER = {
    "contract": 265598,
    "symbol": "AAPL",
    "action": "SELL",
    "quantity": 3.0,
    "type": "LMT",
    "limit_price": 9.5,
    "time_in_force": "GTC",
    "client_id": 7,
    "order_id": 4,
    "perm_id": 1_000_001,
    "status": "Submitted",
}


class Listener:
    def openOrder(self, *told: Any) -> None:
        self.told = told


@pytest.mark.parametrize("version", [157, 159, 160, 162, 170, 176, 177, wire.SERVER_VERSION])
def test_each_server_version_has_the_fields_that_its_clients_expect(version: int) -> None:
    listener = Listener()
    message = wire.frame(*open_order(ORDER, "DU1234567", version))
    decoder.Decoder(listener, version).interpret(message[4:].decode().split("\0")[:-1])
    order_id, contract, order, state = listener.told
    assert (order_id, contract.conId, contract.symbol, contract.exchange) == (4, 265598, "AAPL", "SMART")
    assert (order.action, order.totalQuantity, order.orderType, order.lmtPrice) == ("SELL", 3.0, "LMT", 9.5)
    assert (order.account, order.tif, order.clientId, order.permId) == ("DU1234567", "GTC", 7, 1_000_001)
    assert (state.status, order.clearingIntent, order.adjustedOrderType) == ("Submitted", "IB", "None")
