"""prices.agreeing: no price when those who should know disagree."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.fit import Unfit
from engine.core.params import Bps, Count, Items
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices import formulas
from engine.prices.base import ask, oldest_ns


class Agreeing(Component):
    """The median of several prices, as long as highest and lowest are close to each other."""

    def __init__(
        self,
        *,
        sources: Annotated[Sequence[PriceProvider], Items(ge=2, help="Prices of the same thing")],
        max_difference_bps: Annotated[
            Decimal, Bps(gt=0, live=True, help="Highest to lowest, of the median; further apart: no price")
        ],
        min_sources: Annotated[int, Count(ge=2, help="Fewer prices: no price, since one alone agrees with nobody")] = 2,
    ) -> None:
        if min_sources > len(sources):
            raise Unfit(f"min_sources must be at most the {len(sources)} sources there are, was {min_sources}")
        self.sources = tuple(sources)
        self.max_difference_bps = max_difference_bps
        self.min_sources = min_sources

    def price(self) -> Price | NoPrice:
        answers = [ask(source) for source in self.sources]
        prices = [answer for answer in answers if isinstance(answer, Price)]
        if len(prices) < self.min_sources:
            reasons = " ".join(answer.reason for answer in answers if isinstance(answer, NoPrice))
            return NoPrice(
                f"{len(prices)} of {len(self.sources)} prices are there, "
                f"under min_sources {self.min_sources}. {reasons}"
            )
        prices.sort(key=lambda price: price.value)
        low, high = prices[0], prices[-1]
        median = formulas.middle([price.value for price in prices])
        if formulas.is_apart(low.value, high.value, median, self.max_difference_bps):
            apart = formulas.apart_bps(low.value, high.value, median)
            return NoPrice(
                f"{low.value} from {low.source} and {high.value} from {high.source} are {apart:.1f} bps apart, "
                f"more than {self.max_difference_bps} bps."
            )
        return Price(
            value=median,
            ts_ns=oldest_ns(prices),
            source=f"median of {', '.join(price.source for price in prices)}",
        )
