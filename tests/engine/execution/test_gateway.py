"""What the door to a venue does with refusals, silence and trouble (Q11)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from engine.core.errors import AuthRejected, OutcomeUnknown, Refused
from engine.core.service import Restore
from engine.core.states import State
from engine.market.types import Fill, OrderReport, OrderRequest, OrderStatus, Side
from engine.metrics.events import Notice, OrderChanged, RiskTriggered
from engine.testing import ManualClock
from tests.engine.desk import Desk

D = Decimal


async def active(**settings: str) -> Desk:
    desk = await Desk(**settings).open()
    await desk.service.start("test")
    return desk


def places(desk: Desk) -> int:
    return sum(call == "place" for call, _ in desk.venue.calls)


async def test_a_slot_that_is_refused_again_and_again_waits_longer_and_says_why() -> None:
    desk = await active(levels="1")
    desk.venue.refuse = "insufficient balance"
    await desk.run(60)
    assert places(desk) < 12
    assert "Bid 1 waits after" in desk.service.notes[0]
    assert desk.service.notes[0].endswith("refusals in a row: insufficient balance.")
    rejected = [event for event in desk.events(OrderChanged) if event.new is OrderStatus.REJECTED]
    assert rejected[0].reason == "insufficient balance"

    desk.venue.refuse = ""
    await desk.run(31)
    assert len(desk.venue.resting(Side.BUY)) == 1
    await desk.close()


async def test_waiting_slots_do_not_use_up_the_order_rate_of_the_others() -> None:
    desk = await active(levels="3", interval_ms="100")
    refuse_bids = desk.venue._wrong

    def wrong(order: object) -> str:
        return "no bids today" if order.side is Side.BUY else refuse_bids(order)  # type: ignore[attr-defined]

    desk.venue._wrong = wrong  # type: ignore[method-assign]
    await desk.run(5)
    assert len(desk.venue.resting(Side.SELL)) == 3
    assert not [note for note in desk.service.notes if "sent within the last second" in note]
    await desk.close()


@pytest.mark.parametrize(
    ("error", "status"),
    [(Refused("the market is closed"), OrderStatus.REJECTED), (OutcomeUnknown("no answer"), OrderStatus.UNKNOWN)],
)
async def test_an_error_of_the_venue_is_a_refusal_only_when_it_says_so(error: Exception, status: OrderStatus) -> None:
    desk = await active(levels="1")

    async def failing(orders: object) -> list[object]:
        raise error

    desk.venue.place = failing  # type: ignore[method-assign,assignment]
    await desk.run(1)
    changes = [event for event in desk.events(OrderChanged) if event.new is not OrderStatus.PENDING]
    assert {event.new for event in changes} == {status}
    assert {event.reason for event in changes} == {str(error)}
    await desk.close()


async def test_a_call_that_a_venues_client_cancels_itself_is_an_unknown_outcome() -> None:
    desk = await Desk(levels="1", immediate="false").open()
    placed, place = [], desk.venue.place

    async def cancelled(orders: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        placed.append(await place(orders))
        raise asyncio.CancelledError  # as a session does that was closed meanwhile

    desk.venue.place = cancelled  # type: ignore[method-assign]
    await desk.service.start("test")
    await desk.run(10)
    assert desk.container.fault == ""
    assert len(placed) == 1
    assert {order.status for order in desk.service.tracker.working()} == {OrderStatus.OPEN}
    await desk.close()


async def test_what_waits_to_be_recorded_is_no_silence_of_the_venue() -> None:
    clock = ManualClock()

    async def slow_record() -> str:
        await clock.sleep_until(clock.monotonic() + 0.8)
        return ""

    desk = await Desk(
        clock=clock,
        secure=slow_record,
        levels="1",
        immediate="false",
        interval_ms="100",
        more_executor=', response_timeout_s: !decimal "0.5"',
        more="slow: {id: killswitches.response_timeout, args: {max_response_s: !decimal '0.05', times: 1}}",
        switches='"@slow"',
    ).open()
    starting = desk.service.runtime.spawn(desk.service.start("test"), "start")
    await desk.run(10)
    assert starting.done()
    assert desk.events(RiskTriggered) == []
    assert list(desk.service.activity.silences) == []
    assert OrderStatus.UNKNOWN not in {event.new for event in desk.events(OrderChanged)}
    assert {order.status for order in desk.service.tracker.working()} == {OrderStatus.OPEN}
    await desk.close()


async def test_a_venue_that_rejects_our_keys_halts_and_waits_for_a_person() -> None:
    desk = await active(levels="1")

    async def failing(orders: object) -> list[object]:
        raise AuthRejected("the API key has expired")

    desk.venue.place = failing  # type: ignore[method-assign,assignment]
    await desk.run(2)
    assert desk.service.machine.state is State.HALTED
    assert desk.service.machine.reason == "the API key has expired"
    assert [event.switch for event in desk.events(RiskTriggered)] == ["venue"]
    await desk.close()


async def test_a_lost_answer_blocks_the_slot_until_the_venue_has_been_asked() -> None:
    desk = await active(levels="1")
    desk.venue.lose_answers = desk.venue.silent = True
    await desk.service.tick()
    assert {order.status for order in desk.service.tracker.working()} == {OrderStatus.UNKNOWN}
    assert places(desk) == 1

    await desk.service.tick()
    assert {order.status for order in desk.service.tracker.working()} == {OrderStatus.OPEN}
    assert places(desk) == 1
    await desk.close()


async def test_a_fill_nobody_was_told_of_is_found_by_the_next_audit() -> None:
    desk = await active(levels="1")
    await desk.run(7)
    desk.venue.silent = True
    order = next(iter(desk.service.tracker.working()))
    desk.venue.fill(order.client_order_id)
    assert desk.service.account.position.base == 0
    await desk.run(25)
    assert desk.service.account.position.base == order.size_base * order.side.sign
    await desk.close()


async def test_a_part_of_an_order_that_filled_unheard_is_found_too() -> None:
    desk = await active(levels="1")
    await desk.run(7)
    desk.venue.silent = True
    order = next(iter(desk.service.tracker.working()))
    desk.venue.fill(order.client_order_id, "0.001")
    await desk.run(25)
    assert desk.service.account.position.base == D("0.001") * order.side.sign
    assert order.status is OrderStatus.PARTIALLY_FILLED
    await desk.close()


async def test_an_order_that_never_arrived_is_given_up_only_after_it_could_have() -> None:
    desk = await active(levels="1")
    desk.venue.lose_requests = True
    await desk.run(1)
    assert {order.status for order in desk.service.tracker.working()} == {OrderStatus.UNKNOWN}
    desk.venue.lose_requests = False
    await desk.run(8)
    assert places(desk) == 1
    await desk.run(6)
    assert places(desk) == 2
    assert len(desk.venue.resting(Side.BUY)) == 1
    await desk.close()


async def test_an_execution_the_venue_reports_and_never_lists_halts() -> None:
    desk = await active(levels="1", threshold="1")
    await desk.run(2)
    order = next(order for order in desk.service.tracker.working() if order.side is Side.BUY)
    venue_order = desk.venue.order(order.client_order_id)
    desk.venue._orders[order.client_order_id] = msgspec.structs.replace(venue_order, filled_base=D("0.005"))
    desk.book("50009.99", "50010.01")
    await desk.run(70)
    assert desk.service.machine.state is State.HALTED
    assert desk.service.machine.reason.startswith("The venue says that 0.005 more of order mm-c-7-")
    await desk.close()


async def test_executions_recorded_before_a_take_over_are_not_counted_again() -> None:
    desk = Desk(
        restore=Restore(position_base=D("0.02"), average_cost=D(50000), last_fill_ns=500, fill_ids=frozenset("b"))
    )
    common = {
        "client_order_id": "mm-c-6-1",
        "venue_order_id": "V",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "price": D(49000),
        "size_base": D("0.01"),
        "fee": D(0),
        "fee_asset": "USDT",
    }
    await desk.open()
    for ts_ns, fill_id in ((400, "a"), (500, "b"), (500, "c"), (600, "d")):
        desk.service.on_fill(Fill(ts_ns=ts_ns, fill_id=fill_id, **common))  # type: ignore[arg-type]
    assert desk.service.account.position.base == D("0.04")
    await desk.close()


async def test_a_fee_in_an_asset_without_a_rate_is_pointed_out_once() -> None:
    desk = await active(levels="1")
    await desk.service.tick()
    for number in range(2):
        order = next(order for order in desk.service.tracker.working() if order.side is Side.BUY)
        desk.service.on_fill(
            Fill(
                ts_ns=desk.clock.now_ns(),
                fill_id=f"x{number}",
                client_order_id=order.client_order_id,
                venue_order_id="V",
                symbol="BTC/USDT",
                side=Side.BUY,
                price=order.price,
                size_base=D("0.001"),
                fee=D("0.01"),
                fee_asset="BNB",
            )
        )
    warnings = [event.text for event in desk.events(Notice) if event.level == "warning"]
    assert warnings == [
        "No rate of BNB to USDT: no price provider is configured for it. "
        "Fees in it are kept, and missing from PnL until there is one."
    ]
    await desk.close()
