"""marketmaking.modifiers.min_spread: never narrower than this."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE, spoken
from engine.core.params import Bps
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas

_HALF = Decimal("0.5")


class MinSpread(Component):
    """Widen the quotes to a least spread; a lone side stands at least half of it from the reference price."""

    def __init__(
        self,
        *,
        min_spread_bps: Annotated[
            Decimal, Bps(gt=0, lt=20_000, live=True, help="Innermost bid to innermost ask, of the reference price")
        ],
    ) -> None:
        self.min_spread_bps = min_spread_bps

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        price = context.reference.value
        half = draft.half_spread(price)
        least = WIDE.multiply(formulas.of_price(price, self.min_spread_bps), _HALF)
        if half is not None and half < least:
            draft.widen(WIDE.subtract(least, half))

    def because(self, context: QuoteContext) -> str:
        bound = formulas.of_price(context.reference.value, self.min_spread_bps)
        return f"No narrower than {self.min_spread_bps} bps, here {spoken(bound)} {context.instrument.quote}."
