"""marketmaking.modifiers.max_spread: never wider than this, as it will stand on the venue's tick."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE, spoken
from engine.core.params import Bps
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas

_HALF = Decimal("0.5")


class MaxSpread(Component):
    """Bring bid and ask together when they stand further apart than promised; a lone side is left where it is."""

    def __init__(
        self,
        *,
        max_spread_bps: Annotated[
            Decimal, Bps(gt=0, lt=20_000, live=True, help="Innermost bid to innermost ask, of the reference price")
        ],
    ) -> None:
        self.max_spread_bps = max_spread_bps

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        bid, ask = draft.best_bid, draft.best_ask
        if bid is None or ask is None:
            return
        most = formulas.of_price(context.reference.value, self.max_spread_bps)
        ticks = context.rounding.ticks
        if ticks.ceil(ask) - ticks.floor(bid) <= most:
            return
        excess = WIDE.subtract(WIDE.subtract(ask, bid), most)
        inwards = WIDE.multiply(excess, _HALF) if excess > 0 else Decimal(0)
        # Prices are rounded outwards once more: the promise is about what rests, so they are put on the tick inwards.
        new_bid = ticks.ceil(WIDE.add(bid, inwards))
        new_ask = ticks.floor(WIDE.subtract(ask, inwards))
        if new_bid >= new_ask:
            draft.notes.append(
                f"The spread is wider than {self.max_spread_bps} bps: the tick of {ticks.step} allows no narrower one."
            )
            return
        draft.move(Side.BUY, WIDE.subtract(new_bid, bid))
        draft.move(Side.SELL, WIDE.subtract(new_ask, ask))

    def because(self, context: QuoteContext) -> str:
        bound = formulas.of_price(context.reference.value, self.max_spread_bps)
        return f"No wider than {self.max_spread_bps} bps, here {spoken(bound)} {context.instrument.quote}."
