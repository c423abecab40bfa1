"""prices.offset: another price, moved by a fixed distance."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from engine.core.decimals import ZERO
from engine.core.params import Bps, Collaborator
from engine.core.params import Price as PriceOf
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices import formulas
from engine.prices.transform import Transform


class Offset(Transform):
    """Another price, moved by a share of itself, by an amount, or by both."""

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price to move")],
        offset_bps: Annotated[Decimal, Bps(gt=-10000, lt=10000, live=True, help="Positive moves it up")] = ZERO,
        offset_price: Annotated[Decimal, PriceOf(live=True, help="Added after that; positive moves it up")] = ZERO,
    ) -> None:
        super().__init__(price=price)
        self.offset_bps = offset_bps
        self.offset_price = offset_price

    def _changed(self, price: Price) -> Price | NoPrice:
        value = formulas.offset(price.value, self.offset_bps, self.offset_price)
        if value <= 0:
            return NoPrice(
                f"{price.value} from {price.source} moved by {self.offset_bps} bps and {self.offset_price} "
                f"would be {value}, which is not positive."
            )
        return msgspec.structs.replace(price, value=value, source=f"{price.source}, moved")
