"""marketmaking.skewed: an even ladder whose sizes lean against the inventory."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import ONE, WIDE
from engine.core.params import Bps, Count, Share, Size
from engine.marketmaking import formulas
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers.formulas import base_value_gap


class Skewed(Component):
    """Post an even ladder with smaller bids and larger asks the more base the account holds, and the other way."""

    def __init__(
        self,
        *,
        half_spread_bps: Annotated[Decimal, Bps(gt=0, lt=10000, live=True, help="Reference price to innermost quote")],
        size_base: Annotated[Decimal, Size(gt=0, live=True, help="Size of one order at the target ratio")],
        levels: Annotated[int, Count(ge=1, le=50, live=True, help="Orders a side")] = 1,
        level_spacing_bps: Annotated[
            Decimal, Bps(ge=0, lt=10000, live=True, help="Distance between levels, of the reference price")
        ] = Decimal(5),
        target_ratio: Annotated[
            Decimal, Share(live=True, help="Value of base over value of base and quote that is aimed at")
        ] = Decimal("0.5"),
        range_ratio: Annotated[
            Decimal, Share(gt=0, live=True, help="Distance from the target at which one side has nothing left")
        ] = Decimal("0.25"),
    ) -> None:
        self.half_spread_bps = half_spread_bps
        self.size_base = size_base
        self.levels = levels
        self.level_spacing_bps = level_spacing_bps
        self.target_ratio = target_ratio
        self.range_ratio = range_ratio

    def draft(self, context: QuoteContext) -> Draft:
        steps = formulas.ladder(
            reference=context.reference.value,
            half_spread_bps=self.half_spread_bps,
            levels=self.levels,
            level_spacing_bps=self.level_spacing_bps,
        )
        if not context.inventory.is_known:
            draft = Draft.even(steps, bid_size=self.size_base, ask_size=self.size_base)
            draft.notes.append("Sizes not skewed: there is no account whose balances are known.")
            return draft
        gap, total = base_value_gap(context.inventory, context.reference.value, self.target_ratio)
        bid_size, ask_size = skewed_sizes(self.size_base, gap=gap, total=total, range_ratio=self.range_ratio)
        return Draft.even(steps, bid_size=bid_size, ask_size=ask_size)


def skewed_sizes(size: Decimal, *, gap: Decimal, total: Decimal, range_ratio: Decimal) -> tuple[Decimal, Decimal]:
    """Return (bid size, ask size): size × (1 ∓ x) with x = (ratio − target) / range within ±1. They sum to 2 × size.

    gap and total as `base_value_gap` gives them.
    """
    reach = WIDE.multiply(range_ratio, total)
    if total <= 0:
        lean = gap * 0
    elif gap.copy_abs() >= reach:
        lean = ONE.copy_sign(gap)
    else:
        lean = WIDE.divide(gap, reach)
    moved = WIDE.multiply(size, lean)
    return WIDE.subtract(size, moved), WIDE.add(size, moved)
