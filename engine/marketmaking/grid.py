"""marketmaking.grid: lines at even distances, and every fill answered one line away on the other side (Q2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import ONE, WIDE
from engine.core.params import Count, Factor, Flag, Share, Size
from engine.execution.activity import OwnFill
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import LANE, Draft, Rung, name
from engine.marketmaking.modifiers.formulas import base_value_gap

Line = tuple[Side, int]
"""(side, number): a bid or an ask at anchor × (1 + number × spread)."""


class Grid(Component):
    """Post bids and asks on evenly spaced lines around the first reference price; a fill is answered one line away.

    A filled bid becomes an ask one line above, a filled ask a bid one line below, so one line always stands empty.
    While the account is further from its target than the threshold, the side that would take it further gets no new
    orders.
    """

    def __init__(
        self,
        *,
        spread: Annotated[
            Decimal,
            Factor(
                gt=0,
                lt=1,
                help="From the reference price to the first line and from line to line: 0.001 is 0.1 %",
                example="0.001",
            ),
        ],
        order_amount: Annotated[Decimal, Size(gt=0, live=True, help="Size of one order")],
        num_orders: Annotated[int, Count(ge=1, le=49, help="Orders a side")],
        rebalance_threshold: Annotated[
            Decimal,
            Share(gt=0, live=True, help="Distance of the base ratio from its target that pauses the heavy side"),
        ] = Decimal("0.2"),
        target_ratio: Annotated[
            Decimal, Share(live=True, help="Value of base over value of base and quote that is aimed at")
        ] = Decimal("0.5"),
        recentre: Annotated[
            bool, Flag(live=True, help="Lay a new grid when the reference price has left it; else one side waits")
        ] = False,
    ) -> None:
        if spread * num_orders >= 1:
            raise ValueError(f"spread × num_orders must be under 1, or bids reach zero; was {spread * num_orders}")
        self.spread = spread
        self.order_amount = order_amount
        self.num_orders = num_orders
        self.rebalance_threshold = rebalance_threshold
        self.target_ratio = target_ratio
        self.recentre = recentre
        self._anchor: Decimal | None = None
        self._lines: set[Line] = set()
        self._seen: OwnFill | None = None

    def draft(self, context: QuoteContext) -> Draft:
        reference = context.reference.value
        for fill in self._new_fills(context):
            self._answer(fill)
        if self._anchor is None or (self.recentre and self._has_left(self._anchor, reference)):
            self._lay(reference)
        draft = Draft()
        anchor = self._anchor or reference
        heavy = self._heavy_side(context, draft)
        resting = {(order.side, order.level % LANE) for order in context.orders if order.slot is not None}
        waits: list[str] = []
        for side in Side:
            rungs = draft.rungs(side)
            for line in sorted((number for where, number in self._lines if where is side), reverse=side is Side.BUY):
                price = WIDE.multiply(anchor, WIDE.add(ONE, WIDE.multiply(self.spread, Decimal(line))))
                level = self._level(side, line)
                if (price - reference) * side.sign > 0:
                    waits.append(name(side, level))
                elif side is not heavy or (side, level) in resting:
                    rungs.append(Rung(level, price, self.order_amount))
        if waits:
            draft.notes.append(f"{', '.join(waits)} of the grid wait: the reference price of {reference} is across.")
        if draft.is_empty:
            draft.reason = " ".join(draft.notes)
        return draft

    def _level(self, side: Side, line: int) -> int:
        """Every line of a side has a slot of its own; further out is a higher number."""
        return self.num_orders - 1 - side.sign * line

    def _lay(self, reference: Decimal) -> None:
        self._anchor = reference
        self._lines = {(side, -side.sign * number) for side in Side for number in range(1, self.num_orders + 1)}

    def _has_left(self, anchor: Decimal, reference: Decimal) -> bool:
        """Whether the reference price is beyond the outermost line."""
        reach = WIDE.multiply(WIDE.multiply(anchor, self.spread), Decimal(self.num_orders))
        return WIDE.subtract(reference, anchor).copy_abs() > reach

    def _new_fills(self, context: QuoteContext) -> list[OwnFill]:
        """Completed orders since the last look, oldest first. What filled before the first look was not the grid's."""
        fills: list[OwnFill] = []
        if self._anchor is not None:
            for record in reversed(context.activity.fills):
                if record is self._seen:
                    break
                if record.completes and record.level is not None:
                    fills.append(record)
        if context.activity.fills:
            self._seen = context.activity.fills[-1]
        return fills[::-1]

    def _answer(self, record: OwnFill) -> None:
        side = record.fill.side
        line = side.sign * (self.num_orders - 1 - (record.level or 0) % LANE)
        if (side, line) not in self._lines:
            return
        self._lines.discard((side, line))
        answer = line + side.sign
        if (side, answer) in self._lines:
            # A line further in has not filled yet. Both at one price would trade with each other: neither is needed.
            self._lines.discard((side, answer))
        else:
            self._lines.add((side.opposite, answer))

    def _heavy_side(self, context: QuoteContext, draft: Draft) -> Side | None:
        """The side that may get no new orders: bids with too much base, asks with too little."""
        if not context.inventory.is_known:
            draft.notes.append("The grid is not rebalanced: there is no account whose balances are known.")
            return None
        gap, total = base_value_gap(context.inventory, context.reference.value, self.target_ratio)
        if gap.copy_abs() <= WIDE.multiply(self.rebalance_threshold, total):
            return None
        side, much = (Side.BUY, "over") if gap > 0 else (Side.SELL, "under")
        what = "bids" if side is Side.BUY else "asks"
        draft.notes.append(
            f"No new {what}: the base ratio of {gap / total + self.target_ratio:.3f} is more than "
            f"{self.rebalance_threshold} {much} its target of {self.target_ratio}."
        )
        return side
