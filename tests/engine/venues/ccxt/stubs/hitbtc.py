"""HitBTC, REST v3: our id is the only name of an order, and one that may not take expires."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.records import Execution, Order
from tests.venues.wire import Ask, Keys, call, plain, texts

_STATUS = {"new": "new", "partially_filled": "partiallyFilled", "filled": "filled", "canceled": "canceled"}


def stamp(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**6 / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(text: str) -> int:
    return int(text) if text.isdigit() else round(datetime.fromisoformat(text).timestamp() * 1000) if text else 0


class Hitbtc(Stub):
    id = "hitbtc"
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True, "fee_in": "quote"}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, {"error": {"code": 1002, "message": "Authorization is required or has been failed"}}),
        "funds": (400, {"error": {"code": 20001, "message": "Insufficient funds"}}),
        "gone": (400, {"error": {"code": 20002, "message": "Order not found"}}),
        "slow": (429, {"error": {"code": 429, "message": "Too many requests"}}),
        "unheard": (400, {"error": {"code": 99_999, "message": "This is not the day for it"}}),
        "other": (400, {"error": {"code": 10001, "message": "Validation error"}}),
    }

    def authenticate(self, ask: Ask) -> Keys:
        said = base64.b64decode(ask.headers.get("authorization", "").removeprefix("HS256 ")).decode()
        if said.partition(":")[0] != self.keys.api_key:
            raise self.no("stranger")
        return self.keys

    @call("markets", "GET", "/api/3/public/symbol")
    def markets(self, ask: Ask) -> object:
        market = self.market
        return {
            "AURUSDT": {
                "type": "spot",
                "base_currency": market.base,
                "quote_currency": market.quote,
                "status": "working",
                "quantity_increment": plain(market.lot),
                "tick_size": plain(market.tick),
                "take_rate": "0.002",
                "make_rate": "0.001",
                "fee_currency": market.quote,
                "margin_trading": False,
            }
        }

    @call("ticker", "GET", "/api/3/public/ticker/{symbol}")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        return {"bid": plain(bid), "ask": plain(ask_), "last": plain(bid), "timestamp": stamp(self.clock.now_ns())}

    @call("book", "GET", "/api/3/public/orderbook/{symbol}")
    def book(self, ask: Ask) -> object:
        sides = {
            name: texts(self.books.levels(self.market.symbol, side, ask.int("depth", 100)))
            for name, side in (("bid", "buy"), ("ask", "sell"))
        }
        return sides | {"timestamp": stamp(self.clock.now_ns())}

    @call("balances", "GET", "/api/3/spot/balance", private=True)
    def balances(self, ask: Ask) -> object:
        return [
            {
                "currency": asset,
                "available": plain(self.books.free(ask.account, asset)),
                "reserved": plain(self.books.held(ask.account, asset)),
            }
            for asset in self.books.assets(ask.account)
        ]

    @call("place", "POST", "/api/3/spot/order", private=True)
    def place(self, ask: Ask) -> object:
        assert 0 < len(ask.text("client_order_id")) <= 32, ask.body
        order = self.books.place(
            ask.account,
            self.market.symbol,
            ask.args["side"],
            price=ask.decimal("price"),
            size=ask.decimal("quantity"),
            post_only=ask.args.get("post_only", False),
            client_id=ask.text("client_order_id"),
        )
        return self.told(order)

    @call("cancel_all", "DELETE", "/api/3/spot/order", private=True)
    def cancel_all(self, ask: Ask) -> object:
        assert ask.text("symbol") == "AURUSDT"
        return [self.told(one) for one in self.books.cancel_all(ask.account, self.market.symbol)]

    @call("cancel", "DELETE", "/api/3/spot/order/{order}", private=True)
    def cancel(self, ask: Ask) -> object:
        return self.told(self.books.cancel(ask.account, "", client_id=ask.text("order")))

    @call("open_orders", "GET", "/api/3/spot/order", private=True)
    def list_open(self, ask: Ask) -> object:
        return [self.told(one) for one in self.open_orders(ask.account, self.market.symbol)]

    @call("order", "GET", "/api/3/spot/order/{order}", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, client_id=ask.text("order"))
        if found is None or not found.rests:
            raise self.no("gone")
        return self.told(found)

    @call("closed_orders", "GET", "/api/3/spot/history/order", private=True)
    def history(self, ask: Ask) -> object:
        ended = [one for one in self.books.history(ask.account) if not one.rests]
        if ask.text("client_order_id"):
            return [self.told(one) for one in ended if one.client_id == ask.text("client_order_id")]
        return [self.told(one) for one in self.page(ask, ended)]

    @call("fills", "GET", "/api/3/spot/history/trade", private=True)
    def fills(self, ask: Ask) -> object:
        return [self.told_fill(one) for one in self.page(ask, self.books.fills(ask.account))]

    def page(self, ask: Ask, found: list[Any]) -> list[Any]:
        """Newest first, a hundred unless more are wanted."""
        start, end = milliseconds(ask.text("from")), milliseconds(ask.text("till"))
        return self.listed(found, start_ms=start, end_ms=end, limit=ask.int("limit", 100), newest_first=True)

    @staticmethod
    def told(order: Order) -> dict[str, object]:
        return {
            "id": order.order_id,
            "client_order_id": order.client_id,
            "symbol": "AURUSDT",
            "side": order.side,
            "status": "expired" if order.why == "post_only" else _STATUS[order.status],
            "type": "limit",
            "time_in_force": "GTC",
            "quantity": plain(order.size),
            "quantity_cumulative": plain(order.filled),
            "price": plain(order.price),
            "price_average": plain(order.average),
            "post_only": order.post_only,
            "created_at": stamp(order.created_ns),
            "updated_at": stamp(order.updated_ns),
        }

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "id": one.trade_id,
            "order_id": one.order.order_id,
            "client_order_id": one.order.client_id,
            "symbol": "AURUSDT",
            "side": one.order.side,
            "quantity": plain(one.size),
            "price": plain(one.price),
            "fee": plain(one.fee),
            "timestamp": stamp(one.ts_ns),
            "taker": not one.is_maker,
        }
