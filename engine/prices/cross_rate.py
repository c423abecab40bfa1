"""prices.cross_rate: one pair by way of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Items
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices import formulas
from engine.prices.base import ask, oldest_ns
from engine.prices.feed import OfMarket
from engine.venues.base import MarketFeed


class CrossRate(Component):
    """The product of several prices: BTC/USDC × USDC/USDT is BTC/USDT. Turn one round with prices.inverse."""

    def __init__(
        self,
        *,
        legs: Annotated[Sequence[PriceProvider], Items(ge=2, help="Each one's quote currency is the next one's base")],
    ) -> None:
        self.legs = tuple(legs)

    def price(self) -> Price | NoPrice:
        prices = []
        for leg in self.legs:
            price = ask(leg)
            if isinstance(price, NoPrice):
                return price
            prices.append(price)
        return Price(
            value=formulas.cross_rate(price.value for price in prices),
            ts_ns=oldest_ns(prices),
            source=" × ".join(price.source for price in prices),
        )

    def market_feed(self) -> MarketFeed | None:
        """The first leg's, which is the market where the base of the whole is traded."""
        first = self.legs[0]
        return first.market_feed() if isinstance(first, OfMarket) else None
