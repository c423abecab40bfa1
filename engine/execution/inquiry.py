"""What became of our orders, as the venue tells it when asked, and what follows from its silence.

A list is believed when it shows an order, and not at once when it does not: a request that nobody acknowledged may be
on its way for twice the response timeout, and a list may show what was so seconds ago. Only an absence that lasts is
an end. Where the venue answers about one order by our own id, that answer settles it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal

from engine.core.clock import NS, Clock, earliest_ns
from engine.execution.ids import OrderIds
from engine.execution.lifecycle import OrderEvent
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import Fill, OrderReport, OrderStatus
from engine.venues.base import Exchange
from engine.venues.capabilities import AnswersByClientId

_LISTS_LAG_S = 3.0
"""A venue's lists may show what was so this long ago."""

_CLOCKS_DIFFER_NS = 60 * NS
"""Venue stamps are another machine's: ask for executions from a minute earlier. Repeated fills are recognised."""

_HOSTS_DIFFER_NS = NS
"""Clocks of our own hosts are kept together: by no more than this."""

_IN_FLIGHT = (OrderStatus.UNKNOWN, OrderStatus.CANCELLING)


class Inquiry:
    """Asks for one deployment in one market and keeps its tracker true.

    on_fill(fill)     hears of executions found; may be told one twice
    on_foreign(ids)   hears of orders in our market on our account that are not this deployment's, once
    timeout_s         the response timeout: a request not heard of for twice as long never arrives
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        tracker: OrderTracker,
        ids: OrderIds,
        clock: Clock,
        on_fill: Callable[[Fill], None],
        on_foreign: Callable[[Sequence[str]], None],
        timeout_s: float,
    ) -> None:
        self._exchange = exchange
        self._tracker = tracker
        self._ids = ids
        self._clock = clock
        self._on_fill = on_fill
        self._on_foreign = on_foreign
        self._arrives_within_s = 2 * timeout_s
        # A venue in this process shows what is.
        self._lists_lag_s = 0.0 if exchange.immediate else _LISTS_LAG_S
        self._missing: dict[str, float] = {}
        """Since when the venue's list has not shown an order that it should, by client order id."""
        self._told_of_foreign = False

    async def ask(self, about: Collection[TrackedOrder], *, since_ns: int | None = None) -> list[str]:
        """Ask the venue for open orders and executions and conclude what follows about some; returns what rests by id.

        Open orders first: an order missing there has ended, and its executions are all in the fills asked for after,
        those since `since_ns` too when it is given. An order of ours that is listed but not tracked is taken up.
        Raises the venue's EngineError.
        """
        asked_at = self._clock.monotonic()
        symbol = self._tracker.symbol
        listed = self._ours_of(await self._exchange.open_orders(symbol))
        stamps = [earliest_ns(self._clock, ts_ns=order.created_ns, at=order.created_at) for order in about]
        stamps += [] if since_ns is None else [since_ns]
        if stamps:
            for fill in await self._exchange.fills(symbol, max(0, min(stamps) - _CLOCKS_DIFFER_NS)):
                self._on_fill(fill)
        for report in listed.values():
            order = self._tracker.find(report.client_order_id) or self._tracker.adopt(report)
            self._missing.pop(order.client_order_id, None)
            if order.status_at <= asked_at:
                self._tracker.hear(report, asked=True)
        resting = list(listed)
        for order in about:
            if order.client_order_id not in listed and await self._rests_after_all(order, asked_at):
                resting.append(order.client_order_id)
        self._missing = {key: since for key, since in self._missing.items() if key in self._tracker.live}
        return resting

    def _ours_of(self, reports: Iterable[OrderReport]) -> dict[str, OrderReport]:
        """What of the venue's list is ours to look after: not strangers' orders, nor those of whoever replaced us."""
        listed = {report.client_order_id: report for report in reports}
        foreign = [key for key in listed if not self._ids.owns(key)]
        if foreign and not self._told_of_foreign:
            self._on_foreign(foreign)
        self._told_of_foreign = bool(foreign)
        return {key: report for key, report in listed.items() if self._ids.owns(key) and not self._ids.is_newer(key)}

    async def _rests_after_all(self, order: TrackedOrder, asked_at: float) -> bool:
        """Find out about an order in doubt that the list does not show."""
        if order.status not in _IN_FLIGHT:
            return False
        if isinstance(self._exchange, AnswersByClientId):
            report = await self._exchange.order_by_client_id(self._tracker.symbol, order.client_order_id)
            if order.status not in _IN_FLIGHT:
                return False  # it came to rest or ended meanwhile
            if report is not None:
                # One that moved meanwhile, since its cancel was answered, say, is asked about again; an end is an end.
                if report.status.is_final or order.status_at <= asked_at:
                    self._tracker.hear(report, asked=True)
                return not report.status.is_final
        # That its cancel was sent or answered meanwhile, however often, changes nothing about where it is not.
        self._conclude(order, asked_at)
        return False

    def _conclude(self, order: TrackedOrder, asked_at: float) -> None:
        """End an order that the venue does not show, unless it may yet arrive, or the lists may yet show it."""
        missing_since = self._missing.setdefault(order.client_order_id, asked_at)
        # Until then it may have arrived, or is known to have been there: no list of that time says where it is now.
        there_at = order.seen_at if order.confirmed else order.created_at + self._arrives_within_s
        # It may rest, and it may have filled, without being listed as either so far.
        if asked_at < there_at or asked_at - max(missing_since, there_at) < self._lists_lag_s:
            return
        self._tracker.conclude(order, OrderEvent.CANCELLED, "The venue lists it neither as open nor as filled.")

    # Taking over

    def take_up(self, report: OrderReport, *, booked_base: Decimal) -> None:
        """Track an order of the record. One that nobody saw arrive may still do so, counted from when it was sent."""
        if self._tracker.find(report.client_order_id) is not None:
            return
        sent_ago_s = (self._clock.now_ns() - report.ts_ns - _HOSTS_DIFFER_NS) / NS
        arrived = report.status in (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED) or bool(report.venue_order_id)
        self._tracker.adopt(
            report,
            booked_base=booked_base,
            confirmed=self._exchange.immediate or arrived,
            sent_ago_s=max(0.0, sent_ago_s),
        )

    @property
    def doubt_lasts_s(self) -> float:
        """How long it can take until every order nobody saw arrive has arrived, or is known never to."""
        now = self._clock.monotonic()
        unseen = [order.created_at for order in self._tracker.working() if not order.confirmed]
        return max(unseen) - now + self._arrives_within_s + self._lists_lag_s if unseen else 0.0
