"""Upbit: executions told of an order alone, its fee in one sum, stamps of Seoul in whole seconds."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.records import Execution, Order
from tests.venues.wire import Ask, Keys, call, plain

WEEK_MS = 7 * 86_400_000
SEOUL = timezone(timedelta(hours=9))
STATE = {"new": "wait", "partially_filled": "wait", "filled": "done", "canceled": "cancel"}


def failed(name: str) -> dict[str, object]:
    return {"error": {"name": name, "message": f"in words for people: {name}"}}


def stamp(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).astimezone(SEOUL).isoformat()


class Upbit(Stub):
    id = "upbit"
    tells_quotes = False
    counts_seconds = True
    finest_lot = Decimal("1e-8")
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True, "fee_in": "quote"}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, failed("invalid_access_key")),
        "funds": (400, failed("insufficient_funds_bid")),
        "gone": (404, failed("order_not_found")),
        "slow": (429, failed("too_many_requests")),
        "unheard": (400, failed("not_the_day_for_it")),
        "other": (400, failed("validation_error")),
    }

    def authenticate(self, ask: Ask) -> Keys:
        claims = ask.headers.get("authorization", "").split(".")
        said = base64.urlsafe_b64decode(claims[1] + "==") if len(claims) == 3 else b"{}"
        if msgspec.json.decode(said).get("access_key") != self.keys.api_key:
            raise self.no("stranger")
        return self.keys

    @call("markets", "GET", "/v1/market/all")
    def markets(self, ask: Ask) -> object:
        return [{"market": "USDT-AUR", "korean_name": "AUR", "english_name": "Aurora"}]

    @call("steps", "GET", "/v1/orderbook/instruments")
    def steps(self, ask: Ask) -> object:
        return [{"market": ask.text("markets"), "quote_currency": "USDT", "tick_size": plain(self.market.tick)}]

    @call("book", "GET", "/v1/orderbook")
    def book(self, ask: Ask) -> object:
        depth = ask.int("count", 30)
        if depth > 30:
            raise self.no("other")
        bids, asks = (self.books.levels(self.market.symbol, side, depth) for side in ("buy", "sell"))  # type: ignore[arg-type]
        units = [
            {"bid_price": bid[0], "bid_size": bid[1], "ask_price": ask_[0], "ask_size": ask_[1]}
            for bid, ask_ in zip(bids, asks, strict=True)
        ]
        return [{"market": "USDT-AUR", "timestamp": self.clock.now_ms(), "orderbook_units": units}]

    @call("balances", "GET", "/v1/accounts", private=True)
    def balances(self, ask: Ask) -> object:
        return [
            {
                "currency": asset,
                "balance": plain(self.books.free(ask.account, asset)),
                "locked": plain(self.books.held(ask.account, asset)),
            }
            for asset in self.books.assets(ask.account)
        ]

    @call("place", "POST", "/v1/orders", private=True)
    def place(self, ask: Ask) -> object:
        order = self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if ask.text("side") == "ask" else "buy",
            price=ask.decimal("price"),
            size=ask.decimal("volume"),
            post_only=ask.text("time_in_force") == "post_only",
            client_id=ask.text("identifier"),
        )
        told = self.told(order)
        return told | {"state": "wait", "trades_count": 0}

    @call("cancel", "DELETE", "/v1/order", private=True)
    def cancel(self, ask: Ask) -> object:
        before = self.books.find(ask.account, **self.named(ask))
        told = None if before is None else self.told(before)
        self.books.cancel(ask.account, "", **self.named(ask))
        return told

    @call("order", "GET", "/v1/order", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        if found is None:
            raise self.no("gone")
        mine = [one for one in self.books.fills(ask.account) if one.order.order_id == found.order_id]
        return self.told(found) | {"trades": [self.told_trade(one) for one in mine]}

    @call("open_orders", "GET", "/v1/orders/open", private=True)
    def list_open(self, ask: Ask) -> object:
        found = self.listed(self.open_orders(ask.account), limit=min(ask.int("limit", 100), 100), newest_first=True)
        return [self.told(one) for one in found]

    @call("closed_orders", "GET", "/v1/orders/closed", private=True)
    def history(self, ask: Ask) -> object:
        start, end = ask.int("start_time"), ask.int("end_time", self.clock.now_ms())
        if end - start > WEEK_MS:
            raise self.no("other")
        ended = [one for one in self.books.history(ask.account) if STATE[one.status] == ask.text("state")]
        limit = min(ask.int("limit", 100), 1000)
        return [
            self.told(one)
            for one in self.listed(ended, start_ms=start // 1000 * 1000, end_ms=end, limit=limit, newest_first=True)
        ]

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("uuid")
        return {"order_id": int(number)} if number else {"client_id": ask.text("identifier")}

    def told(self, order: Order) -> dict[str, Any]:
        paid = sum(one.fee for one in self.books.fills(order.account) if one.order.order_id == order.order_id)
        return {
            "market": "USDT-AUR",
            "uuid": str(order.order_id),
            "identifier": order.client_id,
            "side": "ask" if order.side == "sell" else "bid",
            "ord_type": "limit",
            "price": plain(order.price),
            "state": STATE[order.status],
            "created_at": stamp(order.created_ns),
            "volume": plain(order.size),
            "remaining_volume": plain(order.left),
            "executed_volume": plain(order.filled),
            "paid_fee": f"{paid:f}",
            "trades_count": 0,
        }

    @staticmethod
    def told_trade(one: Execution) -> dict[str, object]:
        return {
            "market": "USDT-AUR",
            "uuid": f"trade-{one.trade_id}",
            "price": plain(one.price),
            "volume": plain(one.size),
            "funds": plain(one.price * one.size),
            "side": "ask" if one.order.side == "sell" else "bid",
            "created_at": stamp(one.ts_ns),
        }
