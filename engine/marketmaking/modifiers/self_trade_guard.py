"""marketmaking.modifiers.self_trade_guard: never meet an order of our own or of the firm (B6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.decimals import WIDE
from engine.core.params import Flag
from engine.execution.tracker import TrackedOrder
from engine.market.types import OrderStatus, Side
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import Draft
from engine.marketmaking.firm import FirmBook, Standing

_STEADY = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


class SelfTradeGuard(Component):
    """Keep quotes off our own orders that will not move, and off those of the firm's other deployments in the market.

    Each deployment that has this guard is seen by the others of its host. Place it last of those that move prices:
    what it lets through is what the others are told. Where bids and asks of the wanted set itself meet, bids give way.
    """

    def __init__(
        self,
        *,
        across_firm: Annotated[
            bool, Flag(live=True, help="Also keep off other deployments of this host in the same market")
        ] = True,
    ) -> None:
        self.across_firm = across_firm
        self._firm: FirmBook | None = None

    async def unload(self) -> None:
        if self._firm is not None:
            self._firm.forget(self)
            self._firm = None

    def adjust(self, draft: Draft, context: QuoteContext) -> None:
        if self._firm is None:
            self._firm = FirmBook.of(self.runtime.hub, context.feed.source, context.instrument.symbol)
        for side in Side:
            self._keep_off(draft, side, context)
        self._firm.tell(
            self, Standing(orders=context.orders, bid=draft.best_bid, ask=draft.best_ask, at=context.monotonic)
        )

    def _keep_off(self, draft: Draft, side: Side, context: QuoteContext) -> None:
        ours = draft.best_bid if side is Side.BUY else draft.best_ask
        if ours is None:
            return
        limit = _obstacle(draft, side, ours, context)
        whose = "our own order"
        if self.across_firm and self._firm is not None:
            others = self._firm.innermost(side.opposite, beside=self, at=context.monotonic)
            if others is not None and (limit is None or (others - limit) * side.sign < 0):
                limit, whose = others, "an order of another deployment"
        if limit is None or (ours - limit) * side.sign < 0:
            return
        tick = context.rounding.ticks.step
        allowed = WIDE.subtract(limit, WIDE.multiply(tick, Decimal(side.sign)))
        draft.move(side, WIDE.subtract(allowed, ours))
        what = "Bids" if side is Side.BUY else "Asks"
        draft.notes.append(f"{what} kept off {limit}: {whose} stands there.")


def _obstacle(draft: Draft, side: Side, ours: Decimal, context: QuoteContext) -> Decimal | None:
    """The innermost of our orders on the other side that `ours` would meet and that stays where it is: on its way out
    or in doubt, or in a slot for which nothing is wanted. A steady one that is wanted elsewhere is moved by the same
    plan, before anything is sent against it: there the wanted price counts."""
    other = side.opposite
    if side is Side.BUY:
        met = [order for order in context.orders if order.price <= ours and order.side is other]
    else:
        met = [order for order in context.orders if order.price >= ours and order.side is other]
    prices: list[Decimal] = []
    if met:
        wanted = {rung.level for rung in draft.rungs(other)}
        prices = [order.price for order in met if _stays(order, wanted)]
    if side is Side.BUY and (ask := draft.best_ask) is not None and ask <= ours:
        prices.append(ask)
    if not prices:
        return None
    return min(prices) if side is Side.BUY else max(prices)


def _stays(order: TrackedOrder, wanted: set[int]) -> bool:
    if order.status.is_final:
        return False
    return order.slot is None or order.status not in _STEADY or order.level not in wanted
