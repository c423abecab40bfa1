"""marketmaking.combiner: several strategies, one book (E6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import copy
from decimal import Decimal
from typing import Annotated

import msgspec

from engine.core.component import Component
from engine.core.decimals import ONE, WIDE, ZERO
from engine.core.params import Factor, Items, Money
from engine.execution.activity import Activity, OwnFill
from engine.execution.tracker import TrackedOrder
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext, QuotingStrategy
from engine.marketmaking.draft import LANE, Draft, Rung
from engine.marketmaking.modifiers.formulas import affordable
from engine.marketmaking.netting import net

BLOCK = 200
"""Levels each strategy has for itself: its orders keep their slots whatever the others do."""


class Combiner(Component):
    """Add up what several strategies want, each weighted and in its budget, into one book that never meets itself.

    Each sees the deployment as if it were alone: its own orders, its own fills. One budget and one self-trade guard
    over all of them are modifiers of the service.
    """

    def __init__(
        self,
        *,
        strategies: Annotated[Mapping[str, QuotingStrategy], Items(ge=1, le=16, help="By name, in a fixed order")],
        weights: Annotated[
            Mapping[str, Decimal] | None, Factor(ge=0, le=100, help="Multiple of a strategy's sizes; without it 1")
        ] = None,
        budgets_quote: Annotated[
            Mapping[str, Decimal] | None, Money(ge=0, help="Most a strategy may want on each side; without it no cap")
        ] = None,
    ) -> None:
        for what, given in (("weights", weights), ("budgets_quote", budgets_quote)):
            if unknown := [name for name in given or {} if name not in strategies]:
                raise ValueError(
                    f'{what} names "{unknown[0]}", which is none of the strategies {", ".join(strategies)}'
                )
        for name, strategy in strategies.items():
            if isinstance(strategy, Combiner):
                # Its strategies would share one block of levels, and all but the first find no room in it.
                raise ValueError(f"{name} is a combiner itself: name its strategies here instead")
        self.strategies = dict(strategies)
        self.weights = dict(weights or {})
        self.budgets_quote = dict(budgets_quote or {})
        self._blocks = [_Block(number * BLOCK) for number in range(len(self.strategies))]

    def draft(self, context: QuoteContext) -> Draft:
        merged = Draft()
        reasons: list[str] = []
        for block, (name, strategy) in zip(self._blocks, self.strategies.items(), strict=True):
            draft = strategy.draft(block.seen_by(context))
            merged.notes += [f"{name}: {note}" for note in draft.notes]
            if draft.reason:
                reasons.append(f"{name}: {draft.reason}")
            for side in Side:
                merged.rungs(side).extend(self._share_of(name, draft, side, block, merged.notes))
        merged.bids, merged.asks, taken = net(merged.bids, merged.asks)
        if taken:
            merged.notes.append(f"{_plain(taken)} {context.instrument.base} that met within the book was left out.")
        if merged.is_empty:
            merged.reason = " ".join(reasons) or "What the strategies want adds up to nothing."
        return merged

    def _share_of(self, name: str, draft: Draft, side: Side, block: _Block, notes: list[str]) -> list[Rung]:
        """A strategy's side in its own block: offset put in, weighted, and cut at its budget, innermost first."""
        offset, weight = draft.offset(side), self.weights.get(name, ONE)
        what = "bids" if side is Side.BUY else "asks"
        if beyond := sum(rung.level >= BLOCK for rung in draft.rungs(side)):
            notes.append(f"{name}: {beyond} {what} beyond its {BLOCK} levels were left out.")
        rungs = [
            Rung(
                block.first + rung.level, WIDE.add(rung.price, offset), WIDE.multiply(rung.size, weight), rung.in_quote
            )
            for rung in draft.rungs(side)
            if weight and rung.level < BLOCK
        ]
        budget = self.budgets_quote.get(name)
        if budget is None:
            return rungs
        # A bid's cost is its notional, and so is what an ask counts here: a budget is in quote on either side.
        kept = affordable(rungs, ZERO, Side.BUY, budget)
        if len(kept) < len(rungs) or (rungs and kept[-1] is not rungs[-1]):
            notes.append(f"{name}: its budget of {_plain(budget)} does not cover all {len(rungs)} {what}.")
        return kept


class _Block:
    """One strategy's part of the deployment, with levels from zero."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._activity = Activity()
        self._seen: OwnFill | None = None

    def seen_by(self, context: QuoteContext) -> QuoteContext:
        self._hear(context.activity)
        return msgspec.structs.replace(
            context, orders=_BlockOrders(context.orders, self.first), activity=self._activity
        )

    def _hear(self, activity: Activity) -> None:
        """Pass on this strategy's fills; what the venue said otherwise concerns all of them."""
        mine = self._activity
        mine.rejections, mine.answers, mine.silences = activity.rejections, activity.answers, activity.silences
        mine.sent, mine.mismatch, mine.skew_s = activity.sent, activity.mismatch, activity.skew_s
        fresh: list[OwnFill] = []
        for record in reversed(activity.fills):
            if record is self._seen:
                break
            level = None if record.level is None else record.level % LANE - self.first
            if level is not None and 0 <= level < BLOCK:
                fresh.append(msgspec.structs.replace(record, level=level))
        mine.fills.extend(reversed(fresh))
        if activity.fills:
            self._seen = activity.fills[-1]


class _BlockOrders(Collection[TrackedOrder]):
    """The orders of one block as if its levels began at zero. Copied only for whoever looks, since few do."""

    def __init__(self, orders: Collection[TrackedOrder], first: int) -> None:
        self._orders = orders
        self._first = first

    def __iter__(self) -> Iterator[TrackedOrder]:
        for order in self._orders:
            level = order.level % LANE - self._first
            if order.slot is not None and 0 <= level < BLOCK:
                own = copy(order)
                own.level, own.slot = level, (order.side, level)
                yield own

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, order: object) -> bool:
        return any(own == order for own in self)


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize(WIDE):f}"
