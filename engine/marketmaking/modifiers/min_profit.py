"""marketmaking.modifiers.min_profit: never below cost plus fees."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE, ZERO, spoken
from engine.core.params import Bps
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas


class MinProfit(Component):
    """Keep a bid and an ask that both fill, and the way out of the open position, above cost, fees and a profit.

    With a long position no ask stands below its average cost and what selling it costs, with a short one no bid above.
    """

    def __init__(
        self,
        *,
        min_profit_bps: Annotated[
            Decimal, Bps(ge=0, lt=5000, live=True, help="What a round trip must leave after fees, of what was paid")
        ] = ZERO,
        fee_bps: Annotated[
            Decimal | None,
            Bps(gt=-5000, lt=5000, live=True, help="Fee of one fill, negative for a rebate; empty: the market's"),
        ] = None,
    ) -> None:
        self.min_profit_bps = min_profit_bps
        self.fee_bps = fee_bps

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        fee = context.instrument.maker_fee_bps if self.fee_bps is None else self.fee_bps
        bid, ask = draft.best_bid, draft.best_ask
        if bid is not None and ask is not None:
            draft.widen(formulas.round_trip_widening(bid, ask, fee, self.min_profit_bps))
        position, cost = context.inventory.position_base, context.inventory.average_cost
        if cost <= 0:
            return
        if position > 0 and (ask := draft.best_ask) is not None:
            lowest = formulas.lowest_sale(cost, fee, self.min_profit_bps)
            if ask < lowest:
                draft.move(Side.SELL, WIDE.subtract(lowest, ask))
        elif position < 0 and (bid := draft.best_bid) is not None:
            highest = formulas.highest_purchase(cost, fee, self.min_profit_bps)
            if bid > highest:
                draft.move(Side.BUY, WIDE.subtract(highest, bid))

    def because(self, context: QuoteContext) -> str:
        fee = context.instrument.maker_fee_bps if self.fee_bps is None else self.fee_bps
        position, cost = context.inventory.position_base, context.inventory.average_cost
        terms = f"A fill costs {fee} bps, a round trip must leave {self.min_profit_bps} bps"
        if cost <= 0 or not position:
            return f"{terms}; the position is flat."
        if position > 0:
            lowest = formulas.lowest_sale(cost, fee, self.min_profit_bps)
            return f"{terms}; bought at {spoken(cost)} on average, no ask stands below {spoken(lowest)}."
        highest = formulas.highest_purchase(cost, fee, self.min_profit_bps)
        return f"{terms}; sold at {spoken(cost)} on average, no bid stands above {spoken(highest)}."
