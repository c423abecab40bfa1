"""listeners.trades: the public trades of one market."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from engine.core.clock import NS
from engine.core.decimals import WIDE, ZERO
from engine.core.params import Collaborator, Count, Seconds, Symbol
from engine.listeners.base import Listener
from engine.market.types import Side, Trade
from engine.metrics.events import TradesSummed
from engine.venues.base import MarketFeed, MarketSource


class TradeListener(Listener[Trade]):
    """Keep a market's last trades from the host's shared feed, and sum them up for sinks now and then."""

    def __init__(
        self,
        *,
        market: Annotated[MarketSource, Collaborator(help="Venue to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        keep: Annotated[int, Count(ge=1, le=100_000, help="Trades of history")] = 1000,
        record_every_s: Annotated[Decimal, Seconds(ge=1, help="Time between two summaries")] = Decimal(10),
    ) -> None:
        self.market = market
        self.symbol = symbol
        self.keep = keep
        self.record_every_s = record_every_s
        self.trades: deque[Trade] = deque(maxlen=keep)
        self._unspoken = _Totals()

    async def load(self) -> None:
        self.feed: MarketFeed = self.market.feed(self.symbol)
        channel = self.new_channel(f"trades of {self.symbol}", self.market)
        channel.source = self.feed.source
        self.hear(channel)
        self._hear_trade = self.runtime.hearing(self._on_trade)
        self.feed.on_trade.append(self._hear_trade)
        self.runtime.scheduler.every(float(self.record_every_s), self._sum_up, name=f"{self.name} summary")

    async def unload(self) -> None:
        if self.deaf():
            self.feed.on_trade.remove(self._hear_trade)

    def within(self, seconds: float) -> Sequence[Trade]:
        """Those of the last seconds by their own stamps, oldest first; no further back than `keep` trades."""
        since_ns = self.runtime.clock.now_ns() - round(seconds * NS)
        return [trade for trade in self.trades if trade.ts_ns >= since_ns]

    def _on_trade(self, trade: Trade) -> None:
        self.trades.append(trade)
        self.channel.put(trade)
        self._unspoken.add(trade)

    async def _sum_up(self) -> None:
        totals, self._unspoken = self._unspoken, _Totals()
        if totals.count:
            self.tell(
                TradesSummed,
                count=totals.count,
                buy_base=totals.base[Side.BUY],
                sell_base=totals.base[Side.SELL],
                notional_quote=totals.notional_quote,
                low=totals.low,
                high=totals.high,
            )


class _Totals:
    """Trades since the last summary."""

    def __init__(self) -> None:
        self.count = 0
        self.base = {Side.BUY: ZERO, Side.SELL: ZERO}
        self.notional_quote = self.low = self.high = ZERO

    def add(self, trade: Trade) -> None:
        price = trade.price
        self.low, self.high = (min(self.low, price), max(self.high, price)) if self.count else (price, price)
        self.count += 1
        self.base[trade.aggressor] += trade.size_base
        self.notional_quote = WIDE.fma(price, trade.size_base, self.notional_quote)
