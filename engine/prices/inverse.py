"""prices.inverse: a pair the other way round."""

from __future__ import annotations

import msgspec

from engine.market.types import NoPrice, Price
from engine.prices import formulas
from engine.prices.transform import Transform
from engine.venues.base import MarketFeed


class Inverse(Transform):
    """One over another price: USDT/BTC from BTC/USDT."""

    def _changed(self, price: Price) -> Price | NoPrice:
        return msgspec.structs.replace(price, value=formulas.inverse(price.value), source=f"inverse of {price.source}")

    def market_feed(self) -> MarketFeed | None:
        """None: the market behind it counts depth and volume in what is now the quote currency."""
        return None
