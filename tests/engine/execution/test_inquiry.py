"""What may be concluded from a list on which an order is missing: nothing, until the absence lasts (Q11)."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.core.clock import NS
from engine.core.service import Restore
from engine.core.states import State
from engine.market.types import OrderReport, OrderStatus, Side
from engine.metrics.events import FillRecorded, Notice
from engine.testing import FakeVenue, ManualClock
from tests.engine.desk import Desk
from tests.engine.execution.far import Far
from tests.engine.execution.unreliable import AnsweringConnection, Connection, Fate, News, Record

D = Decimal


async def test_an_order_that_filled_while_the_list_of_fills_lags_keeps_its_slot_until_the_fill_is_listed() -> None:
    far = await Far().active()
    bid = far.bid()
    far.world.fills_lag_s = 2.0
    far.unheard(bid)
    far.book("50009.99", "50010.01")  # its cancel comes back as "no such order"
    await far.run(1.5)
    order = far.service.tracker.find(bid)
    assert order is not None
    assert order.status is OrderStatus.UNKNOWN
    assert not [each for each in far.world.resting() if each.side is Side.BUY], "its slot was given away"
    await far.run(6)
    assert order.status is OrderStatus.FILLED
    assert far.service.account.position.base == order.size_base
    await far.close()


async def test_a_wall_clock_that_ran_ahead_and_was_set_right_hides_no_execution() -> None:
    far = Far()
    far.world.clock.set_wall(600)
    await far.active()
    size = D("0.002")
    far.world.clock.set_wall(-600)
    bid = far.bid()
    far.world.news.extend([News(after_s=None)] * 2)
    far.world.truth.fill(bid, str(size))  # a part, found by the audit
    await far.run(40)
    assert far.service.account.position.base == size
    order = far.service.tracker.find(bid)
    assert order is not None
    far.unheard(bid)  # the rest, found when the order is missed
    await far.run(40)
    assert far.service.account.position.base == order.size_base
    await far.close()


async def test_where_a_venue_answers_by_client_id_that_settles_it_at_once() -> None:
    far = await Far(connection=AnsweringConnection).active()
    bid = far.bid()
    far.world.truth._cancel("BTC/USDT", bid)  # by hand, at the venue; and no word of it reaches us
    order = far.service.tracker.find(bid)
    assert order is not None
    far.service.tracker.lose(order, "the test says so")
    await far.run(1.5)
    assert order.status is OrderStatus.CANCELLED
    assert far.bid() != bid
    await far.close()


async def test_an_order_the_list_does_not_show_yet_and_the_venue_knows_by_id_rests() -> None:
    far = await Far(connection=AnsweringConnection).active()
    order = far.service.tracker.find(far.bid())
    assert order is not None
    far.world.lag_s = 100.0
    far.service.tracker.lose(order, "the test says so")
    await far.run(1.5)
    assert order.status is OrderStatus.OPEN
    assert len(far.world.resting()) == 2
    await far.close()


@pytest.mark.parametrize("connection", [Connection, AnsweringConnection])
async def test_a_call_that_never_returns_holds_up_no_later_question(connection: type[Connection]) -> None:
    far = await Far(connection=connection).active()
    far.world.fates["ask"].append(Fate(there_s=None, hangs=True))
    far.unheard(far.bid())
    await far.run(60)
    assert len(far.desk.events(FillRecorded)) == 1
    assert len(far.world.resting()) == 2
    await far.close()


async def test_a_place_that_never_returns_is_found_out_and_the_engine_can_be_paused() -> None:
    far = await Far().open()
    far.world.fates["place"].append(Fate(back_s=None, hangs=True))
    far.world.news.extend([News(after_s=None)] * 2)
    far.command("start")
    await far.run(20)
    assert len(far.world.resting()) == 2
    assert all(order.rests for order in far.service.tracker.working())
    pausing = far.command("pause")
    await far.run(2)
    assert pausing.done()
    assert far.service.machine.state is State.PAUSED
    await far.close()


# What an earlier holder left


def recorded(client_order_id: str, *, ago_s: float, status: OrderStatus = OrderStatus.PENDING) -> OrderReport:
    return OrderReport(
        ts_ns=ManualClock().now_ns() - round(ago_s * NS),
        client_order_id=client_order_id,
        venue_order_id="",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=D(49000),
        size_base=D("0.01"),
        filled_base=D(0),
        status=status,
    )


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.UNKNOWN])
async def test_an_order_of_the_record_that_nobody_saw_arrive_is_waited_for_before_the_first_quote(
    status: OrderStatus,
) -> None:
    """Q9: a request may outlive its sender by seconds."""
    left = recorded("mm-c-6-1", ago_s=2, status=status)
    far = await Far(restore=Restore(orders=(left,))).open()
    starting = far.command("start")
    await far.run(4)
    assert far.service.machine.state is State.STARTING
    far.world.truth._orders["mm-c-6-1"] = left  # it arrives
    far.world.truth._change(left, OrderStatus.OPEN)
    await far.run(10)
    assert starting.done()
    assert far.service.machine.state is State.ACTIVE
    assert far.world.truth.order("mm-c-6-1").status is OrderStatus.CANCELLED
    assert len(far.world.resting()) == 2
    await far.close()


async def test_one_that_was_sent_long_ago_is_not_waited_for() -> None:
    far = await Far(restore=Restore(orders=(recorded("mm-c-6-1", ago_s=60),))).open()
    far.command("start")
    await far.run(4)
    assert far.service.machine.state is State.ACTIVE
    await far.close()


async def test_a_request_that_arrives_long_after_it_was_given_up_is_cancelled_although_we_are_paused() -> None:
    far = await Far().open()
    late = recorded("mm-c-7-fffffffff", ago_s=0)
    await far.run(1)
    far.world.truth._orders[late.client_order_id] = late
    far.world.truth._change(late, OrderStatus.OPEN)
    assert len(far.world.resting()) == 1
    await far.run(25)
    assert not far.world.resting()
    assert far.service.machine.state is State.PAUSED
    await far.close()


async def test_an_execution_older_than_the_last_recorded_one_is_still_counted() -> None:
    desk = Desk(restore=Restore(last_fill_ns=600 * NS, fills_from_ns=1 * NS, fill_ids=frozenset({"F9"})))
    venue: FakeVenue = desk.venue
    await desk.open()
    order = recorded("mm-c-6-1", ago_s=0, status=OrderStatus.OPEN)
    venue._orders[order.client_order_id] = order
    fill = venue.fill(order.client_order_id, "0.004")
    venue._fills[:] = [
        type(fill)(
            **{name: getattr(fill, name) for name in fill.__struct_fields__} | {"fill_id": key, "ts_ns": ts * NS}
        )
        for key, ts in (("F8", 500), ("F9", 600))
    ]
    position = desk.service.account.position.base
    await desk.service.start("after a loss")
    assert desk.service.account.position.base - position == D("0.004")
    await desk.close()


# The intent


async def test_no_order_leaves_before_its_intent_is_recorded_and_none_at_all_when_it_cannot_be() -> None:
    clock = ManualClock()
    record = Record(clock)
    record.commit_s = 0.3
    far = Far(secure=record.secure)
    record._clock = far.world.clock
    far.desk.container._on_event = record.hear
    await far.open()
    far.command("start")
    for _ in range(20):
        await far.run(0.1)
        assert {order.client_order_id for order in far.world.resting()} <= set(record.orders)
    assert len(far.world.resting()) == 2

    record.commit_s = 5.0
    far.book("50019.99", "50020.01")
    await far.run(3)
    assert not far.world.resting()
    rejected = [each for each in far.service.tracker._ended.values() if each.status is OrderStatus.REJECTED]
    assert {order.reason for order in rejected} == {"It was not sent: The intent could not be recorded within 1 s."}
    assert all(order.client_order_id not in far.world.truth._orders for order in rejected)
    await far.close()


async def test_a_halt_while_an_intent_is_being_recorded_needs_no_word_to_the_venue() -> None:
    record = Record(ManualClock())
    record.commit_s = 0.9
    far = Far(secure=record.secure)
    record._clock = far.world.clock
    await far.open()
    far.command("start")
    await far.run(1)
    assert [order.status for order in far.service.tracker.working()] == [OrderStatus.PENDING] * 2
    halting = far.command("halt")
    await far.run(0.1)
    assert not list(far.service.tracker.working())
    await far.run(2)
    assert halting.done()
    assert far.service.machine.state is State.HALTED
    assert not far.world.truth._orders
    await far.close()


# Others on the account


async def test_orders_of_others_are_pointed_out_once_and_never_touched() -> None:
    far = await Far().active()
    far.world.leave_a_strangers_order("40000")
    far.world.leave_a_strangers_order("41000")
    await far.run(40)
    said = [event.text for event in far.desk.events(Notice)]
    assert len(said) == 1
    assert said[0].startswith("2 open orders in BTC/USDT on this account are not this deployment's (by-hand-")
    pausing = far.command("pause")
    await far.run(2)
    assert pausing.done()
    assert len(far.world.resting()) == 2
    await far.close()


async def test_an_execution_of_an_order_that_had_ended_is_found_by_the_next_audit() -> None:
    """A venue may list only after a cancel what had traded before it: nobody is in doubt, and yet it is missing."""
    far = await Far().active()
    bid = far.bid()
    report = far.world.truth._cancel("BTC/USDT", bid)
    await far.run(2)
    assert far.service.tracker.find(bid).status is OrderStatus.CANCELLED  # type: ignore[union-attr]
    far.world.truth._orders[bid] = msgspec.structs.replace(report, status=OrderStatus.OPEN)
    far.world.news.extend([News(after_s=None)] * 3)
    far.world.truth.fill(bid, "0.004")
    far.world.truth._change(far.world.truth._orders[bid], OrderStatus.CANCELLED)
    await far.run(20)
    assert far.service.account.position.base == D("0.004")
    await far.close()


async def test_an_order_that_is_cancelled_while_its_intent_is_recorded_is_never_sent() -> None:
    record = Record(ManualClock())
    record.commit_s = 0.9
    far = Far(secure=record.secure)
    record._clock = far.world.clock
    await far.open()
    far.command("start")
    await far.run(1)
    orders = list(far.service.tracker.working())
    assert [order.status for order in orders] == [OrderStatus.PENDING] * 2
    await far.service.executor.cancel_all()
    await far.run(1)
    assert {order.status for order in orders} == {OrderStatus.REJECTED}
    assert not {order.client_order_id for order in orders} & set(far.world.truth._orders)
    await far.close()
