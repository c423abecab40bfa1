"""prices.mark: the price at which a venue values contracts, as it publishes it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.params import Seconds, Symbol
from engine.market.types import NoPrice, Price
from engine.prices.feed import FeedPrice
from engine.venues.base import MarketSource


class Mark(FeedPrice):
    """A contract's mark price, as its venue publishes it; spot markets have none. An old one is no price."""

    what = "mark price"

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Contract whose mark price is read")],
        max_age_s: Annotated[Decimal, Seconds(gt=0, help="Oldest usable mark price")] = Decimal(10),
    ) -> None:
        super().__init__(market=market, symbol=symbol)
        self.max_age_s = max_age_s
        self._max_age = float(max_age_s)

    def price(self) -> Price | NoPrice:
        feed = self._feed
        if feed.problem:
            return self._trouble()
        if feed.mark is None or feed.mark_received_at is None:
            return self._none(f"{feed.source} has published none")
        age_s = self.runtime.clock.monotonic() - feed.mark_received_at
        if age_s > self._max_age:
            return self._none(f"the one from {feed.source} is {age_s:.1f} s old, older than {self.max_age_s} s")
        value = feed.mark.value
        if not value.is_finite() or value <= 0:  # venues send 0 before a contract trades
            return self._none(f"the one from {feed.source} is {value}, which is not a positive number")
        return Price(value=value, ts_ns=feed.mark.ts_ns, source=f"{feed.source} {self.what}")
