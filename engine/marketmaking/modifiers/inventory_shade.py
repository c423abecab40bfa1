"""marketmaking.modifiers.inventory_shade: lean both sides against what the account holds too much of (Q3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Bps, Share
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas


class InventoryShade(Component):
    """Move both sides towards the target ratio of base to everything: down when there is too much base, else up."""

    def __init__(
        self,
        *,
        target_ratio: Annotated[
            Decimal, Share(live=True, help="Value of base over value of base and quote that is aimed at")
        ] = Decimal("0.5"),
        band_ratio: Annotated[
            Decimal, Share(gt=0, live=True, help="Distance from the target at which the shift is shift_bps")
        ] = Decimal("0.5"),
        shift_bps: Annotated[
            Decimal, Bps(ge=0, le=5000, live=True, help="Shift at one band from the target, of the reference price")
        ],
        max_shift_bps: Annotated[Decimal, Bps(ge=0, le=5000, live=True, help="Largest shift either way")],
    ) -> None:
        self.target_ratio = target_ratio
        self.band_ratio = band_ratio
        self.shift_bps = shift_bps
        self.max_shift_bps = max_shift_bps

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        if not context.inventory.is_known:
            draft.notes.append("Not shaded by inventory: there is no account whose balances are known.")
            return
        price = context.reference.value
        gap, total = formulas.base_value_gap(context.inventory, price, self.target_ratio)
        draft.shift(
            formulas.shade(
                gap=gap,
                total=total,
                band_ratio=self.band_ratio,
                shift_bps=self.shift_bps,
                max_shift_bps=self.max_shift_bps,
                price=price,
            )
        )

    def because(self, context: QuoteContext) -> str:
        return formulas.ratio_in_words(context, self.target_ratio) and (
            f"{formulas.ratio_in_words(context, self.target_ratio)}: {self.shift_bps} bps a band of "
            f"{self.band_ratio}, at most {self.max_shift_bps} bps."
        )
