"""Several workers spend one venue's budget by a real broker, and go on by fair shares while it is away. Q12."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

import pytest
from redis.asyncio import Redis

from engine.testing import ManualClock
from mmplatform.host.budget import ASK_AGAIN_AFTER_S, SharedBudget, SharedBudgets

LIMIT, RESERVE, WORKERS = 100, 20, 4


class Flaky(Redis):
    """A broker that can be told to be away."""

    is_away = False

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        if self.is_away:
            raise ConnectionError("it is away")
        return await super().execute_command(*args, **options)


@pytest.fixture
async def broker() -> AsyncIterator[Flaky]:
    made = Flaky.from_url(os.environ["REDIS_URL"])
    yield made
    await made.aclose()


def workers(broker: Redis, *, window_s: float = 60, count: int = WORKERS) -> tuple[ManualClock, list[SharedBudget]]:
    clock, name = ManualClock(), token_hex(4)
    return clock, [
        SharedBudget(broker, name, limit=LIMIT, window_s=window_s, reserve=RESERVE, workers=WORKERS, clock=clock)
        for _ in range(count)
    ]


async def test_together_they_take_no_more_than_there_is_and_cancels_the_rest(broker: Flaky) -> None:
    _, several = workers(broker)
    waits = await asyncio.gather(*(one.take(3, with_reserve=False) for _ in range(20) for one in several))
    assert sum(wait == 0 for wait in waits) == 26  # 78 of 80
    assert all(0 < wait <= 60 for wait in waits if wait)
    waits = await asyncio.gather(*(one.take(2, with_reserve=True) for _ in range(10) for one in several))
    assert sum(wait == 0 for wait in waits) == 11
    assert await several[0].take(1, with_reserve=True) > 0


async def test_what_was_spent_comes_back_after_the_window(broker: Flaky) -> None:
    _, [one, other, *_] = workers(broker, window_s=0.2)
    assert await one.take(80, with_reserve=False) == 0
    wait = await other.take(80, with_reserve=False)
    assert 0 < wait <= 0.2
    await asyncio.sleep(wait)
    assert await other.take(80, with_reserve=False) == 0


async def test_a_ban_is_everybodys(broker: Flaky) -> None:
    _, [one, other, *_] = workers(broker)
    await one.ban(30)
    await other.ban(5)
    assert 29 < await other.take(1, with_reserve=True) <= 30


async def test_what_the_venue_counts_beyond_ours_is_spent_for_all(broker: Flaky) -> None:
    _, [one, other, *_] = workers(broker)
    await one.take(10, with_reserve=False)
    await one.observe(75, limit=90)
    assert await other.take(6, with_reserve=True) == 0
    assert await other.take(10, with_reserve=True) > 0
    await one.observe(5)
    assert await other.capacity(with_reserve=True) == 90
    assert await other.capacity(with_reserve=False) == 72


async def test_while_the_broker_is_away_all_together_keep_to_what_was_left(broker: Flaky) -> None:
    clock, several = workers(broker)
    assert await several[0].take(40, with_reserve=False) == 0
    for one in several[1:]:
        assert await one.take(1, with_reserve=False) == 0  # so each has heard how much is used
    broker.is_away = True
    taken = 0
    for one in several:
        while await one.take(1, with_reserve=True) == 0:
            taken += 1
    assert taken + 43 <= LIMIT
    assert taken >= LIMIT - 43 - 40 - 2 * WORKERS, "fair shares of what was left, less what one has spent already"
    await clock.advance(61)
    fresh = [await one.take(1, with_reserve=True) for one in several]
    assert fresh == [0] * WORKERS


async def test_when_the_broker_is_back_the_budget_is_shared_again(broker: Flaky) -> None:
    clock, [one, other, *_] = workers(broker)
    broker.is_away = True
    assert await one.take(5, with_reserve=False) == 0
    broker.is_away = False
    assert await one.capacity(with_reserve=True) == LIMIT // WORKERS
    await clock.advance(ASK_AGAIN_AFTER_S)
    assert await one.take(70, with_reserve=False) == 0
    assert await other.take(20, with_reserve=False) > 0


async def test_a_broker_that_was_never_there_leaves_a_share() -> None:
    clock = ManualClock()
    budgets = SharedBudgets("redis://127.0.0.1:1/0", workers=WORKERS, clock=clock)
    budget = budgets("venue", limit=LIMIT, window_s=60, reserve=RESERVE)
    assert await budget.take(20, with_reserve=False) == 0
    assert await budget.take(6, with_reserve=False) > 0
    assert await budget.take(5, with_reserve=True) == 0
    await budget.observe(99)
    await budget.ban(5)
    assert await budget.take(1, with_reserve=True) == 5
    await budgets.close()
