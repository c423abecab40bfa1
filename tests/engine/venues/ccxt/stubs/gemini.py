"""Gemini, REST v1: everything in a signed header, a nonce that rises, the steps of a market told one by one."""

from __future__ import annotations

import base64
from typing import ClassVar

import msgspec

from tests.engine.venues.ccxt.stubs.base import MS, Stub
from tests.venues.records import Execution, Order
from tests.venues.wire import Ask, Keys, call, plain


class Gemini(Stub):
    id = "gemini"
    keys: ClassVar[Keys] = Keys(account="desk", api_key="account-desk-5b1c7f0a", secret="5b1c7f0a9d0e")
    rules: ClassVar[dict[str, object]] = {"refuses_takers_late": True}
    counts_seconds = True
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (400, {"result": "error", "reason": "InvalidApiKey", "message": "Invalid API key"}),
        "nonce": (400, {"result": "error", "reason": "InvalidNonce", "message": "Nonce has not increased"}),
        "funds": (406, {"result": "error", "reason": "InsufficientFunds", "message": "Failed to place"}),
        "gone": (404, {"result": "error", "reason": "OrderNotFound", "message": "Order not found"}),
        "slow": (429, {"result": "error", "reason": "RateLimit", "message": "Requests were made too frequently"}),
        "unheard": (400, {"result": "error", "reason": "NotTheDay", "message": "This is not the day for it"}),
        "other": (400, {"result": "error", "reason": "InvalidQuantity", "message": "Invalid quantity"}),
    }

    def authenticate(self, ask: Ask) -> Keys:
        keys = super().authenticate(ask)
        payload = msgspec.json.decode(base64.b64decode(ask.headers["x-gemini-payload"]))
        assert payload["request"] == ask.path
        self.rises(payload["nonce"])
        return keys

    @call("markets", "GET", "/v1/symbols")
    def markets(self, ask: Ask) -> object:
        return ["aurusdt", "elseusd"]

    @call("steps", "GET", "/v1/symbols/details/{symbol}")
    def steps(self, ask: Ask) -> object:
        market = self.market
        return {
            "symbol": "AURUSDT",
            "base_currency": market.base,
            "quote_currency": market.quote,
            "tick_size": market.lot,
            "quote_increment": market.tick,
            "min_order_size": plain(market.min_size),
            "status": "open",
        }

    @call("ticker", "GET", "/v1/pubticker/{symbol}")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        return {"bid": plain(bid), "ask": plain(ask_), "last": plain(bid), "volume": {"timestamp": self.clock.now_ms()}}

    @call("book", "GET", "/v1/book/{symbol}")
    def book(self, ask: Ask) -> object:
        symbol = self.market.symbol
        return {
            name: [
                {"price": plain(price), "amount": plain(size), "timestamp": "1"}
                for price, size in self.books.levels(symbol, side, ask.int(f"limit_{name}", 50))
            ]
            for name, side in (("bids", "buy"), ("asks", "sell"))
        }

    @call("balances", "POST", "/v1/balances", private=True)
    def balances(self, ask: Ask) -> object:
        return [
            {
                "type": "exchange",
                "currency": asset,
                "amount": plain(self.books.total(ask.account, asset)),
                "available": plain(self.books.free(ask.account, asset)),
            }
            for asset in self.books.assets(ask.account)
        ]

    @call("place", "POST", "/v1/order/new", private=True)
    def place(self, ask: Ask) -> object:
        assert ask.text("type") == "exchange limit"
        order = self.books.place(
            ask.account,
            self.market.symbol,
            ask.args["side"],
            price=ask.decimal("price"),
            size=ask.decimal("amount"),
            post_only=ask.args.get("options") == ["maker-or-cancel"],
            client_id=ask.text("client_order_id"),
        )
        return self.told(order)

    @call("cancel", "POST", "/v1/order/cancel", private=True)
    def cancel(self, ask: Ask) -> object:
        return self.told(self.books.cancel(ask.account, "", order_id=ask.int("order_id")))

    @call("order", "POST", "/v1/order/status", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, order_id=ask.int("order_id"))
        if found is None:
            raise self.no("gone")
        return self.told(found)

    @call("open_orders", "POST", "/v1/orders", private=True)
    def list_open(self, ask: Ask) -> object:
        return [self.told(one) for one in self.open_orders(ask.account)]

    @call("fills", "POST", "/v1/mytrades", private=True)
    def fills(self, ask: Ask) -> object:
        """From a second on, as many as are wanted, the newest of those first."""
        found = self.listed(self.books.fills(ask.account), start_ms=ask.int("timestamp") * 1000)
        return [self.told_fill(one) for one in found[: min(ask.int("limit_trades", 50), 500)]][::-1]

    @staticmethod
    def told(order: Order) -> dict[str, object]:
        return {
            "order_id": str(order.order_id),
            "id": str(order.order_id),
            "symbol": "aurusdt",
            "exchange": "gemini",
            "avg_execution_price": plain(order.average),
            "side": order.side,
            "type": "exchange limit",
            "timestamp": str(order.created_ns // 10**9),
            "timestampms": order.created_ns // MS,
            "is_live": order.rests,
            "is_cancelled": order.status == "canceled",
            "is_hidden": False,
            "executed_amount": plain(order.filled),
            "client_order_id": order.client_id,
            "options": ["maker-or-cancel"] if order.post_only else [],
            "price": plain(order.price),
            "original_amount": plain(order.size),
            "remaining_amount": plain(order.left),
        }

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "price": plain(one.price),
            "amount": plain(one.size),
            "timestamp": one.ts_ns // 10**9,
            "timestampms": one.ts_ns // MS,
            "type": "Sell" if one.order.side == "sell" else "Buy",
            "aggressor": not one.is_maker,
            "fee_currency": one.fee_asset,
            "fee_amount": plain(one.fee),
            "tid": one.trade_id,
            "order_id": str(one.order.order_id),
            "client_order_id": one.order.client_id,
            "exchange": "gemini",
        }
