"""marketmaking.one_sided: an order on one side alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from engine.core.component import Component
from engine.core.decimals import BPS, ONE, WIDE
from engine.core.params import Bps, Money, Option
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft, Rung


class OneSided(Component):
    """Post one order on one side alone: for a mandate that only buys, or only sells."""

    def __init__(
        self,
        *,
        side: Annotated[Literal["buy", "sell"], Option(help="The side to post on")],
        distance_bps: Annotated[Decimal, Bps(gt=0, lt=10000, live=True, help="Reference price to the order")],
        size_quote: Annotated[Decimal, Money(gt=0, live=True, help="Size of the order, by value", example=100)],
    ) -> None:
        self.side = side
        self.distance_bps = distance_bps
        self.size_quote = size_quote

    def draft(self, context: QuoteContext) -> Draft:
        away = WIDE.divide(self.distance_bps, BPS)
        factor = ONE - away if self.side == "buy" else ONE + away
        rung = Rung(0, WIDE.multiply(context.reference.value, factor), self.size_quote, in_quote=True)
        return Draft(bids=[rung]) if self.side == "buy" else Draft(asks=[rung])
