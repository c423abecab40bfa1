"""marketmaking: the tick service. Price → strategy → modifiers → guard → diff → executor, and the way in and out.

Anything that cannot be trusted takes the quotes down: no reference price, a feed in trouble, a lost permit, an
exception. A halt never waits for a tick: it changes the state at once, after which nothing is placed, and cancels by
itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated

from engine.accounting.account import Account
from engine.accounting.rates import Rates
from engine.accounting.reconcile import Reconciler
from engine.core.component import Component
from engine.core.errors import EngineError, NotReady, OutcomeUnknown
from engine.core.params import Bps, Millis, Share, Symbol
from engine.core.scheduler import Job
from engine.core.states import State, StateMachine, Trigger
from engine.execution.activity import Activity, OwnFill
from engine.execution.diff import Tolerance, difference
from engine.execution.fills import OwnFills
from engine.market.rounding import Rounding
from engine.market.types import Fill, NoPrice, Price, Quote, QuoteSet
from engine.marketmaking.base import Modifier, PriceProvider, QuoteContext, QuotingStrategy, Trip
from engine.marketmaking.draft import post
from engine.marketmaking.executors import Executor
from engine.marketmaking.explainer import Explainer, Trace
from engine.metrics.events import HaltCompleted, Notice, RiskTriggered, StateChanged
from engine.metrics.reporter import Reporter
from engine.risk.base import Guard, KillSwitch, RiskState
from engine.venues.base import MarketFeed, MarketSource
from engine.venues.capabilities import MeasuresClock, offered

SWEEP_S = 5.0
"""How long a pause or a halt tries before it says that the venue is not proven clean, and goes on trying."""

STUCK_S = 5.0
"""A tick that has not ended by then waits for something that does not come, while its quotes rest unattended."""

BALANCES_EVERY_S = 10.0
"""Balances also change without a fill of ours: deposits, withdrawals, another deployment on the account."""

_CLEARING = frozenset({State.PAUSING, State.HALTING})
_TICKING = frozenset({State.ACTIVE, State.PAUSED, State.HALTED})
_SETTLED = frozenset({State.PAUSED, State.HALTED, State.FAULTED})


class MarketMaking(Component):
    """Quote one market on a fixed interval."""

    def __init__(
        self,
        *,
        exchange: MarketSource,
        symbol: Annotated[str, Symbol(help="Market to quote")],
        price: PriceProvider,
        strategy: QuotingStrategy,
        guard: Guard,
        killswitch: KillSwitch,
        executor: Executor,
        modifiers: Sequence[Modifier] = (),
        interval_ms: Annotated[int, Millis(ge=10, le=60_000, help="Time from tick to tick")] = 1000,
        price_threshold_bps: Annotated[
            Decimal, Bps(ge=0, help="Replace an order only when its wanted price moved this far")
        ] = Decimal(5),
        size_threshold_share: Annotated[
            Decimal, Share(help="Replace an order when what is left of it differs this much from the wanted size")
        ] = Decimal("0.5"),
        rates: Mapping[str, PriceProvider] = MappingProxyType({}),
        reconcile: Reconciler | None = None,
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.price = price
        self.strategy = strategy
        self.guard = guard
        self.killswitch = killswitch
        self.executor = executor
        self.modifiers = tuple(modifiers)
        self.interval_ms = interval_ms
        self.rates = rates
        self.reconcile = reconcile
        self.tolerance = Tolerance(price_bps=price_threshold_bps, size_share=size_threshold_share)
        self.machine = StateMachine(self._state_changed)
        self.quotes = QuoteSet(reason="not started")
        """What the last tick allowed to rest, or why nothing."""
        self.notes: tuple[str, ...] = ()
        self.activity = Activity()
        self.tick_us = 0.0
        self.job: Job | None = None
        self._mark: Decimal | None = None
        self._left = ""
        self._ticking = False
        self._between: list[Callable[[], None]] = []
        self._requested_ns = 0
        self._swept = asyncio.Event()
        self._resets = 0
        self._balances_due = 0.0
        self._balances: asyncio.Task[None] | None = None
        self._loaded = False
        self._clearing: asyncio.Task[None] | None = None
        self.explainer = Explainer(self)

    # Life

    async def load(self) -> None:
        runtime = self.runtime
        self.feed: MarketFeed = self.exchange.feed(self.symbol)
        instrument = self.feed.instrument
        self.account = Account(instrument, restore=runtime.restore)
        self._rounding = Rounding(instrument)
        self._venue_clock = offered(self.exchange, MeasuresClock)
        before_ns = runtime.clock.now_ns()
        self.tracker = self.executor.attach(self)
        if self.tracker.symbol != self.symbol:
            # Its orders would go to one market at the prices of another.
            raise NotReady(f"{self.name} quotes {self.symbol}, but its executor trades {self.tracker.symbol}.")
        self._own_fills = OwnFills(
            account=self.account,
            tracker=self.tracker,
            identity=runtime.identity,
            restore=runtime.restore,
            now_ns=before_ns,
            record=runtime.record,
            rates=Rates(instrument, self.rates),
        )
        self.job = runtime.scheduler.every(
            self.interval_ms / 1000, self.tick, name=f"tick {self.symbol}", patience_s=STUCK_S
        )
        self.reporter = Reporter(self, view_every_s=0.2 if self.interval_ms < 500 else 0.5)
        self.reporter.schedule()
        if self.rates:
            runtime.scheduler.every(1.0, self._price_fees, name=f"fees {self.symbol}")
        if self.reconcile is not None:
            self.reconcile.attach(self)
        self._loaded = True
        await self._refresh_balances()

    async def unload(self) -> None:
        if not self._loaded:
            return
        self._loaded = False
        if self.machine.state in (State.STARTING, State.ACTIVE):
            await self.pause("the engine is stopping")
        elif any(self.tracker.working()):
            self._left = (await self.executor.sweep(SWEEP_S)).detail
        self.reporter.sample()
        if self._left:
            # Whoever unloads us must not take this for a clean farewell: nobody here goes on trying.
            raise OutcomeUnknown(f"Some orders may still rest on {self.symbol}: {self._left}")

    # Commands

    async def start(self, reason: str) -> None:
        if self.machine.state in (State.STARTING, State.ACTIVE):
            return
        self.machine.fire(Trigger.START, reason)
        if self._clearing is not None:
            self._clearing.cancel()
        try:
            await self._come_up(reason)
        except EngineError as error:
            if self._still(State.STARTING):
                await self.pause(f"Not started: {error}")
            raise

    async def _come_up(self, reason: str) -> None:
        refusal = self._forbidden() or await self._make_ready()
        if not self._still(State.STARTING):
            return  # paused or halted meanwhile
        # Asked again: a kill may have come while the venue was answering.
        if refusal := refusal or self._forbidden():
            await self.pause(f"Not started: {refusal}")
            return
        if trip := self.killswitch.check(self._risk_state()):
            self._trip(trip)
            return
        self.machine.fire(Trigger.STARTED, reason)

    async def _make_ready(self) -> str:
        """Leave nothing of an earlier holder and look at the account; returns why that failed, or nothing."""
        if detail := await self._take_over():
            return detail
        try:
            await self.account.refresh(self.executor.balances, self.tracker.live.values())
        except EngineError as error:
            return f"The balances could not be read: {error}"
        if self.reconcile is not None:
            self.reconcile.start_from(self.account.balances)
        return ""

    async def clear_leftovers(self) -> None:
        if detail := await self._take_over():
            self._notice("error", f"Some orders of an earlier holder may still rest on {self.symbol}: {detail}")
            self._clearing = self.runtime.spawn(self._clear_leftovers(), f"clear {self.symbol}")

    async def _clear_leftovers(self) -> None:
        """Go on until the venue confirms it, or a command brings a clearing of its own."""
        while self._still(State.PAUSED):
            await self.runtime.clock.sleep_until(self.runtime.clock.monotonic() + 1)
            if self._still(State.PAUSED) and not await self._take_over():
                return

    async def _take_over(self) -> str:
        """Cancel what an earlier holder left; why that is not certain to have worked, or empty."""
        proof = await self.executor.take_over(SWEEP_S)
        self._left = proof.detail
        if proof.clean and proof.cancelled:
            self._notice("info", f"Cancelled {proof.cancelled} orders left by an earlier holder.")
        return proof.detail

    async def pause(self, reason: str) -> None:
        if self.machine.can(Trigger.PAUSE):
            self._leave(Trigger.PAUSE, reason)
            await self._clear(State.PAUSING)
        elif self.machine.state in _CLEARING:
            await self._swept.wait()

    async def halt(self, reason: str) -> None:
        if self.machine.can(Trigger.HALT):
            self._leave(Trigger.HALT, reason)
            await self._clear(State.HALTING)
        elif self.machine.state in _CLEARING:
            await self._swept.wait()
        else:
            self._requested_ns = self.runtime.clock.now_ns()
            await self._clear(State.HALTED)  # asked again: proven again

    async def reset(self, reason: str) -> None:
        if self.machine.state in (State.HALTED, State.FAULTED):
            self._resets += 1
            self.machine.fire(Trigger.RESET, reason)

    def _leave(self, trigger: Trigger, reason: str) -> None:
        """From here on nothing is placed."""
        self._requested_ns = self.runtime.clock.now_ns()
        self._swept.clear()
        self.machine.fire(trigger, reason)
        self.quotes, self.notes = QuoteSet(reason=reason), ()

    async def _clear(self, state: State) -> None:
        """Take everything down and leave PAUSING or HALTING once the venue confirms it, however long that takes."""
        try:
            clean = await self._prove_clean(state)
        finally:
            self._swept.set()
        if not clean:
            self._notice("error", f"Some orders may still rest on {self.symbol}: {self._left}")
            self.runtime.spawn(self._clear_until_clean(state), f"clear {self.symbol}")

    async def _clear_until_clean(self, state: State) -> None:
        while self._still(state) and self._loaded:
            await self.runtime.clock.sleep_until(self.runtime.clock.monotonic() + 1)
            if self._still(state) and await self._prove_clean(state, quietly=True):
                return

    async def _prove_clean(self, state: State, *, quietly: bool = False) -> bool:
        proof = await self.executor.sweep(SWEEP_S)
        self._left = proof.detail
        if proof.clean or not quietly:
            self.runtime.record(
                HaltCompleted(
                    requested_ns=self._requested_ns,
                    completed_ns=self.runtime.clock.now_ns(),
                    orders_cancelled=proof.cancelled,
                    proven_clean=proof.clean,
                    detail=proof.detail,
                )
            )
        if proof.clean and self._still(state) and self.machine.can(Trigger.CLEAN):
            self.machine.fire(Trigger.CLEAN, self.machine.reason)
        return proof.clean

    # The tick

    async def tick(self) -> None:
        """One turn: quote while ACTIVE, look after what may turn up while PAUSED or HALTED."""
        if self._ticking or self.machine.state not in _TICKING:
            return
        self._ticking = True
        began = time.perf_counter()
        try:
            await (self._turn() if self.machine.may_quote else self._stand_by())
        finally:
            self._ticking = False
            self.tick_us = (time.perf_counter() - began) * 1e6
            for act in self._between:
                act()
            self._between.clear()

    async def between_ticks(self, act: Callable[[], None]) -> None:
        """Parameters change here: a quote must not be wanted by one set of them and admitted by another."""
        if not self._ticking:
            act()
            return
        done = asyncio.get_running_loop().create_future()

        def at_the_end() -> None:
            act()
            if not done.done():
                done.set_result(None)

        self._between.append(at_the_end)
        await done

    async def _stand_by(self) -> None:
        """Nothing of ours should rest now. What comes up all the same, a request long given up, say, is cancelled."""
        if self._not_permitted() or (self._clearing is not None and not self._clearing.done()):
            return
        if self.explainer.due:
            self.explainer.stand_by(self._moment)
        await self.executor.settle()
        if self.tracker.uncancelled() and not self.machine.may_quote:
            await self.executor.cancel_all()

    async def _turn(self) -> None:
        await self.executor.settle()
        await self._keep_balances()
        state = self._risk_state()
        if trip := self.killswitch.check(state):
            self._trip(trip)
            return
        trace = self.explainer.begin((state, self._price)) if self.explainer.due else None
        quotes = self._wanted(state, trace)
        plan = difference(quotes, self.tracker, self.tolerance)
        if trace is not None:
            trace.plans(quotes, plan)
        notes = quotes.notes
        if not plan.is_empty and self.machine.may_quote:
            notes += await self.executor.carry_out(plan, self._admit)
        if trace is not None:
            trace.ends(quotes, notes[len(quotes.notes) :])
        if self.machine.may_quote:
            self.quotes, self.notes = quotes, notes

    def _wanted(self, state: RiskState, trace: Trace | None = None) -> QuoteSet:
        if why_not := self._not_permitted():
            return QuoteSet(reason=why_not)
        if self.feed.problem:
            return QuoteSet(reason=f"The feed from {self.feed.source} is in trouble: {self.feed.problem}.")
        if isinstance(self._price, NoPrice):
            return QuoteSet(reason=self._price.reason)
        context = QuoteContext(
            ts_ns=state.ts_ns,
            monotonic=state.monotonic,
            instrument=self.feed.instrument,
            rounding=self._rounding,
            feed=self.feed,
            reference=self._price,
            inventory=self.account.inventory(),
            orders=state.orders,
            activity=self.activity,
            tolerance=self.tolerance,
        )
        draft = self.strategy.draft(context)
        if trace is not None:
            trace.drafted(draft, context)
        for modifier in self.modifiers:
            modifier.adjust(draft, context)
            if trace is not None:
                trace.adjusted(modifier, draft, context)
        wanted = post(draft, self._rounding, share=self.executor.share)
        allowed = self.guard.review(wanted, state)
        if trace is not None:
            trace.reviewed(wanted, allowed)
        return allowed

    def _admit(self, quotes: Sequence[Quote]) -> tuple[tuple[Quote, ...], tuple[str, ...]]:
        # Looked at afresh: a cancel that was just awaited may have come back as a fill.
        return self.guard.admit(quotes, self._risk_state())

    def _risk_state(self) -> RiskState:
        clock = self.runtime.clock
        reference = self._reference()
        if self._venue_clock is not None:
            self.activity.skew_s = self._venue_clock.clock_skew_s()
        return RiskState(
            ts_ns=clock.now_ns(),
            monotonic=clock.monotonic(),
            state=self.machine.state,
            feed=self.feed,
            reference=reference,
            mark=self._mark,
            position_base=self.account.position.base,
            total_pnl_quote=self.account.total_quote(self._mark),
            orders=self.tracker.live.values(),
            exposure=self.tracker.exposure(),
            activity=self.activity,
            balances=self.account.balances,
            resets=self._resets,
        )

    def _moment(self) -> tuple[RiskState, Price | NoPrice]:
        return self._risk_state(), self._price

    def _reference(self) -> Decimal | None:
        self._price: Price | NoPrice = self.price.price()
        if isinstance(self._price, NoPrice):
            return None
        self._mark = self._price.value
        return self._mark

    # What executors ask and tell

    def may_place(self) -> str:
        if not self.machine.may_quote:
            return f"The deployment is {self.machine.state}: {self.machine.reason}"
        return self._not_permitted()

    def on_fill(self, fill: Fill) -> None:
        record = self._own_fills.book(fill, mid=self._reference())
        if record is None:
            return
        order = self.tracker.find(fill.client_order_id)
        self.activity.fills.append(
            OwnFill(
                at=self.runtime.clock.monotonic(),
                fill=fill,
                mid=record.mid,
                level=order.level if order else None,
                completes=order is None or order.booked_base >= order.size_base,
            )
        )
        if trip := self.killswitch.check(self._risk_state()):
            self._trip(trip)
        elif self.activity.fills[-1].completes:
            self.on_room()

    async def _price_fees(self) -> None:
        self._own_fills.price_fees(self.runtime.clock.now_ns())

    def on_room(self) -> None:
        # What follows need not wait for the next tick: until then this side would stand thinner than promised.
        if self.machine.may_quote:
            self.runtime.scheduler.once(0, self.tick, name=f"requote {self.symbol}")

    def on_trouble(self, reason: str) -> None:
        self._trip(Trip(switch="venue", reason=reason))

    def _trip(self, trip: Trip) -> None:
        """Halt from inside a tick or a callback: nothing is placed from here on, the cancels follow beside it."""
        if not self.machine.can(Trigger.HALT):
            return
        self._record_trip(trip)
        self._leave(Trigger.HALT, trip.reason)
        self.runtime.scheduler.once(0, self._clear_beside, name=f"halt {self.symbol}")
        self.explainer.trip(trip, self._moment)

    async def _clear_beside(self) -> None:
        # The cancels go now, at the same moment in every replay; the proof takes the venue's time, beside the ticks.
        await self.executor.cancel_all()
        self.runtime.spawn(self._clear(State.HALTING), f"halt {self.symbol}")

    def _record_trip(self, trip: Trip) -> None:
        self.runtime.record(
            RiskTriggered(
                ts_ns=self.runtime.clock.now_ns(),
                switch=trip.switch,
                reason=trip.reason,
                value=trip.value,
                limit=trip.limit,
            )
        )

    # Small things

    def _still(self, state: State) -> bool:
        """Whether nothing changed the state while we waited."""
        return self.machine.state is state

    def _forbidden(self) -> str:
        return self.runtime.manual_halt() or self._not_permitted()

    def _not_permitted(self) -> str:
        return "" if self.runtime.permit.valid() else "This process may not trade now: its lease has run out."

    async def _keep_balances(self) -> None:
        """Ask for balances again after a fill and now and then; a venue elsewhere is asked beside the tick."""
        now = self.runtime.clock.monotonic()
        if now < self._balances_due and not (self.account.is_stale and self.executor.immediate):
            return
        if self._balances is not None and not self._balances.done():
            return
        self._balances_due = now + (1 if self.account.is_stale else BALANCES_EVERY_S)
        if self.executor.immediate:
            await self._refresh_balances()
        else:
            self._balances = self.runtime.spawn(self._refresh_balances(), f"balances {self.symbol}")

    async def _refresh_balances(self) -> None:
        try:
            await self.account.refresh(self.executor.balances, self.tracker.live.values())
        except (NotReady, OutcomeUnknown):
            self.account.is_stale = True  # asked again within the second

    def _state_changed(self, old: State, new: State, trigger: Trigger, reason: str) -> None:
        ts_ns = self.runtime.clock.now_ns()
        self.runtime.record(StateChanged(ts_ns=ts_ns, old=old, new=new, trigger=trigger, reason=reason))
        if new in _SETTLED:
            self.quotes, self.notes = QuoteSet(reason=reason), ()

    def _notice(self, level: str, text: str) -> None:
        self.runtime.record(Notice(ts_ns=self.runtime.clock.now_ns(), level=level, text=text))
