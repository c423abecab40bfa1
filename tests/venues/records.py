"""What a venue's own books are made of: markets, orders, executions and what is told of them."""

from __future__ import annotations

import time
from decimal import Context, Decimal, localcontext
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]
Status = Literal["new", "partially_filled", "filled", "canceled", "expired"]
Kind = Literal["limit", "market"]
Tif = Literal["gtc", "ioc", "fok"]

EXACT = Context(prec=120)
ZERO = Decimal(0)


class VenueClock:
    """The venue's time: the machine's, moved as a test wants it."""

    def __init__(self) -> None:
        self.ahead_ns = 0

    def now_ns(self) -> int:
        return time.time_ns() + self.ahead_ns

    def now_ms(self) -> int:
        return self.now_ns() // 1_000_000

    def move(self, seconds: float) -> None:
        self.ahead_ns += round(seconds * 1_000_000_000)


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """Fees are fractions of the traded amount; a negative one is a rebate."""

    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_size: Decimal
    min_quote: Decimal
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.002")

    @property
    def symbol(self) -> str:
        return f"{self.base}/{self.quote}"


class Order(msgspec.Struct, kw_only=True):
    order_id: int
    client_id: str
    account: str
    market: Market
    side: Side
    kind: Kind
    tif: Tif
    post_only: bool
    price: Decimal
    """Zero for a market order."""
    size: Decimal
    created_ns: int
    updated_ns: int
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    status: Status = "new"
    why: str = ""
    """Why it ended without being filled: "user", "post_only", "ioc", "self_trade", "switch"."""

    @property
    def left(self) -> Decimal:
        return self.size - self.filled

    @property
    def rests(self) -> bool:
        return self.status in ("new", "partially_filled")

    @property
    def average(self) -> Decimal:
        with localcontext(EXACT):
            return self.cost / self.filled if self.filled else ZERO


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One account's side of a trade. `order` is as it was right after."""

    trade_id: int
    order: Order
    price: Decimal
    size: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool
    ts_ns: int


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """A trade as the public sees it."""

    trade_id: int
    market: Market
    price: Decimal
    size: Decimal
    taker: Side
    ts_ns: int


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order: `what` is new, trade, amended, canceled or expired; `order` is as it was then."""

    what: Literal["new", "trade", "amended", "canceled", "expired"]
    order: Order
    execution: Execution | None = None


class BookChange(msgspec.Struct, frozen=True, kw_only=True):
    """Levels that changed in one step, with their size after it; `sequence` follows the one before without a gap."""

    market: Market
    sequence: int
    bids: list[tuple[Decimal, Decimal]]
    asks: list[tuple[Decimal, Decimal]]
    ts_ns: int


class Reject(Exception):
    """The core's no. `kind`: unknown_market, price, size, notional, funds, would_take, duplicate, halted, gone,
    amend."""

    def __init__(self, kind: str, text: str, order: Order | None = None) -> None:
        super().__init__(text)
        self.kind = kind
        self.order = order


def product(one: Decimal, other: Decimal) -> Decimal:
    """Exact, whatever the context of the thread."""
    return EXACT.multiply(one, other)
