"""marketmaking.mirror: another venue's book, scaled and widened."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS, WIDE
from engine.core.params import Bps, Count, Factor, Seconds, Size, Symbol
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft, Rung
from engine.venues.base import MarketFeed, MarketSource


class Mirror(Component):
    """Repeat another venue's innermost levels around our reference price, each a part of its size and further out.

    Distances are taken from that venue's mid, so a difference between the venues is the price provider's business. An
    old, missing, one-sided or crossed book is not repeated.
    """

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market whose book is repeated")],
        size_factor: Annotated[Decimal, Factor(gt=0, le=10, live=True, help="Our size as a multiple of theirs")],
        max_size_base: Annotated[Decimal, Size(gt=0, live=True, help="Largest order")],
        levels: Annotated[int, Count(ge=1, le=50, live=True, help="Levels a side")] = 5,
        widen_bps: Annotated[
            Decimal, Bps(ge=0, lt=5000, live=True, help="How much further out each side stands")
        ] = Decimal(5),
        max_age_s: Annotated[Decimal, Seconds(gt=0, live=True, help="Oldest usable book")] = Decimal(2),
    ) -> None:
        self.market = market
        self.symbol = symbol
        self.size_factor = size_factor
        self.max_size_base = max_size_base
        self.levels = levels
        self.widen_bps = widen_bps
        self.max_age_s = max_age_s

    async def load(self) -> None:
        self._feed: MarketFeed = self.market.feed(self.symbol)

    def draft(self, context: QuoteContext) -> Draft:
        feed, book = self._feed, self._feed.book
        if why_not := self._unusable(feed, context.monotonic):
            return Draft.none(f"{self.symbol} of {feed.source} is not mirrored: {why_not}.")
        mid = book.mid
        assert mid is not None
        return Draft(self._side(Side.BUY, mid, context), self._side(Side.SELL, mid, context))

    def _unusable(self, feed: MarketFeed, now: float) -> str:
        if feed.problem:
            return f"its feed is in trouble: {feed.problem}"
        age_s = feed.age_s(now)
        if age_s is None:
            return "there is no book yet"
        if age_s > float(self.max_age_s):
            return f"its book is {age_s:.1f} s old, older than {self.max_age_s} s"
        if feed.book.mid is None:
            return "a side of its book is empty"
        if feed.book.is_crossed:
            return "its book is crossed"
        return ""

    def _side(self, side: Side, mid: Decimal, context: QuoteContext) -> list[Rung]:
        factor = WIDE.subtract(BPS, WIDE.multiply(self.widen_bps, Decimal(side.sign)))
        scale = WIDE.multiply(context.reference.value, factor)
        return [
            Rung(
                number,
                WIDE.divide(WIDE.multiply(level.price, scale), WIDE.multiply(mid, BPS)),
                min(self.max_size_base, WIDE.multiply(level.size_base, self.size_factor)),
            )
            for number, level in enumerate(self._feed.book.top(side, self.levels))
        ]
