"""An order's life as the venue tells it: late, twice, out of order, or not at all (Q11)."""

from __future__ import annotations

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from engine.execution.lifecycle import OrderEvent
from engine.execution.tracker import OrderTracker
from engine.market.types import Fill, OrderReport, OrderStatus, Quote, Side
from engine.metrics.events import OrderChanged
from engine.testing import ManualClock

D = Decimal
BID = Quote(side=Side.BUY, level=0, price=D("99"), size_base=D("10"))
SLOT = (Side.BUY, 0)


class Told:
    """A tracker with one order, and what it told about it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.events: list[OrderChanged] = []
        self.tracker = OrderTracker(symbol="A/B", clock=self.clock, on_changed=self.events.append)
        self.order = self.tracker.open("mm-1-1-1", BID)
        self._fills = 0

    def report(self, status: str, filled: str = "0", *, at: int = 1, **changes: Any) -> None:
        asked = changes.pop("asked", False)
        self.tracker.hear(
            OrderReport(
                ts_ns=at,
                client_order_id="mm-1-1-1",
                venue_order_id="V1",
                symbol="A/B",
                side=Side.BUY,
                price=D(99),
                size_base=D(10),
                filled_base=D(filled),
                status=OrderStatus(status),
                **changes,
            ),
            asked=asked,
        )

    def fill(self, size: str, fill_id: str = "") -> bool:
        self._fills += 1
        return self.tracker.book(
            Fill(
                ts_ns=1,
                fill_id=fill_id or f"F{self._fills}",
                client_order_id="mm-1-1-1",
                venue_order_id="V1",
                symbol="A/B",
                side=Side.BUY,
                price=D(99),
                size_base=D(size),
                fee=D(0),
                fee_asset="B",
            )
        )

    @property
    def status(self) -> str:
        return self.order.status.value


def test_an_order_is_told_of_before_it_is_sent() -> None:
    told = Told()
    assert [(event.old, event.new) for event in told.events] == [(None, OrderStatus.PENDING)]
    assert told.tracker.at(SLOT) is told.order
    assert not told.order.rests


def test_a_quiet_life_is_pending_open_partly_filled_filled() -> None:
    told = Told()
    told.report("open")
    told.fill("4")
    told.report("partially_filled", "4", at=2)
    told.fill("6")
    told.report("filled", "10", at=3)
    assert [event.new.value for event in told.events] == ["pending", "open", "partially_filled", "filled"]
    assert [str(event.filled_base) for event in told.events] == ["0", "0", "4", "10"]
    assert told.tracker.at(SLOT) is None
    assert not told.tracker.live


def test_fills_and_reports_in_any_order_end_the_same() -> None:
    words = [
        lambda t: t.report("open", at=1),
        lambda t: t.fill("4", "F-a"),
        lambda t: t.report("partially_filled", "4", at=2),
        lambda t: t.fill("6", "F-b"),
        lambda t: t.report("filled", "10", at=3),
    ]
    for order in permutations(words):
        told = Told()
        for word in order:
            word(told)
        assert told.status == "filled"
        assert told.order.booked_base == D(10)
        assert not told.tracker.live


def test_a_fill_that_comes_twice_counts_once() -> None:
    told = Told()
    told.report("open")
    assert told.fill("4", "F-same")
    assert not told.fill("4", "F-same")
    assert told.order.booked_base == D(4)


def test_an_old_open_does_not_undo_a_cancel() -> None:
    told = Told()
    told.tracker.cancel_sent([told.order])
    told.report("cancelled", at=5)
    told.report("open", at=2)
    told.report("open", at=5)
    assert told.status == "cancelled"


def test_a_newer_open_after_the_end_puts_the_order_in_doubt_and_leaves_its_slot_alone() -> None:
    told = Told()
    told.report("cancelled", at=5)
    other = told.tracker.open("mm-1-1-2", BID)
    told.report("open", at=6)
    assert told.status == "unknown"
    assert told.tracker.at(SLOT) is other
    assert told.order in told.tracker.in_doubt()


def test_a_cancelled_order_counts_until_its_last_execution_is_booked() -> None:
    """The cancel's answer says 3 were filled, but the fill itself is still on its way."""
    told = Told()
    told.report("open")
    told.tracker.cancel_sent([told.order])
    told.report("cancelled", "3", at=2)
    assert told.tracker.at(SLOT) is None
    assert told.order.exposure_base == D(3)
    assert told.order in told.tracker.in_doubt()
    told.fill("3")
    assert told.order.exposure_base == 0
    assert not told.tracker.live


def test_a_cancel_that_finds_nothing_may_have_met_a_fill() -> None:
    told = Told()
    told.report("open")
    told.tracker.cancel_sent([told.order])
    told.report("unknown", at=2, asked=True)
    assert told.status == "unknown"
    assert told.order.exposure_base == D(10)
    told.fill("10")
    assert told.status == "filled"


def test_an_order_we_believed_rejected_that_fills_is_taken_seriously() -> None:
    told = Told()
    told.report("rejected")
    told.fill("4")
    assert told.status == "unknown"
    assert told.order.exposure_base == D(6)


def test_a_fill_beyond_the_size_is_still_booked() -> None:
    told = Told()
    told.report("open")
    told.fill("10")
    assert told.fill("1")
    assert told.order.booked_base == D(11)


def test_two_orders_never_share_a_slot() -> None:
    told = Told()
    with pytest.raises(ValueError, match="is held by mm-1-1-1"):
        told.tracker.open("mm-1-1-2", BID)


def test_what_is_remembered_of_the_past_is_bounded() -> None:
    told = Told()
    told.report("cancelled")
    for number in range(5_000):
        order = told.tracker.open(f"mm-1-2-{number:x}", BID)
        told.tracker.lose(order, "test")
        told.tracker.conclude(order, OrderEvent.CANCELLED, "gone")
    assert told.tracker.find("mm-1-1-1") is None
    assert told.tracker.find(f"mm-1-2-{4_999:x}") is not None


def test_an_order_found_resting_with_a_past_ends_by_the_venues_word_and_not_by_our_sum() -> None:
    """Of what was executed before we found it nobody knows how much is in the books: a fill may count a second time."""
    told = Told()
    report = OrderReport(
        ts_ns=1,
        client_order_id="mm-1-0-9",
        venue_order_id="V9",
        symbol="A/B",
        side=Side.BUY,
        price=D(99),
        size_base=D(10),
        filled_base=D(6),
        status=OrderStatus.PARTIALLY_FILLED,
    )
    found = told.tracker.adopt(report)
    assert found.exposure_base == D(4)
    told.tracker.hear(report, asked=True)
    late = Fill(
        ts_ns=1,
        fill_id="F-late",
        client_order_id="mm-1-0-9",
        venue_order_id="V9",
        symbol="A/B",
        side=Side.BUY,
        price=D(99),
        size_base=D(6),
        fee=D(0),
        fee_asset="B",
    )
    assert told.tracker.book(late)
    assert found.status is OrderStatus.PARTIALLY_FILLED
    assert found.exposure_base == D(4)
    assert found in list(told.tracker.working())


def test_a_list_that_lags_does_not_bring_back_what_has_ended() -> None:
    told = Told()
    told.report("open", at=1)
    told.tracker.cancel_sent([told.order])
    told.report("cancelled", at=5)
    told.report("open", at=1, asked=True)
    assert told.status == "cancelled"
