"""Orders on the wire: what a client sends to place one, and what it is told of those that are open."""

from __future__ import annotations

from typing import Any

Order = dict[str, Any]


def _fields(text: str) -> list[str]:
    """The values of `name=value` words: what an order has that uses none of these."""
    return [word.partition("=")[2] for word in text.split()]


_BEFORE_PROFILE = _fields(
    "outsideRth=0 hidden=0 discretionaryAmt=0 goodAfterTime= sharesAllocation= faGroup= faMethod= faPercentage="
)
_BEFORE_STATUS = _fields(
    "modelCode= goodTillDate= rule80A= percentOffset= settlingFirm= shortSaleSlot=0 designatedLocation= exemptCode=-1"
    " auctionStrategy=0 startingPrice= stockRefPrice= delta= stockRangeLower= stockRangeUpper= displaySize="
    " blockOrder=0 sweepToFill=0 allOrNone=0 minQty= ocaType=3 eTradeOnly=0 firmQuoteOnly=0 nbboPriceCap="
    " parentId=0 triggerMethod=0 volatility= volatilityType=0 deltaNeutralOrderType= deltaNeutralAuxPrice="
    " continuousUpdate=0 referencePriceType=0 trailStopPrice= trailingPercent= basisPoints= basisPointsType="
    " comboLegsDescrip= comboLegs=0 orderComboLegs=0 smartComboRoutingParams=0 scaleInitLevelSize="
    " scaleSubsLevelSize= scalePriceIncrement= hedgeType= optOutSmartRouting=0 clearingAccount= clearingIntent=IB"
    " notHeld=0 deltaNeutralContract=0 algoStrategy= solicited=0 whatIf=0"
)
_AFTER_STATUS = _fields(
    "initMarginBefore= maintMarginBefore= equityWithLoanBefore= initMarginChange= maintMarginChange="
    " equityWithLoanChange= initMarginAfter= maintMarginAfter= equityWithLoanAfter= commission= minCommission="
    " maxCommission= commissionCurrency= warningText= randomizeSize=0 randomizePrice=0 conditions=0"
    " adjustedOrderType=None triggerPrice= trailStopPrice= lmtPriceOffset= adjustedStopPrice= adjustedStopLimitPrice="
    " adjustedTrailingAmount= adjustableTrailingUnit=0 softDollarName= softDollarValue= softDollarDisplay= cashQty=0"
    " dontUseAutoPriceForHedge=0 isOmsContainer=0 discretionaryUpToLimitPrice=0 usePriceMgmtAlgo=0"
)
#: The server versions that brought further fields.
_SINCE = {
    159: _fields("duration="),
    160: _fields("postToAts="),
    162: _fields("autoCancelParent=0"),
    170: _fields("minTradeQty= minCompeteSize= competeAgainstBestOffset= midOffsetAtWhole= midOffsetAtHalf="),
}


def placed(fields: list[str], client_id: int) -> Order:
    """What placeOrder asks for: the fields without which there is no order; the other hundred are not read."""
    return {
        "client_id": client_id,
        "order_id": int(fields[1]),
        "contract": int(fields[2] or 0),
        "symbol": fields[3],
        "action": fields[16],
        "quantity": float(fields[17]),
        "type": fields[18],
        "limit_price": float(fields[19] or 0),
        "time_in_force": fields[21] or "DAY",
    }


def open_order(order: Order, account: str, version: int) -> list[object]:
    """The message openOrder."""
    symbol = order["symbol"]
    contract = (order["contract"], symbol, "STK", "", 0.0, "?", "", "SMART", "USD", symbol, symbol)
    terms = (order["action"], order["quantity"], order["type"], order["limit_price"], 0.0, order["time_in_force"])
    owner = ("", account, "", 0, "", order["client_id"], order["perm_id"])  # from ocaGroup on
    profile = _fields("faProfile=") if version < 177 else []
    later = [field for since, fields in _SINCE.items() if version >= since for field in fields]
    rest = [*_BEFORE_PROFILE, *profile, *_BEFORE_STATUS, order["status"], *_AFTER_STATUS, *later]
    return [5, order["order_id"], *contract, *terms, *owner, *rest]


def order_status(order: Order) -> list[object]:
    """The message orderStatus; nothing is ever filled."""
    remaining = order["quantity"] if order["status"] == "Submitted" else 0
    return [
        3,
        order["order_id"],
        order["status"],
        0,
        remaining,
        0.0,
        order["perm_id"],
        0,
        0.0,
        order["client_id"],
        "",
        0.0,
    ]
