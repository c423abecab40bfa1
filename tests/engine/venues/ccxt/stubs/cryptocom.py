"""Crypto.com Exchange: one path a method, parameters in a signed body, a code in every answer."""

from __future__ import annotations

from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.records import Execution, Market, Order
from tests.venues.wire import Ask, call, plain, texts

MS = 1_000_000
_STATUS = {"new": "ACTIVE", "partially_filled": "ACTIVE", "filled": "FILLED", "canceled": "CANCELED"}


def spelled(market: Market) -> str:
    return f"{market.base}_{market.quote}"


class Cryptocom(Stub):
    id = "cryptocom"
    depths = (10, 50)
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, {"code": 40101, "message": "Unauthorized"}),
        "funds": (400, {"code": 306, "message": "INSUFFICIENT_AVAILABLE_BALANCE"}),
        "gone": (400, {"code": 316, "message": "NO_ACTIVE_ORDER"}),
        "duplicate": (400, {"code": 204, "message": "DUPLICATE_CLORDID"}),
        "slow": (429, {"code": 42901, "message": "TOO_MANY_REQUESTS"}),
        "unheard": (500, {"code": 99_999, "message": "SOMETHING_ELSE"}),
        "other": (400, {"code": 40004, "message": "Missing or invalid argument"}),
    }

    def answer(self, ask: Ask, result: object) -> object:
        return {"id": -1, "method": ask.path.partition("/v1/")[2], "code": 0, "result": result}

    def given(self, ask: Ask) -> Ask:
        """The parameters of a signed request as arguments of it."""
        ask.args = ask.args.get("params") or {}
        return ask

    # Public

    @call("markets", "GET", "/.*public/get-instruments")
    def markets(self, ask: Ask) -> object:
        listed = [
            {
                "symbol": spelled(market),
                "inst_type": "CCY_PAIR",
                "base_ccy": market.base,
                "quote_ccy": market.quote,
                "price_tick_size": plain(market.tick),
                "qty_tick_size": plain(market.lot),
                "tradable": True,
            }
            for market in self.books.markets.values()
        ]
        return self.answer(ask, {"data": listed})

    @call("book", "GET", "/.*public/get-book")
    def book(self, ask: Ask) -> object:
        symbol, depth = self.market_by(ask.text("instrument_name"), spelled).symbol, self.depth(ask, "depth")
        sides = {
            name: [[*level, "1"] for level in texts(self.books.levels(symbol, side, depth))]
            for name, side in (("bids", "buy"), ("asks", "sell"))
        }
        return self.answer(ask, {"data": [sides | {"t": self.clock.now_ms()}], "depth": depth})

    @call("ticker", "GET", "/.*public/get-tickers")
    def ticker(self, ask: Ask) -> object:
        market = self.market_by(ask.text("instrument_name"), spelled)
        bid, ask_ = self.books.levels(market.symbol, "buy")[0][0], self.books.levels(market.symbol, "sell")[0][0]
        line = {"i": spelled(market), "b": plain(bid), "k": plain(ask_), "t": self.clock.now_ms()}
        return self.answer(ask, {"data": [line]})

    # Private

    @call("balances", "POST", "/.*private/user-balance", private=True)
    def balances(self, ask: Ask) -> object:
        held = [
            {
                "instrument_name": asset,
                "quantity": plain(self.books.total("desk", asset)),
                "reserved_qty": plain(self.books.held("desk", asset)),
            }
            for asset in self.books.assets("desk")
        ]
        return self.answer(ask, {"data": [{"position_balances": held}]})

    @call("place", "POST", "/.*private/create-order", private=True)
    def place(self, ask: Ask) -> object:
        item = self.given(ask)
        order = self.books.place(
            "desk",
            self.market_by(item.text("instrument_name"), spelled).symbol,
            "buy" if item.text("side") == "BUY" else "sell",
            price=item.decimal("price"),
            size=item.decimal("quantity"),
            post_only="POST_ONLY" in item.args.get("exec_inst", []),
            client_id=item.text("client_oid"),
        )
        return self.answer(ask, {"order_id": str(order.order_id), "client_oid": order.client_id})

    @call("cancel", "POST", "/.*private/cancel-order", private=True)
    def cancel(self, ask: Ask) -> object:
        order = self.books.cancel("desk", "", **self.named(self.given(ask)))
        return self.answer(ask, {"order_id": str(order.order_id), "client_oid": order.client_id})

    @call("cancel_all", "POST", "/.*private/cancel-all-orders", private=True)
    def cancel_all(self, ask: Ask) -> object:
        self.books.cancel_all("desk", self.market_by(self.given(ask).text("instrument_name"), spelled).symbol)
        return {"id": -1, "method": "private/cancel-all-orders", "code": 0}

    @call("order", "POST", "/.*private/get-order-detail", private=True)
    def order(self, ask: Ask) -> object:
        order = self.books.find("desk", **self.named(self.given(ask)))
        if order is None:
            raise self.no("gone")
        return self.answer(ask, self.order_of(order))

    @call("open_orders", "POST", "/.*private/get-open-orders", private=True)
    def resting(self, ask: Ask) -> object:
        return self.answer(ask, {"data": [self.order_of(order) for order in self.open_orders("desk")]})

    @call("closed_orders", "POST", "/.*private/get-order-history", private=True)
    def history(self, ask: Ask) -> object:
        """A day at most, the newest first."""
        over = [order for order in self.books.history("desk") if not order.rests]
        return self.answer(ask, {"data": [self.order_of(one) for one in self.listed(over, **self.stretch(ask))]})

    @call("fills", "POST", "/.*private/get-trades", private=True)
    def fills(self, ask: Ask) -> object:
        found = self.listed(self.books.fills("desk"), **self.stretch(ask))
        return self.answer(ask, {"data": [self.fill_of(one) for one in found]})

    # Words

    def stretch(self, ask: Ask) -> dict[str, Any]:
        item = self.given(ask)
        start_ms, end_ms = item.int("start_time"), item.int("end_time")
        limit = item.int("limit", 100)
        return {"start_ms": start_ms, "end_ms": end_ms, "limit": limit, "newest_first": True, "span_ms": 86_400_000}

    @staticmethod
    def named(item: Ask) -> dict[str, Any]:
        if item.text("order_id"):
            return {"order_id": item.int("order_id")}
        return {"client_id": item.text("client_oid")}

    def order_of(self, order: Order) -> dict[str, Any]:
        status = "REJECTED" if order.why == "post_only" else _STATUS[order.status]
        return {
            "order_id": str(order.order_id),
            "client_oid": order.client_id,
            "order_type": "LIMIT",
            "time_in_force": "GOOD_TILL_CANCEL",
            "side": order.side.upper(),
            "exec_inst": ["POST_ONLY"] if order.post_only else [],
            "quantity": plain(order.size),
            "limit_price": plain(order.price),
            "cumulative_quantity": plain(order.filled),
            "cumulative_value": plain(order.cost),
            "avg_price": plain(order.average),
            "status": status,
            "instrument_name": spelled(order.market),
            "create_time": order.created_ns // MS,
            "update_time": order.updated_ns // MS,
        }

    @staticmethod
    def fill_of(each: Execution) -> dict[str, Any]:
        return {
            "event_date": "2026-11-21",
            "journal_type": "TRADING",
            "traded_quantity": plain(each.size),
            "traded_price": plain(each.price),
            "fees": plain(-each.fee),
            "fee_instrument_name": each.fee_asset,
            "order_id": str(each.order.order_id),
            "trade_id": str(each.trade_id),
            "client_oid": each.order.client_id,
            "taker_side": "MAKER" if each.is_maker else "TAKER",
            "side": each.order.side.upper(),
            "instrument_name": spelled(each.order.market),
            "create_time": each.ts_ns // MS,
        }
