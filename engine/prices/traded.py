"""Trades as they happen: heard from a feed, and summed over the last so many seconds in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from engine.core.clock import Clock
from engine.core.component import Runtime
from engine.core.decimals import WIDE, ZERO
from engine.market.types import Trade
from engine.venues.base import MarketFeed

PARTS = 100
"""A window is kept in at most this many parts: a busy market prints tens of thousands of trades in one."""


def hear_trades(runtime: Runtime, feed: MarketFeed, callback: Callable[[Trade], None]) -> Callable[[], None]:
    """Have every trade of a feed told to a callback. Returns what ends that, which may be called twice."""
    hear = runtime.hearing(callback)
    feed.on_trade.append(hear)

    def stop() -> None:
        if hear in feed.on_trade:
            feed.on_trade.remove(hear)

    return stop


class Traded:
    """Exact sums of what was traded in the last `window_s` seconds, by the monotonic time at which it was heard.

    Trades less than a hundredth of the window apart are kept, and forgotten, together: nothing older than the window
    ever counts, and a part of its oldest hundredth may already be gone.
    """

    def __init__(self, clock: Clock, window_s: Decimal) -> None:
        self._clock = clock
        self.newest: Trade | None = None
        self._window = float(window_s)
        self._parts: deque[tuple[float, Decimal, Decimal]] = deque()
        """(when the first trade of the part was heard, base, quote)."""

    def hear(self, trade: Trade) -> None:
        monotonic = self._clock.monotonic()
        self.newest = trade
        since, base, quote = monotonic, ZERO, ZERO
        if self._parts and monotonic - self._parts[-1][0] < self._window / PARTS:
            since, base, quote = self._parts.pop()
        quote = WIDE.fma(trade.price, trade.size_base, quote)
        self._parts.append((since, WIDE.add(base, trade.size_base), quote))
        self._forget(monotonic)

    def sums(self) -> tuple[Decimal, Decimal]:
        """(base, quote) traded in the window that ends now."""
        self._forget(self._clock.monotonic())
        base = quote = ZERO
        for _, part_base, part_quote in self._parts:
            base, quote = WIDE.add(base, part_base), WIDE.add(quote, part_quote)
        return base, quote

    def _forget(self, monotonic: float) -> None:
        while self._parts and monotonic - self._parts[0][0] > self._window:
            self._parts.popleft()
