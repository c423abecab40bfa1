"""marketmaking.modifiers.book_depth: wider when the book is thin (Q4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS, ONE, WIDE
from engine.core.params import Bps, Factor, Money
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.modifiers import formulas


class BookDepth(Component):
    """Widen the spread when less than a normal amount rests near mid, our own orders left out."""

    def __init__(
        self,
        *,
        depth_reference_quote: Annotated[
            Decimal,
            Money(gt=0, live=True, help="Normal depth of both sides together: at or over it nothing is widened"),
        ],
        band_bps: Annotated[Decimal, Bps(gt=0, le=5000, live=True, help="Depth counts within this of mid")] = Decimal(
            50
        ),
        exponent: Annotated[
            Decimal, Factor(gt=0, le=4, live=True, help="Reference over depth is raised to this power")
        ] = ONE,
        max_factor: Annotated[Decimal, Factor(ge=1, le=100, live=True, help="Widest, as a multiple")] = Decimal(3),
    ) -> None:
        self.depth_reference_quote = depth_reference_quote
        self.band_bps = band_bps
        self.exponent = exponent
        self.max_factor = max_factor

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        depth = self._depth(context)
        factor = formulas.depth_factor(
            depth=depth, reference=self.depth_reference_quote, exponent=self.exponent, max_factor=self.max_factor
        )
        if factor > ONE:
            draft.stretch(factor, context.reference.value)

    def _depth(self, context: QuoteContext) -> Decimal:
        book = context.feed.book
        depth = book.depth_quote(Side.BUY, self.band_bps) + book.depth_quote(Side.SELL, self.band_bps)
        mid = book.mid
        if mid is None:
            return depth
        reach = WIDE.divide(WIDE.multiply(mid, self.band_bps), BPS)
        low, high = mid - reach, mid + reach
        for order in context.orders:
            # Ours is in a venue's book, and not in the one a paper account trades against: there the level may be
            # smaller than our order, and no more is taken off than it holds.
            if low <= order.price <= high and order.rests:
                shown = book.size_at(order.side, order.price)
                depth -= min(shown, order.remaining_base) * order.price
        return depth

    def because(self, context: QuoteContext) -> str:
        depth, quote = self._depth(context), context.instrument.quote
        seen = f"{depth:.2f} {quote} rest within {self.band_bps} bps of mid, {self.depth_reference_quote} are normal"
        if depth >= self.depth_reference_quote:
            return f"{seen}: nothing is widened."
        factor = formulas.depth_factor(
            depth=depth, reference=self.depth_reference_quote, exponent=self.exponent, max_factor=self.max_factor
        )
        return f"{seen}: the spread times {factor:.4f}, at most {self.max_factor}."
