"""Emptying an account from its lists alone: what is cancelled, what is left alone, and what proves that it is clean."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from engine.core.errors import AuthRejected, EngineError, NotReady
from engine.execution.clearing import Clearing, Ground, Listed, Verdict, Whose
from engine.market.types import OrderReport, OrderStatus, Side
from engine.testing import ManualClock
from engine.testing.clock import settle

A, B = "AUR/USDT", "BOR/USDT"


def order(name: str, symbol: str = A) -> OrderReport:
    return OrderReport(
        ts_ns=0,
        client_order_id=name,
        venue_order_id=f"v{name}",
        symbol=symbol,
        side=Side.BUY,
        price=Decimal(1),
        size_base=Decimal(1),
        filled_base=Decimal(0),
        status=OrderStatus.OPEN,
    )


class Books:
    """Lists what it is given; a cancel takes off the list what is not `stuck`. `fails` is raised, one a question."""

    def __init__(self, *orders: OrderReport) -> None:
        self.resting = {each.client_order_id: each for each in orders}
        self.stuck: set[str] = set()
        self.fails: list[EngineError] = []
        self.asked: list[str] = []
        self.cancels: list[str] = []
        self.swept: list[str] = []

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        self.asked.append(symbol)
        if self.fails:
            raise self.fails.pop(0)
        return [each for each in self.resting.values() if each.symbol == symbol]

    async def cancel(self, symbol: str, client_order_ids: Sequence[str]) -> Sequence[OrderReport]:
        self.cancels += client_order_ids
        return [self.resting[id] if id in self.stuck else self.resting.pop(id) for id in client_order_ids]

    async def cancel_all(self, symbol: str) -> None:
        self.swept.append(symbol)
        if self.fails:
            raise self.fails.pop(0)
        self.resting = {id: each for id, each in self.resting.items() if each.symbol != symbol or id in self.stuck}


class Notes:
    def __init__(self) -> None:
        self.told: list[str] = []

    async def listed(self, found: Listed) -> None:
        self.told.append(
            "listed " + ", ".join(f"{len(reports)} {whose}" for whose, reports in found.orders.items())
            if found.orders
            else "listed nothing"
        )

    async def cancelled(self, answers: Sequence[OrderReport]) -> None:
        self.told.append(f"cancelled {', '.join(each.client_order_id for each in answers)}")

    async def swept(self, symbol: str, count: int) -> None:
        self.told.append(f"swept {symbol} of {count}")

    async def held_up(self, reason: str) -> None:
        self.told.append(reason)


class Scene:
    def __init__(self, *orders: OrderReport) -> None:
        self.books = Books(*orders)
        self.notes = Notes()
        self.clock = ManualClock()
        self.ground = Ground()
        self.grounds: list[Ground] = []
        """Read one by one before `ground` is."""

    async def _ground(self) -> Ground:
        return self.grounds.pop(0) if self.grounds else self.ground

    async def run(
        self, *, within_s: float = 30, symbols: Sequence[str] = (A,), moments: int = 400, sweeps: bool = False
    ) -> Verdict:
        def whose(report: OrderReport) -> Whose:
            return Whose(report.client_order_id.partition("-")[0])

        clearing = Clearing(
            books=self.books,
            symbols=symbols,
            whose=whose,
            ground=self._ground,
            witness=self.notes,
            clock=self.clock,
            sweeps=sweeps,
        )
        running = asyncio.ensure_future(clearing.run(within_s=within_s))
        for _ in range(moments):
            await settle()
            if running.done():
                break
            self.clock.move_to(self.clock.monotonic() + 0.1)
        return await asyncio.wait_for(running, 1)


async def test_what_is_ours_is_cancelled_and_the_next_list_is_the_proof() -> None:
    scene = Scene(order("ours-1"), order("ours-2"), order("ours-3", B))
    verdict = await scene.run(symbols=(A, B))
    assert verdict == Verdict(clean=True, reason="", found=3, left_alone=0)
    assert scene.notes.told == [
        "listed 3 ours",
        "cancelled ours-1, ours-2",
        "cancelled ours-3",
        "The venue still lists 3 orders of ours.",
        "listed nothing",
    ]


async def test_an_account_without_orders_is_proven_by_one_look_at_every_market() -> None:
    scene = Scene()
    assert (await scene.run(symbols=(A, B))).clean
    assert scene.books.asked == [A, B]


async def test_others_orders_are_left_alone_and_told_of() -> None:
    scene = Scene(order("foreign-1"), order("uncovered-1"), order("ours-1"))
    verdict = await scene.run()
    assert verdict.clean
    assert verdict.left_alone == 2
    assert scene.books.cancels == ["ours-1"]
    assert verdict.reason == (
        "1 order not placed by this platform left alone. 1 order of deployments that this kill does not cover left "
        "alone."
    )


async def test_nothing_is_proven_while_nobody_can_tell_whose_an_order_is() -> None:
    scene = Scene(order("untold-1"))
    verdict = await scene.run(within_s=5)
    assert not verdict.clean
    assert verdict.reason == "The venue lists 1 order of unknown origin."
    assert scene.books.cancels == []


async def test_nothing_is_proven_while_a_host_may_still_place() -> None:
    scene = Scene()
    scene.ground = Ground(moving="The host of acorn has not confirmed.")
    verdict = await scene.run(within_s=5)
    assert not verdict.clean
    assert verdict.reason == "The host of acorn has not confirmed."


async def test_what_a_host_places_meanwhile_is_cancelled_too() -> None:
    scene = Scene(order("ours-1"))
    scene.ground = Ground(moving="The host of acorn has not confirmed.")
    running = asyncio.ensure_future(scene.run())
    for _ in range(50):
        await settle()
    scene.books.resting["ours-late"] = order("ours-late")
    scene.ground = Ground()
    verdict = await running
    assert verdict.clean
    assert verdict.found == 2
    assert "ours-late" in scene.books.cancels


async def test_the_list_that_proves_is_read_after_the_last_word_has_settled() -> None:
    scene = Scene()
    scene.grounds = [Ground(settles_in_s=1.0), Ground(settles_in_s=0.5)]
    assert (await scene.run()).clean
    assert len(scene.books.asked) == 3


async def test_after_a_reset_nothing_more_is_cancelled() -> None:
    scene = Scene(order("ours-1"))
    scene.grounds = [Ground(), Ground(stands=False)]  # reset between the list and the cancel
    scene.ground = Ground(stands=False)
    verdict = await scene.run()
    assert scene.books.cancels == []
    assert not verdict.clean
    assert verdict.reason == "The kill switch was reset before this was proven."


async def test_a_venue_out_of_reach_is_asked_again_until_the_time_is_out() -> None:
    scene = Scene(order("ours-1"))
    scene.books.fails = [NotReady("it is down")] * 3
    assert (await scene.run()).clean
    assert "The venue could not be asked: it is down." in scene.notes.told

    scene.books.fails = [NotReady("it is down")] * 1000
    verdict = await scene.run(within_s=5)
    assert not verdict.clean
    assert verdict.reason == "The venue could not be asked: it is down."
    assert scene.clock.monotonic() < 1000 + 60


async def test_a_venue_that_never_answers_is_given_up_on() -> None:
    scene = Scene()

    async def silence(symbol: str) -> Sequence[OrderReport]:
        await asyncio.Event().wait()
        return []

    scene.books.open_orders = silence  # type: ignore[method-assign]
    verdict = await scene.run(within_s=10)
    assert verdict.reason == "The venue could not be asked: it did not answer in time."


async def test_a_refused_key_waits_for_a_person() -> None:
    scene = Scene(order("ours-1"))
    scene.books.fails = [AuthRejected("no such key")]
    verdict = await scene.run()
    assert verdict.reason == "The venue refuses the account's key: no such key."
    assert len(scene.books.asked) == 1


async def test_an_order_that_does_not_go_is_cancelled_again_but_not_at_every_look() -> None:
    scene = Scene(order("ours-1"), order("ours-2"))
    scene.books.stuck = {"ours-1"}
    verdict = await scene.run(within_s=4.9)
    assert not verdict.clean
    assert verdict.reason == "The venue still lists 1 order of ours."
    assert verdict.found == 2
    assert scene.books.cancels.count("ours-2") == 1
    assert 3 <= scene.books.cancels.count("ours-1") <= 6  # once a second
    assert len(scene.books.asked) > scene.books.cancels.count("ours-1")


@pytest.mark.parametrize("count", [0, 1])
async def test_a_list_is_told_once_for_as_long_as_it_stays_the_same(count: int) -> None:
    scene = Scene(*[order("foreign-1")] * count)
    scene.grounds = [Ground(moving="a host")] * 5
    assert (await scene.run()).clean
    assert len([each for each in scene.notes.told if each.startswith("listed")]) == 1


def many(whose: str, count: int, symbol: str = A) -> list[OrderReport]:
    return [order(f"{whose}-{symbol}-{number}", symbol) for number in range(count)]


async def test_a_market_full_of_ours_alone_is_cleared_by_one_request() -> None:
    scene = Scene(*many("ours", 30), *many("ours", 30, B), *many("foreign", 1, B))
    verdict = await scene.run(symbols=(A, B), sweeps=True)
    assert verdict.clean
    assert (verdict.found, verdict.left_alone) == (60, 1)
    assert scene.books.swept == [A]  # in the other one somebody else has an order
    assert len(scene.books.cancels) == 30
    assert f"swept {A} of 30" in scene.notes.told


@pytest.mark.parametrize(("count", "sweeps"), [(30, False), (3, True)])
async def test_a_few_orders_or_a_part_of_an_account_are_cancelled_by_name(count: int, sweeps: bool) -> None:
    scene = Scene(*many("ours", count))
    assert (await scene.run(sweeps=sweeps)).clean
    assert scene.books.swept == []


async def test_what_one_request_left_is_cancelled_by_name() -> None:
    scene = Scene(*many("ours", 10))
    scene.books.stuck = {f"ours-{A}-1"}
    await scene.run(sweeps=True, within_s=3)
    assert scene.books.swept == [A]
    assert set(scene.books.cancels) == scene.books.stuck
