"""Ticker and candles of a market whose source states neither, from its own book and trades: once a host.

Figures begin when somebody first listens: what was traded before is not known, and nothing is made up for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from decimal import Decimal

from engine.core.clock import NS, Clock
from engine.core.decimals import WIDE, ZERO
from engine.core.scheduler import Job, Scheduler
from engine.market.summaries import Candle, Ticker
from engine.market.types import Trade
from engine.venues.base import MarketFeed
from engine.venues.channel import Channel

STEP_S = 1.0
DAY_S = 86_400
MINUTE_NS = 60 * NS
CANDLES_KEPT = 500


class _Derived(ABC):
    """Hears a feed's trades and publishes once a step, as long as the feed can be believed."""

    what: str

    def __init__(self, feed: MarketFeed, clock: Clock, scheduler: Scheduler) -> None:
        self._market = feed
        self._clock = clock
        self._scheduler = scheduler
        self._job: Job | None = None

    async def start(self) -> None:
        self._market.on_trade.append(self._on_trade)
        self._job = self._scheduler.every(STEP_S, self._turn, name=self.what)

    async def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._market.on_trade.remove(self._on_trade)
            self._job = None

    async def _turn(self) -> None:
        self._step(self._clock.now_ns())

    @abstractmethod
    def _on_trade(self, trade: Trade) -> None: ...

    @abstractmethod
    def _step(self, now_ns: int) -> None: ...


@dataclass
class _Minute:
    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    base: Decimal = ZERO
    quote: Decimal = ZERO


class DerivedTicker(_Derived):
    """Best prices of the book, the last trade, and a day's figures in whole minutes, as far as they were heard."""

    def __init__(self, feed: MarketFeed, clock: Clock, scheduler: Scheduler) -> None:
        super().__init__(feed, clock, scheduler)
        self.what = f"ticker of {feed.instrument.symbol}"
        self.feed: Channel[Ticker] = Channel(name=self.what, source=f"{feed.source}, derived", clock=clock)
        self._minutes: deque[_Minute] = deque()
        self._since_ns = clock.now_ns()
        self._high = self._low = self._base = self._quote = ZERO
        """Over all minutes kept: exact, since each is added and taken away in the wide context."""

    def _on_trade(self, trade: Trade) -> None:
        start_ns = trade.ts_ns // MINUTE_NS * MINUTE_NS
        minutes, price = self._minutes, trade.price
        if not minutes:
            self._high = self._low = price
        if not minutes or minutes[-1].start_ns < start_ns:
            minutes.append(_Minute(start_ns, price, price, price))
        minute = minutes[-1]  # a print that comes late counts where the tape stands
        quote = WIDE.multiply(price, trade.size_base)
        minute.high, minute.low = max(minute.high, price), min(minute.low, price)
        minute.base, minute.quote = WIDE.add(minute.base, trade.size_base), WIDE.add(minute.quote, quote)
        self._high, self._low = max(self._high, price), min(self._low, price)
        self._base, self._quote = WIDE.add(self._base, trade.size_base), WIDE.add(self._quote, quote)

    def _step(self, now_ns: int) -> None:
        market, minutes = self._market, self._minutes
        if market.problem:
            self.feed.fail(market.problem)
            return
        self._forget_before(now_ns - DAY_S * NS)
        traded, last = bool(minutes), market.last_trade
        self.feed.put(
            Ticker(
                ts_ns=max(market.book_ts_ns, last.ts_ns if last else 0),
                symbol=market.instrument.symbol,
                window_s=min(DAY_S, max(now_ns - self._since_ns, 0) // NS),
                last=last.price if last else None,
                bid=market.book.best_bid,
                ask=market.book.best_ask,
                open=minutes[0].open if traded else None,
                high=self._high if traded else None,
                low=self._low if traded else None,
                volume_base=self._base,
                volume_quote=self._quote,
            )
        )

    def _forget_before(self, edge_ns: int) -> None:
        minutes, narrowed = self._minutes, False
        while minutes and minutes[0].start_ns < edge_ns:
            gone = minutes.popleft()
            self._base, self._quote = WIDE.subtract(self._base, gone.base), WIDE.subtract(self._quote, gone.quote)
            narrowed = narrowed or gone.high == self._high or gone.low == self._low
        if narrowed and minutes:
            self._high, self._low = max(m.high for m in minutes), min(m.low for m in minutes)


class DerivedCandles(_Derived):
    """Candles of one interval from the trades of a feed. The one that listening began in is partial."""

    def __init__(self, feed: MarketFeed, interval_s: int, clock: Clock, scheduler: Scheduler) -> None:
        super().__init__(feed, clock, scheduler)
        self.what = f"candles of {interval_s} s of {feed.instrument.symbol}"
        self.feed: Channel[tuple[Candle, ...]] = Channel(name=self.what, source=f"{feed.source}, derived", clock=clock)
        self._interval_s = interval_s
        self._closed: deque[Candle] = deque(maxlen=CANDLES_KEPT - 1)
        self._prices: tuple[Decimal, Decimal, Decimal, Decimal] | None = None
        """Open, high, low and close of the current one; None before its first trade."""
        self._close: Decimal | None = None
        """Of the last candle that closed."""
        self._base = ZERO
        now_ns = clock.now_ns()
        self._open_ns = now_ns // (interval_s * NS) * interval_s * NS
        self._partial = now_ns != self._open_ns

    def _on_trade(self, trade: Trade) -> None:
        self._close_before(trade.ts_ns)
        price = trade.price
        if self._prices is None:
            self._prices = price, price, price, price
        else:
            first, high, low, _ = self._prices
            self._prices = first, max(high, price), min(low, price), price
        self._base = WIDE.add(self._base, trade.size_base)

    def _step(self, now_ns: int) -> None:
        # Closed by the clock also while the feed is in trouble: what was not heard is partial, never missing.
        if self._market.problem:
            self._partial = True
            self.feed.fail(self._market.problem)
            self._close_before(now_ns)
            self._partial = True
            return
        self._close_before(now_ns)
        known = (*self._closed, current) if (current := self._candle(is_closed=False)) else tuple(self._closed)
        if known:
            self.feed.put(known)
        else:
            self.feed.confirm()

    def _close_before(self, ts_ns: int) -> None:
        """Close every candle that ended by a moment; an interval without a trade stands still at the close before."""
        length_ns = self._interval_s * NS
        while self._open_ns + length_ns <= ts_ns:
            candle = self._candle(is_closed=True)
            if candle is not None:
                self._closed.append(candle)
                self._close = candle.close
            self._prices, self._base, self._partial = None, ZERO, bool(self._market.problem)
            self._open_ns += length_ns
            behind = (ts_ns - self._open_ns) // length_ns
            if behind > CANDLES_KEPT:  # a frozen process, or a hole in a recording: the older ones would be dropped
                self._closed.clear()
                self._open_ns += (behind - CANDLES_KEPT) * length_ns

    def _candle(self, *, is_closed: bool) -> Candle | None:
        """The current one; None while no trade was ever heard."""
        prices = self._prices
        if prices is None:
            if self._close is None:
                return None
            prices = self._close, self._close, self._close, self._close
        return Candle(
            open_ns=self._open_ns,
            interval_s=self._interval_s,
            open=prices[0],
            high=prices[1],
            low=prices[2],
            close=prices[3],
            volume_base=self._base,
            is_closed=is_closed,
            is_partial=self._partial,
        )
