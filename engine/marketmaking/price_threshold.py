"""marketmaking.price_threshold: a strategy that sees the price move only in steps."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from engine.core.component import Component
from engine.core.decimals import BPS, WIDE
from engine.core.params import Bps
from engine.market.types import Price
from engine.marketmaking.base import QuoteContext, QuotingStrategy
from engine.marketmaking.draft import Draft


class PriceThreshold(Component):
    """Show another strategy the reference price only when it has moved past a threshold, so that it requotes less.

    Everything else is shown as it is: inventory still moves the quotes.
    """

    def __init__(
        self,
        *,
        strategy: QuotingStrategy,
        threshold_bps: Annotated[
            Decimal,
            Bps(gt=0, le=1000, live=True, help="A move of this much is passed on; keep it under the half-spread"),
        ] = Decimal(5),
    ) -> None:
        self.strategy = strategy
        self.threshold_bps = threshold_bps
        self._shown: Price | None = None

    def draft(self, context: QuoteContext) -> Draft:
        shown = self._shown
        if shown is None or self._past(shown.value, context.reference.value):
            shown = self._shown = context.reference
        return self.strategy.draft(msgspec.structs.replace(context, reference=shown))

    def because(self, context: QuoteContext) -> str:
        shown = context.reference if self._shown is None else self._shown
        return f"{shown.value} is the price it was shown; {self.threshold_bps} bps from it the next one is."

    def _past(self, shown: Decimal, now: Decimal) -> bool:
        moved = WIDE.multiply(WIDE.subtract(now, shown).copy_abs(), BPS)
        return moved >= WIDE.multiply(shown, self.threshold_bps)
