"""Bithumb's second API, which was made after Upbit's: another place for an order, ours by another name, lists by page.

As its documentation has it (apidocs.bithumb.com, "Individual order", "Main error codes"), and the library's comments.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from tests.engine.venues.ccxt.stubs.upbit import STATE, Upbit, failed, stamp
from tests.venues.records import Order
from tests.venues.wire import Ask, call

AT_ONCE = 100


class Bithumb(Upbit):
    id = "bithumb"
    finest_lot = Decimal("1e-4")
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": (401, failed("jwt_verification")),
        "price": (400, failed("invalid_price")),
        "gone": (404, failed("order_not_found")),
        "slow": (429, failed("too_many_requests")),
        "unheard": (400, failed("not_the_day_for_it")),
        "other": (400, failed("invalid_parameter")),
    }
    steps: Any = None
    """No question answers these."""
    list_open: Any = None
    history: Any = None

    @call("place", "POST", "/v2/orders", private=True)
    def place(self, ask: Ask) -> object:
        order = self.books.place(
            ask.account,
            self.market.symbol,
            "sell" if ask.text("side") == "ask" else "buy",
            price=ask.decimal("price"),
            size=ask.decimal("volume"),
            post_only=ask.text("time_in_force") == "post_only",
            client_id=ask.text("client_order_id"),
        )
        return {
            "order_id": str(order.order_id),
            "market": "USDT-AUR",
            "side": ask.text("side"),
            "order_type": "limit",
            "created_at": stamp(order.created_ns),
            "stp_type": "cancel_taker",
        }

    @call("cancel", "DELETE", "/v2/order", private=True)
    def cancel(self, ask: Ask) -> object:
        before = self.books.find(ask.account, **self.named(ask))
        self.books.cancel(ask.account, "", **self.named(ask))
        return {"order_id": str(before.order_id), "created_at": stamp(before.created_ns)} if before else None

    @call("order", "GET", "/v1/order", private=True)
    def order(self, ask: Ask) -> object:
        found = self.books.find(ask.account, **self.named(ask))
        if found is None:
            raise self.no("gone")
        mine = [one for one in self.books.fills(ask.account) if one.order.order_id == found.order_id]
        return self.told(found) | {"trades": [self.told_trade(one) for one in mine]}

    @call("open_orders", "GET", "/v1/orders", private=True)
    def list_orders(self, ask: Ask) -> object:
        wanted = [one for one in self.all_orders(ask.account) if STATE[one.status] == ask.text("state", "wait")]
        found = self.listed(wanted, newest_first=True)
        limit = min(ask.int("limit", AT_ONCE), AT_ONCE)
        first = (ask.int("page", 1) - 1) * limit
        return [self.told(one) for one in found[first : first + limit]]

    def all_orders(self, account: str) -> list[Order]:
        return list(self.books.history(account))

    @staticmethod
    def named(ask: Ask) -> dict[str, Any]:
        number = ask.text("uuid") or ask.text("order_id")
        return {"order_id": int(number)} if number else {"client_id": ask.text("client_order_id")}

    def told(self, order: Order) -> dict[str, Any]:
        found = super().told(order)
        del found["identifier"]
        reserved = order.price * order.size * self.market.maker_fee
        return found | {"client_order_id": order.client_id, "reserved_fee": f"{reserved:f}"}
