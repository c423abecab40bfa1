"""marketmaking.modifiers.size_random: sizes that do not repeat."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import ONE, WIDE
from engine.core.params import Count, Share
from engine.execution.diff import Tolerance, has_moved
from engine.execution.tracker import TrackedOrder
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft, Rung

_STEPS = 1_000_000


class SizeRandom(Component):
    """Vary each size at random; a size stays what it is until its order is replaced.

    Seeded, so that a replay draws the same sizes. Place it after what moves prices: whether an order is about to be
    replaced, and may get a new size, is seen by its price.
    """

    def __init__(
        self,
        *,
        variation: Annotated[Decimal, Share(gt=0, lt=1, live=True, help="Largest part added or taken away")],
        seed: Annotated[int, Count(help="Any number; another one draws other sizes")] = 1,
    ) -> None:
        self.variation = variation
        self._random = Random(seed)
        self._bids: dict[int, _Draws] = {}
        self._asks: dict[int, _Draws] = {}

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        for side, rungs, draws in ((Side.BUY, draft.bids, self._bids), (Side.SELL, draft.asks, self._asks)):
            resting = {order.level: order for order in context.orders if order.side is side and order.slot is not None}
            offset = draft.offset(side)
            prices = context.rounding.prices(side, [WIDE.add(rung.price, offset) for rung in rungs])
            for index, (rung, price) in enumerate(zip(rungs, prices, strict=True)):
                level = rung.level
                of_slot = draws.get(level)
                if of_slot is None:
                    of_slot = draws[level] = _Draws(self._draw())
                part = self._part(of_slot, resting.get(level), price, context.tolerance)
                size = WIDE.multiply(rung.size, WIDE.add(ONE, WIDE.multiply(part, self.variation)))
                rungs[index] = Rung(level, rung.price, size, rung.in_quote)

    def _part(self, draws: _Draws, order: TrackedOrder | None, price: Decimal, tolerance: Tolerance) -> Decimal:
        """The draw of a slot, −1 to 1: of the order that rests, or of the one that is to follow it."""
        holder = order.client_order_id if order else ""
        if holder != draws.holder:
            # What rests now was sent with the draw that was last handed out. Without an order the draw waits for one,
            # unless the one it belonged to has gone: its successor gets a fresh size.
            draws.of_holder = draws.last if holder else self._draw()
            draws.of_next = None
            draws.holder = holder
        if order is None or not has_moved(order.price, price, tolerance):
            draws.last = draws.of_holder
        else:
            if draws.of_next is None:
                draws.of_next = self._draw()
            draws.last = draws.of_next
        return draws.last

    def _draw(self) -> Decimal:
        return Decimal(self._random.randint(-_STEPS, _STEPS)) / _STEPS


class _Draws:
    """The draws of one slot: of the order that holds it, of its successor, and the one handed out last."""

    __slots__ = ("holder", "last", "of_holder", "of_next")

    def __init__(self, first: Decimal) -> None:
        self.holder = ""
        self.of_holder = self.last = first
        self.of_next: Decimal | None = None
