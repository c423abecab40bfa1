"""One request at a time, and the most urgent next: also while others wait for the budget."""

from __future__ import annotations

import asyncio

from engine.execution.rates import Priority
from engine.market.types import OrderStatus
from engine.venues.ccxt.turns import Turns
from tests.engine.venues.ccxt.desk import desk_at
from tests.venues.every import VENUES, opened
from tests.venues.faults import Hold
from tests.venues.loopback import Loopback


async def test_the_most_urgent_goes_next_and_who_gave_up_is_passed_over() -> None:
    turns, went = Turns(), []

    async def go(name: str, priority: Priority) -> None:
        async with turns.taken(priority):
            went.append(name)
            await asyncio.sleep(0)

    async with turns.taken(Priority.DATA):
        waiting = [
            asyncio.create_task(go(name, priority))
            for name, priority in [
                ("create 1", Priority.CREATE),
                ("given up", Priority.CANCEL),
                ("data", Priority.DATA),
                ("create 2", Priority.CREATE),
                ("cancel", Priority.CANCEL),
            ]
        ]
        await asyncio.sleep(0)
        waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert went == ["cancel", "create 1", "create 2", "data"]


async def test_a_turn_that_is_given_up_as_it_comes_goes_to_the_next() -> None:
    turns = Turns()

    async def go() -> None:
        async with turns.taken(Priority.CREATE):
            pass

    async with turns.taken(Priority.CREATE):
        first, second = asyncio.create_task(go()), asyncio.create_task(go())
        await asyncio.sleep(0)
    first.cancel()  # it has been woken, and has not run yet
    await asyncio.wait_for(second, 5)


async def test_a_cancel_goes_before_the_creates_that_wait_for_a_nonce_of_their_own(loopback: Loopback) -> None:
    venue = opened(VENUES["kraken"])
    loopback.mount(venue)
    async with desk_at(venue) as desk:
        await desk.component.open_orders("AUR/USDT")
        resting = desk.order(price="98")
        await desk.place_one(resting)
        hold = Hold()
        venue.faults.next("place", hold)
        ladder = [desk.order(price=f"97.{number}") for number in range(4)]
        placing = [asyncio.create_task(desk.place_one(order)) for order in ladder]
        await desk.until(lambda: [ask.call for ask in venue.log].count("place") == 2)
        cancelling = asyncio.create_task(desk.component.cancel("AUR/USDT", [resting.client_order_id]))
        await asyncio.sleep(0)
        hold.until.set()
        [cancelled] = await cancelling
        assert cancelled.status in (OrderStatus.CANCELLED, OrderStatus.UNKNOWN)
        [*answers] = await asyncio.gather(*placing)
        assert all(answer.status is OrderStatus.OPEN for answer in answers)
    came = [ask.call for ask in venue.log if ask.call in ("place", "cancel")]
    assert came == ["place", "place", "cancel", "place", "place", "place"]
