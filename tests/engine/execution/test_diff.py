"""What is replaced, what keeps its place in the queue, and what must wait."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.diff import Tolerance, difference
from engine.execution.lifecycle import OrderEvent
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import Fill, OrderReport, OrderStatus, Quote, QuoteSet, Side
from engine.testing import ManualClock

D = Decimal
FIVE_BPS = Tolerance(price_bps=D(5), size_share=D("0.5"))


def quote(side: str, level: int, price: str, size: str = "10") -> Quote:
    return Quote(side=Side(side), level=level, price=D(price), size_base=D(size))


def wanting(quotes: Iterable[Quote]) -> QuoteSet:
    return QuoteSet(quotes=tuple(quotes))


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
    plan = difference(wanting(wanted), Resting().tracker, FIVE_BPS)
    assert plan.cancel == ()
    assert plan.place == tuple(wanted)


def test_what_is_as_wanted_stays() -> None:
    resting = Resting(quote("buy", 0, "99"), quote("sell", 0, "101"))
    assert difference(wanting([quote("buy", 0, "99"), quote("sell", 0, "101")]), resting.tracker, FIVE_BPS).is_empty


@pytest.mark.parametrize(
    ("price", "replaced"), [("100.049", False), ("99.951", False), ("100.05", True), ("99.95", True)]
)
def test_an_order_is_replaced_once_its_price_moved_by_the_threshold(price: str, replaced: bool) -> None:
    resting = Resting(quote("buy", 0, "100"))
    plan = difference(wanting([quote("buy", 0, price)]), resting.tracker, FIVE_BPS)
    assert bool(plan.cancel) is replaced
    assert bool(plan.place) is replaced


def test_without_a_threshold_any_move_replaces() -> None:
    resting = Resting(quote("buy", 0, "100"))
    assert difference(wanting([quote("buy", 0, "100.00")]), resting.tracker).is_empty
    assert not difference(wanting([quote("buy", 0, "100.01")]), resting.tracker).is_empty


def test_an_order_that_is_mostly_filled_is_renewed_and_a_little_filled_one_keeps_its_place() -> None:
    resting = Resting(quote("buy", 0, "100"))
    resting.orders[0].filled_base = D(5)
    assert difference(wanting([quote("buy", 0, "100")]), resting.tracker, FIVE_BPS).is_empty
    resting.orders[0].filled_base = D("5.1")
    assert difference(wanting([quote("buy", 0, "100")]), resting.tracker, FIVE_BPS).cancel == (resting.orders[0],)


def test_what_is_no_longer_wanted_is_cancelled() -> None:
    resting = Resting(quote("buy", 0, "99"), quote("buy", 1, "98"), quote("sell", 0, "101"))
    plan = difference(wanting([quote("buy", 0, "99")]), resting.tracker, FIVE_BPS)
    assert plan.cancel == tuple(resting.orders[1:])
    assert difference(wanting([]), resting.tracker, FIVE_BPS).cancel == tuple(resting.orders)


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.CANCELLING, OrderStatus.UNKNOWN])
def test_a_slot_whose_order_is_on_its_way_or_in_doubt_gets_nothing_new(status: OrderStatus) -> None:
    resting = Resting(quote("buy", 0, "99"))
    resting.orders[0].status = status
    assert difference(wanting([quote("buy", 0, "95")]), resting.tracker, FIVE_BPS).is_empty
    assert difference(wanting([]), resting.tracker, FIVE_BPS).is_empty


def test_an_order_within_tolerance_that_stands_across_the_new_other_side_is_replaced() -> None:
    """The ask moved less than the threshold, yet the new bid would meet it."""
    resting = Resting(quote("sell", 0, "100.00"))
    plan = difference(wanting([quote("buy", 0, "100.01"), quote("sell", 0, "100.03")]), resting.tracker, FIVE_BPS)
    assert plan.cancel == (resting.orders[0],)


def test_an_order_without_a_slot_is_cancelled() -> None:
    resting = Resting(quote("buy", 0, "99"))
    del resting.tracker._slots[(Side.BUY, 0)]
    resting.orders[0].slot = None
    plan = difference(wanting([quote("buy", 0, "99")]), resting.tracker, FIVE_BPS)
    assert plan.cancel == (resting.orders[0],)
    assert plan.place == (quote("buy", 0, "99"),)


BOOK = st.lists(
    st.tuples(
        st.sampled_from([Side.BUY, Side.SELL]), st.integers(0, 2), st.integers(9_990, 10_010), st.integers(8, 12)
    ),
    max_size=5,
    unique_by=lambda drawn: drawn[:2],
)


@given(resting=BOOK, wanted=BOOK, price_bps=st.sampled_from([0, 1, 5, 10]), size_share=st.sampled_from(["0", "0.25"]))
def test_nothing_is_done_only_where_nothing_would_be_done_order_by_order(
    resting: list[tuple[Side, int, int, int]],
    wanted: list[tuple[Side, int, int, int]],
    price_bps: int,
    size_share: str,
) -> None:
    tracker = OrderTracker(symbol="A/B", clock=ManualClock(), on_changed=lambda event: None)
    for number, (side, level, price, size) in enumerate(resting):
        quote = Quote(side=side, level=level, price=D(price), size_base=D(size))
        tracker.conclude(tracker.open(str(number), quote), OrderEvent.ACCEPTED, "")
    quotes = [Quote(side=side, level=level, price=D(price), size_base=D(size)) for side, level, price, size in wanted]
    tolerance = Tolerance(price_bps=D(price_bps), size_share=D(size_share))

    plan = difference(wanting(quotes), tracker, tolerance)

    # An order that no slot can hold rests beside them: the quick way is closed, all else is the same.
    stranger = OrderReport(
        ts_ns=0, client_order_id="left", venue_order_id="", symbol="A/B", side=Side.BUY, price=D(1),
        size_base=D(1), filled_base=D(0), status=OrderStatus.OPEN,
    )  # fmt: skip
    tracker.adopt(stranger)
    assert difference(wanting(quotes), tracker, tolerance) == plan


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["open", "accept", "fill", "cancel", "lose", "end"]), st.integers(0, 3)), max_size=30
    )
)
def test_what_the_tracker_keeps_summed_up_is_what_its_orders_add_up_to(steps: list[tuple[str, int]]) -> None:
    tracker = OrderTracker(symbol="A/B", clock=ManualClock(), on_changed=lambda event: None)
    for number, (act, level) in enumerate(steps):
        order = tracker.at((Side.BUY, level))
        if act == "open" and order is None:
            tracker.open(str(number), Quote(side=Side.BUY, level=level, price=D(10 - level), size_base=D(4)))
        elif order is not None and act == "fill":
            tracker.book(a_fill(order, number))
        elif order is not None and act == "cancel":
            tracker.cancel_sent([order])
        elif order is not None and act == "lose":
            tracker.lose(order, "no answer")
        elif order is not None and act in ("accept", "end"):
            tracker.conclude(order, OrderEvent.ACCEPTED if act == "accept" else OrderEvent.CANCELLED, "")

        live = list(tracker.live.values())
        assert tracker.exposure().bids_base == sum((each.exposure_base for each in live), D(0))
        assert tracker.exposure().notional_quote == sum((each.exposure_base * each.price for each in live), D(0))
        standing = tracker.standing()
        assert (standing is not None) == (bool(live) and tracker.all_rest())
        if standing is not None:
            assert standing.remaining_base == [each.remaining_base for _, each in sorted(tracker.slots().items())]


def a_fill(order: TrackedOrder, number: int) -> Fill:
    return Fill(
        ts_ns=0, fill_id=str(number), client_order_id=order.client_order_id, venue_order_id="", symbol="A/B",
        side=order.side, price=order.price, size_base=D(1), fee=D(0), fee_asset="B",
    )  # fmt: skip
