"""From what rests to what is wanted, with as few messages as the tolerance allows.

Each order lives in a slot, (side, level). A slot whose order is on its way in or out, or whose fate is not known, gets
nothing new: cancels are asynchronous, so what was cancelled may still fill, and two orders a slot are twice the risk.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.core.decimals import BPS, ONE
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import OrderStatus, Quote, Side

_STEADY = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


class Plan(msgspec.Struct, frozen=True):
    """What to do, cancels first. A placement whose slot is not free by then waits for a later tick."""

    cancel: tuple[TrackedOrder, ...] = ()
    place: tuple[Quote, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.cancel and not self.place


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """How far a resting order may stand from the wanted one before it is replaced and loses its place in the queue.

    price_bps   of the resting price; a move of exactly this much is replaced
    size_share  of the wanted size, compared with what is left of the order; a difference beyond it is replaced
    """

    price_bps: Decimal
    size_share: Decimal


EXACT = Tolerance(price_bps=Decimal(0), size_share=Decimal(0))


def difference(wanted: Iterable[Quote], tracker: OrderTracker, tolerance: Tolerance = EXACT) -> Plan:
    """Return what brings the tracked orders to the wanted ones."""
    slots = tracker.slots()
    cancel: list[TrackedOrder] = []
    place: list[Quote] = []
    wanted = tuple(wanted)
    best_bid = max((quote.price for quote in wanted if quote.side is Side.BUY), default=None)
    best_ask = min((quote.price for quote in wanted if quote.side is Side.SELL), default=None)
    kept = 0
    for quote in wanted:
        order = slots.get((quote.side, quote.level))
        if order is None:
            place.append(quote)
            continue
        kept += 1
        if order.status not in _STEADY:
            continue
        # Within tolerance of its own wanted price, an old order may still stand across a new one on the other side.
        across = (
            (best_ask is not None and order.price >= best_ask)
            if quote.side is Side.BUY
            else (best_bid is not None and order.price <= best_bid)
        )
        if across or not _close(order, quote, tolerance):
            cancel.append(order)
            place.append(quote)
    if kept < len(tracker.live):
        slots_wanted = {(quote.side, quote.level) for quote in wanted}
        cancel += [
            order for order in tracker.live.values() if order.status in _STEADY and order.slot not in slots_wanted
        ]
    return Plan(tuple(cancel), tuple(place))


def _close(order: TrackedOrder, quote: Quote, tolerance: Tolerance) -> bool:
    if order.price != quote.price and abs(order.price - quote.price) * BPS >= order.price * tolerance.price_bps:
        return False
    left = order.remaining_base
    if left == quote.size_base:
        return True
    size, share = quote.size_base, tolerance.size_share
    return size * (ONE - share) <= left <= size * (ONE + share)
