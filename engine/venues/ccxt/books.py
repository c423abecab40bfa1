"""A market's public data: its book and prints as they are streamed, or its book asked for where nothing is.

The book comes by a decoder of our own where there is one (`direct/`). Elsewhere ccxt keeps it, and each time it changes
ours is set to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from engine.core.clock import Clock
from engine.core.decimals import WIDE
from engine.core.errors import EngineError, NotReady
from engine.core.scheduler import Job, Scheduler
from engine.market.book import Change
from engine.market.types import Trade
from engine.venues.base import MarketFeed
from engine.venues.ccxt import boundary
from engine.venues.ccxt.calls import Call, calling
from engine.venues.ccxt.compared import Compared
from engine.venues.ccxt.direct.stream import DirectBook, dialect_of
from engine.venues.ccxt.errors import remedy
from engine.venues.ccxt.supervised import Supervised, until_first_ends

if TYPE_CHECKING:
    from engine.venues.ccxt.public import PublicVenue

SILENT_S = 60.0
"""A stream whose connection is without a word for so long is begun again, however open that looks."""
GLANCE_S = 0.5
"""How often a quiet book is confirmed by the signs of life of its connection."""
POLL_EVERY_S = 2.0


class BookWriter(Protocol):
    feed: MarketFeed

    def begin(self) -> None: ...

    async def stop(self) -> None: ...


def book_writer(venue: PublicVenue, feed: MarketFeed, *, clock: Clock, levels: int) -> BookWriter:
    """The best way there is to keep a venue's book."""
    if (dialect := dialect_of(venue, feed, levels)) is not None:
        return StreamedMarket(venue, feed, DirectBook(venue, feed, dialect, clock=clock), clock=clock)
    if venue.library.has.get("watchOrderBook"):
        return StreamedMarket(venue, feed, _WatchedBook(venue, feed, clock=clock, levels=levels), clock=clock)
    return PolledBook(venue, feed, clock=clock, levels=levels)


def show_said(feed: MarketFeed, said: Any, unit: Decimal, *, now_ns: int, at: float) -> None:
    """Set the feed's book to what the library holds, and tell its readers. A crossed one is shown with its problem."""
    bids, asks = boundary.levels(said["bids"]), boundary.levels(said["asks"])
    if unit != 1:
        bids, asks = _times(bids, unit), _times(asks, unit)
    feed.book.reset(bids, asks)
    feed.book_ts_ns = (said.get("timestamp") or 0) * boundary.MS or now_ns
    book = feed.book
    if book.is_crossed:
        feed.problem = f"the book is crossed, best bid {book.best_bid} and best ask {book.best_ask}"
    else:
        feed.problem = ""
        feed.received_at = at
    feed.publish()


class StreamedMarket:
    """A book by a stream, and the market's prints where ccxt streams them."""

    def __init__(self, venue: PublicVenue, feed: MarketFeed, book: Supervised, *, clock: Clock) -> None:
        self.feed = feed
        streams = [book]
        if venue.library.has.get("watchTrades"):
            streams.append(_WatchedTrades(venue, feed, clock=clock))
        self._streams = streams

    def begin(self) -> None:
        for stream in self._streams:
            stream.begin()

    async def stop(self) -> None:
        for stream in self._streams:
            await stream.stop()


class _Watched(Supervised):
    """One of ccxt's `watch_…`, called again and again. What is thrown away with a connection is its client's."""

    def __init__(self, what: str, venue: PublicVenue, feed: MarketFeed, *, clock: Clock) -> None:
        super().__init__(f"{what} of {feed.instrument.symbol} at {venue.name}", clock=clock)
        self.feed = feed
        self.venue = venue
        self.symbol = feed.instrument.symbol
        self._call = Call("nothing yet")

    async def next(self, watch: Callable[[], Any], *, silent_s: float = SILENT_S) -> Any:
        """What the library has to tell next. Raises NotReady when its connection is silent for so long, and the venue's
        errors as ours."""
        call = self._call = Call(f"the {self.name}")
        with calling(call):  # which a task carries on from where it was made
            waiting: asyncio.Future[Any] = asyncio.ensure_future(watch())
        began = self.clock.monotonic()
        try:
            while not waiting.done():
                await _either(waiting, self.clock, self.clock.monotonic() + GLANCE_S)
                if waiting.done():
                    break
                self.glance()
                if self.clock.monotonic() - max(began, self.heard_at() or began) >= silent_s:
                    raise NotReady(f"nothing was heard of the {self.name} for {silent_s:g} s")
            return waiting.result()
        except Exception as error:  # the edge to the library
            raise remedy(error, call, venue=self.venue.name) from None
        finally:
            waiting.cancel()

    def glance(self) -> None:
        """Called while nothing comes."""

    def heard_at(self) -> float | None:
        """When anything at all was last heard of what carries the stream; None when nothing was yet."""
        heard = [socket.heard_at for socket in self._call.carriers]
        return None if None in heard else min(heard, default=None)

    async def drop_connections(self) -> None:
        """Have the library begin anew: it would go on waiting on a connection that only looks open."""
        clients = self.venue.library.clients
        for socket in self._call.carriers:
            if clients.get(socket.url) is socket:
                del clients[socket.url]
            await socket.close()


class _WatchedBook(_Watched):
    """Where the stream is long in coming, the book is asked for meanwhile: some of ccxt's wait for changes before they
    fetch what is changed, and a quiet market has none."""

    def __init__(self, venue: PublicVenue, feed: MarketFeed, *, clock: Clock, levels: int) -> None:
        super().__init__("order book", venue, feed, clock=clock)
        self._levels = venue.tuning.book_depth(levels)
        self._unit = venue.unit(self.symbol)
        self._is_streamed = False
        self.changed_at = clock.monotonic()
        self._compared = Compared(venue, feed, self, clock=clock)

    async def follow(self) -> None:
        self.changed_at = self.clock.monotonic()
        await until_first_ends(self._hear(), self._compared.follow())

    async def _hear(self) -> None:
        library, symbol = self.venue.library, self.symbol
        meanwhile = asyncio.ensure_future(self._ask_meanwhile())
        try:
            while True:
                said = await self.next(lambda: library.watch_order_book(symbol, self._levels))
                meanwhile.cancel()
                self._is_streamed, self.changed_at = True, self.clock.monotonic()
                self._show(said, self.changed_at)
        finally:
            meanwhile.cancel()
            self._is_streamed = False
            # Else the next watch goes on with a book that missed something.
            library.orderbooks.pop(symbol, None)
            await self.drop_connections()

    async def _ask_meanwhile(self) -> None:
        while True:
            await self.clock.sleep_until(self.clock.monotonic() + POLL_EVERY_S)
            asked_at = self.clock.monotonic()
            try:
                self._show(await self._ask(), asked_at)
            except EngineError as error:
                self.broken(str(error))

    async def _ask(self) -> Any:
        return await self.venue.ask(
            f"fetch_order_book {self.symbol}", lambda venue: venue.fetch_order_book(self.symbol, self._levels)
        )

    def _show(self, said: Any, at: float) -> None:
        show_said(self.feed, said, self._unit, now_ns=self.clock.now_ns(), at=at)

    def glance(self) -> None:
        """A quiet book is as it was when its connection was last heard of: whatever comes says that nothing was held
        back."""
        heard_at = self.heard_at()
        if self._is_streamed and not self.feed.problem and heard_at is not None:
            self.feed.received_at = max(self.changed_at, heard_at)

    def broken(self, why: str) -> None:
        self.feed.problem = why
        self.feed.publish()


def _times(levels: Sequence[Change], unit: Decimal) -> list[Change]:
    return [(price, WIDE.multiply(size, unit)) for price, size in levels]


class _WatchedTrades(_Watched):
    def __init__(self, venue: PublicVenue, feed: MarketFeed, *, clock: Clock) -> None:
        super().__init__("trades", venue, feed, clock=clock)
        self._unit = None if venue.unit(self.symbol) == 1 else venue.unit(self.symbol)
        self._seen: dict[str, None] = {}

    async def follow(self) -> None:
        library, symbol = self.venue.library, self.symbol
        while True:
            # A market may be without a print for long, so silence is no trouble here: the book has its own watch.
            for said in await self.next(lambda: library.watch_trades(symbol), silent_s=float("inf")):
                trade = boundary.trade(said, self._unit)
                if trade is not None and not self._known(trade):
                    self.feed.last_trade = trade
                    for hear in tuple(self.feed.on_trade):
                        hear(trade)

    def _known(self, trade: Trade) -> bool:
        """Whether it was told before: venues repeat the last ones with every new subscription."""
        if not trade.trade_id:
            return False
        if trade.trade_id in self._seen:
            return True
        self._seen[trade.trade_id] = None
        if len(self._seen) > 2_000:
            del self._seen[next(iter(self._seen))]
        return False

    def broken(self, why: str) -> None:
        """Prints that were missed are missed; nothing rests on them."""


class PolledBook:
    """A book that is asked for, where the venue streams none that the library knows. It is as old as it says."""

    def __init__(self, venue: PublicVenue, feed: MarketFeed, *, clock: Clock, levels: int) -> None:
        self.feed = feed
        self._venue = venue
        self._clock = clock
        self._levels = venue.tuning.book_depth(levels)
        self._unit = venue.unit(feed.instrument.symbol)
        self._job: Job | None = None

    def begin(self) -> None:
        scheduler: Scheduler = self._venue.scheduler
        name = f"order book of {self.feed.instrument.symbol} at {self._venue.name}"
        self._job = scheduler.every(POLL_EVERY_S, self.turn, name=name, phase_s=0, on_error=self._failed)

    async def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    async def turn(self) -> None:
        symbol = self.feed.instrument.symbol
        asked_at = self._clock.monotonic()
        try:
            said = await self._venue.ask(
                f"fetch_order_book {symbol}", lambda venue: venue.fetch_order_book(symbol, self._levels)
            )
            show_said(self.feed, said, self._unit, now_ns=self._clock.now_ns(), at=asked_at)
        except EngineError as error:
            self.feed.problem = str(error)
            self.feed.publish()

    def _failed(self, error: BaseException) -> None:
        self.feed.problem = f"asking for the book failed: {error}"
        self.feed.publish()


async def _either(waiting: asyncio.Future[Any], clock: Clock, until: float) -> None:
    over = asyncio.ensure_future(clock.sleep_until(until))
    try:
        await asyncio.wait({waiting, over}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        over.cancel()
