"""Executors: the live one sends, the dry-run one (shadow mode) only shows what it would have sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Protocol, runtime_checkable

from engine.core.component import Component
from engine.core.decimals import ONE
from engine.core.params import Collaborator, Flag, Seconds, Share, Symbol
from engine.execution.activity import Activity
from engine.execution.dead_mans_switch import DeadMansSwitch
from engine.execution.diff import Plan
from engine.execution.fills import since_of
from engine.execution.gateway import Gateway, Proof
from engine.execution.ids import OrderIds
from engine.execution.lifecycle import OrderEvent
from engine.execution.tracker import OrderTracker
from engine.market.types import Balance, Fill, OrderReport, OrderStatus, Quote
from engine.metrics.events import Notice, OrderChanged, QuotesSimulated
from engine.venues.base import Exchange, MarketSource

Admit = Callable[[Sequence[Quote]], tuple[tuple[Quote, ...], tuple[str, ...]]]
"""The guard's last word on what is about to be sent: (admitted, a sentence for each that is not)."""


class Desk(Protocol):
    """What an executor asks of the service it works for."""

    activity: Activity

    def may_place(self) -> str:
        """Why no order may be placed now; empty when one may."""
        ...

    def on_fill(self, fill: Fill) -> None: ...

    def on_trouble(self, reason: str) -> None:
        """A person is needed: stop."""
        ...

    def on_room(self) -> None:
        """A slot came free: requote at once."""
        ...


@runtime_checkable
class Executor(Protocol):
    """Makes what rests equal to what is wanted. It knows the orders; the service knows why."""

    share: Decimal
    """The part of every wanted size that is really meant; one but for a canary."""

    @property
    def immediate(self) -> bool:
        """Whether its calls never wait for a network."""
        ...

    @property
    def orders_sent(self) -> int: ...

    @property
    def cancels_sent(self) -> int: ...

    def attach(self, desk: Desk) -> OrderTracker:
        """Called once by the service, before anything else. Returns the orders it keeps, for reading."""
        ...

    async def carry_out(self, plan: Plan, admit: Admit) -> tuple[str, ...]:
        """Cancel, then place what is admitted and whose slot is free; returns a sentence for each order held back."""
        ...

    async def settle(self) -> None:
        """Resolve what the venue has left unanswered. Called every tick."""
        ...

    async def cancel_all(self) -> None:
        """Send a cancel for every order, without waiting for more than an immediate venue's answer."""
        ...

    async def take_over(self, within_s: float) -> Proof:
        """Before the first quote: cancel whatever an earlier holder left resting."""
        ...

    async def sweep(self, within_s: float) -> Proof:
        """Cancel everything of ours and prove at the venue that nothing rests."""
        ...

    async def balances(self) -> Mapping[str, Balance]:
        """The account's balances by asset; empty when there is no account."""
        ...


class Live(Component):
    """Send orders to the venue."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        symbol: Annotated[str, Symbol(help="Market to trade")],
        response_timeout_s: Annotated[
            Decimal, Seconds(gt=0, le=60, help="An order or cancel not answered for this long is unknown")
        ] = Decimal(5),
        audit_every_s: Annotated[
            Decimal, Seconds(ge=1, help="Compare our orders with the venue's list of open orders this often")
        ] = Decimal(15),
        max_order_age_s: Annotated[
            Decimal, Seconds(ge=1, help="Replace an order that has rested for this long")
        ] = Decimal(1800),
        dead_mans_switch: Annotated[
            DeadMansSwitch | None, Collaborator(help="Clears the venue when this process falls silent")
        ] = None,
        amend_in_place: Annotated[
            bool,
            Flag(help="Reduce an order that is too large without losing its place, where the venue can", live=True),
        ] = False,
        share: Annotated[Decimal, Share(gt=0, live=True, help="Part of each wanted size that is really sent")] = ONE,
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.share = share
        self.max_order_age_s = max_order_age_s
        self.dead_mans_switch = dead_mans_switch
        self.response_timeout_s = response_timeout_s
        self.audit_every_s = audit_every_s
        self.amend_in_place = amend_in_place
        self._gateway: Gateway | None = None
        self._waiting = False
        self._caught_up = False
        self._renew_at = 0.0

    @property
    def immediate(self) -> bool:
        return self.exchange.immediate

    @property
    def orders_sent(self) -> int:
        return self._gateway.orders_sent if self._gateway else 0

    @property
    def cancels_sent(self) -> int:
        return self._gateway.cancels_sent if self._gateway else 0

    def attach(self, desk: Desk) -> OrderTracker:
        runtime = self.runtime
        self.tracker = OrderTracker(symbol=self.symbol, clock=runtime.clock, on_changed=runtime.record)
        self._gateway = Gateway(
            exchange=self.exchange,
            tracker=self.tracker,
            ids=OrderIds(
                deployment_id=runtime.identity.deployment_id,
                token=runtime.identity.token,
                now_ns=runtime.clock.now_ns(),
                lane=runtime.take_lane(),
            ),
            clock=runtime.clock,
            spawn=runtime.spawn,
            may_place=desk.may_place,
            on_fill=desk.on_fill,
            on_trouble=desk.on_trouble,
            activity=desk.activity,
            on_foreign=self._tell_of_foreign,
            secure=runtime.secure,
            response_timeout_s=float(self.response_timeout_s),
            audit_every_s=float(self.audit_every_s),
        )
        self._desk = desk
        self.exchange.on_fill.append(desk.on_fill)
        self.exchange.on_order.append(self._hear)
        if self.dead_mans_switch is not None:
            self.dead_mans_switch.attach(desk, self.tracker, self.exchange)
        return self.tracker

    async def unload(self) -> None:
        if self._gateway is not None:
            self.exchange.on_fill.remove(self._desk.on_fill)
            self.exchange.on_order.remove(self._hear)
            self._gateway = None

    async def carry_out(self, plan: Plan, admit: Admit) -> tuple[str, ...]:
        if plan.too_large and self.amend_in_place:
            plan = await self._amend(plan)
        await self._open.cancel(plan.cancel)
        ready, notes = self._open.ready(plan.place)
        self._waiting = len(ready) < len(plan.place)
        if not ready:
            return notes
        admitted, refused = admit(ready)
        await self._open.place(admitted)
        return notes + refused

    async def _amend(self, plan: Plan) -> Plan:
        """Make smaller what is merely too large, where the venue can; returns what is left to do.

        The guard has reviewed the size among this tick's quotes; that it is less than what rests needs no second leave.
        """
        if self._desk.may_place() or not self._open.amending.is_offered:
            return plan
        await self._open.amend(plan.too_large)
        slots = {order.slot for order, _ in plan.too_large}
        return Plan(
            cancel=tuple(order for order in plan.cancel if order.slot not in slots),
            place=tuple(quote for quote in plan.place if (quote.side, quote.level) not in slots),
        )

    async def settle(self) -> None:
        await self._open.settle()
        await self._renew()

    async def _renew(self) -> None:
        """Take down what has rested for too long; its slot is quoted anew as soon as it is free (Q13)."""
        now = self.runtime.clock.monotonic()
        if now < self._renew_at:
            return
        self._renew_at = now + 1
        oldest = now - float(self.max_order_age_s)
        if old := [order for order in self.tracker.slots().values() if order.rests and order.created_at <= oldest]:
            self._waiting = True
            await self._open.cancel([order for order in old if order.status is not OrderStatus.CANCELLING])

    async def cancel_all(self) -> None:
        await self._open.cancel(self.tracker.uncancelled())

    async def take_over(self, within_s: float) -> Proof:
        restore, since_ns = self.runtime.restore, None
        if restore is not None and not self._caught_up:
            # Once in a life: what a lost holder did not live to record is asked for; from then on we hear ourselves.
            since_ns = since_of(restore, 0)
            for report in restore.orders:
                self._open.inquiry.take_up(
                    report, booked_base=restore.booked_base.get(report.client_order_id, report.filled_base)
                )
        within_s = max(within_s, self._open.inquiry.doubt_lasts_s + 1)
        proof = await self._open.sweep(within_s=within_s, since_ns=since_ns)
        self._caught_up = self._caught_up or proof.clean
        return proof

    async def sweep(self, within_s: float) -> Proof:
        return await self._open.sweep(within_s=within_s)

    async def balances(self) -> Mapping[str, Balance]:
        return await self._open.balances()

    @property
    def _open(self) -> Gateway:
        assert self._gateway is not None, "attach() comes first"
        return self._gateway

    def _tell_of_foreign(self, ids: Sequence[str]) -> None:
        some = ", ".join(ids[:3]) + (" …" if len(ids) > 3 else "")
        text = (
            f"{len(ids)} open orders in {self.symbol} on this account are not this deployment's ({some}); left alone."
        )
        self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level="warning", text=text))

    def _hear(self, report: OrderReport) -> None:
        if report.symbol != self.symbol:
            return
        self._open.hear(report)
        if self._waiting and report.status.is_final:
            self._waiting = False
            self._desk.on_room()


class DryRun(Component):
    """Send nothing: keep the orders that would rest, and publish them. Every check runs as if they were real (Q10)."""

    immediate = True
    share = ONE

    def __init__(
        self, *, exchange: MarketSource, symbol: Annotated[str, Symbol(help="Market that would be traded")]
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.orders_sent = 0
        self.cancels_sent = 0

    def attach(self, desk: Desk) -> OrderTracker:
        self._desk = desk
        self._sequence = 0
        self.tracker = OrderTracker(symbol=self.symbol, clock=self.runtime.clock, on_changed=_ignore)
        return self.tracker

    async def carry_out(self, plan: Plan, admit: Admit) -> tuple[str, ...]:
        self._end(plan)
        free = [quote for quote in plan.place if self.tracker.at((quote.side, quote.level)) is None]
        admitted, notes = admit(free)
        if not self._desk.may_place():
            for quote in admitted:
                self._sequence += 1
                order = self.tracker.open(f"simulated-{self._sequence}", quote)
                # Open, yet never confirmed by a venue: own depth and KPIs do not count it.
                self.tracker.conclude(order, OrderEvent.ACCEPTED, "simulated")
        self._publish()
        return notes

    async def settle(self) -> None:
        """Nothing is ever in doubt."""

    async def cancel_all(self) -> None:
        self._end(Plan(cancel=tuple(self.tracker.working())))
        self._publish()

    async def take_over(self, within_s: float) -> Proof:
        return Proof(clean=True, cancelled=0)

    async def sweep(self, within_s: float) -> Proof:
        resting = tuple(self.tracker.working())
        self._end(Plan(cancel=resting))
        if resting:
            self._publish()
        return Proof(clean=True, cancelled=len(resting))

    async def balances(self) -> Mapping[str, Balance]:
        return {}

    def _end(self, plan: Plan) -> None:
        for order in plan.cancel:
            self.tracker.conclude(order, OrderEvent.CANCELLED, "simulated")

    def _publish(self) -> None:
        quotes = tuple(
            Quote(side=order.side, level=order.level, price=order.price, size_base=order.size_base)
            for order in self.tracker.working()
        )
        self.runtime.record(QuotesSimulated(ts_ns=self.runtime.clock.now_ns(), symbol=self.symbol, quotes=quotes))


def _ignore(_: OrderChanged) -> None:
    """Simulated orders are no orders: the record of orders must not hold them."""
