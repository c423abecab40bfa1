"""Every order of ours from before it is sent until the venue has accounted for all of it (Q11).

What a venue says about an order arrives in any order, more than once, or never. So status follows a table, a stale word
is told from a fresh one by the venue's stamp, filled size only grows, a size only shrinks and only to what we asked
for, and fills count once by their id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec

from engine.core.clock import Clock
from engine.core.decimals import ZERO
from engine.execution.lifecycle import EVENT_OF, TRANSITIONS, OrderEvent
from engine.market.types import FINAL, Fill, OrderReport, OrderStatus, Quote, Side
from engine.metrics.events import OrderChanged

Slot = tuple[Side, int]
"""(side, level): the place in the ladder an order holds. One order a slot, so a side can never be posted twice."""


_OPEN, _PART = OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED
_CANCELLING, _UNKNOWN = OrderStatus.CANCELLING, OrderStatus.UNKNOWN

_RESTING = frozenset({_OPEN, _PART, _CANCELLING})

_SEEN = frozenset({OrderEvent.ACCEPTED, OrderEvent.PART_FILLED, OrderEvent.EXECUTED})
"""What the venue only says of an order that has arrived."""


class TrackedOrder:
    """One order of ours and all we know of it. Only the tracker changes it."""

    __slots__ = (
        "amend_sent_at",
        "amendable",
        "booked_base",
        "cancel_sent_at",
        "client_order_id",
        "confirmed",
        "counted",
        "created_at",
        "created_ns",
        "filled_at",
        "filled_base",
        "least_base",
        "left",
        "level",
        "price",
        "reason",
        "seen_at",
        "side",
        "size_base",
        "slot",
        "status",
        "status_at",
        "venue_order_id",
        "venue_ts_ns",
    )

    def __init__(
        self,
        *,
        client_order_id: str,
        side: Side,
        level: int,
        price: Decimal,
        size_base: Decimal,
        at: float,
        ts_ns: int,
    ) -> None:
        self.client_order_id = client_order_id
        self.venue_order_id = ""
        self.side = side
        self.level = level
        self.price = price
        self.size_base = size_base
        """Executions included; until the venue says that an amendment took hold, the size it had before."""
        self.least_base = size_base
        """The smallest size it was ever told to have."""
        self.amend_sent_at: float | None = None
        """When it was told so, while the venue has not said what came of it."""
        self.amendable = True
        """False once an amendment came to nothing or to no clear answer: then it is replaced instead."""
        self.status = OrderStatus.PENDING
        self.reason = ""
        self.filled_base = ZERO
        """Executed, as far as the venue has told in reports or fills."""
        self.filled_at = at
        """When the venue last told of more."""
        self.booked_base = ZERO
        """Executed, by the fills that have reached the books."""
        self.counted = True
        """Whether every execution of it is counted here; not so for an order that was found resting with a past."""
        self.confirmed = False
        """Whether the venue has ever said that it rests."""
        self.seen_at = at
        """When the venue last said something that it cannot say of an order which never arrived."""
        self.left = False
        """Whether it has left this process: until then nobody else can answer it."""
        self.cancel_sent_at: float | None = None
        self.created_at = at
        """When it left, or may leave at the earliest."""
        self.created_ns = ts_ns
        self.status_at = at
        self.venue_ts_ns = 0
        self.slot: Slot | None = None
        """The place it holds; None when it ended, was left by an earlier holder or came back from the dead."""

    @property
    def remaining_base(self) -> Decimal:
        return self.size_base - self.filled_base

    @property
    def is_amending(self) -> bool:
        """Whether it was told to become smaller and the venue has not said whether it did."""
        return self.amend_sent_at is not None

    @property
    def exposure_base(self) -> Decimal:
        """How much the position may still change by this order: what rests, and executions not yet booked."""
        if not self.counted:
            return ZERO if self.status in FINAL else self.size_base - self.filled_base
        if self.status in FINAL:
            return self.filled_base - self.booked_base
        return self.size_base - self.booked_base

    @property
    def rests(self) -> bool:
        """Whether the venue has confirmed it and has not confirmed its end. PENDING and UNKNOWN never count."""
        return self.confirmed and self.status in _RESTING


class Exposure(msgspec.Struct, frozen=True):
    """How much every live order together may still change the position, and its notional at the orders' own prices."""

    bids_base: Decimal
    asks_base: Decimal
    notional_quote: Decimal


class Standing(msgspec.Struct, frozen=True):
    """Orders that rest, as columns: the bids by level, then the asks."""

    bid_levels: list[int]
    ask_levels: list[int]
    prices: list[Decimal]
    remaining_base: list[Decimal]
    lowest: Decimal
    """The lowest price of them."""


class OrderTracker:
    """The orders of one deployment in one market.

    `on_changed` hears of every transition. `live` holds what is not final or not fully booked, by client order id.
    """

    def __init__(self, *, symbol: str, clock: Clock, on_changed: Callable[[OrderChanged], None]) -> None:
        self.symbol = symbol
        self.live: dict[str, TrackedOrder] = {}
        self._slots: dict[Slot, TrackedOrder] = {}
        self._ended: dict[str, TrackedOrder] = {}
        """The last orders that ended, for words that come late. Bounded."""
        self._seen: dict[str, None] = {}
        """Ids of fills already counted, oldest first. Bounded."""
        self._exposure: Exposure | None = None
        self._standing: Standing | None = None
        self._clock = clock
        self._on_changed = on_changed

    def find(self, client_order_id: str) -> TrackedOrder | None:
        return self.live.get(client_order_id) or self._ended.get(client_order_id)

    def at(self, slot: Slot) -> TrackedOrder | None:
        """The order that holds a slot; None when the slot is free."""
        return self._slots.get(slot)

    def slots(self) -> dict[Slot, TrackedOrder]:
        """Every held slot. For reading only."""
        return self._slots

    def exposure(self) -> Exposure:
        """What every live order together may still do. Summed again only after something changed."""
        if self._exposure is None:
            sums = {Side.BUY: ZERO, Side.SELL: ZERO}
            notional = ZERO
            for order in self.live.values():
                sums[order.side] += order.exposure_base
                notional += order.exposure_base * order.price
            self._exposure = Exposure(sums[Side.BUY], sums[Side.SELL], notional)
        return self._exposure

    def standing(self) -> Standing | None:
        """Every live order, when all of them rest steadily in slots; None when any does not. Kept until a change."""
        if self._standing is None and self.live and len(self._slots) == len(self.live) and self.all_rest():
            bids = sorted(level for side, level in self._slots if side is Side.BUY)
            asks = sorted(level for side, level in self._slots if side is Side.SELL)
            orders = [self._slots[Side.BUY, level] for level in bids]
            orders += [self._slots[Side.SELL, level] for level in asks]
            prices = [order.price for order in orders]
            self._standing = Standing(bids, asks, prices, [order.remaining_base for order in orders], min(prices))
        return self._standing

    def _changed(self) -> None:
        self._exposure = self._standing = None

    def working(self) -> Iterator[TrackedOrder]:
        """Orders that are not final."""
        return (order for order in self.live.values() if order.status not in FINAL)

    def uncancelled(self) -> list[TrackedOrder]:
        """Orders for which no cancel is on its way."""
        return [order for order in self.working() if order.status is not OrderStatus.CANCELLING]

    def in_doubt(self) -> list[TrackedOrder]:
        """Orders about which the venue must be asked: unknown ones, and executions told of but never listed."""
        return [
            order
            for order in self.live.values()
            if order.status is _UNKNOWN
            or order.status in FINAL
            or (order.filled_base > order.booked_base and self._clock.monotonic() - order.filled_at > _FILL_FOLLOWS_S)
        ]

    def newest(self, side: Side, level: int, *, since_ns: int) -> TrackedOrder | None:
        """The last order opened for a slot at or after a stamp, ended or not; None when none was."""
        found = None
        for order in (*self._ended.values(), *self.live.values()):
            if order.side is side and order.level == level and order.created_ns >= since_ns:
                found = order
        return found

    def all_rest(self) -> bool:
        """Whether every order is steady in the book: none on its way in or out or down, none in doubt, all of it
        booked."""
        for order in self.live.values():
            if order.status not in (_OPEN, _PART) or order.filled_base != order.booked_base or order.is_amending:
                return False
        return True

    def unbooked(self) -> list[TrackedOrder]:
        """Orders that ended with executions which have not reached the books."""
        return [order for order in self.live.values() if order.status in FINAL]

    def write_off(self, order: TrackedOrder) -> None:
        """Stop waiting for an order's executions."""
        self._changed()
        if self.live.pop(order.client_order_id, None) is not None:
            self._ended[order.client_order_id] = order

    def open(self, client_order_id: str, quote: Quote) -> TrackedOrder:
        """Remember an order that is about to be sent. Raises ValueError when its slot is held."""
        slot = (quote.side, quote.level)
        if holder := self._slots.get(slot):
            raise ValueError(f"The slot {quote.side} {quote.level} is held by {holder.client_order_id}.")
        order = TrackedOrder(
            client_order_id=client_order_id,
            side=quote.side,
            level=quote.level,
            price=quote.price,
            size_base=quote.size_base,
            at=self._clock.monotonic(),
            ts_ns=self._clock.now_ns(),
        )
        self._changed()
        self.live[client_order_id] = order
        self._slots[slot] = order
        order.slot = slot
        self._emit(order, None)
        return order

    def leaves(self, orders: Iterable[TrackedOrder]) -> None:
        """The orders are sent now: from here on they may arrive, and every wait counts from here."""
        now = self._clock.monotonic()
        for order in orders:
            order.left = True
            order.created_at = order.seen_at = order.status_at = now

    def adopt(
        self,
        report: OrderReport,
        *,
        booked_base: Decimal | None = None,
        confirmed: bool = True,
        sent_ago_s: float = 0.0,
    ) -> TrackedOrder:
        """Take up an order that an earlier holder left. It has no slot: it is only ever cancelled.

        booked_base  what of it is in the books already; None when nobody knows, as of an order that is merely listed
        confirmed    whether it is known to have reached the venue, ever; if not, it may still be on its way
        """
        order = TrackedOrder(
            client_order_id=report.client_order_id,
            side=report.side,
            level=0,
            price=report.price,
            size_base=report.size_base,
            at=self._clock.monotonic(),
            ts_ns=report.ts_ns,
        )
        order.created_at -= sent_ago_s
        order.venue_order_id = report.venue_order_id
        order.counted = booked_base is not None
        order.booked_base = report.filled_base if booked_base is None else booked_base
        order.filled_base = max(report.filled_base, order.booked_base)
        order.status = report.status if report.status in FINAL else OrderStatus.UNKNOWN
        order.confirmed = confirmed
        order.left = True
        self._changed()
        self.live[order.client_order_id] = order
        return order

    def hear(self, report: OrderReport, *, asked: bool = False) -> TrackedOrder | None:
        """Take the venue's word on an order; None when it is not one we track.

        `asked` marks the answer to a question put after our last change, which no stamp makes stale; unless the order
        has ended: a list that lags still shows it, with the stamp it had.
        """
        order = self.find(report.client_order_id)
        if order is None:
            return None
        if report.venue_order_id:
            order.venue_order_id = report.venue_order_id
        if order.least_base <= report.size_base < order.size_base:
            self._resize(order, report.size_base)
        event = EVENT_OF.get(report.status)
        if event is None:
            return order
        stale = report.ts_ns < order.venue_ts_ns or (order.status in FINAL and report.ts_ns == order.venue_ts_ns)
        ended = order.status in FINAL and report.ts_ns < order.venue_ts_ns
        if stale and (not asked or ended) and event in (OrderEvent.ACCEPTED, OrderEvent.PART_FILLED):
            # An old word says nothing about the status any more, but executions only grow.
            event = OrderEvent.EXECUTED
            if report.filled_base <= order.filled_base:
                return order
        order.venue_ts_ns = max(order.venue_ts_ns, report.ts_ns)
        if event in _SEEN:
            order.confirmed, order.seen_at = True, self._clock.monotonic()
        if event is OrderEvent.FILLED:
            if ZERO < report.size_base <= report.filled_base < order.size_base:
                # All of it by the venue's own numbers: an earlier holder may have made it smaller.
                order.size_base = max(report.filled_base, order.booked_base)
            order.filled_base = order.size_base
        self._take(order, event, report.reason, filled_base=report.filled_base)
        return order

    def book(self, fill: Fill) -> bool:
        """Count a fill; False when it has been counted before. Raises nothing for an order we do not track."""
        if fill.fill_id in self._seen:
            return False
        self._seen[fill.fill_id] = None
        if len(self._seen) > _REMEMBERED_FILLS:
            del self._seen[next(iter(self._seen))]
        order = self.find(fill.client_order_id)
        if order is None:
            return True
        order.booked_base += fill.size_base
        if not order.venue_order_id:
            order.venue_order_id = fill.venue_order_id
        complete = order.counted and order.booked_base >= order.size_base
        event = OrderEvent.FILLED if complete else OrderEvent.EXECUTED
        order.confirmed, order.seen_at = True, self._clock.monotonic()
        self._take(order, event, "", filled_base=order.booked_base if order.counted else ZERO)
        return True

    def cancel_sent(self, orders: Iterable[TrackedOrder]) -> None:
        for order in orders:
            order.cancel_sent_at = self._clock.monotonic()
            self._take(order, OrderEvent.CANCEL_SENT, "")

    # Amendments: an order becomes smaller in its place. Until the venue says so it counts at the size it has, so that
    # whatever comes of the request, no more can rest than is counted.

    def amend_sent(self, order: TrackedOrder, size_base: Decimal) -> None:
        """The order is about to be told to have so small a whole size."""
        order.least_base = min(order.least_base, size_base)
        order.amend_sent_at = self._clock.monotonic()
        order.reason = f"To be reduced in its place, from {order.size_base} to {size_base}."
        self._changed()
        self._emit(order, order.status)

    def amend_failed(self, order: TrackedOrder, reason: str) -> None:
        """Nothing came of it: the order is as it was."""
        if not order.is_amending:
            return
        order.amend_sent_at, order.amendable = None, False
        order.reason = reason
        self._changed()
        self._emit(order, order.status)

    def _resize(self, order: TrackedOrder, size_base: Decimal) -> None:
        order.size_base = size_base
        order.amend_sent_at = None
        order.reason = ""
        self._changed()
        if order.status not in FINAL and order.filled_base >= size_base:
            self._take(order, OrderEvent.FILLED, "")
        else:
            self._emit(order, order.status)

    def lose(self, order: TrackedOrder, reason: str) -> None:
        """The order's fate is not known: the venue must be asked before its slot is used again."""
        if order.is_amending:
            order.amend_sent_at, order.amendable = None, False
        self._take(order, OrderEvent.LOST, reason)

    def conclude(self, order: TrackedOrder, event: OrderEvent, reason: str) -> None:
        """End an order by what the venue's open orders and fills leave as the only possibility."""
        self._take(order, event, reason)

    def _take(self, order: TrackedOrder, event: OrderEvent, reason: str, filled_base: Decimal = ZERO) -> None:
        self._changed()
        old = order.status
        grown = filled_base > order.filled_base
        if grown:
            order.filled_base = min(filled_base, max(order.size_base, order.booked_base))
            order.filled_at = self._clock.monotonic()
        new = TRANSITIONS.get((old, event), old)
        if new is not old:
            order.status = new
            order.status_at = self._clock.monotonic()
            order.reason = reason
        if new is not old or grown:
            self._emit(order, old)
        self._settle(order)

    def _settle(self, order: TrackedOrder) -> None:
        """Put the order where its status says it belongs."""
        ended = order.status in FINAL
        if ended and order.slot is not None:
            del self._slots[order.slot]
            order.slot = None
        if ended and order.filled_base <= order.booked_base:
            if self.live.pop(order.client_order_id, None) is not None:
                self._ended[order.client_order_id] = order
                if len(self._ended) > _REMEMBERED_ORDERS:
                    del self._ended[next(iter(self._ended))]
        elif self._ended.pop(order.client_order_id, None) is not None:
            # Back from the dead. Its slot may have been given away, so it gets none and is cancelled.
            self.live[order.client_order_id] = order

    def _emit(self, order: TrackedOrder, old: OrderStatus | None) -> None:
        self._on_changed(
            OrderChanged(
                ts_ns=self._clock.now_ns(),
                client_order_id=order.client_order_id,
                venue_order_id=order.venue_order_id,
                symbol=self.symbol,
                side=order.side,
                level=order.level,
                price=order.price,
                size_base=order.size_base,
                filled_base=order.filled_base,
                old=old,
                new=order.status,
                reason=order.reason,
            )
        )


_FILL_FOLLOWS_S = 1.0
"""The execution itself usually comes within this after the report that tells of it."""

_REMEMBERED_ORDERS = 2_000
_REMEMBERED_FILLS = 20_000
