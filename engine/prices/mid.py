"""prices.mid: half way between best bid and best ask, as long as the book can be believed."""

from __future__ import annotations

from decimal import Decimal

from engine.market.book import OrderBook
from engine.prices.feed import BookPrice


class Mid(BookPrice):
    """The mid of one market. An old, missing, one-sided or crossed book, or a feed in trouble, is no price."""

    what = "mid"

    def _value(self, book: OrderBook, bid: Decimal, ask: Decimal) -> Decimal:
        return (bid + ask) / 2
