"""What a price made of one other price shares: it asks that one, and stands for the same market."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Collaborator
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices.base import ask
from engine.prices.feed import OfMarket
from engine.venues.base import MarketFeed


class OfOne(Component):
    """A price made of one other."""

    def __init__(self, *, price: Annotated[PriceProvider, Collaborator(help="The price it is made of")]) -> None:
        self.source = price

    def market_feed(self) -> MarketFeed | None:
        return self.source.market_feed() if isinstance(self.source, OfMarket) else None


class Transform(OfOne, ABC):
    """Another price as it is now, changed or refused. Where that one has none, its reason stands."""

    def price(self) -> Price | NoPrice:
        price = ask(self.source)
        return price if isinstance(price, NoPrice) else self._changed(price)

    @abstractmethod
    def _changed(self, price: Price) -> Price | NoPrice: ...
