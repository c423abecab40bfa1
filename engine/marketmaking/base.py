"""The four seams of quoting: strategies decide, modifiers adjust, risk disposes, executors act."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Protocol, runtime_checkable

import msgspec

from engine.core.decimals import ZERO
from engine.execution.activity import Activity
from engine.execution.diff import EXACT, Tolerance
from engine.execution.tracker import TrackedOrder
from engine.market.rounding import Rounding
from engine.market.types import Instrument, NoPrice, Price
from engine.marketmaking.draft import Draft
from engine.venues.base import MarketFeed


@runtime_checkable
class PriceProvider(Protocol):
    """Where a reference price comes from."""

    def price(self) -> Price | NoPrice:
        """The reference price now, or why there is none. Never raises for a market that is not ready."""
        ...


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What the account holds, as far as quoting cares."""

    position_base: Decimal
    """Base bought minus base sold since the session began, less fees taken in base."""
    base_free: Decimal
    base_total: Decimal
    quote_free: Decimal
    quote_total: Decimal
    average_cost: Decimal = ZERO
    """Quote per base paid for the open position; zero when flat."""
    is_known: bool = True
    """Whether there is an account whose balances were read; in shadow mode there is none."""
    base_available: Decimal = ZERO
    """What our orders may speak for, those that rest included: the total less what others' orders hold."""
    quote_available: Decimal = ZERO


class QuoteContext(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a strategy or a modifier may look at. Built once a tick and recorded with it."""

    ts_ns: int
    monotonic: float
    instrument: Instrument
    rounding: Rounding
    """The market's price and size grids."""
    feed: MarketFeed
    reference: Price
    inventory: Inventory
    orders: Collection[TrackedOrder]
    """Our orders that may still change the position. For reading only."""
    activity: Activity
    """Our own fills and what the venue said of late. For reading only."""
    tolerance: Tolerance = EXACT
    """How far a resting order may stand from the wanted one before it is replaced."""


@runtime_checkable
class QuotingStrategy(Protocol):
    """Decides what should rest in the book."""

    def draft(self, context: QuoteContext) -> Draft:
        """What to rest in the book now, unrounded, or why nothing."""
        ...


@runtime_checkable
class Modifier(Protocol):
    """Changes what a strategy wants, before risk looks at it."""

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        """Change what is wanted, each change within the modifier's own bounds. Called every tick, in file order."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A strategy or modifier that can say which figures made it do what it just did."""

    def because(self, context: QuoteContext) -> str:
        """One sentence with values and units; empty when there is nothing to say. Asked right after it acted, in the
        same tick, and only when somebody wants to know: it changes nothing, and what it costs is paid then."""
        ...


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """A kill switch's verdict: stop, and why. `reason` is a sentence with value, limit and unit."""

    switch: str
    reason: str
    value: Decimal | None = None
    limit: Decimal | None = None
