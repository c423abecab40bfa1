"""Words that come late, or after an end: they neither end a doubt nor begin a trust that they do not warrant (Q11)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

import pytest

from engine.core.states import State
from engine.execution.ids import OrderIds
from engine.execution.inquiry import Inquiry
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import Fill, OrderReport, OrderStatus, Quote, Side
from engine.testing import FakeVenue, ManualClock
from tests.engine.execution.far import Far
from tests.engine.execution.unreliable import AnsweringConnection, Connection, Fate, News, Record

D = Decimal


async def test_an_order_taken_for_gone_that_is_listed_as_partly_filled_is_cancelled() -> None:
    """Its request arrived long after it was given up, and part of it traded before anybody looked."""
    far = await Far().open()
    far.world.fates["place"].append(Fate(there_s=33.0, back_s=None))
    far.command("start")
    await far.run(33)
    usual = far.world.resting()
    assert len(usual) == 2, "its slots were given to others"
    far.world.news.extend([News(after_s=None)] * 6)
    await far.run(1)
    late = [order.client_order_id for order in far.world.resting() if order not in usual]
    assert len(late) == 2
    for client_order_id in late:
        far.world.truth.fill(client_order_id, "0.004")
    await far.run(40)
    assert {far.world.truth.order(client_order_id).status for client_order_id in late} == {OrderStatus.CANCELLED}
    assert len(far.world.resting()) == 2
    halting = far.command("halt")
    await far.run(5)
    assert halting.done()
    assert far.service.machine.state is State.HALTED
    await far.close()


class Blind(FakeVenue):
    """A venue elsewhere whose lists show nothing yet."""

    async def open_orders(self, symbol: str) -> Sequence[OrderReport]:
        return []

    async def fills(self, symbol: str, since_ns: int) -> Sequence[Fill]:
        return []


class Asked:
    """One order, sent at 0 s, and what is concluded about it from lists on which it is missing."""

    def __init__(self) -> None:
        self.clock = ManualClock(monotonic=0.0)
        self.tracker = OrderTracker(symbol="A/B", clock=self.clock, on_changed=lambda _: None)
        self.order: TrackedOrder = self.tracker.open(
            "mm-1-1-1", Quote(side=Side.BUY, level=0, price=D(99), size_base=D(10))
        )
        self._inquiry = Inquiry(
            exchange=Blind(immediate=False),
            tracker=self.tracker,
            ids=OrderIds(deployment_id=1, token=1, now_ns=0),
            clock=self.clock,
            on_fill=lambda _: None,
            on_foreign=lambda _: None,
            timeout_s=5.0,
        )

    async def at(self, moment: float) -> OrderStatus:
        """Ask then; the order's status after it."""
        self.clock.move_to(moment)
        await self._inquiry.ask([self.order])
        return self.order.status

    def told(self, status: OrderStatus, filled: str = "0") -> None:
        order = self.order
        self.tracker.hear(
            OrderReport(
                ts_ns=self.clock.now_ns(),
                client_order_id=order.client_order_id,
                venue_order_id="V1",
                symbol="A/B",
                side=order.side,
                price=order.price,
                size_base=order.size_base,
                filled_base=D(filled),
                status=status,
            )
        )

    def executed(self, size: str) -> None:
        self.tracker.book(
            Fill(
                ts_ns=self.clock.now_ns(),
                fill_id="F1",
                client_order_id=self.order.client_order_id,
                venue_order_id="V1",
                symbol="A/B",
                side=self.order.side,
                price=self.order.price,
                size_base=D(size),
                fee=D(0),
                fee_asset="B",
            )
        )


async def test_what_may_have_arrived_at_the_last_moment_is_looked_for_until_a_list_must_show_it() -> None:
    """It arrives within twice the time-out of 5 s, and a list may be 3 s old: nothing is known before 13 s."""
    asked = Asked()
    asked.tracker.lose(asked.order, "no answer")
    assert [await asked.at(moment) for moment in (5.0, 10.1, 12.9)] == [OrderStatus.UNKNOWN] * 3
    assert await asked.at(13.0) is OrderStatus.CANCELLED


@pytest.mark.parametrize("sight", ["a report", "an execution"])
async def test_an_absence_from_before_an_order_came_into_sight_does_not_end_it(sight: str) -> None:
    """It arrives late and the venue says so; a list that is 3 s old does not show it yet."""
    asked = Asked()
    asked.tracker.lose(asked.order, "no answer")
    assert await asked.at(5.0) is OrderStatus.UNKNOWN
    asked.clock.move_to(8.0)
    if sight == "a report":
        asked.told(OrderStatus.OPEN)
    else:
        asked.executed("4")
    asked.tracker.cancel_sent([asked.order])
    assert await asked.at(9.0) is OrderStatus.CANCELLING
    assert await asked.at(10.9) is OrderStatus.CANCELLING
    assert await asked.at(11.0) is OrderStatus.CANCELLED


def test_an_execution_does_not_say_that_the_rest_still_rests() -> None:
    asked = Asked()
    asked.told(OrderStatus.OPEN)
    asked.tracker.lose(asked.order, "The cancel was not answered.")
    asked.executed("4")
    assert asked.order.status is OrderStatus.UNKNOWN
    assert asked.order.filled_base == D(4)
    assert not asked.order.rests
    assert asked.order in asked.tracker.in_doubt()


def test_nor_does_a_word_from_before_the_last_one() -> None:
    asked = Asked()
    asked.clock.move_to(2.0)
    asked.told(OrderStatus.OPEN)
    asked.tracker.lose(asked.order, "The cancel was not answered.")
    asked.clock._monotonic = 1.0
    asked.told(OrderStatus.PARTIALLY_FILLED, "4")
    assert asked.order.status is OrderStatus.UNKNOWN
    assert asked.order.filled_base == D(4)


async def test_every_wait_for_an_order_begins_when_it_leaves_and_not_while_its_intent_is_recorded() -> None:
    record = Record(ManualClock())
    record.commit_s = 0.9
    far = Far(secure=record.secure)
    record._clock = far.world.clock
    await far.open()
    far.command("start")
    await far.run(1)
    waiting = list(far.service.tracker.working())
    assert {order.status for order in waiting} == {OrderStatus.PENDING}
    assert not far.world.truth._orders
    far.world.fates["place"].append(Fate(there_s=None, hangs=True))
    await far.run(1)
    left_at = far.service.activity.sent[-1].at
    assert {order.created_at for order in waiting} == {left_at}
    await far.run(12.5 - (far.world.clock.monotonic() - left_at))
    assert {order.status for order in waiting} == {OrderStatus.UNKNOWN}
    await far.close()


class Distant(deque[Fate]):
    """Every leg of every call takes its time."""

    def __bool__(self) -> bool:
        return True

    def popleft(self) -> Fate:
        return Fate(there_s=0.2, back_s=0.2)


@pytest.mark.parametrize("connection", [Connection, AnsweringConnection])
async def test_a_quick_desk_at_a_distant_venue_finds_out_about_an_order_that_is_gone(
    connection: type[Connection],
) -> None:
    """Paused, it cancels what turned up late and then vanished unheard, and asks for longer than a tick takes."""
    far = await Far(connection=connection, interval_ms="100").open()
    far.world.fates.update({kind: Distant() for kind in far.world.fates})
    late = OrderReport(
        ts_ns=far.world.clock.now_ns(),
        client_order_id="mm-c-7-fffffffff",
        venue_order_id="V1",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=D(49000),
        size_base=D("0.01"),
        filled_base=D(0),
        status=OrderStatus.OPEN,
    )
    far.world.truth._orders[late.client_order_id] = late
    far.world.truth._change(late, OrderStatus.OPEN)
    while (order := far.service.tracker.find(late.client_order_id)) is None:
        await far.run(0.1)
    far.world.news.extend([News(after_s=None)] * 2)
    far.world.truth._cancel("BTC/USDT", late.client_order_id)
    before = far.service.executor.cancels_sent
    await far.run(10)
    assert order.status is OrderStatus.CANCELLED
    assert not far.service.tracker.live
    assert far.service.executor.cancels_sent - before <= 2
    await far.close()
