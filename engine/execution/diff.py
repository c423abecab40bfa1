"""From what rests to what is wanted, with as few messages as the tolerance allows.

Each order lives in a slot, (side, level). A slot whose order is on its way in or out, or whose fate is not known, gets
nothing new: cancels are asynchronous, so what was cancelled may still fill, and two orders a slot are twice the risk.
"""

from __future__ import annotations

from decimal import Decimal
from operator import sub

import msgspec

from engine.core.decimals import BPS
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import OrderStatus, Quote, QuoteSet, Side

_STEADY = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


class Plan(msgspec.Struct, frozen=True):
    """What to do, cancels first. A placement whose slot is not free by then waits for a later tick.

    too_large  those of the orders to cancel whose only fault that is, each with the size that is wanted of it, in base:
               they may be made smaller in their place instead, and then their slots need no placement
    """

    cancel: tuple[TrackedOrder, ...] = ()
    place: tuple[Quote, ...] = ()
    too_large: tuple[tuple[TrackedOrder, Decimal], ...] = ()

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


def difference(wanted: QuoteSet, tracker: OrderTracker, tolerance: Tolerance = EXACT) -> Plan:
    """Return what brings the tracked orders to the wanted ones."""
    if _all_stay(wanted, tracker, tolerance):
        return _NOTHING
    best_bid, best_ask = _innermost(wanted)
    slots = tracker.slots()
    cancel: list[TrackedOrder] = []
    place: list[Quote] = []
    too_large: list[tuple[TrackedOrder, Decimal]] = []
    for quote in wanted.quotes:
        order = slots.get((quote.side, quote.level))
        if order is None:
            place.append(quote)
            continue
        if order.status not in _STEADY:
            continue
        # Within tolerance of its own wanted price, an old order may still stand across a new one on the other side.
        across = (
            (best_ask is not None and order.price >= best_ask)
            if quote.side is Side.BUY
            else (best_bid is not None and order.price <= best_bid)
        )
        if not across and not has_moved(order.price, quote.price, tolerance):
            if order.is_amending or _is_as_large(order, quote, tolerance):
                continue
            if order.amendable and quote.size_base < order.remaining_base:
                too_large.append((order, quote.size_base))
        cancel.append(order)
        place.append(quote)
    slots_wanted = {(quote.side, quote.level) for quote in wanted.quotes}
    cancel += [order for order in tracker.live.values() if order.status in _STEADY and order.slot not in slots_wanted]
    return Plan(tuple(cancel), tuple(place), tuple(too_large))


_NOTHING = Plan()
_size_of = Decimal.copy_abs


def _all_stay(wanted: QuoteSet, tracker: OrderTracker, tolerance: Tolerance) -> bool:
    """Whether every wanted order rests where it is wanted, and nothing else does. False says nothing.

    The usual answer, found with a few passes over plain lists; it is never more lenient than looking at each order,
    and a test holds the two against each other.
    """
    rests = tracker.standing()
    if rests is None:
        return False
    bids, asks = wanted.sides
    if bids.levels != rests.bid_levels or asks.levels != rests.ask_levels:
        return False
    moved = max(map(_size_of, map(sub, rests.prices, bids.prices + asks.prices)))
    if moved and moved * BPS >= rests.lowest * tolerance.price_bps:
        return False
    if bids.prices and asks.prices and min(asks.prices) - max(bids.prices) <= moved:
        return False
    sizes = bids.sizes_base + asks.sizes_base
    if sizes == rests.remaining_base:
        return True
    surplus = max(map(_size_of, map(sub, rests.remaining_base, sizes)))
    return surplus <= min(sizes) * tolerance.size_share


def _is_as_large(order: TrackedOrder, quote: Quote, tolerance: Tolerance) -> bool:
    return abs(order.remaining_base - quote.size_base) <= quote.size_base * tolerance.size_share


def has_moved(resting: Decimal, wanted: Decimal, tolerance: Tolerance) -> bool:
    """Whether a wanted price is so far from the resting one that the order is replaced."""
    return resting != wanted and abs(resting - wanted) * BPS >= resting * tolerance.price_bps


def _innermost(wanted: QuoteSet) -> tuple[Decimal | None, Decimal | None]:
    bids, asks = wanted.sides
    return max(bids.prices, default=None), min(asks.prices, default=None)
