"""HTX spot: an id for an answer, states in lists, two days of history at a time, a code in words."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.records import Execution, Market, Order
from tests.venues.wire import Ask, call, places, plain, texts

MS = 1_000_000
HOUR_NS = 3600 * 10**9
_STATES = {"new": "submitted", "partially_filled": "partial-filled", "filled": "filled"}


def spelled(market: Market) -> str:
    return f"{market.base}{market.quote}".lower()


def no(code: str, text: str = "") -> tuple[int, object]:
    return 200, {"status": "error", "err-code": code, "err-msg": text or code, "data": None}


class Htx(Stub):
    id = "htx"
    depths = (5, 10, 20, 150)
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": no("api-signature-not-valid", "Signature not valid: Incorrect Access key"),
        "funds": no("account-frozen-balance-insufficient-error", "trade account balance is not enough"),
        "gone": no("order-orderstate-error", "Incorrect order state"),
        "unknown": no("base-record-invalid", "record invalid"),
        "slow": (429, {"status": "error", "err-code": "base-request-exceed-frequency-limit", "err-msg": "slow down"}),
        "unheard": no("not-the-day-for-it"),
        "other": no("order-invalid-price"),
    }

    def answer(self, data: object) -> object:
        return {"status": "ok", "data": data}

    # Public

    @call("time", "GET", "/v1/common/timestamp")
    def time(self, ask: Ask) -> object:
        return self.answer(self.clock.now_ms())

    @call("markets", "GET", "/v1/common/symbols")
    def markets(self, ask: Ask) -> object:
        listed = [
            {
                "symbol": spelled(market),
                "base-currency": market.base.lower(),
                "quote-currency": market.quote.lower(),
                "price-precision": places(market.tick),
                "amount-precision": places(market.lot),
                "state": "online",
                "api-trading": "enabled",
                "min-order-value": market.min_quote,
                "limit-order-min-order-amt": market.min_size,
            }
            for market in self.books.markets.values()
        ]
        return self.answer(listed)

    @call("book", "GET", "/market/depth")
    def book(self, ask: Ask) -> object:
        symbol, depth = self.market_by(ask.text("symbol"), spelled).symbol, ask.int("depth", 150)
        if depth not in self.depths:
            raise self.no("other")
        sides = {
            name: texts(self.books.levels(symbol, side, depth)) for name, side in (("bids", "buy"), ("asks", "sell"))
        }
        return {"status": "ok", "ts": self.clock.now_ms(), "tick": sides | {"ts": self.clock.now_ms(), "version": 1}}

    @call("ticker", "GET", "/market/detail/merged")
    def ticker(self, ask: Ask) -> object:
        symbol = self.market_by(ask.text("symbol"), spelled).symbol
        (bid, bid_size), (offer, size) = self.books.levels(symbol, "buy")[0], self.books.levels(symbol, "sell")[0]
        tick = {"bid": [bid, bid_size], "ask": [offer, size], "close": bid}
        return {"status": "ok", "ts": self.clock.now_ms(), "tick": tick}

    # Private

    @call("accounts", "GET", "/v1/account/accounts", private=True)
    def accounts(self, ask: Ask) -> object:
        return self.answer([{"id": 5202591, "type": "spot", "subtype": "", "state": "working"}])

    @call("balances", "GET", "/v1/account/accounts/{account}/balance", private=True)
    def balances(self, ask: Ask) -> object:
        held = [
            {"currency": asset.lower(), "type": kind, "balance": plain(amount("desk", asset))}
            for asset in self.books.assets("desk")
            for kind, amount in (("trade", self.books.free), ("frozen", self.books.held))
        ]
        return self.answer({"id": 5202591, "type": "spot", "state": "working", "list": held})

    @call("place", "POST", "/v1/order/orders/place", private=True)
    def place(self, ask: Ask) -> object:
        side, _, kind = ask.text("type").partition("-")
        order = self.books.place(
            "desk",
            self.market_by(ask.text("symbol"), spelled).symbol,
            "buy" if side == "buy" else "sell",
            price=ask.decimal("price"),
            size=ask.decimal("amount"),
            post_only=kind == "limit-maker",
            client_id=ask.text("client-order-id"),
        )
        return self.answer(str(order.order_id))

    @call("cancel", "POST", "/v1/order/orders/submitCancelClientOrder", private=True)
    def cancel_by_our_id(self, ask: Ask) -> object:
        """It is always well: the number says what was found. 10: it is being cancelled."""
        order = self.books.find("desk", client_id=ask.text("client-order-id"))
        if order is None or not order.rests:
            return self.answer(6 if order is not None and not order.left else -1)
        self.books.cancel("desk", "", order_id=order.order_id)
        return self.answer(10)

    @call("cancel", "POST", "/v1/order/orders/{order}/submitcancel", private=True)
    def cancel(self, ask: Ask) -> object:
        return self.answer(str(self.books.cancel("desk", "", order_id=ask.int("order")).order_id))

    @call("cancel_all", "POST", "/v1/order/orders/batchCancelOpenOrders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        ended = self.books.cancel_all("desk", self.market_by(ask.text("symbol"), spelled).symbol)
        return self.answer({"success-count": len(ended), "failed-count": 0, "next-id": -1})

    @call("cancel_all_after", "POST", "/v2/algo-orders/cancel-all-after", private=True)
    def cancel_all_after(self, ask: Ask) -> object:
        if ask.int("timeout") and ask.int("timeout") < 5:
            return {"code": 2002, "message": "invalid field value in timeout"}
        due_ns = self.books.cancel_all_after("desk", ask.int("timeout"))
        return {"code": 200, "data": {"currentTime": self.clock.now_ms(), "triggerTime": due_ns // MS}}

    @call("order", "GET", "/v1/order/orders/getClientOrder", private=True)
    def order_by_our_id(self, ask: Ask) -> object:
        return self._one(self.books.find("desk", client_id=ask.text("clientOrderId")))

    @call("order", "GET", "/v1/order/orders/{order}", private=True)
    def order(self, ask: Ask) -> object:
        return self._one(self.books.find("desk", order_id=ask.int("order")))

    def _one(self, order: Order | None) -> object:
        if order is None or self._is_forgotten(order):
            raise self.no("unknown")
        return self.answer(self.order_of(order))

    @call("open_orders", "GET", "/v1/order/openOrders", private=True)
    def resting(self, ask: Ask) -> object:
        found = self.open_orders("desk", self.market_by(ask.text("symbol"), spelled).symbol)
        return self.answer([self.order_of(order) for order in found[-ask.int("size", 100) :]])

    @call("closed_orders", "GET", "/v1/order/orders", private=True)
    def history(self, ask: Ask) -> object:
        states = ask.text("states").split(",")
        over = [order for order in self.books.history("desk") if self.state_of(order) in states]
        kept = [order for order in over if not self._is_forgotten(order)]
        return self.answer([self.order_of(order) for order in self.listed(kept, **self.stretch(ask))])

    @call("fills", "GET", "/v1/order/matchresults", private=True)
    def fills(self, ask: Ask) -> object:
        return self.answer([self.fill_of(one) for one in self.listed(self.books.fills("desk"), **self.stretch(ask))])

    # Words

    def _is_forgotten(self, order: Order) -> bool:
        """Two hours after it was cancelled, unless something of it had filled."""
        return not order.rests and not order.filled and self.clock.now_ns() - order.updated_ns > 2 * HOUR_NS

    @staticmethod
    def stretch(ask: Ask) -> dict[str, Any]:
        """Two days at most, the newest first."""
        start_ms, end_ms = ask.int("start-time"), ask.int("end-time")
        size, span_ms = min(ask.int("size", 100), 500), 48 * 3_600_000
        return {"start_ms": start_ms, "end_ms": end_ms, "limit": size, "newest_first": True, "span_ms": span_ms}

    @staticmethod
    def state_of(order: Order) -> str:
        ended = "partial-canceled" if order.filled else "canceled"
        return _STATES.get(order.status, ended)

    def order_of(self, order: Order) -> dict[str, Any]:
        return {
            "id": order.order_id,
            "client-order-id": order.client_id,
            "symbol": spelled(order.market),
            "account-id": 5202591,
            "amount": plain(order.size),
            "price": plain(order.price),
            "created-at": order.created_ns // MS,
            "type": f"{order.side}-{'limit-maker' if order.post_only else 'limit'}",
            "field-amount": plain(order.filled),
            "field-cash-amount": plain(order.cost),
            "field-fees": "0.0",
            "finished-at": 0 if order.rests else order.updated_ns // MS,
            "source": "spot-api",
            "state": self.state_of(order),
            "canceled-at": 0,
        }

    @staticmethod
    def fill_of(each: Execution) -> dict[str, Any]:
        return {
            "symbol": spelled(each.order.market),
            "fee-currency": each.fee_asset.lower(),
            "source": "spot-api",
            "role": "maker" if each.is_maker else "taker",
            "order-id": each.order.order_id,
            "price": plain(each.price),
            "created-at": each.ts_ns // MS,
            "match-id": each.trade_id - 1,
            "filled-amount": plain(each.size),
            "filled-fees": plain(each.fee),
            "filled-points": "0.0",
            "fee-deduct-currency": "",
            "fee-deduct-state": "done",
            "id": each.trade_id + 7,
            "trade-id": each.trade_id,
            "type": f"{each.order.side}-limit-maker",
        }
