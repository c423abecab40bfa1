"""prices.micro: the mid, pulled towards the thinner side, which is the one about to give way."""

from __future__ import annotations

from decimal import Decimal

from engine.market.book import OrderBook
from engine.market.types import Side
from engine.prices import formulas
from engine.prices.feed import BookPrice


class Micro(BookPrice):
    """Best bid and best ask, each weighted with the size at the other: more bids than asks move it up."""

    what = "micro price"

    def _value(self, book: OrderBook, bid: Decimal, ask: Decimal) -> Decimal:
        return formulas.micro(bid, book.size_at(Side.BUY, bid), ask, book.size_at(Side.SELL, ask))
