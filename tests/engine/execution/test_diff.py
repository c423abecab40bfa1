"""What is replaced, what keeps its place in the queue, and what must wait."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.execution.diff import Tolerance, difference
from engine.execution.tracker import OrderEvent, OrderTracker, TrackedOrder
from engine.market.types import OrderStatus, Quote, Side
from engine.testing import ManualClock

D = Decimal
FIVE_BPS = Tolerance(price_bps=D(5), size_share=D("0.5"))


def quote(side: str, level: int, price: str, size: str = "10") -> Quote:
    return Quote(side=Side(side), level=level, price=D(price), size_base=D(size))


class Resting:
    def __init__(self, *quotes: Quote) -> None:
        self.tracker = OrderTracker(symbol="A/B", clock=ManualClock(), on_changed=lambda event: None)
        self.orders: list[TrackedOrder] = []
        for number, one in enumerate(quotes):
            order = self.tracker.open(f"mm-1-1-{number}", one)
            self.tracker.conclude(order, OrderEvent.ACCEPTED, "")
            self.orders.append(order)


def test_nothing_rests_so_everything_is_placed() -> None:
    wanted = [quote("buy", 0, "99"), quote("sell", 0, "101")]
    plan = difference(wanted, Resting().tracker, FIVE_BPS)
    assert plan.cancel == ()
    assert plan.place == tuple(wanted)


def test_what_is_as_wanted_stays() -> None:
    resting = Resting(quote("buy", 0, "99"), quote("sell", 0, "101"))
    assert difference([quote("buy", 0, "99"), quote("sell", 0, "101")], resting.tracker, FIVE_BPS).is_empty


@pytest.mark.parametrize(
    ("price", "replaced"), [("100.049", False), ("99.951", False), ("100.05", True), ("99.95", True)]
)
def test_an_order_is_replaced_once_its_price_moved_by_the_threshold(price: str, replaced: bool) -> None:
    resting = Resting(quote("buy", 0, "100"))
    plan = difference([quote("buy", 0, price)], resting.tracker, FIVE_BPS)
    assert bool(plan.cancel) is replaced
    assert bool(plan.place) is replaced


def test_without_a_threshold_any_move_replaces() -> None:
    resting = Resting(quote("buy", 0, "100"))
    assert difference([quote("buy", 0, "100.00")], resting.tracker).is_empty
    assert not difference([quote("buy", 0, "100.01")], resting.tracker).is_empty


def test_an_order_that_is_mostly_filled_is_renewed_and_a_little_filled_one_keeps_its_place() -> None:
    resting = Resting(quote("buy", 0, "100"))
    resting.orders[0].filled_base = D(5)
    assert difference([quote("buy", 0, "100")], resting.tracker, FIVE_BPS).is_empty
    resting.orders[0].filled_base = D("5.1")
    assert difference([quote("buy", 0, "100")], resting.tracker, FIVE_BPS).cancel == (resting.orders[0],)


def test_what_is_no_longer_wanted_is_cancelled() -> None:
    resting = Resting(quote("buy", 0, "99"), quote("buy", 1, "98"), quote("sell", 0, "101"))
    plan = difference([quote("buy", 0, "99")], resting.tracker, FIVE_BPS)
    assert plan.cancel == tuple(resting.orders[1:])
    assert difference([], resting.tracker, FIVE_BPS).cancel == tuple(resting.orders)


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.CANCELLING, OrderStatus.UNKNOWN])
def test_a_slot_whose_order_is_on_its_way_or_in_doubt_gets_nothing_new(status: OrderStatus) -> None:
    resting = Resting(quote("buy", 0, "99"))
    resting.orders[0].status = status
    assert difference([quote("buy", 0, "95")], resting.tracker, FIVE_BPS).is_empty
    assert difference([], resting.tracker, FIVE_BPS).is_empty


def test_an_order_within_tolerance_that_stands_across_the_new_other_side_is_replaced() -> None:
    """The ask moved less than the threshold, yet the new bid would meet it."""
    resting = Resting(quote("sell", 0, "100.00"))
    plan = difference([quote("buy", 0, "100.01"), quote("sell", 0, "100.03")], resting.tracker, FIVE_BPS)
    assert plan.cancel == (resting.orders[0],)


def test_an_order_without_a_slot_is_cancelled() -> None:
    resting = Resting(quote("buy", 0, "99"))
    del resting.tracker._slots[(Side.BUY, 0)]
    resting.orders[0].slot = None
    plan = difference([quote("buy", 0, "99")], resting.tracker, FIVE_BPS)
    assert plan.cancel == (resting.orders[0],)
    assert plan.place == (quote("buy", 0, "99"),)
