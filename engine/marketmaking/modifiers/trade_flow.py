"""marketmaking.modifiers.trade_flow: move with those who take (Q5)."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Annotated

from engine.core.component import Component, Hear
from engine.core.decimals import ZERO
from engine.core.params import Bps, Count, Seconds, Symbol
from engine.market.types import Side, Trade
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas
from engine.venues.base import MarketFeed, MarketSource

KEPT = 10_000
"""Trades remembered at most; a busier window is shorter."""


class TradeFlow(Component):
    """Move both sides with the imbalance of aggressor volume: up when takers buy, down when they sell."""

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose trades are heard")],
        max_shift_bps: Annotated[Decimal, Bps(ge=0, le=5000, live=True, help="Shift when all takers are on one side")],
        window_s: Annotated[Decimal, Seconds(gt=0, le=86_400, help="How far back trades count")] = Decimal(60),
        min_trades: Annotated[int, Count(ge=1, live=True, help="With fewer trades in the window nothing moves")] = 5,
    ) -> None:
        self.market = market
        self.symbol = symbol
        self.max_shift_bps = max_shift_bps
        self.window_s = window_s
        self.min_trades = min_trades
        self._window = float(window_s)
        self._trades: deque[tuple[float, Side, Decimal]] = deque()
        self._volume = {Side.BUY: ZERO, Side.SELL: ZERO}
        self._feed: MarketFeed | None = None
        self._hearing: Hear | None = None

    async def load(self) -> None:
        self._feed = self.market.feed(self.symbol)
        self._hearing = self.runtime.hearing(self._hear)
        self._feed.on_trade.append(self._hearing)

    async def unload(self) -> None:
        if self._feed is not None and self._hearing in self._feed.on_trade:
            self._feed.on_trade.remove(self._hearing)
        self._feed = None

    def _hear(self, trade: Trade) -> None:
        self._trades.append((self.runtime.clock.monotonic(), trade.aggressor, trade.size_base))
        self._volume[trade.aggressor] += trade.size_base
        if len(self._trades) > KEPT:
            self._forget()

    def _forget(self) -> None:
        _, side, size = self._trades.popleft()
        self._volume[side] -= size

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        since = context.monotonic - self._window
        while self._trades and self._trades[0][0] < since:
            self._forget()
        if len(self._trades) >= self.min_trades:
            draft.shift(
                formulas.flow_shift(
                    bought=self._volume[Side.BUY],
                    sold=self._volume[Side.SELL],
                    max_shift_bps=self.max_shift_bps,
                    price=context.reference.value,
                )
            )

    def because(self, context: QuoteContext) -> str:
        if len(self._trades) < self.min_trades:
            return f"Nothing moves: {len(self._trades)} trades in {self.window_s} s, {self.min_trades} are needed."
        bought, sold, base = self._volume[Side.BUY], self._volume[Side.SELL], context.instrument.base
        return (
            f"Takers bought {bought} {base} and sold {sold} {base} in {self.window_s} s: the imbalance times "
            f"{self.max_shift_bps} bps."
        )
