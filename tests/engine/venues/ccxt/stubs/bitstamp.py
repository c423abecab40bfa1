"""Bitstamp: forms in, stamps without a zone out, and of what rests the size that is left."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.records import Execution, Market, Order, product
from tests.venues.wire import Ask, call, places, plain, texts

_STATES = {"new": "Open", "partially_filled": "Open", "filled": "Finished"}


def spelled(market: Market) -> str:
    return f"{market.base}{market.quote}".lower()


def written(ns: int) -> str:
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S") + f".{ns // 1000 % 10**6:06d}"


def no(text: str) -> tuple[int, object]:
    return 200, {"status": "error", "reason": {"__all__": [text]}}


class Bitstamp(Stub):
    id = "bitstamp"
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (403, {"status": "error", "reason": "API key not found", "code": "API0001"}),
        "funds": no("You need 895500.00 USDT to open that order. Check your account balance for details."),
        "would_take": no("Maker-or-cancel order would have been executed."),
        "gone": (200, {"error": "Order not found."}),
        "slow": (429, {"status": "error", "reason": "Request rate limit exceeded", "code": "400.002"}),
        "unheard": (200, {"error": "This is not the day for it."}),
        "other": no("Minimum order size is 5.0 USDT."),
    }

    def __init__(self, *markets: Market) -> None:
        super().__init__(*markets)
        self.books.fee_in = "quote"

    # Public

    @call("markets", "GET", "/api/v2/markets/")
    def markets(self, ask: Ask) -> object:
        return [
            {
                "name": market.symbol,
                "market_symbol": spelled(market),
                "base_currency": market.base,
                "counter_currency": market.quote,
                "base_decimals": places(market.lot),
                "counter_decimals": places(market.tick),
                "minimum_order_value": plain(market.min_quote),
                "trading": "Enabled",
                "market_type": "SPOT",
            }
            for market in self.books.markets.values()
        ]

    @call("book", "GET", "/api/v2/order_book/{pair}/")
    def book(self, ask: Ask) -> object:
        symbol = self.market_by(ask.text("pair"), spelled).symbol
        sides = {name: texts(self.books.levels(symbol, side)) for name, side in (("bids", "buy"), ("asks", "sell"))}
        return sides | {"microtimestamp": str(self.clock.now_ns() // 1000)}

    @call("ticker", "GET", "/api/v2/ticker/{pair}/")
    def ticker(self, ask: Ask) -> object:
        symbol = self.market_by(ask.text("pair"), spelled).symbol
        bid, offer = self.books.levels(symbol, "buy")[0][0], self.books.levels(symbol, "sell")[0][0]
        return {"bid": plain(bid), "ask": plain(offer), "timestamp": str(self.clock.now_ms() // 1000)}

    # Private

    @call("balances", "POST", "/api/v2/account_balances/", private=True)
    def balances(self, ask: Ask) -> object:
        return [
            {
                "currency": asset.lower(),
                "available": plain(self.books.free("desk", asset)),
                "reserved": plain(self.books.held("desk", asset)),
                "total": plain(self.books.total("desk", asset)),
            }
            for asset in self.books.assets("desk")
        ]

    @call("place", "POST", "/api/v2/(?P<side>buy|sell)/{pair}/", private=True)
    def place(self, ask: Ask) -> object:
        order = self.books.place(
            "desk",
            self.market_by(ask.text("pair"), spelled).symbol,
            "buy" if ask.text("side") == "buy" else "sell",
            price=ask.decimal("price"),
            size=ask.decimal("amount"),
            post_only=ask.text("moc_order").lower() == "true",
            client_id=ask.text("client_order_id"),
        )
        return self.resting_of(order)

    @call("cancel", "POST", "/api/v2/cancel_order/", private=True)
    def cancel(self, ask: Ask) -> object:
        order = self.books.cancel("desk", "", **self.named(ask))
        return {"id": order.order_id, "amount": plain(order.left), "price": plain(order.price), "type": 0}

    @call("cancel_all", "POST", "/api/v2/cancel_all_orders/{pair}/", private=True)
    def cancel_all(self, ask: Ask) -> object:
        ended = self.books.cancel_all("desk", self.market_by(ask.text("pair"), spelled).symbol)
        return {"success": True, "canceled": [self.resting_of(order) for order in ended]}

    @call("order", "POST", "/api/v2/order_status/", private=True)
    def order(self, ask: Ask) -> object:
        order = self.books.find("desk", **self.named(ask))
        if order is None:
            raise self.no("gone")
        return {
            "id": order.order_id,
            "datetime": written(order.created_ns),
            "type": "0" if order.side == "buy" else "1",
            "status": _STATES.get(order.status, "Canceled"),
            "market": order.market.symbol,
            "transactions": [self.part_of(one) for one in self.fills_of(order)],
            "amount_remaining": plain(order.left),
            "client_order_id": order.client_id,
        }

    @call("open_orders", "POST", "/api/v2/open_orders/all/", private=True)
    def resting(self, ask: Ask) -> object:
        return [self.resting_of(order) for order in self.open_orders("desk")]

    @call("fills", "POST", "/api/v2/user_transactions/{pair}/", private=True)
    def fills(self, ask: Ask) -> object:
        since_ms = ask.int("since_timestamp") * 1000
        found = self.listed(
            self.books.fills("desk"), start_ms=since_ms, newest_first=ask.text("sort", "desc") == "desc"
        )
        offset, limit = ask.int("offset"), min(ask.int("limit", 100), 1000)
        return [self.fill_of(one) for one in found[offset : offset + limit]]

    # Words

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        if ask.text("client_order_id"):
            return {"client_id": ask.text("client_order_id")}
        return {"order_id": ask.int("id")}

    def fills_of(self, order: Order) -> list[Execution]:
        return [one for one in self.books.fills("desk") if one.order.order_id == order.order_id]

    @staticmethod
    def resting_of(order: Order) -> dict[str, Any]:
        """`amount` is what is left."""
        return {
            "id": str(order.order_id),
            "datetime": written(order.created_ns),
            "type": "0" if order.side == "buy" else "1",
            "price": plain(order.price),
            "amount": plain(order.left),
            "amount_at_create": plain(order.size),
            "currency_pair": order.market.symbol,
            "client_order_id": order.client_id,
        }

    @staticmethod
    def part_of(each: Execution) -> dict[str, Any]:
        market = each.order.market
        return {
            "tid": each.trade_id,
            "price": plain(each.price),
            market.base.lower(): plain(each.size),
            market.quote.lower(): plain(product(each.price, each.size)),
            "fee": plain(each.fee),
            "datetime": written(each.ts_ns),
            "type": 2,
        }

    @staticmethod
    def fill_of(each: Execution) -> dict[str, Any]:
        market, sign = each.order.market, 1 if each.order.side == "buy" else -1
        base, quote = market.base.lower(), market.quote.lower()
        return {
            "id": each.trade_id,
            "datetime": written(each.ts_ns),
            "type": "2",
            "order_id": each.order.order_id,
            base: plain(sign * each.size),
            quote: plain(-sign * product(each.price, each.size)),
            f"{base}_{quote}": plain(each.price),
            "fee": plain(each.fee),
        }
