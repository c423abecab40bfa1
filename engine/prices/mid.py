"""prices.mid: half way between best bid and best ask, as long as the book can be believed."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Seconds, Symbol
from engine.market.types import NoPrice, Price
from engine.venues.base import MarketFeed, MarketSource


class Mid(Component):
    """The mid of one market. An old, missing, one-sided or crossed book, or a feed in trouble, is no price."""

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose book is read")],
        max_age_s: Annotated[Decimal, Seconds(gt=0, help="Oldest usable book")] = Decimal(5),
    ) -> None:
        self.market = market
        self.symbol = symbol
        self.max_age_s = max_age_s
        self._max_age = float(max_age_s)

    async def load(self) -> None:
        self._feed: MarketFeed = self.market.feed(self.symbol)

    def price(self) -> Price | NoPrice:
        feed = self._feed
        if feed.problem:
            return NoPrice(f"No mid of {self.symbol}: the feed from {feed.source} is in trouble: {feed.problem}.")
        if feed.received_at is None:
            return NoPrice(f"No mid of {self.symbol}: no book from {feed.source} yet.")
        age_s = self.runtime.clock.monotonic() - feed.received_at
        if age_s > self._max_age:
            return NoPrice(
                f"No mid of {self.symbol}: the book from {feed.source} is {age_s:.1f} s old, "
                f"older than {self.max_age_s} s."
            )
        book = feed.book
        bid, ask = book.best_bid, book.best_ask
        if bid is None or ask is None:
            side = "bids" if bid is None else "asks"
            return NoPrice(f"No mid of {self.symbol}: the book from {feed.source} has no {side}.")
        if bid >= ask:
            return NoPrice(
                f"No mid of {self.symbol}: the book from {feed.source} is crossed, best bid {bid} and best ask {ask}."
            )
        return Price(value=(bid + ask) / 2, ts_ns=feed.book_ts_ns, source=f"{feed.source} mid")
