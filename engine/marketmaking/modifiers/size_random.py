"""marketmaking.modifiers.size_random: sizes that do not repeat."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Annotated

import msgspec

from engine.core.component import Component
from engine.core.decimals import ONE, WIDE
from engine.core.params import Count, Share
from engine.execution.diff import Tolerance, has_moved
from engine.execution.tracker import Slot, TrackedOrder
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft

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
        self._draws: dict[Slot, _Draws] = {}

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        resting = {order.slot: order for order in context.orders if order.slot is not None}
        for side, rungs in ((Side.BUY, draft.bids), (Side.SELL, draft.asks)):
            offset = draft.offset(side)
            for index, rung in enumerate(rungs):
                slot = (side, rung.level)
                price = context.rounding.price(side, WIDE.add(rung.price, offset))
                part = self._part(slot, resting.get(slot), price, context.tolerance)
                factor = WIDE.add(ONE, WIDE.multiply(part, self.variation))
                rungs[index] = msgspec.structs.replace(rung, size=WIDE.multiply(rung.size, factor))

    def _part(self, slot: Slot, order: TrackedOrder | None, price: Decimal, tolerance: Tolerance) -> Decimal:
        """The draw of a slot, −1 to 1: of the order that rests, or of the one that is to follow it."""
        draws = self._draws.get(slot)
        if draws is None:
            draws = self._draws[slot] = _Draws(self._draw())
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
