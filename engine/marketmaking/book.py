"""Reading the public book without mistaking our own orders for somebody else's."""

from __future__ import annotations

from decimal import Decimal

from engine.market.types import Side
from engine.marketmaking.base import QuoteContext


def best_of_others(context: QuoteContext, side: Side) -> Decimal | None:
    """The best price of a side at which somebody else rests; None when there is nobody.

    A level is ours alone when its size is exactly what we have there: a venue's book holds our orders, the public book
    behind a paper account does not, and a level that differs in size is somebody else's in either.
    """
    book = context.feed.book
    best = book.best_bid if side is Side.BUY else book.best_ask
    if best is None:
        return None
    ours: dict[Decimal, Decimal] = {}
    for order in context.orders:
        if order.side is side and order.rests and (order.price - best) * side.sign <= 0:
            ours[order.price] = ours.get(order.price, Decimal(0)) + order.remaining_base
    if best not in ours:
        return best
    for level in book.top(side, len(ours) + 1):
        if ours.get(level.price) != level.size_base:
            return level.price
    return None
