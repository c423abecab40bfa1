"""A market that follows another one and does, on top of it, as it is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS, ONE
from engine.core.params import Symbol
from engine.market.book import Change
from engine.market.rounding import Rounding
from engine.market.types import MarketStatus, Side, Trade
from engine.venues.base import MarketFeed, MarketSource

LEVELS = 20


class DrilledMarket(Component):
    """Show another market as it is until the drill moves, widens, freezes, halts or silences it."""

    def __init__(self, *, market: MarketSource, symbol: Annotated[str, Symbol(help="Market to follow")]) -> None:
        self.market = market
        self.symbol = symbol
        self.is_silent = False
        """Nothing is heard any more."""
        self.is_frozen = False
        """The book stands still, yet goes on telling that it is well, and trades are told."""
        self.widened_bps = Decimal(0)
        """Both sides stand this much further from the mid."""
        self._factor = ONE
        self._inner: MarketFeed | None = None

    async def load(self) -> None:
        self._inner = inner = self.market.feed(self.symbol)
        self._feed = MarketFeed(inner.instrument, source=inner.source)
        self._rounding = Rounding(inner.instrument)
        self._book, self._trade = self.runtime.hearing(self._on_book), self.runtime.hearing(self._on_trade)
        inner.on_book.append(self._book)
        inner.on_trade.append(self._trade)
        self._on_book(inner)

    async def unload(self) -> None:
        inner, self._inner = self._inner, None
        if inner is not None:
            inner.on_book.remove(self._book)
            inner.on_trade.remove(self._trade)

    def feed(self, symbol: str) -> MarketFeed:
        return self._feed

    # What a drill does

    def move(self, bps: Decimal | int) -> None:
        """Let the whole market stand this much higher from now on."""
        self._factor *= 1 + Decimal(bps) / BPS
        if self._inner is not None:
            self._on_book(self._inner)

    def take(self, aggressor: Side, size_base: Decimal) -> None:
        """Somebody takes everything within one per cent of the mid: it reaches our orders first."""
        mid = self._feed.book.mid
        assert mid is not None, "the simulated market always has a mid"
        price = self._rounding.ticks.floor(mid * (1 + Decimal("0.01") * aggressor.sign))
        self._tell(Trade(ts_ns=self.runtime.clock.now_ns(), price=price, size_base=size_base, aggressor=aggressor))

    def halt(self) -> None:
        self._feed.status = MarketStatus.HALTED
        for hear in tuple(self._feed.on_status):
            hear(MarketStatus.HALTED)

    # What it hears

    def _on_book(self, inner: MarketFeed) -> None:
        if self.is_silent:
            return
        feed = self._feed
        feed.received_at, feed.book_ts_ns, feed.problem = inner.received_at, inner.book_ts_ns, inner.problem
        if not self.is_frozen:
            feed.book.reset(self._side(inner, Side.BUY), self._side(inner, Side.SELL))
        for hear in tuple(feed.on_book):
            hear(feed)

    def _side(self, inner: MarketFeed, side: Side) -> list[Change]:
        factor = self._factor * (1 - self.widened_bps / BPS * side.sign)
        to_tick = self._rounding.ticks.floor if side is Side.BUY else self._rounding.ticks.ceil
        sizes: dict[Decimal, Decimal] = {}
        for level in inner.book.top(side, LEVELS):
            price = to_tick(level.price * factor)
            sizes[price] = sizes.get(price, Decimal(0)) + level.size_base
        return list(sizes.items())

    def _on_trade(self, trade: Trade) -> None:
        if not self.is_silent:
            price = self._rounding.ticks.floor(trade.price * self._factor)
            self._tell(
                Trade(
                    ts_ns=trade.ts_ns,
                    price=price,
                    size_base=trade.size_base,
                    aggressor=trade.aggressor,
                    trade_id=trade.trade_id,
                )
            )

    def _tell(self, trade: Trade) -> None:
        self._feed.last_trade = trade
        for hear in tuple(self._feed.on_trade):
            hear(trade)
