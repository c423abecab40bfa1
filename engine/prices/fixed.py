"""prices.fixed: a price somebody wrote down."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Price as PriceOf
from engine.market.types import NoPrice, Price


class Fixed(Component):
    """The same price always: a peg, or a token that trades nowhere yet. Its time is the moment it is asked."""

    def __init__(self, *, value: Annotated[Decimal, PriceOf(gt=0, help="The price")]) -> None:
        self.value = value

    def price(self) -> Price | NoPrice:
        return Price(value=self.value, ts_ns=self.runtime.clock.now_ns(), source="fixed in the configuration")
