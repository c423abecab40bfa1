"""`exchanges.paper`: an account at a venue that exists only here, matched against any public market."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from heapq import heappop, heappush
from typing import Annotated

import msgspec

from engine.core.clock import NS
from engine.core.component import Component
from engine.core.decimals import BPS, ZERO
from engine.core.errors import PermitLost, Refused
from engine.core.params import Bps, Millis, Money, Size, Symbol
from engine.market.types import (
    Balance,
    Fill,
    MarketStatus,
    OrderReport,
    OrderRequest,
    OrderStatus,
    RefusalKind,
    Side,
    Trade,
)
from engine.metrics.events import Notice
from engine.venues.base import MarketFeed, MarketSource, Placed, PlaceRefused
from engine.venues.paper.ledger import Ledger
from engine.venues.paper.matching import Matcher, PaperOrder

MS = 1_000_000
FILLS_KEPT = 10_000
CLOSED_KEPT = 1_000


class PaperExchange(Component):
    """Trade on paper against a simulated, recorded or live public market, queue position and adverse selection
    included.

    Orders and cancels take their latency to arrive: until then a placed order is PENDING and a cancelled one may still
    fill. While the public book is not to be trusted nothing new is accepted, and cancels take effect at once since
    nothing can fill. After a restart the account goes on from what the record says (`runtime.restore`).
    """

    immediate = True

    def __init__(
        self,
        *,
        market: MarketSource,
        symbol: Annotated[str, Symbol(help="Market to trade, as the public source names it")],
        base_balance: Annotated[Decimal, Size(ge=0, help="Base currency at the very first start", example="0.1")],
        quote_balance: Annotated[Decimal, Money(ge=0, help="Quote currency at the very first start", example=5000)],
        latency_ms: Annotated[int, Millis(ge=0, le=10_000, help="Until a placed order arrives at the venue")] = 20,
        cancel_latency_ms: Annotated[
            int, Millis(ge=0, le=10_000, help="Until a cancel arrives; before it does, the order may still fill")
        ] = 0,
        maker_fee_bps: Annotated[
            Decimal | None, Bps(help="Empty: as the instrument states; negative is a rebate")
        ] = None,
        taker_fee_bps: Annotated[Decimal | None, Bps(help="Empty: as the instrument states")] = None,
    ) -> None:
        self.market = market
        self.symbol = symbol
        self.base_balance = base_balance
        self.quote_balance = quote_balance
        self.latency_ms = latency_ms
        self.cancel_latency_ms = cancel_latency_ms
        self.maker_fee_bps = maker_fee_bps
        self.taker_fee_bps = taker_fee_bps
        self.on_order: list[Callable[[OrderReport], None]] = []
        self.on_fill: list[Callable[[Fill], None]] = []
        self._feed: MarketFeed | None = None

    # -- life ---------------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        feed = self.market.feed(self.symbol)
        instrument = feed.instrument
        self._feed, self._instrument = feed, instrument
        self._maker_fee = (instrument.maker_fee_bps if self.maker_fee_bps is None else self.maker_fee_bps) / BPS
        self._taker_fee = (instrument.taker_fee_bps if self.taker_fee_bps is None else self.taker_fee_bps) / BPS
        restore = self.runtime.restore
        totals = {instrument.base: self.base_balance, instrument.quote: self.quote_balance}
        if restore is not None and restore.balances:
            totals = dict(restore.balances)
        self._ledger = Ledger(totals)
        self._matcher = Matcher(lot=instrument.lot_size, execute=self._execute)
        self._orders: dict[str, PaperOrder] = {}
        self._in_flight: list[tuple[int, int, bool, PaperOrder]] = []
        """A heap of what was sent and has not arrived: (due_ns, sequence, whether it is a cancel, order)."""
        self._restored: list[PaperOrder] = []
        """Orders of the record, until the first trustworthy book shows what they queue behind."""
        self._fills: list[Fill] = []
        self._closed: deque[OrderReport] = deque(maxlen=CLOSED_KEPT)
        self._sequence = self._sent = 0
        self._clear_at_ns: int | None = None
        """When everything is cancelled unless somebody says otherwise before."""
        for report in restore.orders if restore is not None else ():
            self._restore(report)
        self._hear_book = self.runtime.hearing(self._on_book)
        self._hear_trade = self.runtime.hearing(self._on_trade)
        self._was_in_trouble = False
        self._wakes_ns: int | None = None
        feed.on_book.append(self._on_any_book)
        feed.on_trade.append(self._on_any_trade)

    async def unload(self) -> None:
        if self._feed is None:
            return
        if self._on_any_book in self._feed.on_book:
            self._feed.on_book.remove(self._on_any_book)
            self._feed.on_trade.remove(self._on_any_trade)
        self._feed = None

    def _restore(self, report: OrderReport) -> None:
        """An order the record says rests here. It rejoins its queue at the back, the worst that can have happened."""
        if report.symbol != self.symbol or report.status.is_final or report.filled_base >= report.size_base:
            return
        request = OrderRequest(
            client_order_id=report.client_order_id,
            symbol=report.symbol,
            side=report.side,
            price=report.price,
            size_base=report.size_base,
        )
        order = PaperOrder(request, report.venue_order_id or self._new_id("o"))
        order.filled_base = report.filled_base
        try:
            self._ledger.lock(*self._lock_of(order))
        except Refused as error:
            text = f"Order {request.client_order_id} of the record was dropped on paper: {error}."
            self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level="warning", text=text))
            return
        order.status = OrderStatus.PARTIALLY_FILLED if order.filled_base else OrderStatus.OPEN
        self._orders[request.client_order_id] = order
        self._restored.append(order)

    # -- public data --------------------------------------------------------------------------------------------------

    def feed(self, symbol: str) -> MarketFeed:
        return self.market.feed(symbol)

    @property
    def public_source(self) -> MarketSource:
        """Whose ticker, candles and funding rate are also ours."""
        return self.market

    def _on_any_book(self, feed: MarketFeed) -> None:
        """Hear of a book only when it concerns this account: a feed tells every one of its hearers every message."""
        if feed.problem:
            self._was_in_trouble = True  # what is touched meanwhile is not looked at
        elif self._restored or self._was_in_trouble or self._has_arrivals() or self._matcher.concerned_by(feed.book):
            self._was_in_trouble = False
            self._hear_book(feed)

    def _on_any_trade(self, trade: Trade) -> None:
        """The same for prints."""
        if (self._in_flight and self._in_flight[0][0] <= trade.ts_ns) or self._matcher.reached_by(trade):
            self._hear_trade(trade)

    def _has_arrivals(self) -> bool:
        return bool(self._in_flight) and self._in_flight[0][0] <= self.runtime.clock.now_ns()

    def _on_trade(self, trade: Trade) -> None:
        if self._in_flight:
            self._advance(trade.ts_ns)
        self._matcher.on_trade(trade)

    def _on_book(self, feed: MarketFeed) -> None:
        if feed.problem:
            return
        if self._in_flight:
            self._advance(self.runtime.clock.now_ns())
        if self._restored:
            for order in self._restored:
                if not order.status.is_final:
                    self._matcher.add(order, feed, feed.book_ts_ns)
            self._restored.clear()
        self._matcher.on_book(feed.book, feed.book_ts_ns)

    # -- orders -------------------------------------------------------------------------------------------------------

    async def place(self, orders: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        if not self.runtime.permit.valid():
            raise PermitLost("the lease of this deployment has run out, so nothing is sent for it any more")
        return [self._place(request) for request in orders]

    def _place(self, request: OrderRequest) -> OrderReport:
        now_ns = self.runtime.clock.now_ns()
        order = PaperOrder(request, self._new_id("o"))
        reason, kind = self._why_not(request), RefusalKind.OTHER
        if not reason and request.post_only and (reason := self._would_take(request)):
            kind = RefusalKind.WOULD_TAKE
        if not reason:
            try:
                self._ledger.lock(*self._lock_of(order))
            except Refused as error:
                reason = str(error)
        if reason:
            order.status = OrderStatus.REJECTED
            return _refused(self._report(order, now_ns, reason), kind)
        self._orders[request.client_order_id] = order
        if not self.latency_ms:
            self._arrive(order, now_ns, quietly=True)
            if order.status is OrderStatus.REJECTED:
                return _refused(self._report(order, now_ns, self._would_take(request)), RefusalKind.WOULD_TAKE)
        else:
            self._send(order, now_ns)
        return _as(Placed, self._report(order, now_ns))

    def _why_not(self, request: OrderRequest) -> str:
        """The venue's definite no to an order, as a sentence; empty when it would take it."""
        feed, instrument = self._feed, self._instrument
        if feed is None or feed.received_at is None or feed.problem:
            why = feed.problem if feed is not None and feed.problem else "it has no book yet"
            return f"the paper venue cannot match {request.symbol} now: {why}"
        if request.symbol != self.symbol:
            return f"this account trades {self.symbol}, not {request.symbol}"
        if feed.status is not MarketStatus.TRADING:
            return f"{request.symbol} is halted at the venue"
        if request.client_order_id in self._orders:
            return f"the client order id {request.client_order_id} is in use"
        if request.price <= 0 or request.price % instrument.tick_size:
            return f"the price {request.price} is not on the tick of {instrument.tick_size}"
        if request.size_base <= 0 or request.size_base % instrument.lot_size:
            return f"the size {request.size_base} is not on the lot of {instrument.lot_size}"
        if instrument.min_size_base is not None and request.size_base < instrument.min_size_base:
            return f"the size {request.size_base} is under the minimum of {instrument.min_size_base} {instrument.base}"
        notional, least = request.price * request.size_base, instrument.min_notional_quote
        if least is not None and notional < least:
            return f"the notional {notional} is under the minimum of {least} {instrument.quote}"
        if self._matcher.crosses_own(request.side, request.price):
            return f"a {request.side} at {request.price} would trade with an order of this account"
        return ""

    def _would_take(self, request: OrderRequest) -> str:
        assert self._feed is not None
        book = self._feed.book
        best = book.best_ask if request.side is Side.BUY else book.best_bid
        if best is None or (request.price - best) * request.side.sign < 0:
            return ""
        return f"a post-only {request.side} at {request.price} would take the best price of {best}"

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        return [self._cancel(symbol, client_order_id) for client_order_id in client_order_ids]

    def _cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        now_ns = self.runtime.clock.now_ns()
        order = self._orders.get(client_order_id)
        if order is None:
            return OrderReport(
                ts_ns=now_ns,
                client_order_id=client_order_id,
                venue_order_id="",
                symbol=symbol,
                side=Side.BUY,
                price=ZERO,
                size_base=ZERO,
                filled_base=ZERO,
                status=OrderStatus.UNKNOWN,
                reason="not found at the venue: it may have filled, or been cancelled, or never arrived",
            )
        if order.status is not OrderStatus.CANCELLING:
            feed = self._feed
            if not self.cancel_latency_ms or feed is None or feed.problem or feed.received_at is None:
                self._finish(order, OrderStatus.CANCELLED)
            else:
                order.status = OrderStatus.CANCELLING
                self._send(order, now_ns, cancel=True)
        return self._report(order, now_ns)

    async def cancel_all(self, symbol: str) -> None:
        for client_order_id in [key for key, order in self._orders.items() if order.request.symbol == symbol]:
            report = self._cancel(symbol, client_order_id)
            self._tell(report)

    async def cancel_all_after(self, symbol: str, seconds: int) -> None:
        if symbol != self.symbol:
            raise Refused(f"this account trades {self.symbol}, not {symbol}")
        self._clear_at_ns = self.runtime.clock.now_ns() + seconds * NS if seconds else None
        if seconds:
            self.runtime.scheduler.once(seconds, self._clear_when_due, name=f"{self.name} dead man's switch")

    async def _clear_when_due(self) -> None:
        if self._feed is None or self._clear_at_ns is None or self.runtime.clock.now_ns() < self._clear_at_ns:
            return  # it was wound up again, or disarmed
        self._clear_at_ns = None
        for client_order_id in list(self._orders):
            self._tell(self._cancel(self.symbol, client_order_id))

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        """A question arrives after everything sent before it, and so does its answer: nothing is in flight any more."""
        now_ns = self.runtime.clock.now_ns()
        self._advance(now_ns, everything=True)
        return [self._report(order, now_ns) for order in self._orders.values() if order.request.symbol == symbol]

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        return [fill for fill in self._fills if fill.ts_ns >= since_ns and fill.symbol == symbol]

    async def closed_orders(self, symbol: str, since_ns: int) -> Sequence[OrderReport]:
        """The last of this life: what an earlier holder closed is in the record, not here."""
        return [order for order in self._closed if order.ts_ns >= since_ns and order.symbol == symbol]

    async def balances(self) -> dict[str, Balance]:
        return self._ledger.balances()

    # -- what arrives -------------------------------------------------------------------------------------------------

    async def _advance_now(self) -> None:
        self._wakes_ns = None
        if self._feed is not None and self._in_flight:
            self._advance(self.runtime.clock.now_ns())
            self._wake()

    def _wake(self) -> None:
        """See to it that what was sent arrives also in a market where nothing else happens."""
        if not self._in_flight:
            return
        due_ns = self._in_flight[0][0]
        if self._wakes_ns is None or due_ns < self._wakes_ns:
            self._wakes_ns = due_ns
            delay_s = max(0.0, (due_ns - self.runtime.clock.now_ns()) / NS)
            self.runtime.scheduler.once(delay_s, self._advance_now, name=f"{self.name} arrivals")

    def _send(self, order: PaperOrder, now_ns: int, *, cancel: bool = False) -> None:
        self._sent += 1
        due_ns = now_ns + (self.cancel_latency_ms if cancel else self.latency_ms) * MS
        heappush(self._in_flight, (due_ns, self._sent, cancel, order))
        self._wake()

    def _advance(self, now_ns: int, *, everything: bool = False) -> None:
        """Let what was sent and is due, or everything, arrive in the order it was sent."""
        while self._in_flight and (everything or self._in_flight[0][0] <= now_ns):
            due_ns, _, cancel, order = heappop(self._in_flight)
            due_ns = min(due_ns, now_ns)
            if order.status.is_final:
                continue
            if cancel:
                self._finish(order, OrderStatus.CANCELLED)
                self._tell(self._report(order, due_ns))
            else:
                self._arrive(order, due_ns)

    def _arrive(self, order: PaperOrder, ts_ns: int, *, quietly: bool = False) -> None:
        """An order reaches the venue: refused if it would take, matched if it may, else it joins its queue."""
        assert self._feed is not None
        request, book = order.request, self._feed.book
        reason = self._would_take(request) if request.post_only else ""
        if reason:
            self._finish(order, OrderStatus.REJECTED)
        else:
            if order.status is OrderStatus.PENDING:
                order.status = OrderStatus.OPEN
            if not request.post_only:
                self._matcher.take(order, book, ts_ns)
            if order.remaining_base:
                self._matcher.add(order, self._feed, ts_ns)
        if not quietly and not order.filled_base:
            report = self._report(order, ts_ns, reason)
            self._tell(_refused(report, RefusalKind.WOULD_TAKE) if reason else report)

    def _execute(self, order: PaperOrder, price: Decimal, size_base: Decimal, is_maker: bool, ts_ns: int) -> bool:
        """Book one fill: balances, lock, reports. A holder whose lease ran out never fills."""
        if not self.runtime.permit.valid():
            return False
        request, instrument = order.request, self._instrument
        asset, before = self._lock_of(order)
        order.filled_base += size_base
        notional = price * size_base
        fee = notional * (self._maker_fee if is_maker else self._taker_fee)
        self._ledger.unlock(asset, before)
        self._ledger.move(instrument.base, request.side.sign * size_base)
        self._ledger.move(instrument.quote, -request.side.sign * notional - fee)
        if order.remaining_base:
            self._ledger.lock(*self._lock_of(order))
            if order.status is not OrderStatus.CANCELLING:
                order.status = OrderStatus.PARTIALLY_FILLED
        else:
            order.status = OrderStatus.FILLED
            self._forget(order)
        fill = Fill(
            ts_ns=ts_ns,
            fill_id=self._new_id("f"),
            client_order_id=request.client_order_id,
            venue_order_id=order.venue_order_id,
            symbol=request.symbol,
            side=request.side,
            price=price,
            size_base=size_base,
            fee=fee,
            fee_asset=instrument.quote,
            is_maker=is_maker,
        )
        self._fills.append(fill)
        if len(self._fills) > FILLS_KEPT:
            del self._fills[: FILLS_KEPT // 2]
        for callback in tuple(self.on_fill):
            callback(fill)
        self._tell(self._report(order, ts_ns))
        return True

    def _finish(self, order: PaperOrder, status: OrderStatus) -> None:
        """CANCELLED or REJECTED: give back what the order had spoken for."""
        self._ledger.unlock(*self._lock_of(order))
        order.status = status
        self._forget(order)

    def _forget(self, order: PaperOrder) -> None:
        del self._orders[order.request.client_order_id]
        self._matcher.remove(order)
        self._closed.append(self._report(order, self.runtime.clock.now_ns()))

    # -- small parts --------------------------------------------------------------------------------------------------

    def _lock_of(self, order: PaperOrder) -> tuple[str, Decimal]:
        """What the rest of an order speaks for: base for a sell; for a buy its notional and the larger fee on it."""
        if order.request.side is Side.SELL:
            return self._instrument.base, order.remaining_base
        fee = max(self._maker_fee, ZERO if order.request.post_only else self._taker_fee, ZERO)
        return self._instrument.quote, order.remaining_base * order.request.price * (1 + fee)

    def _new_id(self, kind: str) -> str:
        """Unique across take-overs, since each holder has a token of its own; the same in every run of a rehearsal."""
        self._sequence += 1
        identity = self.runtime.identity
        return f"{kind}{identity.deployment_id:x}-{identity.token:x}-{self._sequence:x}"

    def _tell(self, report: OrderReport) -> None:
        for callback in tuple(self.on_order):
            callback(report)

    def _report(self, order: PaperOrder, ts_ns: int, reason: str = "") -> OrderReport:
        return OrderReport(
            ts_ns=ts_ns,
            client_order_id=order.request.client_order_id,
            venue_order_id=order.venue_order_id,
            symbol=order.request.symbol,
            side=order.request.side,
            price=order.request.price,
            size_base=order.request.size_base,
            filled_base=order.filled_base,
            status=order.status,
            reason=reason,
        )


def _as(kind: type[OrderReport], report: OrderReport) -> OrderReport:
    return kind(**msgspec.structs.asdict(report))


def _refused(report: OrderReport, kind: RefusalKind) -> PlaceRefused:
    return PlaceRefused(**msgspec.structs.asdict(report), kind=kind)
