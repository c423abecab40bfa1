"""marketmaking.inventory_spread: levels around mid, moved against the inventory."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE, spoken
from engine.core.params import Bps, Count, Factor, Money
from engine.marketmaking import formulas
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft


class InventorySpread(Component):
    """Quote a spread around the reference price; long inventory moves both sides down, short inventory up."""

    def __init__(
        self,
        *,
        base_spread_bps: Annotated[
            Decimal, Bps(gt=0, lt=20000, live=True, help="Innermost bid to innermost ask, of the reference price")
        ] = Decimal(10),
        order_size_quote: Annotated[Decimal, Money(gt=0, live=True, help="Size of one order")] = Decimal(100),
        inventory_skew_factor: Annotated[
            Decimal, Factor(ge=0, le=10, live=True, help="How much of the half-spread a full position moves both sides")
        ] = Decimal("0.5"),
        max_position_quote: Annotated[
            Decimal, Money(gt=0, live=True, help="Position at which the move against the inventory is full")
        ] = Decimal(10000),
        num_levels: Annotated[int, Count(ge=1, le=50, live=True, help="Price levels a side")] = 1,
        level_spacing_bps: Annotated[
            Decimal, Bps(ge=0, lt=10000, live=True, help="Distance between levels, of the reference price")
        ] = Decimal(5),
    ) -> None:
        self.base_spread_bps = base_spread_bps
        self.order_size_quote = order_size_quote
        self.inventory_skew_factor = inventory_skew_factor
        self.max_position_quote = max_position_quote
        self.num_levels = num_levels
        self.level_spacing_bps = level_spacing_bps

    def draft(self, context: QuoteContext) -> Draft:
        mid = context.reference.value
        steps = formulas.inventory_spread(
            mid=mid,
            position=WIDE.multiply(context.inventory.position_base, mid),
            max_position=self.max_position_quote,
            base_spread_bps=self.base_spread_bps,
            inventory_skew_factor=self.inventory_skew_factor,
            num_levels=self.num_levels,
            level_spacing_bps=self.level_spacing_bps,
        )
        size = self.order_size_quote
        return Draft.even(steps, bid_size=size, ask_size=size, in_quote=True)

    def because(self, context: QuoteContext) -> str:
        mid, quote = context.reference.value, context.instrument.quote
        position = WIDE.multiply(context.inventory.position_base, mid)
        half = WIDE.divide(WIDE.multiply(mid, self.base_spread_bps), Decimal(20_000))
        bias = formulas.inventory_bias(position, self.max_position_quote, self.inventory_skew_factor, half)
        held = f"a position of {position:.2f} {quote} of {self.max_position_quote}"
        where = "up" if bias < 0 else "down"
        moved = f"moves both sides {where} by {spoken(bias.copy_abs())} {quote}" if bias else "moves nothing"
        return f"The spread is {self.base_spread_bps} bps of {mid}; {held} {moved}."
