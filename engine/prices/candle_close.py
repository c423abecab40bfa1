"""prices.candle_close: the last trade of the last candle that is over."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.clock import NS, utc
from engine.core.params import Seconds, Symbol
from engine.market.types import NoPrice, Price, Trade
from engine.prices.trades import TradePrice
from engine.venues.base import MarketSource

KEPT = 3
"""Candles kept: the one being drawn, the one that is over, and one for a trade that is printed late."""


class CandleClose(TradePrice):
    """The close of the last finished candle of one market, of candles drawn from its trades on even UTC times."""

    what = "candle close"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose trades are heard")],
        candle_s: Annotated[int, Seconds(ge=1, le=86400, help="Length of a candle, whole seconds")] = 60,
        max_age_s: Annotated[
            Decimal | None, Seconds(gt=0, help="Oldest usable trade; empty: the length of two candles")
        ] = None,
    ) -> None:
        super().__init__(market=market, symbol=symbol)
        self.candle_s = candle_s
        self.max_age_s = Decimal(2 * candle_s) if max_age_s is None else max_age_s
        self._length_ns = candle_s * NS
        self._max_age_ns = int(self.max_age_s * NS)
        self._closes: dict[int, Trade] = {}
        """By the candle's first nanosecond."""

    async def load(self) -> None:
        await super().load()
        if self._feed.last_trade is not None:
            self._hear(self._feed.last_trade)

    def _hear(self, trade: Trade) -> None:
        # By the trade's own stamp, as a venue draws its candles: what is printed late still belongs where it happened.
        start = trade.ts_ns - trade.ts_ns % self._length_ns
        close = self._closes.get(start)
        if close is None or trade.ts_ns >= close.ts_ns:
            self._closes[start] = trade
        if len(self._closes) > KEPT:
            del self._closes[min(self._closes)]

    def price(self) -> Price | NoPrice:
        feed = self._feed
        if feed.problem:
            return self._trouble()
        # Candles are drawn on the UTC clock, so that clock alone can say which one is over and how long ago.
        now_ns = self.runtime.clock.now_ns()
        over = [start for start in self._closes if start + self._length_ns <= now_ns]
        if not over:
            return self._none(f"no candle of {self.candle_s} s with a trade from {feed.source} is over yet")
        trade = self._closes[max(over)]
        age_ns = now_ns - trade.ts_ns
        if age_ns > self._max_age_ns:
            return self._none(
                f"the last candle with a trade from {feed.source} closed at {utc(trade.ts_ns):%H:%M:%S} UTC, "
                f"{age_ns / NS:.1f} s ago, longer than {self.max_age_s} s"
            )
        return Price(value=trade.price, ts_ns=trade.ts_ns, source=f"{feed.source} {self.candle_s} s {self.what}")
