"""The seam between the engine and any venue: public data as a `MarketFeed`, orders as an `Exchange`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from engine.market.book import OrderBook
from engine.market.types import (
    Balance,
    Fill,
    Instrument,
    MarketStatus,
    OrderReport,
    OrderRequest,
    Price,
    RefusalKind,
    Trade,
)


class MarketFeed:
    """The public state of one market, kept by one writer and shared by every reader of this host.

    `received_at` is the monotonic time of the last trustworthy book update; None means no book yet or the feed is down.
    Readers never change `book`. Callbacks run synchronously on the loop and must be quick; components register theirs
    through `runtime.hearing`, since whatever one raises would otherwise end the feed for every reader.
    """

    def __init__(self, instrument: Instrument, *, source: str) -> None:
        self.instrument = instrument
        self.source = source
        self.book = OrderBook()
        self.book_ts_ns = 0
        self.received_at: float | None = None
        self.status = MarketStatus.TRADING
        self.depth_known = True
        """False when the source shows best prices alone: a price without a level is then not an empty one."""
        self.last_trade: Trade | None = None
        self.mark: Price | None = None
        """The venue's own valuation of a contract, where it publishes one; received when, by the monotonic clock."""
        self.mark_received_at: float | None = None
        self.problem = ""
        """Why the feed is not to be trusted now (sequence gap, crossed book), in words; empty when it is."""
        self.on_book: list[Callable[[MarketFeed], None]] = []
        self.on_trade: list[Callable[[Trade], None]] = []
        self.on_status: list[Callable[[MarketStatus], None]] = []

    def publish(self) -> None:
        """Tell every hearer of the book as it is now, and begin to note anew which of its prices are touched."""
        for hear in tuple(self.on_book):
            hear(self)
        self.book.touched = set()

    def age_s(self, monotonic: float) -> float | None:
        """Seconds since the last trustworthy book, or None when there is none."""
        return None if self.received_at is None or self.problem else monotonic - self.received_at


@runtime_checkable
class MarketSource(Protocol):
    """A component that offers public market data: exchanges.simulated, exchanges.replay, exchanges.ccxt.*"""

    def feed(self, symbol: str) -> MarketFeed: ...


class Placed(OrderReport, frozen=True, kw_only=True):
    """The venue took the order."""


class PlaceRefused(OrderReport, frozen=True, kw_only=True):
    """The venue's definite no; `reason` is its word. Also pushed, for an order that was refused after it was taken."""

    kind: RefusalKind = RefusalKind.OTHER


class PlaceUnknown(OrderReport, frozen=True, kw_only=True):
    """Time-out or garbled answer: the order may rest there. A timeout is never a rejection (Q11)."""


class Amended(OrderReport, frozen=True, kw_only=True):
    """The venue took the amendment; `size_base` is the order's whole size now, or zero where it does not say yet."""


class AmendRefused(OrderReport, frozen=True, kw_only=True):
    """The venue's definite no to an amendment: the order, if it still rests, is as it was."""


class AmendUnknown(OrderReport, frozen=True, kw_only=True):
    """No clear answer to an amendment, or one that says that there is no such order: it may have filled."""


@runtime_checkable
class Exchange(MarketSource, Protocol):
    """An account at a venue. Every method may raise the errors of `engine.core.errors`.

    `immediate` is True for venues in this process (paper), whose calls never wait for a network; the gateway then
    awaits them inside the tick, which keeps a replay deterministic.
    Order and fill callbacks may come before, after or without the answer to a call, and more than once.
    """

    immediate: bool
    on_order: list[Callable[[OrderReport], None]]
    on_fill: list[Callable[[Fill], None]]

    async def place(self, orders: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        """One of Placed, PlaceRefused, PlaceUnknown an order, in order."""
        ...

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        """The venue's word on each; an order it no longer knows comes back UNKNOWN: it may have filled."""
        ...

    async def cancel_all(self, symbol: str) -> None: ...

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]: ...

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        """Own executions at or after the stamp, oldest first."""
        ...

    async def balances(self) -> dict[str, Balance]: ...
