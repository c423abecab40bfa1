"""The whole service against a venue at the end of a bad line, through restarts, for as long as hypothesis likes (Q11).

What must hold is measured at the venue and never by our own books. Set HYPOTHESIS=search to look for new trouble.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections import Counter
from decimal import Decimal
from fractions import Fraction

from hypothesis import Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core.scheduler import Scheduler
from engine.core.states import State
from engine.execution.ids import parse
from engine.market.types import Side
from engine.testing import ManualClock, settle
from tests.engine.desk import Desk
from tests.engine.execution.unreliable import (
    ARRIVES_WITHIN_S,
    LISTS_LAG_S,
    AnsweringConnection,
    Connection,
    Fate,
    News,
    Record,
    World,
)
from tests.examples import SEARCHING

D = Decimal
MAX_POSITION = D(1900)
MAX_OPEN = D(3700)
"""Room for three orders of 600 a side and hardly more: one that is lost from sight breaks a limit."""
MARKET = {"tick": "0.01", "lot": "0.00001", "min_notional": "5"}
SETTINGS = {
    "immediate": "false",
    "threshold": "1",
    "max_position": str(MAX_POSITION),
    "max_open": str(MAX_OPEN),
    "size": "600",
    "levels": "3",
    "interval_ms": "500",
    "switches": '"@lag", "@manual"',
    "more_executor": ", amend_in_place: true",
}
LOWEST, HIGHEST = 49950, 50050
DRIFT = Fraction(HIGHEST, LOWEST)
"""Orders are admitted at one reference price and measured here at another."""

DELAYS = st.sampled_from([0.02, 0.02, 0.3, 1.0, 3.0, ARRIVES_WITHIN_S])
FATES = st.builds(
    Fate,
    there_s=st.one_of(DELAYS, st.none()),
    back_s=st.one_of(DELAYS, st.none()),
    refused=st.sampled_from([False, False, False, True]),
    hangs=st.booleans(),
)
LAGS = st.sampled_from([0.0, 0.0, 0.5, LISTS_LAG_S])
PAUSES = st.sampled_from([0.1, 0.6, 1.1, 2.6, 6.0, 13.0])
NEWS = st.builds(News, after_s=st.sampled_from([0.01, 0.01, 0.8, 3.0, 9.0, None]), twice=st.booleans())


class Lifecycle(RuleBasedStateMachine):
    """One deployment, its holders one after another, and the world they meet."""

    connection: type[Connection] = Connection

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = ManualClock()
        self.world = World(
            self.clock,
            symbol="BTC/USDT",
            tick_size=D("0.01"),
            lot_size=D("0.00001"),
            min_notional_quote=D(5),
            base_balance=D(1_000_000),
            quote_balance=D(10_000_000),
        )
        self.record = Record(self.clock)
        self.commands: set[asyncio.Task[None]] = set()
        self.token = 0
        self.mid = 50000
        self.looked_at = (-1, -1, 0)
        self.line_back_at = self.record_quick_at = self.somebody_back_at = 0.0

    # What the world does

    @initialize()
    def begin(self) -> None:
        self._run(self._take_over())

    @rule(
        placing=st.lists(FATES, max_size=2),
        cancelling=st.lists(FATES, max_size=2),
        amending=st.lists(FATES, max_size=2),
        asking=st.lists(FATES, max_size=3),
        news=st.lists(NEWS, max_size=6),
        lags_s=st.tuples(LAGS, LAGS),
        dollars=st.sampled_from([0, 7, -7, 30, -30]),
        seconds=PAUSES,
    )
    def the_market_moves_while_the_line_is_bad(
        self,
        placing: list[Fate],
        cancelling: list[Fate],
        amending: list[Fate],
        asking: list[Fate],
        news: list[News],
        lags_s: tuple[float, float],
        dollars: int,
        seconds: float,
    ) -> None:
        for kind, fates in (("place", placing), ("cancel", cancelling), ("amend", amending), ("ask", asking)):
            self.world.fates[kind].extend(fates)
        self.world.news.extend(news)
        self.world.lag_s, self.world.fills_lag_s = lags_s
        self.mid = min(max(self.mid + dollars, LOWEST), HIGHEST)
        self._run(self._book_and_wait(seconds))

    @rule(size=st.sampled_from(["600", "420", "250"]), seconds=PAUSES)
    def another_size_is_wanted(self, size: str, seconds: float) -> None:
        self.desk.service.strategy.order_size_quote = D(size)  # type: ignore[attr-defined]
        self._run(self._book_and_wait(seconds))

    # Troubles end by themselves, or most of a long run would happen to a desk that cannot do anything.

    @rule(seconds=PAUSES)
    def the_line_is_down_for_a_while(self, seconds: float) -> None:
        self.world.down = "the line is down"
        self.line_back_at = self.clock.monotonic() + seconds

    @rule(commit_s=st.sampled_from([0.4, 2.0]), seconds=PAUSES)
    def the_record_is_slow_for_a_while(self, commit_s: float, seconds: float) -> None:
        self.record.commit_s = commit_s
        self.record_quick_at = self.clock.monotonic() + seconds

    @rule(seconds=PAUSES)
    def time_passes(self, seconds: float) -> None:
        self._run(self._wait(seconds))

    @rule(which=st.integers(0, 5), share=st.sampled_from(["0.3", "1"]), heard=st.sampled_from([True, True, False]))
    @precondition(lambda self: self._ours())
    def somebody_trades_with_us(self, which: int, share: str, heard: bool) -> None:
        if not heard:
            self.world.news.extendleft([News(after_s=None)] * 2)
        orders = sorted(self._ours(), key=lambda order: order.client_order_id)
        order = orders[which % len(orders)]
        lot = self.world.truth.instrument.lot_size
        lots = max(1, int((order.size_base - order.filled_base) * D(share) / lot))
        self._run(self._trade(order.client_order_id, lots * lot))

    @rule()
    def somebody_else_uses_the_account(self) -> None:
        self._run(self._stranger())

    # What people and machines do to us

    @rule()
    def the_host_is_killed_and_another_takes_over(self) -> None:
        self._run(self._kill())

    @rule()
    def the_record_is_written(self) -> None:
        self.record.commit()

    @rule(verb=st.sampled_from(["pause", "halt"]), seconds=PAUSES)
    def somebody_stops_it_for_a_while(self, verb: str, seconds: float) -> None:
        self._run(self._command(verb))
        self.somebody_back_at = self.clock.monotonic() + seconds

    # What must hold

    @invariant()
    def nothing_is_ever_out_of_bounds(self) -> None:
        truth = (len(self.world._history), len(self.world._executions), self.mid)
        if truth != self.looked_at:
            self._look()
            self.looked_at = truth

    def _look(self) -> None:
        resting = self._ours()
        level_of = self.record.level_of
        slots = Counter((order.side, level_of[order.client_order_id]) for order in resting)
        assert max(slots.values(), default=0) <= 1, f"two orders in one slot: {slots}"

        bids = [order.price for order in resting if order.side is Side.BUY]
        asks = [order.price for order in resting if order.side is Side.SELL]
        assert not bids or not asks or max(bids) < min(asks), "our own orders cross"

        position = Fraction(self._true_position())
        left = {
            side: sum(
                (Fraction(order.size_base - order.filled_base) for order in resting if order.side is side), Fraction(0)
            )
            for side in Side
        }
        for side in Side:
            worst = position * side.sign + left[side]
            assert worst * self.mid <= Fraction(MAX_POSITION) * DRIFT, f"{side} could reach {float(worst * self.mid)}"
        notional = sum((order.size_base - order.filled_base) * order.price for order in resting)
        assert notional <= MAX_OPEN, f"{notional} of open orders"

    def teardown(self) -> None:
        try:
            self._run(self._end())
        finally:
            self.loop.close()

    # Inside

    def _ours(self) -> list:
        return [order for order in self.world.resting() if parse(order.client_order_id)]

    def _true_position(self) -> Decimal:
        return sum((fill.size_base * fill.side.sign for fill in self.world.fills()), D(0))

    def _run(self, coroutine) -> None:
        self.loop.run_until_complete(coroutine)

    async def _take_over(self) -> None:
        self.token += 1
        self.scheduler = Scheduler(self.clock)
        self.desk = Desk(
            token=self.token,
            restore=self.record.restore(),
            venue=self.connection,
            clock=self.clock,
            scheduler=self.scheduler,
            secure=self.record.secure,
            **SETTINGS,
        )
        self.desk.container._on_event = self.record.hear
        await self._book()
        await self.desk.container.load()
        await self.desk.container.begin()
        await self._command("start")

    async def _kill(self) -> None:
        """As SIGKILL does: nothing is unloaded, nothing more is written, what was sent is on its way."""
        await self._die()
        await self._take_over()

    async def _die(self) -> None:
        self.record.crash()
        self.world.holder = None
        container = self.desk.container
        container._sinks.clear()
        container._on_event = lambda event: None
        tasks = [task for tasks in container._tasks.values() for task in tasks] + list(self.commands)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _end_troubles(self, now: float) -> None:
        if now >= self.line_back_at:
            self.world.down = ""
        if now >= self.record_quick_at:
            self.record.commit_s = 0.01
        if now >= self.somebody_back_at:
            # Halted by a switch just as by a person: it is cleared and started again.
            if self.desk.service.machine.state is State.HALTED:
                await self._command("reset")
            await self._command("start")
            self.somebody_back_at = now + 6

    async def _command(self, verb: str) -> None:
        service = self.desk.service
        if verb == "start" and service.machine.state is not State.PAUSED:
            return
        if verb == "start" and self.world.truth.feed("BTC/USDT").received_at is None:
            return
        task = asyncio.get_running_loop().create_task(self.desk.container.within(getattr(service, verb)("the test")))
        self.commands.add(task)
        task.add_done_callback(self.commands.discard)
        await settle()

    async def _book_and_wait(self, seconds: float) -> None:
        await self._book()
        await self._wait(seconds)

    async def _book(self) -> None:
        self.world.truth.set_book([(D(f"{self.mid - 1}.99"), D(1000))], [(D(f"{self.mid}.01"), D(1000))])
        await settle()

    async def _stranger(self) -> None:
        self.world.leave_a_strangers_order("40000")
        await settle()

    async def _trade(self, client_order_id: str, size: Decimal) -> None:
        self.world.truth.fill(client_order_id, size)
        await settle()

    async def _wait(self, seconds: float) -> None:
        """Let time pass from one moment at which something happens to the next, and look after each."""
        end = self.clock.monotonic() + seconds
        feed = self.world.truth.feed("BTC/USDT")
        while True:
            due = [self.clock._sleepers[0][0]] if self.clock._sleepers else []
            due += [self.scheduler._queue[0][0]] if self.scheduler._queue else []
            due += [at for at in (self.line_back_at, self.record_quick_at) if at > self.clock.monotonic()]
            moment = max(min([*due, end]), self.clock.monotonic())
            feed.received_at = moment
            await self.scheduler.run_until(moment)
            await settle()
            await self._end_troubles(moment)
            assert not self.desk.container.fault, self.desk.container.fault
            self.nothing_is_ever_out_of_bounds()
            if moment >= end:
                return

    async def _end(self) -> None:
        """The faults end, and after a while we and the venue say the same."""
        try:
            self.world.heal()
            self.line_back_at = self.record_quick_at = 0.0
            await self._wait(75)
            note(f"state {self._state()}")
            self.somebody_back_at = math.inf
            if self.desk.service.machine.state is State.ACTIVE:
                self._agree()
                assert len(self._ours()) > 0, f"nothing is quoted: {self.desk.service.quotes.reason}"
                await self._command("pause")
                await self._wait(10)
            assert self.desk.service.machine.state in (State.PAUSED, State.HALTED), self._state()
            self._agree()
            assert not self._ours(), "something rests after a pause"
            assert not self.desk.service.tracker.live, "something is still in doubt"
        finally:
            await self._die()
            await self.world.close()

    def _state(self) -> str:
        return f"{self.desk.service.machine.state}: {self.desk.service.machine.reason}"

    def _agree(self) -> None:
        service = self.desk.service
        resting = {order.client_order_id: order for order in self._ours()}
        tracked = {order.client_order_id: order for order in service.tracker.working()}
        assert set(tracked) == set(resting)
        for key, order in tracked.items():
            assert order.rests, f"{key} is {order.status}"
            assert order.slot is not None, f"{key} is an orphan"
            assert order.remaining_base == resting[key].size_base - resting[key].filled_base
        assert service.account.position.base == self._true_position(), "the position is not the venue's"


class LifecycleByClientId(Lifecycle):
    """The same at a venue that can be asked about one order by our own id."""

    connection = AnsweringConnection


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(
    max_examples=int(os.environ.get("EXAMPLES", 600)) if SEARCHING else 30,
    stateful_step_count=40 if SEARCHING else 20,
    **({"phases": [Phase.explicit, Phase.generate]} if os.environ.get("NOSHRINK") else {}),
)
TestLifecycleByClientId = LifecycleByClientId.TestCase
TestLifecycleByClientId.settings = TestLifecycle.settings
