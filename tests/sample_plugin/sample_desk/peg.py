"""prices.peg: a price that is believed only near its peg."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS, WIDE
from engine.core.params import Bps, Collaborator
from engine.core.params import Price as PriceOf
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider


class Peg(Component):
    """Another price while it stays near its peg; further away there is none, so that nothing is quoted off it."""

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price that ought to stay near the peg")],
        peg_price: Annotated[Decimal, PriceOf(gt=0, help="What it is pegged to")],
        max_distance_bps: Annotated[
            Decimal, Bps(gt=0, le=10000, live=True, help="Furthest it may stand from the peg, of the peg")
        ] = Decimal(100),
    ) -> None:
        self.source = price
        self.peg_price = peg_price
        self.max_distance_bps = max_distance_bps

    def price(self) -> Price | NoPrice:
        price = self.source.price()
        if isinstance(price, NoPrice):
            return price
        apart = WIDE.subtract(price.value, self.peg_price).copy_abs()
        if WIDE.multiply(apart, BPS) <= WIDE.multiply(self.max_distance_bps, self.peg_price):
            return price
        distance_bps = WIDE.divide(WIDE.multiply(apart, BPS), self.peg_price)
        return NoPrice(
            f"{price.value} from {price.source} is {distance_bps:.1f} bps away from the peg of {self.peg_price}, "
            f"over {self.max_distance_bps} bps."
        )
