"""prices.last: what somebody last paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.clock import NS
from engine.core.params import Seconds, Symbol
from engine.market.types import NoPrice, Price, Trade
from engine.prices.trades import TradePrice
from engine.venues.base import MarketSource


class Last(TradePrice):
    """The price of the last trade of one market. An old one, or a feed in trouble, is no price."""

    what = "last price"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose trades are heard")],
        max_age_s: Annotated[Decimal, Seconds(gt=0, help="Oldest usable trade")] = Decimal(60),
    ) -> None:
        super().__init__(market=market, symbol=symbol)
        self.max_age_s = max_age_s
        self._max_age = float(max_age_s)
        self._trade: Trade | None = None
        self._heard_at = 0.0

    async def load(self) -> None:
        await super().load()
        last = self._feed.last_trade
        if last is not None:
            # Heard by others before we came: how long ago, only its stamp can say.
            clock = self.runtime.clock
            self._trade = last
            self._heard_at = clock.monotonic() - max(0, clock.now_ns() - last.ts_ns) / NS

    def _hear(self, trade: Trade) -> None:
        self._trade = trade
        self._heard_at = self.runtime.clock.monotonic()

    def price(self) -> Price | NoPrice:
        feed, trade = self._feed, self._trade
        if feed.problem:
            return self._trouble()
        if trade is None:
            return self._none(f"no trade from {feed.source} yet")
        age_s = self.runtime.clock.monotonic() - self._heard_at
        if age_s > self._max_age:
            return self._none(f"the last trade from {feed.source} is {age_s:.1f} s old, older than {self.max_age_s} s")
        return Price(value=trade.price, ts_ns=trade.ts_ns, source=f"{feed.source} {self.what}")
