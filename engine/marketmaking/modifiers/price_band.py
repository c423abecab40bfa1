"""marketmaking.modifiers.price_band: a ceiling for bids and a floor for asks."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Price
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft, Rung, name


class PriceBand(Component):
    """Never buy above a ceiling, never sell below a floor."""

    def __init__(
        self,
        *,
        ceiling_price: Annotated[
            Decimal | None, Price(gt=0, live=True, help="Highest bid; empty for none", example=60000)
        ] = None,
        floor_price: Annotated[
            Decimal | None, Price(gt=0, live=True, help="Lowest ask; empty for none", example=40000)
        ] = None,
    ) -> None:
        if ceiling_price is None and floor_price is None:
            raise ValueError("a price band needs a ceiling_price, a floor_price or both, had neither")
        self.ceiling_price = ceiling_price
        self.floor_price = floor_price

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        bid, ask = draft.best_bid, draft.best_ask
        if self.ceiling_price is not None and bid is not None and bid > self.ceiling_price:
            self._leave_out(draft, Side.BUY, self.ceiling_price, "above the ceiling")
        if self.floor_price is not None and ask is not None and ask < self.floor_price:
            self._leave_out(draft, Side.SELL, self.floor_price, "below the floor")

    def _leave_out(self, draft: Draft, side: Side, limit: Decimal, where: str) -> None:
        out: list[str] = []

        def keep(rung: Rung, price: Decimal) -> Rung | None:
            if (price - limit) * side.sign <= 0:
                return rung
            out.append(name(side, rung.level))
            return None

        draft.change(side, keep)
        draft.notes.append(f"{', '.join(out)} left out: {where} of {limit}.")
        if draft.is_empty and not draft.reason:
            draft.reason = draft.notes[-1]
