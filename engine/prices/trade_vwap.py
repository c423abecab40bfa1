"""prices.trade_vwap: what was paid on average, by size, over the last so many seconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.decimals import MONEY, ZERO
from engine.core.params import Seconds, Size, Symbol
from engine.market.types import NoPrice, Price, Trade
from engine.prices.traded import Traded
from engine.prices.trades import TradePrice
from engine.venues.base import MarketSource


class TradeVwap(TradePrice):
    """Quote traded over base traded within a window, of one market. Its time is that of the newest trade."""

    what = "trade average"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose trades are heard")],
        window_s: Annotated[Decimal, Seconds(gt=0, le=86400, help="Trades older than this are forgotten")] = Decimal(
            60
        ),
        min_volume_base: Annotated[Decimal, Size(ge=0, help="Less traded within the window: no price")] = ZERO,
    ) -> None:
        super().__init__(market=market, symbol=symbol)
        self.window_s = window_s
        self.min_volume_base = min_volume_base

    async def load(self) -> None:
        self._traded = Traded(self.runtime.clock, self.window_s)
        await super().load()

    def _hear(self, trade: Trade) -> None:
        self._traded.hear(trade)

    def price(self) -> Price | NoPrice:
        feed = self._feed
        if feed.problem:
            return self._trouble()
        base, quote = self._traded.sums()
        newest = self._traded.newest
        if newest is None or not base:
            return self._none(f"nothing was traded at {feed.source} within {self.window_s} s")
        if base < self.min_volume_base:
            asset = feed.instrument.base
            return self._none(
                f"{base} {asset} were traded at {feed.source} within {self.window_s} s, "
                f"under {self.min_volume_base} {asset}"
            )
        return Price(value=MONEY.divide(quote, base), ts_ns=newest.ts_ns, source=f"{feed.source} {self.what}")
