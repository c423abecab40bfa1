"""The only door to a venue. Cancels go first, orders only with permission, and what was not answered is asked about.

Venues in this process (`immediate`) are awaited inside the tick. Calls to others run as tasks the container owns, so
that no venue's slowness holds up a tick or a halt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import msgspec

from engine.core.clock import Clock, earliest_ns, within
from engine.core.component import Secure, at_once
from engine.core.errors import AuthRejected, EngineError, NotReady, OutcomeUnknown, PermitLost, Refused
from engine.execution.activity import Activity, Answer, Rejection, Sent, Silence
from engine.execution.amending import Amending
from engine.execution.ids import OrderIds
from engine.execution.inquiry import Inquiry
from engine.execution.lifecycle import OrderEvent
from engine.execution.refusals import Refusals, grown
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import Amendment, Balance, Fill, OrderReport, OrderRequest, OrderStatus, Quote, RefusalKind
from engine.venues.base import Exchange, PlaceRefused, PlaceUnknown

T = TypeVar("T")


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep found out: whether the venue itself lists no order of ours any more."""

    clean: bool
    cancelled: int
    detail: str = ""


class Gateway:
    """Sends for one deployment in one market and keeps its tracker true.

    may_place()          why no order may be placed now, or an empty string; asked right before every send
    on_fill(fill)        hears of executions found by asking; may be told one twice
    on_trouble(reason)   hears that a person is needed: the venue refuses our credentials
    activity             is told what was sent, answered, refused and left unanswered
    on_foreign(ids)      hears of orders in our market on our account that are not this deployment's, once
    secure()             waits until the intent of what is about to be sent is durable; why it is not, or empty
    response_timeout_s   an order or cancel not answered for this long is unknown, and the venue is asked
    audit_every_s        how often the venue's open orders and executions are compared with ours without any doubt
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        tracker: OrderTracker,
        ids: OrderIds,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        may_place: Callable[[], str],
        on_fill: Callable[[Fill], None],
        on_trouble: Callable[[str], None],
        activity: Activity,
        on_foreign: Callable[[Sequence[str]], None] = lambda ids: None,
        secure: Secure = at_once,
        response_timeout_s: float,
        audit_every_s: float = 15.0,
    ) -> None:
        self.orders_sent = 0
        self.cancels_sent = 0
        self._exchange = exchange
        self._symbol = tracker.symbol
        self._tracker = tracker
        self._ids = ids
        self._clock = clock
        self._spawn = spawn
        self._may_place = may_place
        self._on_trouble = on_trouble
        self._activity = activity
        self._secure = secure
        self.inquiry = Inquiry(
            exchange=exchange,
            tracker=tracker,
            ids=ids,
            clock=clock,
            on_fill=on_fill,
            on_foreign=on_foreign,
            timeout_s=response_timeout_s,
        )
        self.amending = Amending(
            exchange=exchange, tracker=tracker, clock=clock, activity=activity, on_trouble=on_trouble
        )
        self._timeout_s = response_timeout_s
        self._held: dict[str, None] = {}
        """Ids of orders that wait to become durable: nothing of them has left this process."""
        self._placing = 0
        self._asking = False
        self._ask_again_at = 0.0
        self._audit_every_s = audit_every_s
        self._audit_at = clock.monotonic() + audit_every_s
        self._heard_ns, self._heard_at = clock.now_ns(), clock.monotonic()
        """Up to when every execution has been asked for."""
        self._unanswered_asks = 0
        self._refusals = Refusals()

    # Orders

    def ready(self, quotes: Sequence[Quote]) -> tuple[list[Quote], tuple[str, ...]]:
        """Those whose slot is free and not waiting after refusals, with a sentence for each that waits."""
        free = [quote for quote in quotes if self._tracker.at((quote.side, quote.level)) is None]
        return self._refusals.sort_out(free, self._clock.monotonic())

    async def place(self, quotes: Sequence[Quote]) -> None:
        """Send new orders into free slots, unless nothing may be placed now."""
        if self._may_place():
            return
        requests: list[OrderRequest] = []
        for quote in quotes:
            order = self._tracker.open(self._ids.next(), quote)
            requests.append(
                OrderRequest(
                    client_order_id=order.client_order_id,
                    symbol=self._symbol,
                    side=quote.side,
                    price=quote.price,
                    size_base=quote.size_base,
                )
            )
        if requests:
            await self._run(self._place(requests), "place")

    async def _place(self, requests: Sequence[OrderRequest]) -> None:
        orders = [order for request in requests if (order := self._tracker.find(request.client_order_id))]
        self._placing += 1
        answered: Sequence[OrderReport] = ()
        failure = "The venue did not answer the order."
        try:
            if why_not := await self._why_not_send(requests):
                self._reject(orders, why_not)
                return
            # What was cancelled while it waited has ended without ever leaving.
            waiting = {order.client_order_id: order for order in orders if order.status is OrderStatus.PENDING}
            orders = list(waiting.values())
            requests = [request for request in requests if request.client_order_id in waiting]
            if requests:
                self.orders_sent += len(requests)
                sent_at = self._clock.monotonic()
                self._tracker.leaves(orders)
                self._activity.sent.append(Sent(at=sent_at, orders=len(requests)))
                # Twice the time-out: for so long a request may arrive, and its answer is better late than never.
                answered = await self._bounded(self._exchange.place(requests), 2 * self._timeout_s)
                self._answered(sent_at)
        except Refused as error:
            self._reject(orders, str(error))
            now = self._clock.monotonic()
            self._activity.rejections.extend(Rejection(at=now, reason=str(error)) for _ in orders)
        except (NotReady, PermitLost) as error:
            self._reject(orders, str(error))
        except AuthRejected as error:
            self._reject(orders, str(error))
            self._on_trouble(str(error))
        except OutcomeUnknown as error:
            failure = str(error)
        except TimeoutError:
            failure = f"The venue did not answer the order within {2 * self._timeout_s:g} s."
        finally:
            # Also when the call was cancelled or broke in a way nobody foresaw: what may have arrived is unknown.
            self._placing -= 1
            for answer in answered:
                self._hear_placed(answer)
            told = {answer.client_order_id for answer in answered}
            for order in orders:
                if order.status is OrderStatus.PENDING and order.client_order_id not in told:
                    self._tracker.lose(order, failure)

    async def _why_not_send(self, requests: Sequence[OrderRequest]) -> str:
        """Make the intent durable before it leaves: the next holder must know what may still be arriving."""
        # Asked here and not only by the caller: a halt may have come between the tick and this task's turn.
        why_not = self._may_place()
        if why_not or self._exchange.immediate:
            return why_not
        ids = dict.fromkeys(request.client_order_id for request in requests)
        self._held |= ids
        try:
            if why_not := await self._secure():
                now = self._clock.monotonic()
                for order in filter(None, map(self._tracker.find, ids)):
                    self._refusals.add((order.side, order.level), why_not, now)
                return f"It was not sent: {why_not}"
        finally:
            for client_order_id in ids:
                self._held.pop(client_order_id, None)
        return self._may_place()

    def hear(self, report: OrderReport) -> None:
        """Take what the venue tells without being asked. It may also refuse now what it took at first."""
        order = self._tracker.find(report.client_order_id)
        if order is None:
            return
        was_refused = order.status is OrderStatus.REJECTED
        self._tracker.hear(report)
        if order.status is OrderStatus.REJECTED and not was_refused:
            self._count_refusal(order, report)

    def _hear_placed(self, answer: OrderReport) -> None:
        order = self._tracker.find(answer.client_order_id)
        if order is None:
            return
        if isinstance(answer, PlaceUnknown):
            if order.status is OrderStatus.PENDING:
                self._tracker.lose(order, answer.reason or "The venue gave no clear answer to the order.")
        elif isinstance(answer, PlaceRefused):
            if order.status is not OrderStatus.REJECTED:
                self._tracker.conclude(order, OrderEvent.REJECTED, answer.reason)
                self._count_refusal(order, answer)
        else:
            self._tracker.hear(answer)
            self._refusals.forget((order.side, order.level))

    def _count_refusal(self, order: TrackedOrder, report: OrderReport) -> None:
        now = self._clock.monotonic()
        kind = report.kind if isinstance(report, PlaceRefused) else RefusalKind.OTHER
        self._activity.rejections.append(Rejection(at=now, reason=report.reason, kind=kind))
        self._refusals.add((order.side, order.level), report.reason, now)

    def _answered(self, sent_at: float) -> None:
        now = self._clock.monotonic()
        self._activity.answers.append(Answer(at=now, seconds=now - sent_at))

    def _reject(self, orders: Collection[TrackedOrder], reason: str) -> None:
        for order in orders:
            self._tracker.conclude(order, OrderEvent.REJECTED, reason)

    # Amendments

    async def amend(self, too_large: Sequence[tuple[TrackedOrder, Decimal]]) -> None:
        """Make orders smaller in their place: each to what is wanted of it beside what has filled."""
        if not self._may_place():
            await self._run(self._amend(self.amending.intend(too_large)), "amend")

    async def _amend(self, amendments: Sequence[Amendment]) -> None:
        # Asked here and not only by the caller: a halt may have come between the tick and this task's turn.
        why_not = self._may_place()
        await self.amending.send(amendments, why_not, bounded=partial(self._bounded, within_s=self._timeout_s))

    # Cancels

    async def cancel(self, orders: Collection[TrackedOrder]) -> None:
        """Send cancels. They need no permit: they name our own orders and only ever lower the risk."""
        if sent := [order for order in self._withdraw(orders) if not self._was_just_cancelled(order)]:
            self._tracker.cancel_sent(sent)
            self.cancels_sent += len(sent)
            await self._run(self._cancel([order.client_order_id for order in sent]), "cancel")

    def _was_just_cancelled(self, order: TrackedOrder) -> bool:
        """Whether the venue has lately been told to cancel it, and nothing was seen of it since: it is asked about,
        and to repeat the cancel with every tick would only cost the rate.
        """
        if order.status is not OrderStatus.UNKNOWN or order.cancel_sent_at is None:
            return False
        now = self._clock.monotonic()
        return order.seen_at <= order.cancel_sent_at and now - order.cancel_sent_at < self._timeout_s

    def _withdraw(self, orders: Collection[TrackedOrder]) -> list[TrackedOrder]:
        """End what has not left yet, without a word to the venue; returns the others."""
        for order in orders:
            if order.client_order_id in self._held:
                self._tracker.conclude(order, OrderEvent.REJECTED, "It was withdrawn before it was sent.")
        return [order for order in orders if order.client_order_id not in self._held]

    async def _cancel(self, client_order_ids: Sequence[str]) -> None:
        sent_at = self._clock.monotonic()
        self._activity.sent.append(Sent(at=sent_at, cancels=len(client_order_ids)))
        try:
            answers = await self._bounded(self._exchange.cancel(self._symbol, client_order_ids), 2 * self._timeout_s)
            self._answered(sent_at)
        except (EngineError, TimeoutError) as error:
            # Whatever kept the cancel from being carried out, the orders may rest or may have filled.
            for order in filter(None, map(self._tracker.find, client_order_ids)):
                self._tracker.lose(order, f"The cancel failed: {str(error) or 'no answer in time'}")
            if isinstance(error, AuthRejected):
                self._on_trouble(str(error))
            return
        for answer in answers:
            self._tracker.hear(answer, asked=True)

    # Doubt

    async def settle(self) -> None:
        """Turn what was not answered in time into unknown, and ask the venue about all that is."""
        now = self._clock.monotonic()
        if self._tracker.all_rest():
            if now >= self._audit_at and not self._asking and now >= self._ask_again_at:
                await self._run(self._ask_once(is_audit=True), "audit")
            return
        for order in list(self._tracker.working()):
            waits = order.status in (OrderStatus.PENDING, OrderStatus.CANCELLING)
            if waits and order.client_order_id not in self._held and now - order.status_at > self._timeout_s:
                self._activity.silences.append(Silence(at=now, what=f"{order.status} {order.client_order_id}"))
                self._tracker.lose(order, f"The venue did not answer within {self._timeout_s:g} s.")
        self.amending.give_up(now - self._timeout_s)
        self._give_up_on_lost_executions(now)
        if self._asking or now < self._ask_again_at:
            return
        if self._is_audit_due(now):
            await self._run(self._ask_once(is_audit=True), "audit")
        elif self._tracker.in_doubt():
            await self._run(self._ask_once(), "ask")

    def _is_audit_due(self, now: float) -> bool:
        """At a quiet moment, or without one when none comes. A venue in this process hides nothing from us, and a
        question would hasten what is on its way there."""
        overdue = now >= self._audit_at + self._audit_every_s and not self._exchange.immediate
        return overdue or (now >= self._audit_at and self._tracker.all_rest())

    def _give_up_on_lost_executions(self, now: float) -> None:
        """A venue that reports an execution and never lists it leaves the position unknown: a person must look."""
        for order in self._tracker.unbooked():
            if now - order.status_at > _EXECUTIONS_WITHIN_S:
                missing = order.filled_base - order.booked_base
                self._tracker.write_off(order)
                self._on_trouble(
                    f"The venue says that {missing} more of order {order.client_order_id} filled, but has not listed "
                    f"the execution for {_EXECUTIONS_WITHIN_S:g} s: the position may be wrong by it."
                )

    async def _ask_once(self, *, is_audit: bool = False) -> None:
        self._asking = True
        try:
            asked_at, asked_ns = self._clock.monotonic(), self._clock.now_ns()
            since_ns = earliest_ns(self._clock, ts_ns=self._heard_ns, at=self._heard_at) if is_audit else None
            listed = await self._bounded(self.inquiry.ask(self._tracker.in_doubt(), since_ns=since_ns))
            self._miss(asked_at, listed)
            self._unanswered_asks = 0
            if is_audit:
                self._audit_at = asked_at + self._audit_every_s
                self._heard_ns, self._heard_at = asked_ns, asked_at
        except (EngineError, TimeoutError) as error:
            self._unanswered_asks += 1
            if isinstance(error, AuthRejected):
                self._on_trouble(str(error))
        finally:
            self._asking = False
            wait_s = grown(self._timeout_s, self._unanswered_asks) / 2
            self._ask_again_at = self._clock.monotonic() + wait_s

    def _miss(self, asked_at: float, listed: Collection[str]) -> None:
        """Put in doubt what we take for resting and the venue does not list: its last word did not reach us."""
        for order in list(self._tracker.working()):
            quiet_s = asked_at - order.status_at
            if order.rests and order.client_order_id not in listed and quiet_s > self._timeout_s:
                self._tracker.lose(order, "The venue no longer lists it among the open orders.")

    async def balances(self) -> Mapping[str, Balance]:
        """What the account holds. Raises the venue's EngineError, NotReady also when it does not answer."""
        try:
            return await self._bounded(self._exchange.balances())
        except TimeoutError:
            raise NotReady(f"The venue did not answer within {self._timeout_s:g} s.") from None

    # Proof

    async def sweep(self, *, within_s: float, since_ns: int | None = None) -> Proof:
        """Cancel everything of ours and ask until the venue lists nothing, at most for `within_s`.

        since_ns: also hear of every execution since then. Orders are named one by one: the account may hold others'
        orders, and they are none of our business.
        """
        began, began_here = self._clock.monotonic(), time.monotonic()
        cancelled: dict[str, None] = {}
        wait_s = 0.005
        while True:
            working = list(self._tracker.working())
            cancelled.update((order.client_order_id, None) for order in working)
            try:
                await self._cancel_again(working)
                about = [*self._tracker.working(), *self._tracker.in_doubt()]
                resting = await self._bounded(self.inquiry.ask(about, since_ns=since_ns))
                detail = self._what_is_left(resting)
            except (EngineError, TimeoutError) as error:
                detail = f"The venue could not be asked: {str(error) or 'no answer in time'}."
            if not detail:
                return Proof(clean=True, cancelled=len(cancelled))
            elapsed = max(self._clock.monotonic() - began, time.monotonic() - began_here)
            if elapsed >= within_s:
                return Proof(clean=False, cancelled=len(cancelled), detail=detail)
            wait_s = min(wait_s * 2, 0.5, within_s - elapsed)
            await self._pause(wait_s)

    async def _pause(self, seconds: float) -> None:
        """Wait by the clock, yet never longer than that here: a recording's clock may have stopped for good."""
        waiting = asyncio.ensure_future(self._clock.sleep_until(self._clock.monotonic() + seconds))
        await asyncio.wait({waiting}, timeout=seconds)
        waiting.cancel()

    async def _cancel_again(self, orders: Collection[TrackedOrder]) -> None:
        """Cancel whatever is not being cancelled already, or has been for too long."""
        now = self._clock.monotonic()
        again = [
            order
            for order in self._withdraw(orders)
            if order.status is not OrderStatus.CANCELLING or now - order.status_at > self._timeout_s
        ]
        if again:
            self._tracker.cancel_sent(again)
            self.cancels_sent += len(again)
            await self._bounded(self._cancel([order.client_order_id for order in again]))

    def _what_is_left(self, resting: Collection[str]) -> str:
        if resting:
            return f"Still listed by the venue: {', '.join(resting)}."
        if self._placing:
            return "An order is on its way to the venue and has not been answered."
        left = [order.client_order_id for order in self._tracker.working()]
        return f"Not yet accounted for by the venue: {', '.join(left)}." if left else ""

    async def _bounded(self, call: Coroutine[Any, Any, T], within_s: float | None = None) -> T:
        """Await a venue's answer for no longer than the response timeout. Raises TimeoutError."""
        if self._exchange.immediate:
            return await call
        return await within(self._timeout_s if within_s is None else within_s, call, clock=self._clock)

    async def _run(self, call: Coroutine[Any, Any, None], what: str) -> None:
        if self._exchange.immediate:
            await call
        else:
            self._spawn(call, f"{what} {self._symbol}")


_EXECUTIONS_WITHIN_S = 60.0
