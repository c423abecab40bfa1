"""marketmaking.join: stand at the best price, or a little before it, within limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE
from engine.core.params import Bps, Count, Size
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.book import best_of_others
from engine.marketmaking.draft import Draft, Rung
from engine.marketmaking.modifiers.formulas import of_price


class Join(Component):
    """Join the best price of others on each side, or improve it by ticks, never nearer or further than the limits.

    Our own orders in the book are looked through, so that we never outbid ourselves.
    """

    def __init__(
        self,
        *,
        min_half_spread_bps: Annotated[Decimal, Bps(gt=0, lt=5000, help="Nearest to the reference price")],
        max_half_spread_bps: Annotated[Decimal, Bps(gt=0, lt=5000, help="Furthest from the reference price")],
        size_base: Annotated[Decimal, Size(gt=0, live=True, help="Size of one order")],
        improve_ticks: Annotated[int, Count(ge=0, le=1000, live=True, help="0 joins, more stands before the best")] = 0,
        levels: Annotated[int, Count(ge=1, le=50, live=True, help="Orders a side")] = 1,
        level_spacing_bps: Annotated[
            Decimal, Bps(ge=0, lt=10000, live=True, help="Distance between levels, of the reference price")
        ] = Decimal(5),
    ) -> None:
        if min_half_spread_bps > max_half_spread_bps:
            raise ValueError(
                f"min_half_spread_bps must not exceed max_half_spread_bps, was {min_half_spread_bps} over "
                f"{max_half_spread_bps}"
            )
        self.min_half_spread_bps = min_half_spread_bps
        self.max_half_spread_bps = max_half_spread_bps
        self.size_base = size_base
        self.improve_ticks = improve_ticks
        self.levels = levels
        self.level_spacing_bps = level_spacing_bps

    def draft(self, context: QuoteContext) -> Draft:
        best = {side: best_of_others(context, side) for side in Side}
        step = of_price(context.reference.value, self.level_spacing_bps)
        sides: dict[Side, list[Rung]] = {}
        for side in Side:
            first = self._innermost(side, best[side], best[side.opposite], context)
            outwards = WIDE.multiply(step, Decimal(-side.sign))
            sides[side] = [
                Rung(level, WIDE.add(first, WIDE.multiply(outwards, Decimal(level))), self.size_base)
                for level in range(self.levels)
            ]
        return Draft(sides[Side.BUY], sides[Side.SELL])

    def _innermost(self, side: Side, best: Decimal | None, across: Decimal | None, context: QuoteContext) -> Decimal:
        reference, sign = context.reference.value, Decimal(side.sign)
        nearest = WIDE.subtract(reference, WIDE.multiply(of_price(reference, self.min_half_spread_bps), sign))
        furthest = WIDE.subtract(reference, WIDE.multiply(of_price(reference, self.max_half_spread_bps), sign))
        if best is None:
            return furthest
        tick = context.rounding.ticks.step
        price = WIDE.add(best, WIDE.multiply(WIDE.multiply(tick, Decimal(self.improve_ticks)), sign))
        if across is not None and (price - across) * side.sign >= 0:
            price = best
        low, high = min(nearest, furthest), max(nearest, furthest)
        return max(low, min(high, price))
