"""XT spot, v4: an id as the answer to a create, another id as the answer to a cancel."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import MS, Stub
from tests.venues.records import Execution, Order
from tests.venues.wire import Ask, call, places, plain, texts

_STATE = {"new": "NEW", "partially_filled": "PARTIALLY_FILLED", "filled": "FILLED", "canceled": "CANCELED"}


def failed(code: str) -> dict[str, object]:
    return {"rc": 1, "mc": code, "ma": [], "result": None}


def well(result: object) -> dict[str, object]:
    return {"rc": 0, "mc": "SUCCESS", "ma": [], "result": result}


class Xt(Stub):
    id = "xt"
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (200, failed("AUTH_101")),
        "funds": (200, failed("ORDER_002")),
        "gone": (200, failed("ORDER_005")),
        "slow": (429, failed("429")),
        "unheard": (200, failed("NOT_THE_DAY")),
        "other": (200, failed("ORDER_001")),
    }

    @call("time", "GET", "/v4/public/time")
    def time(self, ask: Ask) -> object:
        return well({"serverTime": self.clock.now_ms()})

    @call("markets", "GET", "/future/market/v1/public/symbol/list")
    def contracts(self, ask: Ask) -> object:
        return {"returnCode": 0, "msgInfo": "success", "error": None, "result": []}

    @call("markets", "GET", "/v4/public/symbol")
    def markets(self, ask: Ask) -> object:
        market = self.market
        listed = {
            "symbol": "aur_usdt",
            "state": "ONLINE",
            "tradingEnabled": True,
            "openapiEnabled": True,
            "baseCurrency": market.base.lower(),
            "quoteCurrency": market.quote.lower(),
            "pricePrecision": places(market.tick),
            "quantityPrecision": places(market.lot),
            "takerFeeRate": "0.002",
            "makerFeeRate": "0.001",
            "filters": [
                {"filter": "QUANTITY", "min": plain(market.min_size), "max": None, "tickSize": plain(market.lot)},
                {"filter": "QUOTE_QTY", "min": plain(market.min_quote)},
            ],
        }
        return well({"time": self.clock.now_ms(), "version": "1", "symbols": [listed]})

    @call("ticker", "GET", "/v4/public/ticker/24h")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        return well([{"s": "aur_usdt", "t": self.clock.now_ms(), "bp": plain(bid), "ap": plain(ask_), "aq": "1"}])

    @call("book", "GET", "/v4/public/depth")
    def book(self, ask: Ask) -> object:
        depth = ask.int("limit", 50)
        sides = {
            name: texts(self.books.levels(self.market.symbol, side, depth))
            for name, side in (("bids", "buy"), ("asks", "sell"))
        }
        return well(sides | {"timestamp": self.clock.now_ms(), "lastUpdateId": 1})

    @call("balances", "GET", "/v4/balances", private=True)
    def balances(self, ask: Ask) -> object:
        assets = [
            {
                "currency": asset.lower(),
                "availableAmount": plain(self.books.free(ask.account, asset)),
                "frozenAmount": plain(self.books.held(ask.account, asset)),
                "totalAmount": plain(self.books.total(ask.account, asset)),
            }
            for asset in self.books.assets(ask.account)
        ]
        return well({"totalUsdtAmount": "1", "assets": assets})

    @call("place", "POST", "/v4/order", private=True)
    def place(self, ask: Ask) -> object:
        if not re.fullmatch(r"[a-zA-Z0-9_]{4,32}", ask.text("clientOrderId")):
            raise self.no("other")
        order = self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if ask.text("side") == "SELL" else "buy",
            price=ask.decimal("price"),
            size=ask.decimal("quantity"),
            post_only=ask.text("timeInForce") == "GTX",
            client_id=ask.text("clientOrderId"),
        )
        return well({"orderId": str(order.order_id)})

    @call("order", "GET", "/v4/order", private=True)
    def order_by_ours(self, ask: Ask) -> object:
        found = self.books.find(ask.account, client_id=ask.text("clientOrderId"))
        if found is None:
            raise self.no("gone")
        return well(self.told(found))

    @call("order", "GET", "/v4/order/{order}", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, order_id=ask.int("order"))
        if found is None:
            raise self.no("gone")
        return well(self.told(found))

    @call("cancel", "DELETE", "/v4/order/{order}", private=True)
    def cancel(self, ask: Ask) -> object:
        self.books.cancel(ask.account, "", order_id=ask.int("order"))
        return well({"cancelId": "770077007700"})

    @call("cancel_all", "DELETE", "/v4/open-order", private=True)
    def cancel_all(self, ask: Ask) -> object:
        assert ask.text("symbol") == "aur_usdt"
        self.books.cancel_all(ask.account, self.market.symbol)
        return well(None)

    @call("open_orders", "GET", "/v4/open-order", private=True)
    def list_open(self, ask: Ask) -> object:
        return well([self.told(one) for one in self.open_orders(ask.account)])

    @call("closed_orders", "GET", "/v4/history-order", private=True)
    def history(self, ask: Ask) -> object:
        return well({"items": [self.told(one) for one in self.page(ask, self.books.history(ask.account))]})

    @call("fills", "GET", "/v4/trade", private=True)
    def fills(self, ask: Ask) -> object:
        return well({"items": [self.told_fill(one) for one in self.page(ask, self.books.fills(ask.account))]})

    def page(self, ask: Ask, found: list[Any]) -> list[Any]:
        """The newest first, twenty unless more are wanted, and never more than a hundred."""
        assert "until" not in ask.args, "XT knows no such name"
        start, end, limit = ask.int("startTime"), ask.int("endTime"), min(ask.int("limit", 20), 100)
        return self.listed(found, start_ms=start, end_ms=end, limit=limit, newest_first=True)

    @staticmethod
    def told(order: Order) -> dict[str, object]:
        return {
            "symbol": "aur_usdt",
            "orderId": str(order.order_id),
            "clientOrderId": order.client_id,
            "side": order.side.upper(),
            "type": "LIMIT",
            "timeInForce": "GTX" if order.post_only else "GTC",
            "price": plain(order.price),
            "origQty": plain(order.size),
            "executedQty": plain(order.filled),
            "leavingQty": plain(order.left),
            "avgPrice": plain(order.average),
            "fee": None,
            "state": _STATE[order.status],
            "time": order.created_ns // MS,
            "updatedTime": order.updated_ns // MS,
        }

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "symbol": "aur_usdt",
            "tradeId": str(one.trade_id),
            "orderId": str(one.order.order_id),
            "orderSide": one.order.side.upper(),
            "orderType": "LIMIT",
            "bizType": "SPOT",
            "time": one.ts_ns // MS,
            "price": plain(one.price),
            "quantity": plain(one.size),
            "fee": plain(one.fee),
            "feeCurrency": one.fee_asset.lower(),
            "takerMaker": "MAKER" if one.is_maker else "TAKER",
        }
