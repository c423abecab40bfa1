"""The nouns of trading. Prices are quote currency per base; sizes are base currency; stamps are UTC nanoseconds."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class MarketStatus(StrEnum):
    TRADING = "trading"
    HALTED = "halted"


class OrderStatus(StrEnum):
    """PENDING: sent, not acknowledged. CANCELLING: cancel sent, may still fill. UNKNOWN: the venue must be asked."""

    PENDING = "pending"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    CANCELLING = "cancelling"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"

    @property
    def is_final(self) -> bool:
        return self in FINAL


class RefusalKind(StrEnum):
    """What kind of no a venue gave to an order, where it tells."""

    OTHER = "other"
    WOULD_TAKE = "would_take"
    """A post-only order that the market had crossed before it arrived: routine, and nothing was wrong with it."""


FINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED})


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue says about one market. `None` means the venue states no such minimum."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_size_base: Decimal | None = None
    min_notional_quote: Decimal | None = None
    maker_fee_bps: Decimal = Decimal(0)
    taker_fee_bps: Decimal = Decimal(0)


class Level(msgspec.Struct, frozen=True):
    price: Decimal
    size_base: Decimal


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A public print. `aggressor` is the side that took."""

    ts_ns: int
    price: Decimal
    size_base: Decimal
    aggressor: Side
    trade_id: str = ""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """A reference price with its time and source: without either it is no price (E9)."""

    value: Decimal
    ts_ns: int
    source: str


class NoPrice(msgspec.Struct, frozen=True):
    """Why there is no price, as a sentence."""

    reason: str


class Quote(msgspec.Struct, frozen=True, gc=False):
    """One order we want to rest. `level` 0 is innermost; (side, level) is the slot an order lives in."""

    side: Side
    level: int
    price: Decimal
    size_base: Decimal

    @property
    def notional_quote(self) -> Decimal:
        return self.price * self.size_base


class QuoteSet(msgspec.Struct, frozen=True, kw_only=True):
    """Orders, or the reason there are none. `notes` say what was left out or changed on the way, in words."""

    quotes: tuple[Quote, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = ()
    on_grid: bool = False
    """Whether prices and sizes were just rounded to the market's grids and its minimums hold."""


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to a venue: a post-only limit order with our own id."""

    client_order_id: str
    symbol: str
    side: Side
    price: Decimal
    size_base: Decimal
    post_only: bool = True


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's word on one order: its answer, a pushed update, or a line of its open-order list."""

    ts_ns: int
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    price: Decimal
    size_base: Decimal
    filled_base: Decimal
    status: OrderStatus
    reason: str = ""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of ours. `fill_id` is the venue's, unique within the account. A rebate is a negative fee."""

    ts_ns: int
    fill_id: str
    client_order_id: str
    venue_order_id: str
    symbol: str
    side: Side
    price: Decimal
    size_base: Decimal
    fee: Decimal
    fee_asset: str
    is_maker: bool = True


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    free: Decimal
    locked: Decimal

    @property
    def total(self) -> Decimal:
        return self.free + self.locked
