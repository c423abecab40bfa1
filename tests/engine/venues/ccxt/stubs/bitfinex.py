"""Bitfinex v2: rows without names, signed sizes, a nonce that must rise, and every error under HTTP 500."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import msgspec

from tests.engine.venues.ccxt.stubs.base import Stub
from tests.venues.records import Execution, Market, Order
from tests.venues.wire import Ask, Keys, call, plain

MS = 1_000_000
_THEIRS = {"USDT": "UST"}


def spelled(market: Market) -> str:
    return f"t{market.base}{_THEIRS.get(market.quote, market.quote)}"


def no(code: int, text: str, status: int = 500) -> tuple[int, object]:
    return status, ["error", code, text]


class Bitfinex(Stub):
    id = "bitfinex"
    depths = (1, 25, 100)
    rules: ClassVar[dict[str, Any]] = {"refuses_takers_late": True}
    words: ClassVar[dict[str, tuple[int, object]]] = {
        "stranger": no(10100, "apikey: invalid"),
        "nonce": no(10114, "nonce: small"),
        "funds": no(10001, "Invalid order: not enough exchange balance for 9000 AURUST at 99.5"),
        "gone": no(10001, "Order not found."),
        "slow": (429, ["error", 11010, "ratelimit: error"]),
        "unheard": no(99_999, "This is not the day for it."),
        "other": no(10001, "Invalid order: minimum size for AURUST is 0.0001"),
    }

    def __init__(self, *markets: Market) -> None:
        """Sizes have eight places, in every market."""
        super().__init__(*(msgspec.structs.replace(market, lot=Decimal("1e-8")) for market in markets))

    def authenticate(self, ask: Ask) -> Keys:
        keys = super().authenticate(ask)
        self.rises(ask.headers["bfx-nonce"])
        return keys

    # Public

    @call("markets", "GET", "/v2/conf/{config}")
    def markets(self, ask: Ask) -> object:
        if "currency" in ask.text("config"):
            return [["AUR", "UST"], *([[]] * 10)]
        rows = [
            [spelled(one)[1:], [None, None, None, plain(one.min_size), "1000000"]]
            for one in self.books.markets.values()
        ]
        return [rows, [], [], []]

    @call("book", "GET", "/v2/book/{pair}/{precision}")
    def book(self, ask: Ask) -> object:
        """Each order by itself; what is asked for is negative."""
        symbol, depth = self.market_by(ask.text("pair"), spelled).symbol, ask.int("len", 25)
        if depth not in self.depths:
            raise self.no("other")
        bids = [[number, price, size] for number, (price, size) in enumerate(self.books.levels(symbol, "buy", depth))]
        asks = [[number, price, -size] for number, (price, size) in enumerate(self.books.levels(symbol, "sell", depth))]
        return [*bids, *asks]

    @call("ticker", "GET", "/v2/ticker/{pair}")
    def ticker(self, ask: Ask) -> object:
        symbol = self.market_by(ask.text("pair"), spelled).symbol
        (bid, bid_size), (offer, size) = self.books.levels(symbol, "buy")[0], self.books.levels(symbol, "sell")[0]
        return [bid, bid_size, offer, size, 0, 0, bid, 0, bid, bid]

    # Private

    @call("balances", "POST", "/v2/auth/r/wallets", private=True)
    def balances(self, ask: Ask) -> object:
        return [
            [
                "exchange",
                _THEIRS.get(asset, asset),
                self.books.total("desk", asset),
                0,
                self.books.free("desk", asset),
            ]
            for asset in self.books.assets("desk")
        ]

    @call("place", "POST", "/v2/auth/w/order/submit", private=True)
    def place(self, ask: Ask) -> object:
        size = ask.decimal("amount")
        assert size is not None
        order = self.books.place(
            "desk",
            self.market_by(ask.text("symbol"), spelled).symbol,
            "buy" if size > 0 else "sell",
            price=ask.decimal("price"),
            size=abs(size),
            post_only=bool(ask.int("flags") & 4096),
            client_id=ask.text("cid"),
        )
        text = "Submitting 1 orders."
        return [self.clock.now_ms(), "on-req", None, None, [self.row_of(order)], None, "SUCCESS", text]

    @call("cancel", "POST", "/v2/auth/w/order/cancel", private=True)
    def cancel(self, ask: Ask) -> object:
        order = self.books.cancel("desk", "", order_id=ask.int("id"))
        return [self.clock.now_ms(), "oc-req", None, None, self.row_of(order), None, "SUCCESS", "Submitted."]

    @call("open_orders", "POST", "/v2/auth/r/orders/{pair}", private=True)
    def resting(self, ask: Ask) -> object:
        ids = ask.args.get("id")
        found = self.open_orders("desk", self.market_by(ask.text("pair"), spelled).symbol)
        return [self.row_of(order) for order in found if not ids or order.order_id in ids]

    @call("closed_orders", "POST", "/v2/auth/r/orders/{pair}/hist", private=True)
    def history(self, ask: Ask) -> object:
        ids = ask.args.get("id")
        over = [one for one in self.books.history("desk") if not one.rests and (not ids or one.order_id in ids)]
        return [self.row_of(order) for order in self.listed(over, **self.stretch(ask))]

    @call("fills", "POST", "/v2/auth/r/trades/{pair}/hist", private=True)
    def fills(self, ask: Ask) -> object:
        return [self.fill_of(one) for one in self.listed(self.books.fills("desk"), **self.stretch(ask))]

    # Words

    @staticmethod
    def stretch(ask: Ask) -> dict[str, Any]:
        limit = min(ask.int("limit", 25), 2500)
        return {"start_ms": ask.int("start"), "end_ms": ask.int("end"), "limit": limit, "newest_first": True}

    @staticmethod
    def state_of(order: Order) -> str:
        was = f"EXECUTED @ {plain(order.average)}({plain(order.filled)})"
        if order.why == "post_only":
            return "POSTONLY CANCELED"
        if order.status == "canceled":
            return f"CANCELED was: PARTIALLY FILLED @ {plain(order.average)}" if order.filled else "CANCELED"
        return {"new": "ACTIVE", "partially_filled": "PARTIALLY FILLED @ 1(1)"}.get(order.status, was)

    def row_of(self, order: Order) -> list[Any]:
        sign = 1 if order.side == "buy" else -1
        row: list[Any] = [None] * 32
        row[0], row[2], row[3] = order.order_id, self.number_of(order), spelled(order.market)
        row[4:6] = [order.created_ns // MS, order.created_ns // MS]
        row[6:9] = [sign * order.left, sign * order.size, "EXCHANGE LIMIT"]
        row[12:14] = [4096 if order.post_only else 0, self.state_of(order)]
        row[16:18] = [order.price, order.average]
        return row

    @staticmethod
    def number_of(order: Order) -> int:
        return int(order.client_id) if order.client_id.isdigit() else 0

    @staticmethod
    def fill_of(each: Execution) -> list[Any]:
        order, sign = each.order, 1 if each.order.side == "buy" else -1
        kind, maker = "EXCHANGE LIMIT", 1 if each.is_maker else -1
        fee = [-each.fee, _THEIRS.get(each.fee_asset, each.fee_asset), Bitfinex.number_of(order)]
        head = [each.trade_id, spelled(order.market), each.ts_ns // MS, order.order_id, sign * each.size, each.price]
        return [*head, kind, order.price, maker, *fee]
