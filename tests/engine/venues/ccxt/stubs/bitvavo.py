"""Bitvavo, REST v2. Client ids are UUIDs; every order needs an operatorId; a post-only order that would take is
answered as cancelled; the dead man's switch covers orders of its own group alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from tests.engine.venues.ccxt.stubs.base import Stub, T
from tests.venues.records import Execution, Order, Reject
from tests.venues.wire import Ask, Keys, Wire, call, places, plain, sha256_hex, texts

_REFUSALS = {
    "price": (214, "Price is too detailed."),
    "size": (212, "Amount is below the minimum allowed amount for this asset."),
    "notional": (217, "Minimum order size in quote currency is 5 EUR or 0.001 BTC."),
    "funds": (216, "You do not have sufficient balance to complete this operation."),
    "gone": (240, "No order found. Please be aware that simultaneously updating the same order may return this error."),
}
_STATUS = {"new": "new", "partially_filled": "partiallyFilled", "filled": "filled", "canceled": "canceled"}


class Bitvavo(Stub):
    id: ClassVar[str] = "bitvavo"
    keys: ClassVar[Keys] = Keys(account="desk", api_key="a1" * 32, secret="b2" * 64)
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}

    def authenticate(self, ask: Ask) -> Keys:
        keys = self.by_key.get(ask.headers.get("bitvavo-access-key", ""))
        if keys is None:
            raise self.error(305, "No active API key found.", status=403)
        signed = f"{ask.headers['bitvavo-access-timestamp']}{ask.method}{ask.target}{ask.body}"
        if sha256_hex(keys.secret, signed) != ask.headers["bitvavo-access-signature"]:
            raise self.error(309, "The signature is invalid.", status=403)
        return keys

    @staticmethod
    def error(code: int, text: str, *, status: int = 400) -> Wire:
        return Wire({"errorCode": code, "error": text}, status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        return self.error(*_REFUSALS[reject.kind], status=404 if reject.kind == "gone" else 400)

    def unheard_of(self) -> Wire:
        return self.error(9999, "This is not the day for it.")

    def rate_limited(self, retry_after_s: int) -> Wire:
        return self.error(105, "Your IP or API key has been banned for not respecting the rate limit.", status=429)

    @call("time", "GET", "/v2/time")
    def time(self, ask: Ask) -> object:
        return {"time": self.clock.now_ms()}

    @call("markets", "GET", "/v2/markets")
    def markets(self, ask: Ask) -> object:
        market = self.market
        return [
            {
                "market": f"{market.base}-{market.quote}",
                "status": "trading",
                "base": market.base,
                "quote": market.quote,
                "tickSize": plain(market.tick),
                "quantityDecimals": places(market.lot),
                "notionalDecimals": 2,
                "minOrderInBaseAsset": plain(market.min_size),
                "minOrderInQuoteAsset": plain(market.min_quote),
                "orderTypes": ["market", "limit"],
            }
        ]

    @call("ticker", "GET", "/v2/ticker/24h")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        return {"market": "AUR-USDT", "bid": plain(bid), "ask": plain(ask_), "timestamp": self.clock.now_ms()}

    @call("book", "GET", "/v2/{market}/book")
    def book(self, ask: Ask) -> object:
        count = ask.int("depth", 1000)
        return {
            "market": ask.text("market"),
            "nonce": self.books.sequences[self.market.symbol],
            "bids": texts(self.books.levels(self.market.symbol, "buy", count)),
            "asks": texts(self.books.levels(self.market.symbol, "sell", count)),
        }

    @call("balances", "GET", "/v2/balance", private=True)
    def balances(self, ask: Ask) -> object:
        books, account = self.books, ask.account
        return [
            {
                "symbol": asset,
                "available": plain(books.free(account, asset)),
                "inOrder": plain(books.held(account, asset)),
            }
            for asset in books.assets(account)
        ]

    @call("place", "POST", "/v2/order", private=True)
    def place(self, ask: Ask) -> object:
        if not isinstance(ask.args.get("operatorId"), int):
            raise self.error(203, "operatorId parameter is required.")
        try:
            UUID(ask.text("clientOrderId"))
        except ValueError:
            raise self.error(205, "clientOrderId parameter is invalid.") from None
        order = self.books.place(
            ask.account,
            self.market.symbol,
            ask.args["side"],
            price=ask.decimal("price"),
            size=ask.decimal("amount"),
            post_only=ask.args.get("postOnly", False),
            client_id=ask.text("clientOrderId"),
        )
        self.grouped[order.order_id] = ask.int("codGroupId")
        return self.told(order)

    @call("cancel", "DELETE", "/v2/order", private=True)
    def cancel(self, ask: Ask) -> object:
        if not ask.text("operatorId"):
            raise self.error(203, "operatorId parameter is required.")
        order = self.books.cancel(ask.account, self.market.symbol, **self.named(ask))
        return {"orderId": str(order.order_id), "clientOrderId": order.client_id, "operatorId": 1}

    @call("cancel_all", "DELETE", "/v2/orders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        return [{"orderId": str(order.order_id)} for order in self.books.cancel_all(ask.account, self.market.symbol)]

    @call("timer", "POST", "/v2/cancelOrdersAfter", private=True)
    def timer(self, ask: Ask) -> object:
        seconds, group = ask.int("expiryAfterSeconds"), ask.int("codGroupId")
        if not 10 <= seconds <= 300:
            raise self.error(205, "expiryAfterSeconds parameter is invalid.")
        if any(self.grouped.get(order.order_id) != group for order in self.books.resting(ask.account)):
            raise self.error(205, "there are orders outside of the group")  # so that a test sees what would be left
        due_ns = self.books.cancel_all_after(ask.account, seconds)
        return {"codGroupId": group, "timeOfExpirySeconds": due_ns // 10**9}

    @call("order", "GET", "/v2/order", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        if found is None:
            raise self.error(240, "No order found.", status=404)
        return self.told(found)

    @call("open_orders", "GET", "/v2/ordersOpen", private=True)
    def list_open(self, ask: Ask) -> object:
        return [self.told(order) for order in self.open_orders(ask.account, self.market.symbol)]

    @call("closed_orders", "GET", "/v2/orders", private=True)
    def history(self, ask: Ask) -> object:
        return [self.told(order) for order in self.page(ask, self.books.history(ask.account))]

    @call("fills", "GET", "/v2/trades", private=True)
    def fills(self, ask: Ask) -> object:
        start, end = ask.int("start"), ask.int("end", self.clock.now_ms())
        if end - start > 86_400_000:
            raise self.error(205, "end parameter is invalid.")
        return [self.told_fill(one) for one in self.page(ask, self.books.fills(ask.account))]

    def page(self, ask: Ask, found: Iterable[T]) -> list[T]:
        start, end, limit = (ask.int(name, default) for name, default in (("start", 0), ("end", 0), ("limit", 500)))
        return self.listed(found, start_ms=start, end_ms=end, limit=limit, newest_first=True)

    @property
    def grouped(self) -> dict[int, int]:
        return self.__dict__.setdefault("_grouped", {})

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("orderId")
        return {"order_id": int(number)} if number else {"client_id": ask.text("clientOrderId")}

    def told(self, order: Order) -> dict[str, object]:
        status = "canceledPostOnly" if order.why == "post_only" else _STATUS[order.status]
        return {
            "orderId": str(order.order_id),
            "clientOrderId": order.client_id,
            "market": "AUR-USDT",
            "created": order.created_ns // 1_000_000,
            "updated": order.updated_ns // 1_000_000,
            "status": status,
            "side": order.side,
            "orderType": "limit",
            "amount": plain(order.size),
            "amountRemaining": plain(order.left),
            "price": plain(order.price),
            "filledAmount": plain(order.filled),
            "filledAmountQuote": plain(order.cost),
            "feePaid": "0",
            "feeCurrency": "USDT",
            "fills": [],
            "timeInForce": "GTC",
            "postOnly": order.post_only,
        }

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "id": f"0000{one.trade_id}",
            "orderId": str(one.order.order_id),
            "clientOrderId": one.order.client_id,
            "timestamp": one.ts_ns // 1_000_000,
            "market": "AUR-USDT",
            "side": one.order.side,
            "amount": plain(one.size),
            "price": plain(one.price),
            "taker": not one.is_maker,
            "fee": plain(one.fee),
            "feeCurrency": one.fee_asset,
            "settled": True,
        }
