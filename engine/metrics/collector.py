"""What collectors share: an interval, a name, and two ways to see without being told by the service they watch.

A collector works in any service. It looks at public market data through a feed, and it hears of our own orders and
fills as every sink does: by `emit`. So a file that only watches a market, or one that runs another algorithm, is
measured by the same components as a market maker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar

from engine.core.component import Component
from engine.core.decimals import ONE, ZERO
from engine.core.params import Seconds, Symbol
from engine.market.book import OrderBook
from engine.metrics.events import Event, Measurement, OrderChanged
from engine.metrics.own_orders import OwnOrders
from engine.venues.base import MarketFeed, MarketSource

Values = dict[str, Decimal | None]

Every = Annotated[Decimal, Seconds(ge=1, le=3600, help="Time between two measurements")]
MarketSymbol = Annotated[str, Symbol(help="Market to watch")]
MaxAge = Annotated[Decimal, Seconds(gt=0, help="Oldest book that counts as observed")]

EVERY_S = Decimal(10)
MAX_AGE_S = Decimal(10)


class Collector(Component, ABC):
    """Record at a fixed interval what `measure` saw."""

    kind: ClassVar[str]
    """What is measured: the `name` of every Measurement."""

    def __init__(self, *, interval_s: Every = EVERY_S) -> None:
        self.interval_s = interval_s

    async def load(self) -> None:
        self.runtime.scheduler.every(float(self.interval_s), self._measure, name=f"{self.name}.measure")

    @abstractmethod
    async def measure(self) -> Mapping[str, Values]:
        """The figures by symbol; nothing for a symbol there is nothing to say of."""

    async def _measure(self) -> None:
        for symbol, values in (await self.measure()).items():
            ts_ns = self.runtime.clock.now_ns()
            measurement = Measurement(ts_ns=ts_ns, name=self.kind, source=self.name, symbol=symbol, values=values)
            self.runtime.record(measurement)


class MarketCollector(Collector):
    """Watches one market, and what of ours rests in it."""

    def __init__(
        self, *, market: MarketSource, symbol: MarketSymbol, max_age_s: MaxAge = MAX_AGE_S, interval_s: Every = EVERY_S
    ) -> None:
        super().__init__(interval_s=interval_s)
        self.market = market
        self.symbol = symbol
        self.max_age_s = max_age_s
        self.own = OwnOrders()

    async def load(self) -> None:
        await super().load()
        self.feed: MarketFeed = self.market.feed(self.symbol)

    def emit(self, event: Event) -> None:
        if isinstance(event, OrderChanged) and event.symbol == self.symbol:
            self.own.hear(event, self.runtime.clock.monotonic())

    def book(self) -> OrderBook | None:
        """The book, unless it is missing, old, one-sided, crossed or in doubt: then nothing is observed."""
        book = self.feed.book
        age_s = self.feed.age_s(self.runtime.clock.monotonic())
        if age_s is None or age_s > self.max_age_s or book.mid is None or book.is_crossed:
            return None
        return book


def flag(is_so: bool) -> Decimal:
    """Yes and no as figures, so that they can be averaged: the mean of a flag is the share of time it held."""
    return ONE if is_so else ZERO
