"""Reading the public book without mistaking our own orders for somebody else's."""

from __future__ import annotations

from decimal import Decimal

from engine.core.decimals import ZERO
from engine.market.types import Side
from engine.marketmaking.base import QuoteContext

_BUY = Side.BUY


def best_of_others(context: QuoteContext, side: Side) -> Decimal | None:
    """The best price of a side at which somebody else rests; None when there is nobody.

    A level is ours alone when its size is exactly what we have there: a venue's book holds our orders, the public book
    behind a paper account does not, and a level that differs in size is somebody else's in either.
    """
    book = context.feed.book
    best = book.best_bid if side is _BUY else book.best_ask
    if best is None or not any(order.side is side and order.price == best for order in context.orders):
        return best
    ours: dict[Decimal, Decimal] = {}
    for order in context.orders:
        if order.side is side and order.rests:
            ours[order.price] = ours.get(order.price, ZERO) + order.remaining_base
    for level in book.top(side, len(ours) + 1):
        if ours.get(level.price) != level.size_base:
            return level.price
    return None
