"""marketmaking.modifiers.inventory_widen: wider the further the account is from its target (Q4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Factor, Share
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas


class InventoryWiden(Component):
    """Widen the spread with the distance of the inventory from its target ratio, whichever way."""

    def __init__(
        self,
        *,
        target_ratio: Annotated[
            Decimal, Share(live=True, help="Value of base over value of base and quote that is aimed at")
        ] = Decimal("0.5"),
        band_ratio: Annotated[
            Decimal, Share(gt=0, live=True, help="Distance from the target at which the spread grows by `widening`")
        ] = Decimal("0.5"),
        widening: Annotated[
            Decimal, Factor(ge=0, le=10, live=True, help="Part of the spread that is added at one band")
        ] = Decimal("0.5"),
        max_factor: Annotated[Decimal, Factor(ge=1, le=100, live=True, help="Widest, as a multiple")] = Decimal(2),
    ) -> None:
        self.target_ratio = target_ratio
        self.band_ratio = band_ratio
        self.widening = widening
        self.max_factor = max_factor

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        if not context.inventory.is_known:
            draft.notes.append("Not widened by inventory: there is no account whose balances are known.")
            return
        price = context.reference.value
        gap, total = formulas.base_value_gap(context.inventory, price, self.target_ratio)
        factor = formulas.distance_factor(
            gap=gap, total=total, band_ratio=self.band_ratio, widening=self.widening, max_factor=self.max_factor
        )
        draft.stretch(factor, price)

    def because(self, context: QuoteContext) -> str:
        return formulas.ratio_in_words(context, self.target_ratio) and (
            f"{formulas.ratio_in_words(context, self.target_ratio)}: the spread grows by {self.widening} of itself a "
            f"band of {self.band_ratio}, at most to {self.max_factor} times."
        )
