"""Kill switches trip on what is known, name value and limit, and never on a market that is only not ready (Q8, E11)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from engine.core.component import Component
from engine.core.states import State
from engine.risk.killswitches.data import DataLag
from engine.risk.killswitches.holdings import Inventory
from engine.risk.killswitches.people import Manual
from engine.risk.killswitches.results import Loss
from engine.risk.killswitches.several import AnyOf
from engine.testing import RecordingRuntime
from tests.engine.risk.moments import D, Moment

T = TypeVar("T", bound=Component)


def named(switch: T, name: str) -> T:
    switch.name = name
    return switch


def test_inventory_trips_either_way_beyond_the_limit_and_not_at_it() -> None:
    switch = named(Inventory(max_position_quote=D(1000)), "inventory")
    moment = Moment()
    assert switch.check(moment.state(position_base=D(1000))) is None
    for position in ("1000.1", "-1000.1"):
        trip = switch.check(moment.state(position_base=D(position)))
        assert trip is not None
        assert trip.switch == "inventory"
        assert trip.value == D("1000.1")
        assert trip.limit == D(1000)
        assert trip.reason == "The position is worth 1000.10 USDT, over the limit of 1000."


def test_inventory_is_valued_at_the_last_good_mid_and_not_guessed_before_the_first() -> None:
    switch = Inventory(max_position_quote=D(1000))
    state = Moment().state(reference=None, position_base=D(900))
    assert switch.check(state) is None
    assert switch.check(Moment().state(reference=None, mark=D("1.2"), position_base=D(900))) is not None
    assert switch.check(Moment().state(reference=None, mark=None, position_base=D(9_000_000))) is None


def test_loss_trips_below_the_limit_and_not_when_pnl_is_unknown() -> None:
    switch = named(Loss(max_loss_quote=D(50)), "loss")
    moment = Moment()
    assert switch.check(moment.state(total_pnl_quote=D(-50))) is None
    assert switch.check(moment.state(total_pnl_quote=None)) is None
    trip = switch.check(moment.state(total_pnl_quote=D("-50.01")))
    assert trip is not None
    assert (trip.value, trip.limit) == (D("-50.01"), D(-50))


def test_data_lag_counts_from_the_last_good_book() -> None:
    switch = named(DataLag(), "lag")
    moment = Moment()
    start = moment.clock.monotonic()
    assert switch.check(moment.state()) is None
    moment.feed.problem = "a gap of 2 messages"
    moment.clock.move_to(start + 10)
    assert switch.check(moment.state()) is None
    moment.clock.move_to(start + 10.5)
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.reason == "The last good book from fake is 10.5 s old, over 10 s (a gap of 2 messages)."
    assert (trip.value, trip.limit) == (D("10.500"), D(10))


def test_data_lag_gives_a_feed_that_has_never_been_ready_as_long_as_one_that_failed() -> None:
    switch = DataLag(max_lag_s=D(2))
    moment = Moment()
    moment.feed.received_at = None
    assert switch.check(moment.state()) is None
    moment.clock.move_to(moment.clock.monotonic() + 2)
    assert switch.check(moment.state()) is None
    moment.feed.received_at = moment.clock.monotonic()
    moment.clock.move_to(moment.clock.monotonic() + 1)
    assert switch.check(moment.state()) is None
    moment.clock.move_to(moment.clock.monotonic() + 1.1)
    assert switch.check(moment.state()) is not None


def test_manual_reads_the_durable_switch_and_the_file(tmp_path: Path) -> None:
    engaged = [""]
    stop = tmp_path / "STOP"
    switch = Manual(file=str(stop))
    RecordingRuntime(manual_halt=lambda: engaged[0]).equip(switch, "manual")
    state = Moment().state()
    assert switch.check(state) is None

    stop.write_text("")
    trip = switch.check(state)
    assert trip is not None
    assert trip.reason == f"The file {stop} exists."
    stop.write_text("Dana: exchange maintenance\n")
    trip = switch.check(state)
    assert trip is not None
    assert trip.reason == "Dana: exchange maintenance"
    stop.unlink()
    assert switch.check(state) is None

    engaged[0] = "The firm is halted."
    trip = switch.check(state)
    assert trip is not None
    assert trip.reason == "The firm is halted."


def test_any_reports_the_first_that_trips() -> None:
    loss, inventory = named(Loss(max_loss_quote=D(50)), "loss"), named(Inventory(max_position_quote=D(10)), "inventory")
    both = AnyOf(switches=[loss, inventory])
    moment = Moment()
    assert both.check(moment.state()) is None
    assert both.check(moment.state(position_base=D(11))).switch == "inventory"  # type: ignore[union-attr]
    both_tripped = moment.state(position_base=D(11), total_pnl_quote=Decimal(-51))
    trip = both.check(both_tripped)
    assert trip is not None
    assert trip.switch == "loss"
    assert trip.reason.endswith("beyond the loss limit of 50. inventory would have tripped as well.")


def test_data_lag_does_not_count_the_time_before_a_start_against_a_feed_whose_trouble_just_began() -> None:
    """It is asked while ACTIVE and at a start: what it saw before a night of PAUSED is not the last good book."""
    switch = named(DataLag(), "lag")
    moment = Moment()
    start = moment.clock.monotonic()
    assert switch.check(moment.state()) is None

    moment.clock.move_to(start + 3600)
    moment.feed.received_at = start + 3599
    moment.feed.problem = "a gap of 2 messages"
    assert switch.check(moment.state(state=State.STARTING)) is None
    moment.clock.move_to(start + 3609.5)
    trip = switch.check(moment.state())
    assert trip is not None
    assert trip.value == D("10.500")


def test_data_lag_gives_a_feed_without_any_book_its_time_from_the_start() -> None:
    switch = named(DataLag(), "lag")
    moment = Moment()
    start = moment.clock.monotonic()
    assert switch.check(moment.state()) is None
    moment.feed.received_at = None
    moment.clock.move_to(start + 3600)
    assert switch.check(moment.state(state=State.STARTING)) is None
    moment.clock.move_to(start + 3610.5)
    assert switch.check(moment.state()) is not None
