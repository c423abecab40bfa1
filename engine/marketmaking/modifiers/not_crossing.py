"""marketmaking.modifiers.not_crossing: quotes that would take at once are moved away from the book."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE
from engine.core.params import Count
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.book import best_of_others
from engine.marketmaking.draft import Draft


class NotCrossing(Component):
    """Keep a side off the best price of the other side of the live book, our own orders in it aside.

    A venue refuses a post-only order that would take; a side that would is moved as a whole, so its spacing stays.
    """

    def __init__(
        self,
        *,
        min_ticks: Annotated[
            int, Count(ge=1, le=1000, live=True, help="Least distance to the other side, in ticks")
        ] = 1,
    ) -> None:
        self.min_ticks = min_ticks

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        distance = WIDE.multiply(context.rounding.ticks.step, Decimal(self.min_ticks))
        book = context.feed.book
        bid, best_ask = draft.best_bid, book.best_ask
        # Looked at closely only when something is near: others stand no nearer than the best price there is.
        if bid is not None and best_ask is not None and bid > WIDE.subtract(best_ask, distance):
            self._stay_below(draft, bid, distance, context)
        ask, best_bid = draft.best_ask, book.best_bid
        if ask is not None and best_bid is not None and ask < WIDE.add(best_bid, distance):
            self._stay_above(draft, ask, distance, context)

    @staticmethod
    def _stay_below(draft: Draft, bid: Decimal, distance: Decimal, context: QuoteContext) -> None:
        theirs = best_of_others(context, Side.SELL)
        if theirs is not None and bid > (highest := WIDE.subtract(theirs, distance)):
            draft.move(Side.BUY, WIDE.subtract(highest, bid))

    @staticmethod
    def _stay_above(draft: Draft, ask: Decimal, distance: Decimal, context: QuoteContext) -> None:
        theirs = best_of_others(context, Side.BUY)
        if theirs is not None and ask < (lowest := WIDE.add(theirs, distance)):
            draft.move(Side.SELL, WIDE.subtract(lowest, ask))
