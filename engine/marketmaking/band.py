"""marketmaking.band: orders that stay while they are inside a band around the reference price."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS, WIDE
from engine.core.params import Bps, Count, Size
from engine.execution.tracker import Slot
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import LANE, Draft, Rung
from engine.marketmaking.modifiers.formulas import of_price


class Band(Component):
    """Keep each order where it is while it is inside its band; what leaves it, or has ended, starts at the target.

    The price kept is the strategy's own: modifiers move what is posted, and do not move it further every tick.
    """

    def __init__(
        self,
        *,
        min_distance_bps: Annotated[
            Decimal, Bps(gt=0, lt=10000, help="Nearest an order may be to the reference price")
        ],
        target_distance_bps: Annotated[Decimal, Bps(gt=0, lt=10000, help="Where an order starts")],
        max_distance_bps: Annotated[Decimal, Bps(gt=0, lt=10000, help="Furthest an order may be")],
        size_base: Annotated[Decimal, Size(gt=0, live=True, help="Size of one order")],
        levels: Annotated[int, Count(ge=1, le=50, live=True, help="Bands a side")] = 1,
        level_spacing_bps: Annotated[
            Decimal, Bps(ge=0, lt=10000, live=True, help="Each further band stands this much further out")
        ] = Decimal(10),
    ) -> None:
        if not min_distance_bps <= target_distance_bps <= max_distance_bps:
            raise ValueError(
                "a band needs min_distance_bps ≤ target_distance_bps ≤ max_distance_bps, had "
                f"{min_distance_bps}, {target_distance_bps} and {max_distance_bps}"
            )
        self.min_distance_bps = min_distance_bps
        self.target_distance_bps = target_distance_bps
        self.max_distance_bps = max_distance_bps
        self.size_base = size_base
        self.levels = levels
        self.level_spacing_bps = level_spacing_bps
        self._prices: dict[Slot, Decimal] = {}
        self._rested: set[Slot] = set()
        """Slots that held an order at the last tick."""

    def draft(self, context: QuoteContext) -> Draft:
        resting = {(order.side, order.level % LANE) for order in context.orders if order.slot is not None}
        ended, self._rested = self._rested - resting, resting
        sides: dict[Side, list[Rung]] = {}
        for side in Side:
            rungs = []
            for level in range(self.levels):
                slot = (side, level)
                price = self._prices.get(slot)
                if price is None or slot in ended or not self._inside(slot, price, context.reference.value):
                    price = self._prices[slot] = self._target(slot, context.reference.value)
                rungs.append(Rung(level, price, self.size_base))
            sides[side] = sorted(rungs, key=lambda rung: rung.price, reverse=side is Side.BUY)
        return Draft(sides[Side.BUY], sides[Side.SELL])

    def _target(self, slot: Slot, reference: Decimal) -> Decimal:
        side, level = slot
        distance = WIDE.add(self.target_distance_bps, WIDE.multiply(self.level_spacing_bps, Decimal(level)))
        return WIDE.subtract(reference, WIDE.multiply(of_price(reference, distance), Decimal(side.sign)))

    def _inside(self, slot: Slot, price: Decimal, reference: Decimal) -> bool:
        side, level = slot
        out = WIDE.multiply(self.level_spacing_bps, Decimal(level))
        away = WIDE.multiply(WIDE.multiply(WIDE.subtract(reference, price), Decimal(side.sign)), BPS)
        nearest = WIDE.multiply(reference, WIDE.add(self.min_distance_bps, out))
        furthest = WIDE.multiply(reference, WIDE.add(self.max_distance_bps, out))
        return nearest <= away <= furthest
