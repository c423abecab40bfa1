"""marketmaking.ladder: evenly spaced bids and asks."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Bps, Count, Size
from engine.marketmaking import formulas
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft


class Ladder(Component):
    """Post evenly spaced bids and asks around the reference price, whatever the inventory."""

    def __init__(
        self,
        *,
        half_spread_bps: Annotated[Decimal, Bps(gt=0, lt=10000, live=True, help="Reference price to innermost quote")],
        size_base: Annotated[Decimal, Size(gt=0, live=True, help="Size of one order")],
        levels: Annotated[int, Count(ge=1, le=50, live=True, help="Orders a side")] = 1,
        level_spacing_bps: Annotated[
            Decimal, Bps(ge=0, lt=10000, live=True, help="Distance between levels, of the reference price")
        ] = Decimal(5),
    ) -> None:
        self.half_spread_bps = half_spread_bps
        self.size_base = size_base
        self.levels = levels
        self.level_spacing_bps = level_spacing_bps

    def draft(self, context: QuoteContext) -> Draft:
        steps = formulas.ladder(
            reference=context.reference.value,
            half_spread_bps=self.half_spread_bps,
            levels=self.levels,
            level_spacing_bps=self.level_spacing_bps,
        )
        return Draft.even(steps, bid_size=self.size_base, ask_size=self.size_base)

    def because(self, context: QuoteContext) -> str:
        step = f", each {self.level_spacing_bps} bps from the next" if self.levels > 1 else ""
        return f"The innermost quotes stand {self.half_spread_bps} bps from {context.reference.value}{step}."
