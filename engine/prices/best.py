"""prices.best_bid and prices.best_ask: what one would be paid, or pay, at once for the first lot."""

from __future__ import annotations

from decimal import Decimal

from engine.market.book import OrderBook
from engine.prices.feed import BookPrice


class BestBid(BookPrice):
    """The highest bid of one market, while both sides of its book can be believed."""

    what = "best bid"

    def _value(self, book: OrderBook, bid: Decimal, ask: Decimal) -> Decimal:
        return bid


class BestAsk(BookPrice):
    """The lowest ask of one market, while both sides of its book can be believed."""

    what = "best ask"

    def _value(self, book: OrderBook, bid: Decimal, ask: Decimal) -> Decimal:
        return ask
