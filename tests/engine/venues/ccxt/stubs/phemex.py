"""Phemex spot: every number a whole one, scaled by ten to the eighth, and history of two days at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import MS, Stub
from tests.venues.records import EXACT, Execution, Order
from tests.venues.wire import Ask, call, plain

TWO_DAYS_MS = 2 * 86_400_000
_STATUS = {"new": "New", "partially_filled": "PartiallyFilled", "filled": "Filled", "canceled": "Canceled"}


def scaled(number: Decimal) -> int:
    whole = EXACT.scaleb(number, 8)
    assert whole == int(whole), f"{number} has more than eight places"
    return int(whole)


def unscaled(number: Any) -> Decimal:
    assert isinstance(number, int), f"{number!r} is no whole number"
    return EXACT.scaleb(Decimal(number), -8)


def well(data: object) -> dict[str, object]:
    return {"code": 0, "msg": "OK", "data": data}


class Phemex(Stub):
    id = "phemex"
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, {"code": 401, "msg": "401 Failed to load API KEY."}),
        "funds": (200, {"code": 11106, "msg": "TE_PLACE_ORDER_INSUFFICIENT_QUOTE_BALANCE", "data": None}),
        "gone": (200, {"code": 10002, "msg": "OM_ORDER_NOT_FOUND", "data": None}),
        "slow": (429, {"code": 39995, "msg": "Too many requests."}),
        "unheard": (200, {"code": 99_999, "msg": "This is not the day for it"}),
        "other": (200, {"code": 11056, "msg": "TE_QTY_TOO_SMALL", "data": None}),
    }

    @call("markets", "GET", "/public/products")
    def markets(self, ask: Ask) -> object:
        market = self.market
        listed = {
            "symbol": "sAURUSDT",
            "type": "Spot",
            "status": "Listed",
            "baseCurrency": market.base,
            "quoteCurrency": market.quote,
            "priceScale": 8,
            "ratioScale": 8,
            "baseTickSize": f"{plain(market.lot)} {market.base}",
            "quoteTickSize": f"{plain(market.tick)} {market.quote}",
            "minOrderValue": f"{plain(market.min_quote)} {market.quote}",
            "defaultTakerFee": "0.002",
            "defaultMakerFee": "0.001",
        }
        names = [{"currency": name, "valueScale": 8} for name in (market.base, market.quote)]
        return well({"products": [listed], "currencies": names})

    @call("markets", "GET", "/v1/exchange/public/products")
    def more_markets(self, ask: Ask) -> object:
        return well([])

    @call("ticker", "GET", "/v1/md/spot/ticker/24hr")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        prices = {"bidEp": scaled(bid), "askEp": scaled(ask_), "lastEp": scaled(bid)}
        return {"error": None, "id": 0, "result": prices | {"symbol": "sAURUSDT", "timestamp": self.clock.now_ns()}}

    @call("book", "GET", "/v1/md/(orderbook|fullbook)")
    def book(self, ask: Ask) -> object:
        depth = 30 if ask.path.endswith("orderbook") else 1000
        sides = {
            name: [[scaled(price), scaled(size)] for price, size in self.books.levels(self.market.symbol, side, depth)]
            for name, side in (("bids", "buy"), ("asks", "sell"))
        }
        result = {"book": sides, "depth": depth, "sequence": 1, "timestamp": self.clock.now_ns(), "type": "snapshot"}
        return {"error": None, "id": 0, "result": result}

    @call("balances", "GET", "/spot/wallets", private=True)
    def balances(self, ask: Ask) -> object:
        return well(
            [
                {
                    "currency": asset,
                    "balanceEv": scaled(self.books.total(ask.account, asset)),
                    "lockedTradingBalanceEv": scaled(self.books.held(ask.account, asset)),
                    "lockedWithdrawEv": 0,
                    "lastUpdateTimeNs": self.clock.now_ns(),
                }
                for asset in self.books.assets(ask.account)
            ]
        )

    @call("place", "POST", "/spot/orders", private=True)
    def place(self, ask: Ask) -> object:
        assert ask.text("qtyType") == "ByBase"
        assert "postOnly" not in ask.args, "Phemex knows post-only as a time in force alone"
        order = self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if ask.text("side") == "Sell" else "buy",
            price=unscaled(ask.args["priceEp"]),
            size=unscaled(ask.args["baseQtyEv"]),
            post_only=ask.text("timeInForce") == "PostOnly",
            client_id=ask.text("clOrdID"),
        )
        return well(self.told(order) | {"ordStatus": "Created", "cumBaseQtyEv": 0})

    @call("cancel_all", "DELETE", "/spot/orders/all", private=True)
    def cancel_all(self, ask: Ask) -> object:
        assert ask.text("symbol") == "sAURUSDT"
        return well({"total": len(self.books.cancel_all(ask.account, self.market.symbol))})

    @call("cancel", "DELETE", "/spot/orders", private=True)
    def cancel(self, ask: Ask) -> object:
        before = self.books.find(ask.account, **self.named(ask))
        told = None if before is None else self.told(before)
        self.books.cancel(ask.account, "", **self.named(ask))
        return well(told)

    @call("open_orders", "GET", "/spot/orders", private=True)
    def list_open(self, ask: Ask) -> object:
        found = self.open_orders(ask.account)
        if not found:
            raise self.no("gone")
        return well({"rows": [self.told(one) for one in found]})

    @call("order", "GET", "/api-data/spots/orders/by-order-id", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        return well({"rows": [] if found is None else [self.told(found)]})

    @call("closed_orders", "GET", "/exchange/spot/order", private=True)
    def history(self, ask: Ask) -> object:
        return well({"rows": [self.told(one) for one in self.page(ask, self.books.history(ask.account))]})

    @call("fills", "GET", "/exchange/spot/order/trades", private=True)
    def fills(self, ask: Ask) -> object:
        return well({"rows": [self.told_fill(one) for one in self.page(ask, self.books.fills(ask.account))]})

    def page(self, ask: Ask, found: list[Any]) -> list[Any]:
        """Two days from the start, the newest first, fifty unless more are wanted."""
        start, end, limit = ask.int("start"), ask.int("end"), min(ask.int("limit", 50), 200)
        return self.listed(found, start_ms=start, end_ms=end, limit=limit, newest_first=True, span_ms=TWO_DAYS_MS)

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("orderID")
        return {"order_id": int(number)} if number else {"client_id": ask.text("clOrdID")}

    @staticmethod
    def told(order: Order) -> dict[str, object]:
        return {
            "orderID": str(order.order_id),
            "clOrdID": order.client_id,
            "symbol": "sAURUSDT",
            "side": order.side.capitalize(),
            "ordType": "Limit",
            "ordStatus": _STATUS[order.status],
            "timeInForce": "PostOnly" if order.post_only else "GoodTillCancel",
            "priceEp": scaled(order.price),
            "baseQtyEv": scaled(order.size),
            "leavesBaseQtyEv": scaled(order.left),
            "cumBaseQtyEv": scaled(order.filled),
            "actionTimeNs": order.created_ns // MS * MS,
            "createTimeNs": order.created_ns // MS * MS,
        }

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "symbol": "sAURUSDT",
            "execId": f"exec-{one.trade_id}",
            "orderID": str(one.order.order_id),
            "clOrdID": one.order.client_id,
            "side": one.order.side.capitalize(),
            "ordType": "Limit",
            "execStatus": "MakerFill" if one.is_maker else "TakerFill",
            "execPriceEp": scaled(one.price),
            "execBaseQtyEv": scaled(one.size),
            "execFeeEv": scaled(one.fee),
            "feeCurrency": one.fee_asset,
            "feeRateEr": 100_000,
            "transactTimeNs": one.ts_ns // MS * MS,
        }
