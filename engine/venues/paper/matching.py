"""A matching engine for our own orders against a public market that does not see them.

An order fills when the public market says somebody would have traded with it: a print through its price, a print at
its price once the queue ahead is served, or the opposite best coming to its price. A print never fills more than its
own size, however many orders of ours it meets, and prints come from the real or simulated flow: adverse selection is
in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from engine.core.decimals import ZERO
from engine.market.book import OrderBook
from engine.market.types import OrderRequest, OrderStatus, Side, Trade
from engine.venues.base import MarketFeed
from engine.venues.paper.queue import QueuePosition


class PaperOrder:
    """One order at the paper venue."""

    __slots__ = ("arrived_ns", "crossed", "filled_base", "queue", "request", "status", "venue_order_id")

    def __init__(self, request: OrderRequest, venue_order_id: str) -> None:
        self.request = request
        self.venue_order_id = venue_order_id
        self.status = OrderStatus.PENDING
        self.filled_base = ZERO
        self.arrived_ns = 0
        """When it joined its queue. Prints are stamped when they happened and may be told later: older ones are not
        ours."""
        self.queue: QueuePosition | None = None
        """None until the order has arrived and joined a queue."""
        self.crossed = ZERO
        """Opposite volume at or inside our price that has already been matched against us."""

    @property
    def remaining_base(self) -> Decimal:
        return self.request.size_base - self.filled_base


Execute = Callable[[PaperOrder, Decimal, Decimal, bool, int], bool]
"""(order, price, size_base, is_maker, ts_ns) -> whether the fill was booked. False ends matching: we may not trade."""


class Matcher:
    """The orders that rest, best first on each side."""

    def __init__(self, *, lot: Decimal, execute: Execute) -> None:
        self._lot = lot
        self._execute = execute
        self._bids: list[PaperOrder] = []
        self._asks: list[PaperOrder] = []
        self._sides = {Side.BUY: self._bids, Side.SELL: self._asks}
        self._prices: set[Decimal] | None = None
        """Where we rest; None after a change, until it is next asked for."""
        self._unsettled = True
        """The next book matters whatever it changes: an order came, a print served a queue, or a cross is under way."""

    def concerned_by(self, book: OrderBook) -> bool:
        """Whether `on_book` would change anything: a size where we rest, or an opposite best that has come to us.

        Asked for every order book of a feed that hundreds of accounts share, where it is nearly always no.
        """
        if self._unsettled or book.touched is None:
            return True
        bids, asks, best_bid, best_ask = self._bids, self._asks, book.best_bid, book.best_ask
        if bids and best_ask is not None and best_ask <= bids[0].request.price:
            return True
        if asks and best_bid is not None and best_bid >= asks[0].request.price:
            return True
        if self._prices is None:
            self._prices = {order.request.price for order in (*bids, *asks)}
        return not self._prices.isdisjoint(book.touched)

    def reached_by(self, trade: Trade) -> bool:
        """Whether a print came as far as our best order on the side it hit."""
        if trade.aggressor is Side.SELL:
            return bool(self._bids) and trade.price <= self._bids[0].request.price
        return bool(self._asks) and trade.price >= self._asks[0].request.price

    def add(self, order: PaperOrder, feed: MarketFeed, ts_ns: int) -> None:
        """Join the back of the queue at the order's price."""
        request = order.request
        order.arrived_ns = ts_ns
        visible = feed.book.size_at(request.side, request.price)
        best = feed.book.best_bid if request.side is Side.BUY else feed.book.best_ask
        is_hidden = not feed.depth_known and best is not None and (best - request.price) * request.side.sign > 0
        order.queue = QueuePosition(None if is_hidden else visible, self._lot)
        resting = self._sides[request.side]
        resting.append(order)
        resting.sort(key=lambda other: -other.request.side.sign * other.request.price)
        self._prices, self._unsettled = None, True

    def remove(self, order: PaperOrder) -> None:
        resting = self._sides[order.request.side]
        if order in resting:
            resting.remove(order)
            self._prices = None

    def crosses_own(self, side: Side, price: Decimal) -> bool:
        """True when an order there would meet an order of our own."""
        others = self._sides[side.opposite]
        return bool(others) and (others[0].request.price - price) * side.sign <= 0

    def take(self, order: PaperOrder, book: OrderBook, ts_ns: int) -> None:
        """Match an arriving order that may take: level by level down to its limit. The public book stays as it is."""
        side, limit = order.request.side, order.request.price
        for level in book.top(side.opposite, 1000):
            if (level.price - limit) * side.sign > 0 or not order.remaining_base:
                return
            if not self._execute(order, level.price, min(order.remaining_base, level.size_base), False, ts_ns):
                return
            order.crossed += level.size_base

    def on_trade(self, trade: Trade) -> None:
        """A public print: serve our orders it reached, in price order."""
        if not self.reached_by(trade):
            return
        self._unsettled = True
        side = trade.aggressor.opposite
        resting = self._sides[side]
        left = trade.size_base
        for order in tuple(resting):
            distance = (order.request.price - trade.price) * side.sign
            if distance < 0 or not left:
                return
            if order.arrived_ns > trade.ts_ns:
                continue
            assert order.queue is not None
            reached = left if distance else order.queue.on_trade(left)
            size = min(reached, order.remaining_base)
            if size:
                if not self._execute(order, order.request.price, size, True, trade.ts_ns):
                    return
                left -= size

    def on_book(self, book: OrderBook, ts_ns: int) -> None:
        """A new public book: queues shrink by cancels, and an opposite best at our price has traded with us."""
        self._unsettled = False
        for side, resting in self._sides.items():
            if not resting:
                continue
            for order in resting:
                assert order.queue is not None
                order.queue.on_level(book.size_at(side, order.request.price))
            opposite = book.best_ask if side is Side.BUY else book.best_bid
            if opposite is None:
                self._unsettled = True
                continue
            if (resting[0].request.price - opposite) * side.sign < 0:
                for order in resting:
                    order.crossed = ZERO
                continue
            self._unsettled = True
            self._cross(tuple(resting), book, ts_ns)

    def _cross(self, resting: Iterable[PaperOrder], book: OrderBook, ts_ns: int) -> None:
        given = ZERO
        for order in resting:
            side, price = order.request.side, order.request.price
            volume = ZERO
            for level in book.top(side.opposite, 50):
                if (level.price - price) * side.sign > 0:
                    break
                volume += level.size_base
            fresh = volume - max(order.crossed, given)
            order.crossed = max(order.crossed, volume)
            size = min(fresh, order.remaining_base)
            if size > 0:
                if not self._execute(order, price, size, True, ts_ns):
                    return
                given += size
