"""WhiteBIT, API v4. Every private request is a POST whose body is signed; history is told newest first, by offset."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import Stub, T
from tests.venues.records import Execution, Order, Reject
from tests.venues.wire import Ask, Keys, Wire, call, places, plain, texts

_NO = {
    "price": (33, "price", "Price step = 0.01"),
    "size": (32, "amount", "Min amount step = 0.00001"),
    "notional": (32, "amount", "Total is less than 5"),
    "funds": (10, "amount", "Not enough balance."),
    "gone": (2, "order_id", "Unexecuted order was not found."),
    "duplicate": (36, "clientOrderId", "This client order id is already used by the current account."),
}


class Whitebit(Stub):
    id: ClassVar[str] = "whitebit"
    keys: ClassVar[Keys] = Keys(account="desk", api_key="c3" * 16, secret="d4" * 16)
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True, "client_ids": "one_resting"}

    words: ClassVar[dict[str, tuple[int, object]]] = {"slow": (429, {"message": "Too many requests"})}

    def authenticate(self, ask: Ask) -> Keys:
        keys = self.by_key.get(ask.headers.get("x-txc-apikey", ""))
        if keys is None:
            raise Wire({"code": 10, "message": "Unauthorized request."}, status=401)
        payload = base64.b64encode(ask.body.encode()).decode()
        signature = hmac.new(keys.secret.encode(), payload.encode(), hashlib.sha512).hexdigest()
        if (payload, signature) != (ask.headers["x-txc-payload"], ask.headers["x-txc-signature"]):
            raise Wire({"code": 10, "message": "Unauthorized request."}, status=401)
        nonce, used = ask.int("nonce"), self.__dict__.setdefault("_nonces", set())
        in_window = ask.args.get("nonceWindow") and abs(nonce - self.clock.now_ms()) <= 5000 and nonce not in used
        if not in_window and nonce <= max(used, default=0):
            raise Wire({"code": 0, "message": "Your nonce is not greater than the last one."}, status=422)
        used.add(nonce)
        return keys

    @staticmethod
    def error(code: int, field: str, text: str) -> Wire:
        return Wire({"code": code, "message": "Validation failed", "errors": {field: [text]}}, status=422)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        return self.error(*_NO[reject.kind])

    def unheard_of(self) -> Wire:
        return self.error(777, "day", "This is not the day for it.")

    @call("time", "GET", "/api/v4/public/time")
    def time(self, ask: Ask) -> object:
        return {"time": round(self.clock.now_ms() / 1000)}

    @call("markets", "GET", "/api/v4/public/markets")
    def markets(self, ask: Ask) -> object:
        market = self.market
        return [
            {
                "name": "AUR_USDT",
                "stock": market.base,
                "money": market.quote,
                "stockPrec": str(places(market.lot)),
                "moneyPrec": str(places(market.tick)),
                "feePrec": "4",
                "makerFee": "0.1",
                "takerFee": "0.2",
                "minAmount": plain(market.min_size),
                "minTotal": plain(market.min_quote),
                "tradesEnabled": True,
                "isCollateral": False,
                "type": "spot",
            }
        ]

    @call("ticker", "GET", "/api/v1/public/ticker")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        return {"success": True, "message": "", "result": {"bid": plain(bid), "ask": plain(ask_), "last": plain(bid)}}

    @call("book", "GET", "/api/v4/public/orderbook/{market}")
    def book(self, ask: Ask) -> object:
        count = ask.int("limit", 100)
        if count > 100:
            raise self.error(0, "limit", "limit must be less than or equal to 100")
        return {
            "ticker_id": ask.text("market"),
            "timestamp": self.clock.now_ms() // 1000,
            "bids": texts(self.books.levels(self.market.symbol, "buy", count)),
            "asks": texts(self.books.levels(self.market.symbol, "sell", count)),
        }

    @call("balances", "POST", "/api/v4/trade-account/balance", private=True)
    def balances(self, ask: Ask) -> object:
        books, account = self.books, ask.account
        return {
            asset: {"available": plain(books.free(account, asset)), "freeze": plain(books.held(account, asset))}
            for asset in books.assets(account)
        }

    @call("place", "POST", "/api/v4/order/new", private=True)
    def place(self, ask: Ask) -> object:
        return self.told(
            self.books.place(
                ask.account,
                self.market.symbol,
                ask.args["side"],
                price=ask.decimal("price"),
                size=ask.decimal("amount"),
                post_only=ask.args.get("postOnly", False),
                client_id=ask.text("clientOrderId"),
            )
        )

    @call("cancel", "POST", "/api/v4/order/cancel", private=True)
    def cancel(self, ask: Ask) -> object:
        return self.told(self.books.cancel(ask.account, self.market.symbol, **self.named(ask)))

    @call("cancel_all", "POST", "/api/v4/order/cancel/all", private=True)
    def cancel_all(self, ask: Ask) -> object:
        self.books.cancel_all(ask.account, self.market.symbol)
        return []

    @call("timer", "POST", "/api/v4/order/kill-switch", private=True)
    def timer(self, ask: Ask) -> object:
        seconds = ask.args["timeout"]
        if seconds is not None and (not isinstance(seconds, str) or not 5 <= int(seconds) <= 600):
            raise self.error(30, "timeout", "The timeout must be between 5 and 600.")
        self.books.cancel_all_after(ask.account, int(seconds or 0), self.market.symbol)
        return [] if seconds is None else {"market": ask.text("market"), "startTime": 1, "cancellationTime": 2}

    @call("open_orders", "POST", "/api/v4/orders", private=True)
    def list_open(self, ask: Ask) -> object:
        found = self.open_orders(ask.account, self.market.symbol)
        if ask.text("orderId") or ask.text("clientOrderId"):
            found = [order for order in found if self.is_named(order, ask)]
        return [self.told(order) for order in self.page(ask, found)]

    @call("closed_orders", "POST", "/api/v4/trade-account/order/history", private=True)
    def history(self, ask: Ask) -> object:
        found = [order for order in self.books.history(ask.account) if not order.rests]
        if ask.text("orderId") or ask.text("clientOrderId"):
            found = [order for order in found if self.is_named(order, ask)]
        page = self.page(ask, found)
        return {"AUR_USDT": [self.told_ended(order) for order in page]} if page else {}

    @call("fills", "POST", "/api/v4/trade-account/executed-history", private=True)
    def fills(self, ask: Ask) -> object:
        page = self.page(ask, self.books.fills(ask.account))
        return [self.told_fill(one) for one in page]

    @staticmethod
    def page(ask: Ask, found: list[T]) -> list[T]:
        offset, limit = ask.int("offset"), min(ask.int("limit", 50), 100)
        return found[::-1][offset : offset + limit]

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("orderId")
        return {"order_id": int(number)} if number else {"client_id": ask.text("clientOrderId")}

    @staticmethod
    def is_named(order: Order, ask: Ask) -> bool:
        return ask.text("orderId") in ("", str(order.order_id)) and ask.text("clientOrderId") in ("", order.client_id)

    @staticmethod
    def told(order: Order) -> dict[str, object]:
        done = {"filled": "FILLED", "canceled": "CANCELED", "partially_filled": "PARTIALLY_FILLED"}
        return {
            "orderId": order.order_id,
            "clientOrderId": order.client_id,
            "market": "AUR_USDT",
            "side": order.side,
            "type": "limit",
            "timestamp": order.created_ns // 1_000_000 / 1000,
            "dealMoney": plain(order.cost),
            "dealStock": plain(order.filled),
            "amount": plain(order.size),
            "left": plain(order.left),
            "dealFee": "0",
            "price": plain(order.price),
            "postOnly": order.post_only,
            "ioc": False,
            "status": done.get(order.status, "OPEN"),
        }

    def told_ended(self, order: Order) -> dict[str, object]:
        told = self.told(order)
        for name in ("orderId", "market", "timestamp", "left"):
            told.pop(name)
        times = {"ctime": order.created_ns // 1_000_000 / 1000, "ftime": order.updated_ns // 1_000_000 / 1000}
        return told | {"id": order.order_id} | times

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "id": one.trade_id,
            "clientOrderId": one.order.client_id,
            "time": one.ts_ns // 1_000_000 / 1000,
            "side": one.order.side,
            "role": 1 if one.is_maker else 2,
            "amount": plain(one.size),
            "price": plain(one.price),
            "deal": plain(one.price * one.size),
            "fee": plain(one.fee),
            "feeAsset": one.fee_asset,
            "orderId": one.order.order_id,
        }
