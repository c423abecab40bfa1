"""Books as they were seen at one moment, shown as if they stood still: to try a configuration on a real market without
a connection to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from engine.core.component import Component
from engine.core.errors import NotReady
from engine.market.types import Instrument, Level, Side
from engine.venues.base import MarketFeed

HEARTBEAT_S = 0.5
"""How often a still book says that it is alive: a reader takes one that is silent for an old one."""


class SeenBook(msgspec.Struct, frozen=True, kw_only=True):
    """One market as it was seen: best levels first. `is_whole` is False where the source shows best prices alone."""

    instrument: Instrument
    ts_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    is_whole: bool = True

    @classmethod
    def of(cls, feed: MarketFeed, *, ts_ns: int, levels: int) -> SeenBook:
        """The book of a feed as it is now, as deep as that."""
        return cls(
            instrument=feed.instrument,
            ts_ns=ts_ns,
            bids=tuple(feed.book.top(Side.BUY, levels)),
            asks=tuple(feed.book.top(Side.SELL, levels)),
            is_whole=feed.depth_known,
        )

    def plain(self) -> dict[str, Any]:
        """As JSON holds it without loss: decimals are strings."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> SeenBook:
        """Raises msgspec.ValidationError for what `plain` did not write."""
        return msgspec.convert(told, cls)


class Still(Component):
    """Markets that stand still. Public data only: orders go to `exchanges.paper` over it."""

    books: ClassVar[Mapping[str, SeenBook]] = {}

    def __init__(self) -> None:
        self._feeds: dict[str, MarketFeed] = {}

    async def load(self) -> None:
        self._feeds = {symbol: _feed(book, self.name) for symbol, book in self.books.items()}
        self._stay_fresh()
        self.runtime.scheduler.every(HEARTBEAT_S, self._beat, name=f"{self.name} stands still")

    async def unload(self) -> None:
        self._feeds = {}

    def feed(self, symbol: str) -> MarketFeed:
        if symbol not in self._feeds:
            held = ", ".join(self.books) or "no market"
            raise NotReady(f"{self.name} was looked at for {held}, not for {symbol}")
        return self._feeds[symbol]

    async def _beat(self) -> None:
        self._stay_fresh()
        for feed in self._feeds.values():
            feed.publish()

    def _stay_fresh(self) -> None:
        for feed in self._feeds.values():
            feed.received_at, feed.book_ts_ns = self.runtime.clock.monotonic(), self.runtime.clock.now_ns()


def still(books: Iterable[SeenBook]) -> type[Still]:
    """A component that shows these books, for a registry."""
    return type("StillBooks", (Still,), {"books": {each.instrument.symbol: each for each in books}})


def _feed(seen: SeenBook, name: str) -> MarketFeed:
    feed = MarketFeed(seen.instrument, source=f"{name} as it was seen")
    feed.book.reset([(each.price, each.size_base) for each in seen.bids], [(e.price, e.size_base) for e in seen.asks])
    feed.depth_known = seen.is_whole
    return feed
