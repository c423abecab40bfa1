"""What weighted averages of prices share: who takes part, who is left out and why, and how the rest are weighed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import Decimal

from engine.core.component import Component
from engine.core.fit import Unfit
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices import formulas
from engine.prices.base import LeftOut, ask, names_of, oldest_ns


class Average(Component, ABC):
    """Σ w × price / Σ w over the sources that have a price near the median of all.

    A source without a price, further than max_deviation_bps from the median, or without a weight now is left out, which
    is told once. With fewer than min_sources left there is no price: a lone venue may be the one that is wrong.
    """

    what = "average"

    def __init__(self, sources: Sequence[PriceProvider], min_sources: int, max_deviation_bps: Decimal) -> None:
        if min_sources > len(sources):
            raise Unfit(f"min_sources must be at most the {len(sources)} sources there are, was {min_sources}")
        self.sources = tuple(sources)
        self.min_sources = min_sources
        self.max_deviation_bps = max_deviation_bps

    async def load(self) -> None:
        self._names = names_of(self.sources)
        self._left_out = LeftOut(self.runtime, self.name)

    @abstractmethod
    def _weight(self, place: int) -> Decimal | NoPrice:
        """What the source at a place weighs now; zero or NoPrice leaves it out."""

    def price(self) -> Price | NoPrice:
        prices: dict[int, Price] = {}
        out: dict[str, str] = {}
        for place, source in enumerate(self.sources):
            price = ask(source)
            if isinstance(price, Price):
                prices[place] = price
            else:
                out[self._names[place]] = price.reason
        priced = [self._names[place] for place in prices]
        weights: dict[int, Decimal] = {}
        median = formulas.median(price.value for price in prices.values()) if prices else None
        for place, price in prices.items():
            weight = self._judge(place, price, median)
            if isinstance(weight, Decimal):
                weights[place] = weight
            else:
                out[self._names[place]] = weight.reason
        self._left_out.tell(out, priced=priced)
        if len(weights) < self.min_sources:
            reasons = " ".join(f"{name}: {reason}" for name, reason in out.items())
            return NoPrice(
                f"No {self.what}: {len(weights)} of {len(self.sources)} prices can be used, "
                f"under min_sources {self.min_sources}. {reasons}"
            )
        used = [prices[place] for place in weights]
        return Price(
            value=formulas.weighted_average([price.value for price in used], list(weights.values())),
            ts_ns=oldest_ns(used),
            source=f"{self.what} of {', '.join(price.source for price in used)}",
        )

    def _judge(self, place: int, price: Price, median: Decimal | None) -> Decimal | NoPrice:
        """The weight of a price that is there, or why it is left out all the same."""
        if median is not None and formulas.is_apart(price.value, median, median, self.max_deviation_bps):
            far = formulas.apart_bps(price.value, median, median)
            return NoPrice(
                f"{price.value} is {far:.1f} bps from the median {median}, more than {self.max_deviation_bps} bps."
            )
        weight = self._weight(place)
        if isinstance(weight, Decimal) and weight <= 0:
            return NoPrice("It weighs nothing now.")
        return weight
