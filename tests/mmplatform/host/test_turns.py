"""Two processes that use one key at a venue which wants its requests in order. Q12."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

import pytest
from redis.asyncio import Redis

from engine.core.clock import SystemClock
from engine.testing import ManualClock
from engine.venues.ccxt.public import PublicVenue
from mmplatform.host.budget import SharedBudgets
from mmplatform.host.turns import ASK_AGAIN_AFTER_S, SharedTurns
from tests.engine.venues.ccxt.desk import S, desk_at
from tests.engine.venues.ccxt.keys import telling
from tests.venues.every import opened
from tests.venues.loopback import Loopback


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


def processes(broker: Redis, *, longest_s: float = 60, clock: Any = None) -> list[SharedTurns]:
    name = token_hex(4)
    return [SharedTurns(broker, name, longest_s=longest_s, clock=clock or SystemClock()) for _ in range(2)]


async def test_one_request_of_a_key_is_on_its_way_at_a_time_and_each_has_a_higher_number(broker: Flaky) -> None:
    used: list[int] = []
    inside = 0

    async def ask(turns: SharedTurns) -> None:
        nonlocal inside
        async with turns.taken() as turn:
            inside += 1
            assert inside == 1
            await asyncio.sleep(0)
            turn.last += 1
            used.append(turn.last)
            inside -= 1

    several = processes(broker)
    await asyncio.gather(*(ask(one) for _ in range(10) for one in several))
    assert used == list(range(1, 21))


async def test_a_process_that_died_with_the_turn_keeps_it_no_longer_than_a_turn_may_last(broker: Flaky) -> None:
    gone, other = processes(broker, longest_s=0.2)
    async with gone.taken() as turn:
        turn.last = 7
    await gone._wait("somebody who never gives it back")
    async with other.taken() as turn:
        assert turn.last == 7


async def test_whoever_is_cancelled_while_waiting_leaves_nothing_behind(broker: Flaky) -> None:
    one, other = processes(broker)

    async def ask() -> None:
        async with other.taken():
            raise AssertionError("somebody else had the turn")

    async with one.taken():
        waiting = asyncio.ensure_future(ask())
        await asyncio.wait({waiting}, timeout=0.05)
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=1)
        assert waiting.cancelled()
    async with asyncio.timeout(5), one.taken() as turn:
        assert turn.last == 0


async def test_without_the_broker_each_goes_on_by_its_own_numbers(broker: Flaky) -> None:
    clock = ManualClock()
    one, other = processes(broker, clock=clock)
    async with one.taken() as turn:
        turn.last = 5
    broker.is_away = True
    async with one.taken() as mine, other.taken() as theirs:
        assert (mine.last, theirs.last) == (0, 0)
    broker.is_away = False
    await clock.advance(ASK_AGAIN_AFTER_S)
    async with other.taken() as turn:
        assert turn.last == 5


async def test_a_check_of_a_key_that_trades_takes_no_number_out_of_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A host and the check of an account, each with its own view of a Kraken that refuses the overtaken."""
    loopback = await Loopback().open()
    venue: Any = opened(telling("kraken"))
    loopback.mount(venue)
    refused = 0
    told = venue.error

    def error(text: str) -> Any:
        nonlocal refused
        refused += "nonce" in text
        return told(text)

    monkeypatch.setattr(venue, "error", error)
    shared = [SharedBudgets(os.environ["REDIS_URL"], workers=2, clock=SystemClock()) for _ in range(2)]
    ours = iter(shared)
    plain = PublicVenue.__init__
    monkeypatch.setattr(
        PublicVenue, "__init__", lambda self, *args, **more: plain(self, *args, **more | {"new_budget": next(ours)})
    )
    async with desk_at(venue) as host, desk_at(venue) as check:

        async def trade() -> None:
            for _ in range(15):
                placed = await host.place_one()
                await host.component.cancel(S, [placed.client_order_id])

        async def look() -> None:
            for _ in range(15):
                await check.component.account_report()

        await asyncio.gather(trade(), look())
    for one in shared:
        await one.close()
    await loopback.close()
    assert refused == 0
    assert len(venue.requests("place", "cancel", "balances", "key")) >= 60
