"""Starting, pausing and halting a deployment, and everything that takes its quotes down."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest

from engine.core.clock import NS
from engine.core.errors import AuthRejected, EngineError, NotReady
from engine.core.service import Restore, Service
from engine.core.states import State, TransitionRefused
from engine.market.types import Fill, MarketStatus, OrderReport, OrderStatus, Side
from engine.marketmaking.base import Trip
from engine.metrics.events import (
    FillRecorded,
    HaltCompleted,
    Notice,
    OrderChanged,
    QuotesSimulated,
    RiskTriggered,
    Sample,
    StateChanged,
)
from engine.risk.base import RiskState
from engine.testing import settle
from tests.engine.desk import Desk

D = Decimal


class Lease:
    def __init__(self) -> None:
        self.held = True

    def valid(self) -> bool:
        return self.held


async def active(**settings: object) -> Desk:
    desk = await Desk(**settings).open()  # type: ignore[arg-type]
    await desk.service.start("test")
    await desk.run(1)
    assert desk.venue.resting(Side.BUY)
    return desk


def states(desk: Desk) -> list[str]:
    return [event.new.value for event in desk.events(StateChanged)]


def nothing_rests(desk: Desk) -> bool:
    return not desk.venue.resting(Side.BUY) and not desk.venue.resting(Side.SELL)


# Life


async def test_everything_begins_paused_and_stays_so_until_somebody_starts_it() -> None:
    """Q9"""
    desk = await Desk().open()
    await desk.run(5)
    assert isinstance(desk.service, Service)
    assert desk.service.machine.state is State.PAUSED
    assert nothing_rests(desk)
    await desk.close()


async def test_pausing_cancels_proves_and_keeps_the_inventory() -> None:
    desk = await active()
    desk.venue.trade("49900", "0.01", Side.SELL)
    position = desk.service.account.position.base
    assert position > 0

    await desk.service.pause("lunch")

    assert nothing_rests(desk)
    assert states(desk) == ["starting", "active", "pausing", "paused"]
    assert desk.service.machine.reason == "lunch"
    assert desk.service.account.position.base == position
    (done,) = [event for event in desk.events(HaltCompleted) if event.orders_cancelled]
    assert done.proven_clean
    assert done.orders_cancelled == 6
    await desk.run(3)
    assert nothing_rests(desk)
    await desk.close()


async def test_a_halt_stays_until_a_person_resets_it() -> None:
    """Q8"""
    desk = await active()
    await desk.service.halt("a person pressed kill")
    assert nothing_rests(desk)
    assert desk.service.machine.state is State.HALTED
    with pytest.raises(TransitionRefused):
        await desk.service.start("too early")
    await desk.service.pause("no way out either")
    assert desk.service.machine.state is State.HALTED

    await desk.service.reset("looked into it")
    assert desk.service.machine.state is State.PAUSED
    await desk.service.start("again")
    await desk.run(1)
    assert len(desk.venue.resting(Side.BUY)) == 3
    await desk.close()


async def test_commands_may_be_repeated() -> None:
    desk = await active()
    await desk.service.start("again")
    assert states(desk) == ["starting", "active"]
    await desk.service.pause("x")
    await desk.service.pause("x")
    await desk.service.halt("y")
    await desk.service.halt("y")
    await desk.service.reset("z")
    await desk.service.reset("z")
    assert states(desk)[2:] == ["pausing", "paused", "halting", "halted", "paused"]
    await desk.close()
    await desk.close()


async def test_unloading_cancels_everything() -> None:
    desk = await active()
    await desk.close()
    assert nothing_rests(desk)
    assert states(desk)[-1] == "paused"


@pytest.mark.parametrize("command", ["", "pause", "halt"])
async def test_a_farewell_to_a_venue_that_does_not_answer_is_not_called_a_clean_one(command: str) -> None:
    desk = await active(immediate="false")
    desk.venue.offline = "maintenance"
    if command:
        desk.service.runtime.spawn(getattr(desk.service, command)("test"), command)
        await desk.run(7)
    await desk.close()
    (error,) = desk.container.unload_errors
    assert error.startswith("quoting failed to unload: Some orders may still rest on BTC/USDT: ")


async def test_a_tick_that_fails_takes_the_quotes_down_and_faults() -> None:
    desk = await active()

    def broken(context: object) -> object:
        raise KeyError("a mistake in a strategy")

    desk.service.strategy.draft = broken  # type: ignore[method-assign,assignment]
    await desk.run(2)
    assert nothing_rests(desk)
    assert desk.service.machine.state is State.FAULTED
    assert "a mistake in a strategy" in desk.service.machine.reason


# A slow venue


async def test_a_halt_does_not_wait_for_a_venue_that_does_not_answer_its_orders() -> None:
    desk = await Desk(immediate="false").open()
    desk.venue.ack_after_s = 3.0
    await desk.service.start("test")
    await desk.run(1)
    assert len(desk.venue.resting(Side.BUY)) == 3

    halting = asyncio.create_task(desk.service.halt("kill"))
    await settle()  # no time passes
    cancels = [ids for call, ids in desk.venue.calls if call == "cancel"]
    assert [len(ids) for ids in cancels] == [6]
    await desk.run(10)
    await halting
    assert desk.service.machine.state is State.HALTED
    assert nothing_rests(desk)
    await desk.close()


async def test_a_venue_that_cannot_be_asked_leaves_the_deployment_halting_until_it_can() -> None:
    desk = await active()
    desk.venue.offline = "the venue is in maintenance"
    halting = asyncio.create_task(desk.service.halt("kill"))
    await desk.run(6)
    await halting
    assert desk.service.machine.state is State.HALTING
    assert not desk.events(HaltCompleted)[-1].proven_clean
    assert any(event.level == "error" for event in desk.events(Notice))

    desk.venue.offline = ""
    await desk.run(3)
    assert desk.service.machine.state is State.HALTED
    assert desk.events(HaltCompleted)[-1].proven_clean
    assert nothing_rests(desk)
    await desk.close()


async def test_a_replaced_order_follows_its_cancel_without_waiting_for_a_tick() -> None:
    desk = await Desk(immediate="false", interval_ms="5000", levels="1", threshold="1").open()
    await desk.service.start("test")
    await desk.run(5)
    desk.venue.ack_after_s = 0.05
    desk.book("50009.99", "50010.01")
    while not any(call == "cancel" for call, _ in desk.venue.calls):
        await desk.run(0.1)
    await desk.run(0.2)
    assert desk.prices(Side.BUY) == ["49984.99"]
    assert desk.prices(Side.SELL) == ["50035.01"]
    desk.venue.ack_after_s = 0
    await desk.close()


# Taking over


async def test_orders_of_an_earlier_holder_are_cancelled_before_the_first_quote() -> None:
    """Q14"""
    left = OrderReport(
        ts_ns=1,
        client_order_id="mm-c-6-1",
        venue_order_id="V9",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=D(49000),
        size_base=D("0.01"),
        filled_base=D(0),
        status=OrderStatus.OPEN,
    )
    stranger = OrderReport(
        ts_ns=1,
        client_order_id="somebody-else",
        venue_order_id="V8",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=D(48000),
        size_base=D("0.01"),
        filled_base=D(0),
        status=OrderStatus.OPEN,
    )
    desk = Desk(token=7)
    desk.venue._orders = {left.client_order_id: left, stranger.client_order_id: stranger}
    await desk.open()
    await desk.service.start("take over")
    await desk.run(1)

    assert desk.venue.order("mm-c-6-1").status is OrderStatus.CANCELLED
    assert desk.venue.order("somebody-else").status is OrderStatus.OPEN
    calls = [(call, ids) for call, ids in desk.venue.calls if call in ("place", "cancel")]
    assert calls[0] == ("cancel", ("mm-c-6-1",))
    assert [event.new for event in desk.events(OrderChanged) if event.client_order_id == "mm-c-6-1"][-1] == "cancelled"
    await desk.close()


async def test_an_order_of_the_record_that_the_venue_no_longer_has_is_closed_in_the_record() -> None:
    ghost = OrderReport(
        ts_ns=1,
        client_order_id="mm-c-6-2",
        venue_order_id="V9",
        symbol="BTC/USDT",
        side=Side.SELL,
        price=D(51000),
        size_base=D("0.01"),
        filled_base=D("0.004"),
        status=OrderStatus.PARTIALLY_FILLED,
    )
    desk = await Desk(restore=Restore(orders=(ghost,))).open()
    await desk.service.start("take over")
    changes = [event for event in desk.events(OrderChanged) if event.client_order_id == "mm-c-6-2"]
    assert changes[-1].new is OrderStatus.CANCELLED
    assert changes[-1].filled_base == D("0.004")
    assert desk.service.account.position.base == 0
    await desk.close()


async def test_orders_of_a_newer_holder_are_left_alone() -> None:
    newer = OrderReport(
        ts_ns=1,
        client_order_id="mm-c-8-1",
        venue_order_id="V9",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=D(49000),
        size_base=D("0.01"),
        filled_base=D(0),
        status=OrderStatus.OPEN,
    )
    desk = Desk(token=7)
    desk.venue._orders = {newer.client_order_id: newer}
    await desk.open()
    await desk.service.start("a zombie wakes up")
    await desk.close()
    assert desk.venue.order("mm-c-8-1").status is OrderStatus.OPEN


async def test_a_restored_position_shifts_the_first_quotes() -> None:
    desk = await active(restore=Restore(position_base=D("0.05"), average_cost=D(50000)))
    assert desk.prices(Side.BUY)[0] == "49971.87"
    await desk.close()


@pytest.mark.parametrize("why", ["manual", "lease"])
async def test_a_start_that_is_not_allowed_ends_paused_with_the_reason(why: str) -> None:
    lease = Lease()
    lease.held = why != "lease"
    halt = "The firm is halted by Dana: exercise." if why == "manual" else ""
    desk = await Desk(permit=lease, manual_halt=lambda: halt).open()
    await desk.service.start("go")
    assert desk.service.machine.state is State.PAUSED
    assert desk.service.machine.reason.startswith("Not started: ")
    assert (halt or "lease has run out") in desk.service.machine.reason
    await desk.run(2)
    assert not [call for call, _ in desk.venue.calls if call == "place"]
    await desk.close()


class Unready:
    """A kill switch that cannot judge yet."""

    def check(self, state: RiskState) -> Trip | None:
        raise NotReady("The index is not there yet.")


async def test_a_start_whose_kill_switch_cannot_be_asked_ends_paused_with_the_reason() -> None:
    desk = await Desk().open()
    desk.service.killswitch = Unready()
    with pytest.raises(NotReady):
        await desk.service.start("test")
    assert desk.service.machine.state is State.PAUSED
    assert desk.service.machine.reason == "Not started: The index is not there yet."
    assert not desk.venue.resting(Side.BUY)
    await desk.close()


async def test_a_start_is_refused_while_the_venue_cannot_prove_that_nothing_rests() -> None:
    desk = await Desk().open()
    desk.venue.offline = "down"
    starting = asyncio.create_task(desk.service.start("go"))
    await desk.run(12)
    await starting
    assert desk.service.machine.state is State.PAUSING
    desk.venue.offline = ""
    await desk.run(2)
    assert desk.service.machine.state is State.PAUSED
    assert "could not be asked" in desk.service.machine.reason
    await desk.close()


# Uncertainty (Q15)


async def test_no_quotes_without_a_reference_price() -> None:
    desk = await active()
    desk.book("50000.02", "50000.01")
    await desk.run(1)
    assert nothing_rests(desk)
    assert "crossed" in desk.service.quotes.reason
    assert desk.service.machine.state is State.ACTIVE
    desk.book("49999.99", "50000.01")
    await desk.run(1)
    assert len(desk.venue.resting(Side.BUY)) == 3
    await desk.close()


async def test_no_quotes_on_a_feed_in_trouble() -> None:
    desk = await active()
    desk.venue.feed("BTC/USDT").problem = "a gap of 3 messages"
    await desk.run(1)
    assert nothing_rests(desk)
    assert "a gap of 3 messages" in desk.service.quotes.reason
    await desk.close()


async def test_no_quotes_without_a_lease_and_no_order_is_sent() -> None:
    lease = Lease()
    desk = await active(permit=lease)
    lease.held = False
    placed = sum(call == "place" for call, _ in desk.venue.calls)
    desk.book("50499.99", "50500.01")
    await desk.run(2)
    assert nothing_rests(desk)
    assert sum(call == "place" for call, _ in desk.venue.calls) == placed
    await desk.close()


async def test_no_quotes_on_a_halted_market() -> None:
    desk = await active()
    desk.venue.set_status(MarketStatus.HALTED)
    await desk.run(1)
    assert nothing_rests(desk)
    assert desk.service.quotes.reason == "The venue has halted BTC/USDT."
    await desk.close()


# Kill switches


async def test_a_loss_beyond_the_limit_halts_at_the_next_tick() -> None:
    desk = await active(restore=Restore(position_base=D("0.1"), average_cost=D(50000)))
    desk.book("44999.99", "45000.01")
    await desk.run(1.5)
    assert nothing_rests(desk)
    assert desk.service.machine.state is State.HALTED
    (trip,) = desk.events(RiskTriggered)
    assert trip.switch == "loss"
    assert trip.value is not None
    assert trip.value < D(-500)
    assert trip.limit == D(-500)
    await desk.close()


async def test_a_fill_that_breaks_a_limit_halts_at_once_and_not_at_the_next_tick() -> None:
    desk = await Desk(interval_ms="60000").open()
    await desk.service.start("test")
    await desk.service.tick()
    assert desk.venue.resting(Side.BUY)
    desk.service.killswitch.switches[0].max_position_quote = D(500)  # type: ignore[attr-defined]

    desk.venue.trade("49900", "0.02", Side.SELL)

    assert desk.service.machine.state is State.HALTING
    await desk.run(0.1)
    assert nothing_rests(desk)
    assert desk.service.machine.state is State.HALTED
    assert [event.switch for event in desk.events(RiskTriggered)] == ["inventory"]
    await desk.close()


async def test_silence_of_the_feed_halts_after_ten_seconds_and_not_before() -> None:
    desk = await active()
    await desk.clock.advance(9)
    assert desk.service.machine.state is State.ACTIVE
    assert nothing_rests(desk)
    await desk.clock.advance(3)
    assert desk.service.machine.state is State.HALTED
    assert desk.events(RiskTriggered)[0].switch == "lag"
    await desk.close()


async def test_a_durable_kill_switch_halts_at_the_next_tick() -> None:
    engaged = [""]
    desk = await active(manual_halt=lambda: engaged[0])
    engaged[0] = "The firm is halted."
    await desk.run(1.2)
    assert desk.service.machine.state is State.HALTED
    assert desk.service.machine.reason == "The firm is halted."
    assert nothing_rests(desk)
    await desk.close()


# Fills


async def test_a_fill_is_recorded_with_what_it_did() -> None:
    desk = await active()
    price = desk.venue.resting(Side.BUY)[0].price
    desk.venue.trade(price, "0.01", Side.SELL)
    (record,) = desk.events(FillRecorded)
    assert record.fill.price == price
    assert record.mid == D(50000)
    assert record.position_base == D("0.01")
    assert record.average_cost == price
    assert record.volume_total_quote == price * D("0.01")
    assert record.fills_total == 1
    await desk.close()


async def test_a_fill_told_twice_counts_once() -> None:
    desk = await active()
    desk.venue.repeat = True
    desk.venue.trade("49900", "0.01", Side.SELL)
    assert len(desk.events(FillRecorded)) == 1
    assert desk.service.account.position.base == D("0.01")
    await desk.close()


async def test_a_fill_the_venue_never_pushed_is_found_by_asking() -> None:
    desk = await active(threshold="1")
    desk.venue.silent = True
    order = next(iter(desk.service.tracker.working()))
    desk.venue.fill(order.client_order_id)
    desk.book("50009.99", "50010.01")
    await desk.run(4)
    assert desk.service.account.position.base == order.size_base * order.side.sign
    assert len(desk.events(FillRecorded)) == 1
    await desk.close()


# Shadow


async def test_shadow_mode_publishes_what_it_would_quote_and_sends_nothing() -> None:
    """Q10"""
    desk = await Desk(executor="dry_run").open()
    await desk.service.start("shadow")
    await desk.run(2)
    assert not [call for call, _ in desk.venue.calls if call in ("place", "cancel")]
    simulated = desk.events(QuotesSimulated)
    assert len(simulated) == 1
    assert [str(quote.price) for quote in simulated[0].quotes if quote.side is Side.BUY] == [
        "49975.00",
        "49950.00",
        "49925.00",
    ]
    assert not desk.events(OrderChanged)
    assert desk.events(Sample)[-1].open_bids == 0
    await desk.service.pause("enough")
    assert desk.events(QuotesSimulated)[-1].quotes == ()
    await desk.close()


# What must not slip through


async def test_a_kill_that_comes_while_a_start_waits_for_the_venue_needs_no_manual_switch_in_the_file() -> None:
    halt: list[str] = []
    desk = await Desk(immediate="false", switches='"@loss"', manual_halt=lambda: halt[0] if halt else "").open()
    desk.venue.offline = "slow to answer"
    starting = asyncio.create_task(desk.service.start("go"))
    await desk.run(0.1)
    assert desk.service.machine.state is State.STARTING
    halt.append("The firm is halted by Dana: exercise.")
    desk.venue.offline = ""
    await desk.run(3)
    await starting
    assert desk.service.machine.state is State.PAUSED
    assert desk.service.machine.reason == "Not started: The firm is halted by Dana: exercise."
    assert "active" not in states(desk)
    await desk.close()


async def test_leftovers_that_could_not_be_cleared_at_once_are_cleared_as_soon_as_the_venue_answers() -> None:
    """Q15: a deployment that stays paused must not leave a lost host's orders resting because the venue was away."""
    left = OrderReport(
        ts_ns=1,
        client_order_id="mm-c-6-1",
        venue_order_id="V9",
        symbol="BTC/USDT",
        side=Side.BUY,
        price=D(49000),
        size_base=D("0.01"),
        filled_base=D(0),
        status=OrderStatus.OPEN,
    )
    desk = Desk(token=7)
    desk.venue._orders = {left.client_order_id: left}
    await desk.open()
    desk.venue.offline = "maintenance"
    clearing = asyncio.create_task(desk.service.clear_leftovers())
    await desk.run(20)
    await clearing
    assert any(event.level == "error" and "may still rest" in event.text for event in desk.events(Notice))

    desk.venue.offline = ""
    await desk.run(3)
    assert nothing_rests(desk)
    assert desk.service.machine.state is State.PAUSED
    assert desk.events(Notice)[-1].text == "Cancelled 1 orders left by an earlier holder."

    await desk.service.start("now")
    await desk.run(3)
    assert len(desk.venue.resting(Side.BUY)) == 3
    cancels = [ids for call, ids in desk.venue.calls if call == "cancel"][-1]
    assert cancels == ("mm-c-6-1",)
    await desk.close()


async def test_an_execution_that_nobody_recorded_is_found_when_taking_over() -> None:
    """The host was lost before it wrote the order and its fill, and by now the order is gone from the venue."""
    desk = Desk(token=7, restore=Restore(position_base=D(1), average_cost=D(50000), last_fill_ns=1_600_000_000 * NS))
    lost = Fill(
        ts_ns=1_600_000_001 * NS,
        fill_id="F77",
        client_order_id="mm-c-6-9",
        venue_order_id="V77",
        symbol="BTC/USDT",
        side=Side.SELL,
        price=D(50001),
        size_base=D("0.8"),
        fee=D(0),
        fee_asset="USDT",
    )
    desk.venue._fills.append(lost)
    await desk.open()
    await desk.service.start("take over")
    assert desk.service.account.position.base == D("0.2")
    assert [event.fill.fill_id for event in desk.events(FillRecorded)] == ["F77"]
    await desk.service.pause("lunch")
    await desk.service.start("again")
    assert desk.service.account.position.base == D("0.2")
    await desk.close()


async def test_a_file_whose_executor_trades_another_market_does_not_load() -> None:
    desk = Desk(executor_symbol="BTC/USDC")
    with pytest.raises(EngineError, match="quotes BTC/USDT, but its executor trades BTC/USDC"):
        await desk.container.load()
    assert not desk.container.unload_errors


async def test_a_start_that_the_venue_refuses_our_credentials_for_ends_paused() -> None:
    desk = await Desk().open()

    async def refuse() -> None:
        raise AuthRejected("The key was revoked.")

    desk.venue.balances = refuse  # type: ignore[method-assign, assignment]
    await desk.service.start("go")
    assert desk.service.machine.state is State.PAUSED
    assert "The key was revoked." in desk.service.machine.reason
    await desk.close()


async def test_an_execution_told_again_long_after_its_order_was_forgotten_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A venue asked about an old order tells every execution since, more than anybody remembers by number."""
    monkeypatch.setattr("engine.execution.tracker._REMEMBERED_ORDERS", 2)
    monkeypatch.setattr("engine.execution.tracker._REMEMBERED_FILLS", 2)
    desk = await active(levels="1")
    for _ in range(6):
        desk.venue.trade("49900", "1", Side.SELL)
        desk.venue.trade("50100", "1", Side.BUY)
        await desk.run(2)
    position, count = desk.service.account.position.base, len(desk.events(FillRecorded))
    assert count == 12
    for fill in desk.venue._fills:
        desk.service.on_fill(fill)
    assert desk.service.account.position.base == position
    assert len(desk.events(FillRecorded)) == count
    await desk.close()


async def test_a_second_kill_is_proven_anew() -> None:
    """B2: an order that came up at the venue since (by hand, by a frozen holder) is found by whoever kills again."""
    desk = await active()
    await desk.service.halt("first")
    stray = msgspec.structs.replace(next(iter(desk.venue._orders.values())), status=OrderStatus.OPEN)
    desk.venue._orders[stray.client_order_id] = stray
    await desk.service.halt("second")
    assert nothing_rests(desk)
    assert desk.service.machine.state is State.HALTED
    assert desk.service.machine.reason == "first"
    done = desk.events(HaltCompleted)[-1]
    assert (done.proven_clean, done.orders_cancelled) == (True, 1)
    await desk.close()
