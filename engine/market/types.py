"""The nouns of trading. Prices are quote currency per base; sizes are base currency; stamps are UTC nanoseconds."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from itertools import zip_longest

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


class SideQuotes(msgspec.Struct, frozen=True, gc=False):
    """One side of a quote set as columns, innermost first: what a tick that changes nothing looks at."""

    levels: list[int]
    prices: list[Decimal]
    sizes_base: list[Decimal]

    def __len__(self) -> int:
        return len(self.levels)

    @classmethod
    def of(cls, quotes: Iterable[Quote], side: Side) -> SideQuotes:
        """The quotes of one side, in the order given."""
        mine = [quote for quote in quotes if quote.side is side]
        return cls(
            [quote.level for quote in mine], [quote.price for quote in mine], [quote.size_base for quote in mine]
        )

    def quotes(self, side: Side) -> list[Quote]:
        return [Quote(side, *row) for row in zip(self.levels, self.prices, self.sizes_base, strict=True)]


class QuoteSet:
    """Orders, or the reason there are none. `notes` say what was left out or changed on the way, in words.

    Made of quotes or of columns; either is built from the other when it is first asked for, since most ticks change
    nothing and never need a quote.
    """

    __slots__ = ("_quotes", "_sides", "notes", "on_grid", "reason")

    def __init__(
        self,
        *,
        quotes: tuple[Quote, ...] = (),
        reason: str = "",
        notes: tuple[str, ...] = (),
        rounded: tuple[SideQuotes, SideQuotes] | None = None,
    ) -> None:
        self.reason = reason
        self.notes = notes
        self.on_grid = rounded is not None
        """Whether prices and sizes were just rounded to the market's grids and its minimums hold."""
        self._quotes: tuple[Quote, ...] | None = quotes if rounded is None else None
        self._sides = rounded

    @classmethod
    def rounded(cls, bids: SideQuotes, asks: SideQuotes, notes: tuple[str, ...] = ()) -> QuoteSet:
        """A set on the market's grids."""
        return cls(notes=notes, rounded=(bids, asks))

    @property
    def sides(self) -> tuple[SideQuotes, SideQuotes]:
        """Bids and asks as columns."""
        if self._sides is None:
            quotes = self.quotes
            self._sides = SideQuotes.of(quotes, Side.BUY), SideQuotes.of(quotes, Side.SELL)
        return self._sides

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """Both sides by turns, so that a limit which does not hold them all keeps the innermost of each."""
        if self._quotes is None:
            bids, asks = self.sides
            pairs = zip_longest(bids.quotes(Side.BUY), asks.quotes(Side.SELL))
            self._quotes = tuple(quote for pair in pairs for quote in pair if quote is not None)
        return self._quotes

    @property
    def is_empty(self) -> bool:
        return not (self._quotes if self._sides is None else self._sides[0].levels or self._sides[1].levels)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QuoteSet):
            return NotImplemented
        return (self.quotes, self.reason, self.notes) == (other.quotes, other.reason, other.notes)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"QuoteSet(quotes={self.quotes}, reason={self.reason!r}, notes={self.notes})"


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent to a venue: a post-only limit order with our own id."""

    client_order_id: str
    symbol: str
    side: Side
    price: Decimal
    size_base: Decimal
    post_only: bool = True


class Amendment(msgspec.Struct, frozen=True, kw_only=True):
    """What a resting order of ours shall become: smaller, and otherwise as it is.

    size_base  its whole size afterwards, with what of it has filled, known to us or not: then an execution on the way
               makes what rests smaller than was meant, and never larger
    """

    client_order_id: str
    symbol: str
    size_base: Decimal


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
