"""A venue's budget: never exceeded in any window, and cancels never behind anything else. Q12"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.component import Identity
from engine.core.errors import NotReady, Refused
from engine.core.scheduler import Scheduler
from engine.execution.rate_limit import RateLimit, RateLimiter
from engine.execution.rates import Line, Priority, SlidingWindow
from engine.testing import ManualClock, RecordingRuntime, settle
from engine.venues.hub import MarketHub

CANCEL, CREATE, RECONCILE, DATA = Priority


class Watched(SlidingWindow):
    """Notes what was granted, and when exactly."""

    granted: list[tuple[float, int]]

    async def take(self, weight: int, *, with_reserve: bool) -> float:
        wait_s = await super().take(weight, with_reserve=with_reserve)
        if wait_s <= 0:
            self.granted.append((self._clock.monotonic(), weight))
        return wait_s


class Gate:
    """A line over a window of 8 s, on a clock moved by hand. `passed` holds (when, priority, weight)."""

    def __init__(self, *, limit: int = 10, reserve: int = 2, max_waiting: int = 100, max_wait_s: float = 1000) -> None:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.budget = Watched(self.clock, limit=limit, window_s=8, reserve=reserve)
        self.budget.granted = []
        self.line = Line(
            self.budget,
            name="venue",
            clock=self.clock,
            scheduler=self.scheduler,
            max_waiting=max_waiting,
            max_wait_s=max_wait_s,
        )
        self.passed: list[tuple[float, Priority, int]] = []
        self.sent_away: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, priority: Priority, weight: int = 1) -> asyncio.Task[None]:
        async def pass_through() -> None:
            try:
                await self.line.acquire(priority, weight)
                self.passed.append((self.clock.monotonic(), priority, weight))
            except NotReady as error:
                self.sent_away.append(str(error))

        task = asyncio.create_task(pass_through())
        self.tasks.append(task)
        await settle()
        return task

    async def run(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while self.clock.monotonic() < end:
            await self.scheduler.run_until(min(end, self.clock.monotonic() + 1))
            await settle()

    @property
    def who(self) -> list[Priority]:
        return [priority for _, priority, _ in self.passed]


async def test_within_the_budget_nobody_waits() -> None:
    gate = Gate()
    for _ in range(8):
        await gate.ask(DATA)
    assert len(gate.passed) == 8


async def test_the_reserve_is_for_cancels_alone() -> None:
    gate = Gate()
    for priority in (CREATE, RECONCILE, DATA) * 5:
        await gate.ask(priority)
    assert len(gate.passed) == 8
    await gate.ask(CANCEL)
    await gate.ask(CANCEL)
    await gate.ask(CANCEL)
    assert gate.who[8:] == [CANCEL, CANCEL]


async def test_when_there_is_room_again_the_most_urgent_go_first_and_equals_in_their_order() -> None:
    gate = Gate()
    await gate.ask(DATA, 8)
    for priority, weight in ((DATA, 1), (RECONCILE, 1), (CREATE, 2), (CREATE, 1), (CANCEL, 3)):
        await gate.ask(priority, weight)
    await gate.run(9)
    assert [(p, w) for _, p, w in gate.passed] == [
        (DATA, 8), (CANCEL, 3), (CREATE, 2), (CREATE, 1), (RECONCILE, 1), (DATA, 1),
    ]  # fmt: skip
    assert gate.passed[1][0] == 1008


async def test_a_small_request_does_not_overtake_a_large_one_that_is_more_urgent() -> None:
    gate = Gate()
    await gate.ask(CREATE, 5)
    await gate.ask(CREATE, 6)
    await gate.ask(DATA, 1)
    assert gate.who == [CREATE]
    await gate.run(9)
    assert gate.who == [CREATE, CREATE, DATA]


async def test_what_the_venue_counts_beyond_ours_is_spent_for_us_too() -> None:
    gate = Gate()
    await gate.ask(DATA, 1)
    await gate.line.observe(8, reset_s=4)
    await gate.ask(CREATE)
    assert gate.who == [DATA]
    await gate.run(5)
    assert gate.who == [DATA, CREATE]
    assert gate.passed[1][0] == 1004


async def test_what_the_venue_counts_less_may_still_be_on_its_way_to_it() -> None:
    gate = Gate()
    await gate.ask(DATA, 8)
    await gate.line.observe(0)
    await gate.ask(CREATE)
    assert gate.who == [DATA]


async def test_a_limit_the_venue_lowers_is_kept_and_one_it_raises_is_not_believed() -> None:
    gate = Gate()
    await gate.line.observe(0, limit=5)
    for _ in range(6):
        await gate.ask(DATA)
    assert len(gate.passed) == 4
    await gate.line.observe(0, limit=1000)
    await gate.run(9)
    for _ in range(20):
        await gate.ask(DATA)
    assert len([at for at, _, _ in gate.passed if at > 1008]) <= 8


async def test_during_a_ban_nothing_goes_and_after_it_cancels_go_first() -> None:
    gate = Gate()
    await gate.line.ban(30)
    await gate.ask(DATA)
    await gate.ask(CANCEL)
    await gate.run(29)
    assert gate.passed == []
    await gate.run(2)
    assert gate.who == [CANCEL, DATA]


async def test_a_line_of_data_that_is_too_long_is_refused_in_words_and_an_order_is_not() -> None:
    gate = Gate(max_waiting=2)
    await gate.ask(CREATE, 8)
    for _ in range(3):
        await gate.ask(DATA)
    assert gate.sent_away == [
        "2 data requests wait for venue already, as many as may wait; nothing was sent.",
    ]
    await gate.ask(CREATE)
    await gate.ask(CANCEL)
    assert gate.who == [CREATE, CANCEL]
    assert len(gate.sent_away) == 1


async def test_who_waits_too_long_is_sent_away_but_a_cancel_is_not() -> None:
    gate = Gate(max_wait_s=5)
    await gate.line.ban(20)
    await gate.ask(CREATE)
    await gate.ask(CANCEL)
    await gate.run(6)
    assert gate.sent_away == ["A create waited 5 s for venue, the longest allowed; nothing was sent."]
    await gate.run(15)
    assert gate.who == [CANCEL]


async def test_who_gave_up_waiting_costs_nothing() -> None:
    gate = Gate()
    await gate.ask(DATA, 8)
    given_up = await gate.ask(CREATE, 8)
    await gate.ask(DATA, 8)
    given_up.cancel()
    await gate.run(9)
    assert gate.who == [DATA, DATA]


@pytest.mark.parametrize(("priority", "weight"), [(DATA, 9), (CREATE, 9), (CANCEL, 11)])
async def test_what_can_never_pass_is_refused_at_once(priority: Priority, weight: int) -> None:
    with pytest.raises(Refused, match=f"weight {weight} can never pass"):
        await Gate().line.acquire(priority, weight)


@pytest.mark.parametrize("weight", [0, -1])
async def test_a_request_that_weighs_nothing_is_a_mistake(weight: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        await Gate().line.acquire(DATA, weight)


# Whatever comes

REQUESTS = st.lists(
    st.tuples(
        st.sampled_from([CANCEL, CREATE, RECONCILE, DATA]), st.integers(1, 8), st.sampled_from([0, 0, 0.25, 1, 3])
    ),
    max_size=12,
)


def played(requests: list[tuple[Priority, int, float]]) -> Gate:
    async def play() -> Gate:
        gate = Gate()
        for priority, weight, wait_s in requests:
            await gate.ask(priority, weight)
            await gate.run(wait_s)
        await gate.run(100)
        assert all(task.done() for task in gate.tasks)
        return gate

    return asyncio.run(play())


@given(REQUESTS)
def test_no_window_ever_exceeds_the_budget_and_everybody_passes_in_the_end(requests: Any) -> None:
    gate = played(requests)
    for end, _ in gate.budget.granted:
        assert sum(weight for at, weight in gate.budget.granted if end - 8 < at <= end) <= 10
    assert len(gate.passed) == len(requests)


@given(REQUESTS)
def test_a_cancel_within_the_reserve_never_waits_for_anybody_else(requests: Any) -> None:
    """However much of everything else was sent or waits."""

    async def play() -> None:
        gate = Gate()
        for priority, weight, wait_s in requests:
            if priority is not CANCEL:
                await gate.ask(priority, weight)
            await gate.run(wait_s)
        gate.passed.clear()
        await gate.ask(CANCEL, 2)
        assert gate.who == [CANCEL]

    asyncio.run(play())


@given(REQUESTS)
def test_no_cancel_ever_waits_while_something_less_urgent_passes(requests: Any) -> None:
    async def play() -> None:
        gate = Gate()
        for priority, weight, wait_s in requests:
            before = len(gate.passed)
            waiting = sum(1 for w in gate.line._waiting if w.priority is CANCEL and not w.turn.done())
            await gate.ask(priority, weight)
            if waiting:
                assert all(passed is CANCEL for passed in gate.who[before:])
            await gate.run(wait_s)

    asyncio.run(play())


# The component


async def load(hub: MarketHub, clock: ManualClock, **args: Any) -> RateLimit:
    limit = RateLimit(**({"budget": "venue", "limit": 10} | args))
    RecordingRuntime(clock, hub=hub, identity=Identity()).equip(limit, "budget")
    await limit.load()
    return limit


async def test_two_services_of_a_host_spend_one_budget() -> None:
    hub, clock = MarketHub(), ManualClock()
    first, second = await load(hub, clock), await load(hub, clock)
    assert isinstance(first, RateLimiter)
    await first.acquire(DATA, 8)
    waiting = asyncio.create_task(second.acquire(DATA))
    await settle()
    assert not waiting.done()
    waiting.cancel()
    await first.unload()
    await second.unload()
    await second.unload()


async def test_another_budget_is_none_of_its_business() -> None:
    hub, clock = MarketHub(), ManualClock()
    await (await load(hub, clock)).acquire(DATA, 8)
    await (await load(hub, clock, budget="other")).acquire(DATA, 8)


async def test_two_services_that_do_not_agree_on_the_terms_are_told_so() -> None:
    hub, clock = MarketHub(), ManualClock()
    await load(hub, clock)
    with pytest.raises(Refused, match=r"other terms.*20 in 60 s.*here, 10 in 60 s.*there"):
        await load(hub, clock, limit=20)


async def test_a_budget_that_was_let_go_of_lets_nothing_pass_and_keeps_nobody_waiting() -> None:
    hub, clock = MarketHub(), ManualClock()
    limit = await load(hub, clock)
    await limit.acquire(DATA, 8)
    waiting = asyncio.create_task(limit.acquire(DATA))
    await settle()
    await limit.unload()
    with pytest.raises(NotReady, match="closed; nothing was sent"):
        await waiting
    with pytest.raises(NotReady, match="not loaded; nothing was sent"):
        await limit.acquire(CANCEL)
