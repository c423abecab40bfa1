"""A streamed book that has been quiet for long, compared with what the venue answers when asked.

A connection that answers pings says that nothing was held back on it, not that our subscription still stands: some
venues drop one alone, and the book would look alive and stand still while the market leaves.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from engine.core.clock import Clock
from engine.core.errors import EngineError, NotReady
from engine.venues.base import MarketFeed
from engine.venues.ccxt import boundary

if TYPE_CHECKING:
    from engine.venues.ccxt.public import PublicVenue

QUIET_S = 30.0
EVERY_S = 2.0
"""One book of a venue at a time: hundreds of quiet ones must not take the requests that orders need."""
TOLD_WITHIN_S = 2.0
"""What the venue answered must have come over the stream by then, if it is news."""

Best = tuple[Decimal | None, Decimal | None]


class Changing(Protocol):
    changed_at: float
    """When the stream last told anything of the book."""


class Compared:
    """Asks again and again while a book is quiet. An answer that differs is not shown: the stream begins anew."""

    def __init__(self, venue: PublicVenue, feed: MarketFeed, stream: Changing, *, clock: Clock) -> None:
        self._venue = venue
        self._feed = feed
        self._stream = stream
        self._clock = clock

    async def follow(self) -> None:
        """Raises NotReady when the stream has missed something."""
        asked_at = self._clock.monotonic()
        while True:
            await self._clock.sleep_until(max(self._stream.changed_at, asked_at) + QUIET_S)
            if self._is_quiet():
                await self._clock.sleep_until(self._turn())
                asked_at = self._clock.monotonic()
                if self._is_quiet():
                    await self._compare()

    def _is_quiet(self) -> bool:
        return self._clock.monotonic() - self._stream.changed_at >= QUIET_S

    def _turn(self) -> float:
        """When this book may be asked for, after those that wait already."""
        at = max(self._clock.monotonic(), self._venue.compares_at)
        self._venue.compares_at = at + EVERY_S
        return at

    async def _compare(self) -> None:
        quiet_since = self._stream.changed_at
        try:
            asked = await self._ask()
        except EngineError:
            return  # which says nothing of the stream
        book = self._feed.book
        here = book.best_bid, book.best_ask
        if asked == here:
            return
        await self._clock.sleep_until(self._clock.monotonic() + TOLD_WITHIN_S)
        if self._stream.changed_at == quiet_since:
            raise NotReady(
                f"The order book of {self._feed.instrument.symbol} at {self._venue.name} is streamed no more: "
                f"best bid and ask are {_said(here)} here and {_said(asked)} when asked for."
            )

    async def _ask(self) -> Best:
        symbol, depth = self._feed.instrument.symbol, self._venue.tuning.book_depth(5)
        said = await self._venue.ask(f"fetch_order_book {symbol}", lambda venue: venue.fetch_order_book(symbol, depth))
        bids, asks = boundary.levels(said["bids"]), boundary.levels(said["asks"])
        return (
            max((price for price, size in bids if size), default=None),
            min((price for price, size in asks if size), default=None),
        )


def _said(best: Best) -> str:
    return " and ".join("none" if price is None else f"{price:f}" for price in best)
