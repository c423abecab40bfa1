"""marketmaking.modifiers.hanging_orders: let the other half of a filled pair rest."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import BPS, WIDE
from engine.core.params import Bps, Count, Seconds
from engine.execution.activity import OwnFill
from engine.execution.tracker import TrackedOrder
from engine.market.types import OrderStatus, Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import LANE, Draft, Rung, name

_STEADY = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


class HangingOrders(Component):
    """Keep the order opposite a filled one where it rests until it fills too, is too far away or too old.

    The strategy goes on quoting beside it: a hanging order keeps its slot, and what is wanted at its level meanwhile
    takes one a LANE further on. Place this after whatever moves prices: a hanging order's must not move.
    """

    def __init__(
        self,
        *,
        max_distance_bps: Annotated[
            Decimal, Bps(gt=0, le=5000, live=True, help="Let go further than this from the reference price")
        ] = Decimal(1000),
        max_age_s: Annotated[Decimal, Seconds(gt=0, live=True, help="Let go after hanging for this long")] = Decimal(
            1800
        ),
        max_per_side: Annotated[int, Count(ge=1, le=6, live=True, help="Let go of the oldest beyond so many")] = 3,
    ) -> None:
        self.max_distance_bps = max_distance_bps
        self.max_age_s = max_age_s
        self.max_per_side = max_per_side
        self._hanging: dict[str, float] = {}
        """Client order id to the monotonic time it was left hanging, oldest first."""
        self._slot_of: dict[tuple[Side, int], int] = {}
        """The level of the slot that a level of the strategy uses now, where it is another."""
        self._seen: OwnFill | None = None

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        fills = self._new_fills(context)
        if not fills and not self._hanging and not self._slot_of:
            return
        steady = [order for order in context.orders if order.slot is not None and order.status in _STEADY]
        for fill in fills:
            self._hang_opposite(fill, steady, context.monotonic)
        hanging = self._still_hanging(steady, context, draft)
        for side in Side:
            self._give_way(draft, side, {order.level for order in hanging if order.side is side})
        for order in hanging:
            draft.bake(order.side)
            rungs = draft.rungs(order.side)
            rungs.append(Rung(order.level, order.price, order.remaining_base))
            rungs.sort(key=lambda rung: rung.price, reverse=order.side is Side.BUY)

    def _new_fills(self, context: QuoteContext) -> list[OwnFill]:
        """Completed orders since the last look, oldest first."""
        fills: list[OwnFill] = []
        for record in reversed(context.activity.fills):
            if record is self._seen:
                break
            if record.completes:
                fills.append(record)
        if context.activity.fills:
            self._seen = context.activity.fills[-1]
        return fills[::-1]

    def _hang_opposite(self, fill: OwnFill, steady: list[TrackedOrder], now: float) -> None:
        if self._hanging.pop(fill.fill.client_order_id, None) is not None or fill.level is None:
            return  # the second half of its pair
        level = fill.level % LANE
        slot = (fill.fill.side.opposite, self._slot_of.get((fill.fill.side.opposite, level), level))
        for order in steady:
            if order.slot == slot:
                self._hanging.setdefault(order.client_order_id, now)

    def _still_hanging(self, steady: list[TrackedOrder], context: QuoteContext, draft: Draft) -> list[TrackedOrder]:
        by_id = {order.client_order_id: order for order in steady}
        found = [(by_id[order_id], at) for order_id, at in self._hanging.items() if order_id in by_id]
        kept: list[TrackedOrder] = []
        for order, at in reversed(found):
            why = self._let_go(order, at, context)
            if not why and sum(other.side is order.side for other in kept) >= self.max_per_side:
                why = f"{self.max_per_side} newer ones hang on that side"
            if why:
                draft.notes.append(f"{name(order.side, order.level)} no longer hangs: {why}.")
            else:
                kept.append(order)
        self._hanging = {order.client_order_id: self._hanging[order.client_order_id] for order in reversed(kept)}
        return kept

    def _let_go(self, order: TrackedOrder, at: float, context: QuoteContext) -> str:
        """Why it should hang no longer; empty when it should."""
        age_s = context.monotonic - at
        if age_s > float(self.max_age_s):
            return f"it has hung for {age_s:.0f} s, longer than {self.max_age_s} s"
        reference = context.reference.value
        away_bps = WIDE.divide(WIDE.multiply(WIDE.subtract(order.price, reference).copy_abs(), BPS), reference)
        if away_bps > self.max_distance_bps:
            return f"it is {away_bps:.0f} bps from the reference price, more than {self.max_distance_bps} bps"
        return ""

    def _give_way(self, draft: Draft, side: Side, taken: set[int]) -> None:
        """Move the strategy's levels out of slots in which an order hangs, and leave them where they then are."""
        rungs = draft.rungs(side)
        for index, rung in enumerate(rungs):
            slot = self._slot_of.get((side, rung.level), rung.level)
            if slot in taken:
                lanes = (rung.level + lane * LANE for lane in range(self.max_per_side + 1))
                slot = next(free for free in lanes if free not in taken)
                self._slot_of[side, rung.level] = slot
            if slot != rung.level:
                rungs[index] = Rung(slot, rung.price, rung.size, rung.in_quote)
