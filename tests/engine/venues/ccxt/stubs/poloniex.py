"""Poloniex spot, API v2: an id as the answer to a create, books of pairs in one flat list, history in weeks."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import MS, Stub
from tests.venues.records import Execution, Order, Reject
from tests.venues.wire import Ask, call, places, plain

WEEK_MS = 7 * 86_400_000
_STATE = {"new": "NEW", "partially_filled": "PARTIALLY_FILLED", "filled": "FILLED", "canceled": "CANCELED"}


class Poloniex(Stub):
    id = "poloniex"
    depths = (5, 10, 20, 50, 100, 150)
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, {"code": 401, "message": "Unauthorized: invalid key"}),
        "funds": (400, {"code": 21709, "message": "Insufficient balance"}),
        "gone": (400, {"code": 21301, "message": "Order not found"}),
        "slow": (429, {"code": 429, "message": "Too many requests"}),
        "unheard": (400, {"code": 99_999, "message": "This is not the day for it"}),
        "window": (400, {"code": 21355, "message": "Interval between startTime and endTime has exceeded 7 day limit"}),
        "other": (400, {"code": 601, "message": "Invalid Parameter"}),
    }

    @call("time", "GET", "/timestamp")
    def time(self, ask: Ask) -> object:
        return {"serverTime": self.clock.now_ms()}

    @call("markets", "GET", "/v3/market/allInstruments")
    def contracts(self, ask: Ask) -> object:
        return {"code": 200, "msg": "Success", "data": []}

    @call("markets", "GET", "/markets")
    def markets(self, ask: Ask) -> object:
        market = self.market
        limits = {
            "symbol": "AUR_USDT",
            "priceScale": places(market.tick),
            "quantityScale": places(market.lot),
            "amountScale": 6,
            "minQuantity": plain(market.min_size),
            "minAmount": plain(market.min_quote),
        }
        names = {"symbol": "AUR_USDT", "baseCurrencyName": market.base, "quoteCurrencyName": market.quote}
        return [names | {"state": "NORMAL", "tradableStartTime": 1, "symbolTradeLimit": limits}]

    @call("ticker", "GET", "/markets/{symbol}/ticker24h")
    def ticker(self, ask: Ask) -> object:
        bid, ask_ = self.best()
        return {"symbol": "AUR_USDT", "bid": plain(bid), "ask": plain(ask_), "ts": self.clock.now_ms()}

    @call("book", "GET", "/markets/{symbol}/orderBook")
    def book(self, ask: Ask) -> object:
        depth = self.depth(ask, "limit")
        flat = {
            name: [plain(number) for level in self.books.levels(self.market.symbol, side, depth) for number in level]
            for name, side in (("bids", "buy"), ("asks", "sell"))
        }
        return flat | {"time": self.clock.now_ms(), "scale": "0.01", "ts": self.clock.now_ms()}

    @call("balances", "GET", "/accounts/balances", private=True)
    def balances(self, ask: Ask) -> object:
        held = [
            {
                "currency": asset,
                "available": plain(self.books.free(ask.account, asset)),
                "hold": plain(self.books.held(ask.account, asset)),
            }
            for asset in self.books.assets(ask.account)
        ]
        return [{"accountId": "1", "accountType": "SPOT", "balances": held}]

    @call("place", "POST", "/orders", private=True)
    def place(self, ask: Ask) -> object:
        order = self._place(ask, ask.args)
        return {"id": str(order.order_id), "clientOrderId": order.client_id}

    @call("place", "POST", "/orders/batch", private=True)
    def place_several(self, ask: Ask) -> object:
        if len(ask.args["items"]) > 20:
            raise self.no("other")
        told: list[object] = []
        for item in ask.args["items"]:
            try:
                order = self._place(ask, item)
                told.append({"id": str(order.order_id), "clientOrderId": order.client_id})
            except Reject as reject:
                _, words = self.words.get(reject.kind, self.words["other"])
                told.append({"clientOrderId": item["clientOrderId"]} | dict(words))  # type: ignore[call-overload]
        return told

    def _place(self, ask: Ask, item: dict[str, Any]) -> Order:
        one = Ask(call="", method="", path="", query="", body="", headers={}, args=item)
        return self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if item["side"] == "SELL" else "buy",
            price=one.decimal("price"),
            size=one.decimal("quantity"),
            post_only=item["type"] == "LIMIT_MAKER",
            client_id=one.text("clientOrderId"),
        )

    @call("open_orders", "GET", "/orders", private=True)
    def list_open(self, ask: Ask) -> object:
        found = self.open_orders(ask.account, self.market.symbol)
        return [self.told(one) for one in self.listed(found, limit=ask.int("limit", 500), newest_first=True)]

    @call("closed_orders", "GET", "/orders/history", private=True)
    def history(self, ask: Ask) -> object:
        ended = [one for one in self.books.history(ask.account) if not one.rests]
        return [self.told(one) for one in self.page(ask, ended)]

    @call("fills", "GET", "/trades", private=True)
    def fills(self, ask: Ask) -> object:
        assert ask.text("symbols") == "AUR_USDT", "all markets share the page, unless one is named"
        return [self.told_fill(one) for one in self.page(ask, self.books.fills(ask.account))]

    def page(self, ask: Ask, found: list[Any]) -> list[Any]:
        start, end = ask.int("startTime"), ask.int("endTime", self.clock.now_ms())
        if end - start > WEEK_MS:
            raise self.no("window")
        if ask.int("limit", 100) > 100:
            raise self.no("other")
        return self.listed(found, start_ms=start, end_ms=end, limit=ask.int("limit", 100), newest_first=True)

    @call("cancel_all", "DELETE", "/orders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        assert ask.args["symbols"] == ["AUR_USDT"]
        return [self.cancelling(one) for one in self.books.cancel_all(ask.account, self.market.symbol)]

    @call("cancel", "DELETE", "/orders/cancelByIds", private=True)
    def cancel_several(self, ask: Ask) -> object:
        told: list[object] = []
        for number in ask.args["orderIds"]:
            try:
                told.append(self.cancelling(self.books.cancel(ask.account, "", order_id=int(number))))
            except Reject:
                told.append({"orderId": number, "state": "", "code": 21301, "message": "Order not found"})
        return told

    @call("order", "GET", "/orders/{order}", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        if found is None:
            raise self.no("gone")
        return self.told(found)

    @call("cancel", "DELETE", "/orders/(?!cancelByIds){order}", private=True)
    def cancel(self, ask: Ask) -> object:
        return self.cancelling(self.books.cancel(ask.account, "", **self.named(ask)))

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        """A number, or our id after `cid:`."""
        before, _, ours = ask.text("order").partition(":")
        return {"client_id": ours} if ours else {"order_id": int(before)}

    @staticmethod
    def cancelling(order: Order) -> dict[str, object]:
        told = {"orderId": str(order.order_id), "clientOrderId": order.client_id}
        return told | {"state": "PENDING_CANCEL", "code": 200, "message": ""}

    @staticmethod
    def told(order: Order) -> dict[str, object]:
        return {
            "id": str(order.order_id),
            "clientOrderId": order.client_id,
            "symbol": "AUR_USDT",
            "state": _STATE[order.status],
            "accountType": "SPOT",
            "side": order.side.upper(),
            "type": "LIMIT_MAKER" if order.post_only else "LIMIT",
            "timeInForce": "GTC",
            "quantity": plain(order.size),
            "price": plain(order.price),
            "avgPrice": plain(order.average),
            "amount": "0",
            "filledQuantity": plain(order.filled),
            "filledAmount": plain(order.cost),
            "createTime": order.created_ns // MS,
            "updateTime": order.updated_ns // MS,
        }

    @staticmethod
    def told_fill(one: Execution) -> dict[str, object]:
        return {
            "id": str(one.trade_id),
            "symbol": "AUR_USDT",
            "accountType": "SPOT",
            "orderId": str(one.order.order_id),
            "side": one.order.side.upper(),
            "type": "LIMIT",
            "matchRole": "MAKER" if one.is_maker else "TAKER",
            "createTime": one.ts_ns // MS,
            "price": plain(one.price),
            "quantity": plain(one.size),
            "amount": plain(one.price * one.size),
            "feeCurrency": one.fee_asset,
            "feeAmount": plain(one.fee),
            "pageId": str(one.trade_id),
            "clientOrderId": one.order.client_id,
        }
