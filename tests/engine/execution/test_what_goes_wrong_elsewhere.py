"""What users of other engines report again and again, each as a test of ours.

The market, the line and the venue are the test's; what is asserted is what rests at the venue and what the books say.
"""

from __future__ import annotations

import msgspec
import pytest

from engine.core.errors import NotReady
from engine.core.service import Restore
from engine.core.states import State
from engine.market.types import Fill, OrderRequest, OrderStatus, Side
from engine.metrics.events import FillRecorded, HaltCompleted, OrderChanged
from tests.engine.execution.far import D, Far
from tests.engine.execution.unreliable import Fate, News, Record

LOST = Fate(there_s=None)
UNANSWERED = Fate(back_s=None)


def ids(far: Far) -> set[str]:
    return {order.client_order_id for order in far.world.resting()}


async def test_orders_the_venue_took_are_not_dropped_when_the_network_fails_for_minutes() -> None:
    far = await Far(levels="3").active()
    before = ids(far)
    far.world.down = "the name of the venue cannot be resolved"
    await far.run(180)
    assert {order.client_order_id for order in far.service.tracker.working()} == before
    assert ids(far) == before
    far.world.down = ""
    await far.run(40)
    assert ids(far) == before
    assert all(order.rests for order in far.service.tracker.working())
    await far.close()


async def test_orders_the_venue_took_while_the_network_failed_are_found_again() -> None:
    far = await Far(levels="3").open()
    far.world.fates["place"].append(UNANSWERED)
    far.world.news.extend([News(after_s=None)] * 6)
    far.command("start")
    await far.run(2)
    far.world.down = "the name of the venue cannot be resolved"
    await far.run(120)
    assert len(far.world.resting()) == 6
    far.world.down = ""
    await far.run(40)
    assert ids(far) == {order.client_order_id for order in far.service.tracker.working() if order.rests}
    assert len(ids(far)) == 6
    await far.close()


async def test_an_order_the_venue_no_longer_has_is_noticed_and_its_place_quoted_again() -> None:
    far = await Far().active()
    ghost = far.bid()
    far.world.news.append(News(after_s=None))
    far.world.truth._cancel("BTC/USDT", ghost)
    await far.run(45)
    assert far.service.tracker.find(ghost).status is OrderStatus.CANCELLED  # type: ignore[union-attr]
    assert far.bid() != ghost
    await far.close()


async def test_there_are_never_more_orders_than_configured_however_often_answers_are_lost() -> None:
    far = await Far(levels="2").active()
    far.world.fates["place"].extend([UNANSWERED] * 20)
    far.world.fates["cancel"].extend([UNANSWERED, LOST] * 10)
    for dollars in range(30):
        far.book(f"{50000 + 10 * dollars}.99", f"{50001 + 10 * dollars}.01")
        await far.run(3)
        sides = [order.side for order in far.world.resting()]
        assert sides.count(Side.BUY) <= 2
        assert sides.count(Side.SELL) <= 2
    far.world.heal()
    await far.run(60)
    assert len(far.world.resting()) == 4
    await far.close()


@pytest.mark.parametrize("fate", [LOST, Fate(there_s=None, hangs=True), Fate(there_s=6.0)])
async def test_an_order_whose_cancel_gets_lost_does_not_stay_cancelling_for_ever(fate: Fate) -> None:
    far = await Far().active()
    before = ids(far)
    far.world.fates["cancel"].extend([fate] * 2)
    far.book("50049.99", "50050.01")
    await far.run(45)
    assert len(ids(far)) == 2
    assert not ids(far) & before
    assert min(order.price for order in far.world.resting() if order.side is Side.BUY) > D(50000)
    await far.close()


async def test_a_stop_leaves_nothing_of_ours_and_everything_of_others() -> None:
    far = await Far(levels="3").active()
    far.world.leave_a_strangers_order("40000")
    other = OrderRequest(
        client_order_id="mm-d-7-1", symbol="BTC/USDT", side=Side.BUY, price=D(41000), size_base=D("0.01")
    )
    far.world.truth._place(other)  # another deployment of the desk on the same account
    far.world.fates["cancel"].append(LOST)
    pausing = far.command("pause")
    await far.run(30)
    assert pausing.done()
    assert far.service.machine.state is State.PAUSED
    assert {order.price for order in far.world.resting()} == {D(40000), D(41000)}
    await far.close()


async def test_a_kill_while_the_venue_fails_every_call_places_nothing_and_ends_with_a_proof() -> None:
    far = await Far(levels="3").active()
    far.world.down = "internal error"
    killing = far.command("halt")
    placed = len(far.world.truth._orders)
    for _ in range(6):
        far.book("50049.99", "50050.01")
        await far.run(5)
        assert far.service.machine.state is State.HALTING
    (tried,) = far.desk.events(HaltCompleted)
    assert not tried.proven_clean
    assert "internal error" in tried.detail
    far.world.down = ""
    await far.run(8)
    assert killing.done()
    assert not far.world.resting()
    assert far.service.machine.state is State.HALTED
    assert far.desk.events(HaltCompleted)[-1].proven_clean
    assert len(far.world.truth._orders) == placed
    await far.close()


async def test_a_venue_that_raises_something_nobody_foresaw_stops_us_with_everything_cancelled() -> None:
    far = await Far().active()
    truth = far.world.truth

    async def broken(orders: object) -> list[object]:
        raise RuntimeError("a mistake in a venue's client")

    far.desk.venue.place = broken  # type: ignore[method-assign,assignment]
    far.book("50049.99", "50050.01")
    await far.run(10)
    assert far.service.machine.state is State.FAULTED
    assert not [order for order in truth._orders.values() if not order.status.is_final]
    await far.close()


async def test_a_restart_goes_on_with_the_position_and_without_the_orders_of_before() -> None:
    record = Record(Far().world.clock)
    far = Far(secure=record.secure, token=7)
    record._clock = far.world.clock
    far.desk.container._on_event = record.hear
    await far.active()
    far.world.truth.fill(far.bid())
    await far.run(0.5)
    position = far.service.account.position.base
    assert position > 0
    record.commit()
    left = ids(far)

    again = Far(world=far.world, token=8, restore=record.restore(), secure=record.secure)
    await again.open()
    assert again.service.account.position.base == position
    again.command("start")
    await again.run(6)
    assert again.service.machine.state is State.ACTIVE
    assert not ids(again) & left
    assert len(ids(again)) == 2
    assert again.service.account.position.base == position
    await again.close()


async def test_executions_of_another_deployment_on_the_account_are_not_ours() -> None:
    far = await Far().active()
    foreign = Fill(
        ts_ns=far.world.clock.now_ns(),
        fill_id="F-foreign",
        client_order_id="mm-d-7-1",
        venue_order_id="V",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=D(50000),
        size_base=D(3),
        fee=D(0),
        fee_asset="USDT",
    )
    far.world._filled(foreign)
    far.world._filled(msgspec.structs.replace(foreign, fill_id="F-by-hand", client_order_id="by-hand"))
    await far.run(30)
    assert far.service.account.position.base == 0
    assert not far.desk.events(FillRecorded)
    await far.close()


async def test_a_stream_of_orders_and_fills_that_dies_in_silence_costs_seconds_and_no_execution() -> None:
    far = await Far().active()
    far.world.news.extend([News(after_s=None)] * 1000)
    bought = far.bid()
    far.world.truth.fill(bought)
    await far.run(30)
    assert far.service.account.position.base == far.world.truth.order(bought).size_base
    assert len(far.world.resting()) == 2
    await far.close()


async def test_a_book_that_stands_still_takes_the_quotes_down() -> None:
    far = await Far().active()
    await far.world.clock.advance(9)
    assert not far.world.resting()
    assert far.service.machine.state is State.ACTIVE
    await far.close()


async def test_what_is_left_of_an_order_is_what_is_counted_and_what_is_cancelled() -> None:
    far = await Far().active()
    bid = far.bid()
    size = far.world.truth.order(bid).size_base
    far.world.truth.fill(bid, "0.001")
    await far.run(1)
    order = far.service.tracker.find(bid)
    assert order is not None
    assert (order.status, order.remaining_base) == (OrderStatus.PARTIALLY_FILLED, size - D("0.001"))
    assert order.exposure_base == size - D("0.001")
    far.book("50009.99", "50010.01")
    far.world.truth.fill(bid, "0.002")  # while the cancel is on its way
    await far.run(3)
    assert far.service.account.position.base == D("0.003")
    last = [event for event in far.desk.events(OrderChanged) if event.client_order_id == bid][-1]
    assert (last.new, last.filled_base) == (OrderStatus.CANCELLED, D("0.003"))
    await far.close()


async def test_a_cancel_refused_because_the_order_has_filled_books_the_fill_and_not_a_cancel() -> None:
    far = await Far().active()
    bid = far.bid()
    far.unheard(bid)
    far.book("50009.99", "50010.01")
    await far.run(12)
    order = far.service.tracker.find(bid)
    assert order is not None
    assert order.status is OrderStatus.FILLED
    assert far.service.account.position.base == order.size_base
    await far.close()


async def test_a_take_over_at_a_venue_that_is_away_quotes_nothing_until_it_has_answered() -> None:
    far = await Far(restore=Restore(position_base=D(1), average_cost=D(50000))).open()
    far.world.down = "maintenance"
    far.command("start")
    await far.run(30)
    assert not far.world.truth._orders
    with pytest.raises(NotReady):
        await far.desk.venue.open_orders("BTC/USDT")
    await far.close()
