"""What the outside sees of a running service: a sample each second, views while watched, vitals now and then."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from typing import Protocol

from engine.accounting.account import Account
from engine.core.component import Runtime
from engine.core.decimals import BPS, ZERO
from engine.core.scheduler import Job
from engine.core.states import StateMachine
from engine.execution.activity import Activity
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import Price, QuoteSet, Side
from engine.marketmaking.base import PriceProvider
from engine.marketmaking.executors import Executor
from engine.marketmaking.explainer import Explainer
from engine.metrics.events import BANDS_BPS, LiveOrder, Sample, View
from engine.metrics.vitals import VitalSigns
from engine.risk.base import Guard
from engine.venues.base import MarketFeed

SAMPLE_EVERY_S = 1.0
UNWATCHED_VIEW_EVERY_S = 1.0
"""How often a view is made that nobody may see: who opens the page is shown the last one, and noticed by the next."""
VITALS_EVERY = 5
"""In samples."""
VIEW_LEVELS = 20
"""Innermost venue levels a side in a view."""

_MARKET_BAND_BPS = Decimal(200)


class Reported(Protocol):
    """What a service lets the reporter see."""

    runtime: Runtime
    machine: StateMachine
    feed: MarketFeed
    account: Account
    tracker: OrderTracker
    executor: Executor
    price: PriceProvider
    quotes: QuoteSet
    notes: tuple[str, ...]
    job: Job | None
    tick_us: float
    explainer: Explainer
    activity: Activity
    guard: Guard


class Reporter:
    """Samples and views of one service, in every state: a paused deployment still has a market and an inventory."""

    def __init__(self, service: Reported, *, view_every_s: float) -> None:
        self._service = service
        self._view_every_s = view_every_s
        self._unwatched_due = 0.0
        self._market_depth: tuple[Decimal | None, Decimal | None] = (None, None)
        self._signs = VitalSigns(service)
        self._seconds = 0

    def schedule(self) -> None:
        scheduler = self._service.runtime.scheduler
        symbol = self._service.feed.instrument.symbol
        scheduler.every(SAMPLE_EVERY_S, self._sample_due, name=f"sample {symbol}")
        scheduler.every(self._view_every_s, self._view_due, name=f"view {symbol}")

    async def _sample_due(self) -> None:
        self.sample()
        self._service.explainer.look()
        self._signs.note()
        self._seconds += 1
        if self._seconds % VITALS_EVERY == 0:
            self._service.runtime.record(self._signs.read())

    async def _view_due(self) -> None:
        runtime = self._service.runtime
        now = runtime.clock.monotonic()
        if now >= self._unwatched_due or runtime.is_watched():
            # Half an interval early: what comes by the clock may come a little early or late.
            self._unwatched_due = now + UNWATCHED_VIEW_EVERY_S - self._view_every_s / 2
            self.view()

    def sample(self) -> None:
        self._market_depth = self._depth_of_market()
        self._service.runtime.record(self._build())

    def view(self) -> None:
        service = self._service
        book = service.feed.book
        clock = service.runtime.clock
        ts_ns = clock.now_ns()
        now = clock.monotonic()
        sample = self._build()
        service.runtime.record(
            View(
                ts_ns=ts_ns,
                sample=sample,
                bids=tuple((level.price, level.size_base) for level in book.top(Side.BUY, VIEW_LEVELS)),
                asks=tuple((level.price, level.size_base) for level in book.top(Side.SELL, VIEW_LEVELS)),
                orders=tuple(
                    LiveOrder(
                        client_order_id=order.client_order_id,
                        side=order.side,
                        level=order.level,
                        price=order.price,
                        size_base=order.size_base,
                        filled_base=order.filled_base,
                        status=order.status,
                        age_ms=max(0, int((now - order.created_at) * 1000)),
                    )
                    for order in service.tracker.working()
                ),
                notes=service.notes + service.account.missing_from_pnl(),
            )
        )

    def _build(self) -> Sample:
        service = self._service
        clock = service.runtime.clock
        feed = service.feed
        book = feed.book
        age_s = feed.age_s(clock.monotonic())
        observed = age_s is not None and not book.is_crossed
        mid = book.mid if observed else None
        reference = service.price.price()
        bids, asks = _resting(service.tracker)
        own_bid = max((order.price for order in bids), default=None)
        own_ask = min((order.price for order in asks), default=None)
        two_sided = mid is not None and own_bid is not None and own_ask is not None
        account = service.account
        position = account.position
        base = account.balances.get(feed.instrument.base)
        quote = account.balances.get(feed.instrument.quote)
        return Sample(
            ts_ns=clock.now_ns(),
            state=service.machine.state,
            mid=mid,
            best_bid=book.best_bid if observed else None,
            best_ask=book.best_ask if observed else None,
            market_spread_bps=book.spread_bps if observed else None,
            reference_price=reference.value if isinstance(reference, Price) else None,
            own_bid=own_bid,
            own_ask=own_ask,
            own_spread_bps=(own_ask - own_bid) / mid * BPS if two_sided else None,  # type: ignore[operator]
            own_bid_depth_quote=depth_in_bands(bids, mid),
            own_ask_depth_quote=depth_in_bands(asks, mid),
            market_bid_depth_quote=self._market_depth[0] if observed else None,
            market_ask_depth_quote=self._market_depth[1] if observed else None,
            position_base=position.base,
            base_total=base.total if base else None,
            quote_total=quote.total if quote else None,
            inventory_ratio=account.inventory_ratio(mid),
            realised_quote=position.realised_quote,
            unrealised_quote=position.unrealised_quote(mid) if mid is not None else None,
            fees_quote=position.fees_quote,
            volume_quote=position.volume_quote,
            fills=position.fills,
            open_bids=len(bids),
            open_asks=len(asks),
            orders_sent=service.executor.orders_sent,
            cancels_sent=service.executor.cancels_sent,
            book_age_ms=None if age_s is None else age_s * 1000,
            tick_late_ms=service.job.late_ms if service.job else 0.0,
            tick_us=service.tick_us,
            quoting_reason=service.quotes.reason,
        )

    def _depth_of_market(self) -> tuple[Decimal | None, Decimal | None]:
        book = self._service.feed.book
        if book.mid is None or book.is_crossed:
            return None, None
        return book.depth_quote(Side.BUY, _MARKET_BAND_BPS), book.depth_quote(Side.SELL, _MARKET_BAND_BPS)


def _resting(tracker: OrderTracker) -> tuple[list[TrackedOrder], list[TrackedOrder]]:
    """Our bids and asks that the venue has confirmed."""
    bids: list[TrackedOrder] = []
    asks: list[TrackedOrder] = []
    for order in tracker.live.values():
        if order.rests:
            (bids if order.side is Side.BUY else asks).append(order)
    return bids, asks


def depth_in_bands(orders: Sequence[TrackedOrder], mid: Decimal | None) -> tuple[Decimal, ...]:
    """Resting notional of one side within each band of BANDS_BPS around mid, quote currency; empty without a mid."""
    if mid is None:
        return ()
    edges = [mid * edge for edge in _EDGES]
    rings = [ZERO] * (len(edges) + 1)  # between one edge and the next; the last is beyond them all
    for order in orders:
        rings[bisect_left(edges, abs(order.price - mid))] += order.remaining_base * order.price
    return tuple(accumulate(rings[:-1]))


_EDGES = tuple(band / BPS for band in BANDS_BPS)
