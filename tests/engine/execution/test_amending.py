"""An order that is merely too large becomes smaller in its place; whatever comes of that is found out (Q11)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.core.errors import AuthRejected, NotReady, OutcomeUnknown
from engine.core.states import State
from engine.execution.diff import Plan, difference
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.types import Fill, OrderReport, OrderStatus, Quote, QuoteSet, Side
from engine.metrics.events import OrderChanged
from engine.testing import ManualClock
from engine.venues.capabilities import AmendsOrders
from tests.engine.desk import Desk
from tests.engine.execution.far import Far
from tests.engine.execution.unreliable import AnsweringConnection, Connection, Fate

D = Decimal
SETTINGS = {"levels": "1", "more_executor": ", amend_in_place: true"}


async def active(**settings: str) -> Desk:
    desk = await Desk(**(SETTINGS | settings)).open()
    await desk.service.start("test")
    await desk.run(1)
    desk.venue.calls.clear()
    return desk


def wants(desk: Desk | Far, size_quote: str) -> None:
    desk.service.strategy.order_size_quote = D(size_quote)  # type: ignore[attr-defined]


def calls(desk: Desk) -> list[str]:
    return [call for call, _ in desk.venue.calls if call in ("place", "cancel", "amend")]


# On a venue that does as told


async def test_an_order_that_is_too_large_shrinks_in_its_place_and_keeps_its_id() -> None:
    desk = await active()
    before = {order.client_order_id: order.size_base for order in desk.service.tracker.working()}
    wants(desk, "600")
    await desk.run(1)
    assert calls(desk) == ["amend"]
    after = {order.client_order_id: order for order in desk.service.tracker.working()}
    assert after.keys() == before.keys()
    for key, order in after.items():
        assert order.size_base == desk.venue.order(key).size_base < before[key]
        assert (order.status, order.is_amending) == (OrderStatus.OPEN, False)
    await desk.close()


async def test_the_intent_is_told_before_the_request_and_the_size_only_after_the_answer() -> None:
    desk = await active()
    told: list[str] = []
    amend = desk.venue.amend

    async def watched(amendments):  # type: ignore[no-untyped-def]
        told.extend(event.reason for event in desk.events(OrderChanged) if event.reason.startswith("To be reduced"))
        return await amend(amendments)

    desk.venue.amend = watched  # type: ignore[method-assign]
    wants(desk, "600")
    await desk.run(1)
    assert len(told) == 2
    bid = next(event for event in desk.events(OrderChanged) if event.reason == told[0])
    assert (
        told[0] == f"To be reduced in its place, from {bid.size_base} to {desk.venue.resting(Side.BUY)[0].size_base}."
    )
    last = [event for event in desk.events(OrderChanged) if event.client_order_id == bid.client_order_id][-1]
    assert (last.size_base, last.reason) == (desk.venue.order(bid.client_order_id).size_base, "")
    await desk.close()


@pytest.mark.parametrize("why", ["is switched off", "is nothing the venue does"])
async def test_elsewhere_it_is_cancelled_and_placed_anew(why: str) -> None:
    desk = await active(more_executor="" if why == "is switched off" else SETTINGS["more_executor"])
    desk.venue.can_amend = why == "is switched off"
    wants(desk, "600")
    await desk.run(1)
    assert calls(desk) == ["cancel", "place"]
    await desk.close()


async def test_an_order_that_is_too_small_or_misplaced_is_cancelled_and_placed_anew() -> None:
    desk = await active(threshold="1")
    wants(desk, "2400")
    await desk.run(1)
    assert calls(desk) == ["cancel", "place"]
    wants(desk, "800")
    desk.book("50009.99", "50010.01")
    await desk.run(1)
    assert calls(desk) == ["cancel", "place"] * 2
    await desk.close()


async def test_of_a_partly_filled_order_what_is_wanted_is_left() -> None:
    desk = await active()
    bid = next(order for order in desk.service.tracker.working() if order.side is Side.BUY)
    filled = D("0.004")
    desk.venue.fill(bid.client_order_id, filled)
    await desk.run(1)
    wants(desk, "500")
    desk.venue.calls.clear()
    await desk.run(1)
    assert "amend" in calls(desk)
    wanted = desk.service.quotes.quotes[0].size_base
    truth = desk.venue.order(bid.client_order_id)
    assert (truth.size_base, truth.filled_base) == (filled + wanted, filled)
    assert bid.remaining_base == wanted
    await desk.close()


async def test_a_refused_amendment_leaves_the_order_which_is_then_replaced() -> None:
    desk = await active()
    desk.venue.refuse = "no amendments today"
    wants(desk, "600")
    await desk.run(1)
    assert calls(desk)[0] == "amend"
    desk.venue.refuse = ""
    desk.venue.calls.clear()
    await desk.run(2)
    assert calls(desk) == ["cancel", "place"]
    assert [level.size_base for level in desk.venue.resting(Side.BUY)] == [desk.service.quotes.quotes[0].size_base]
    await desk.close()


@pytest.mark.parametrize("error", [NotReady("too many requests"), AuthRejected("the key is not ours any more")])
async def test_an_amendment_that_was_not_sent_changes_nothing(error: Exception) -> None:
    desk = await active()

    async def failing(amendments: object) -> list[OrderReport]:
        raise error

    desk.venue.amend = failing  # type: ignore[method-assign,assignment]
    orders = list(desk.service.tracker.working())
    wants(desk, "600")
    await desk.run(0.9)
    assert all(not order.is_amending and not order.amendable for order in orders)
    halted = desk.service.machine.state in (State.HALTING, State.HALTED)
    assert halted is isinstance(error, AuthRejected)
    await desk.close()


@pytest.mark.parametrize("arrives", [True, False])
async def test_an_amendment_without_a_clear_answer_is_asked_about_and_never_repeated(arrives: bool) -> None:
    desk = await active()
    desk.venue.silent = True
    desk.venue.lose_answers, desk.venue.lose_requests = arrives, not arrives
    wants(desk, "600")
    await desk.run(1)
    assert calls(desk) == ["amend"]
    desk.venue.silent = desk.venue.lose_answers = desk.venue.lose_requests = False
    await desk.run(20)
    assert calls(desk).count("amend") == 1
    assert calls(desk)[1:] == ([] if arrives else ["cancel", "place"])
    for order in desk.service.tracker.working():
        assert order.status is OrderStatus.OPEN
        assert order.size_base == desk.venue.order(order.client_order_id).size_base
    await desk.close()


async def test_an_order_that_is_gone_when_it_should_shrink_is_found_to_have_filled() -> None:
    desk = await active()
    bid = next(order for order in desk.service.tracker.working() if order.side is Side.BUY)
    desk.venue.silent = True
    desk.venue.fill(bid.client_order_id)
    desk.venue.silent = False
    wants(desk, "600")
    await desk.run(10)
    assert bid.status is OrderStatus.FILLED
    assert desk.service.account.position.base == bid.size_base
    await desk.close()


async def test_nothing_is_amended_that_the_state_does_not_allow() -> None:
    desk = await active()
    wants(desk, "600")
    await desk.service.pause("test")
    await desk.run(5)
    assert "amend" not in calls(desk)
    await desk.close()


def test_the_fake_venue_and_no_other_kind_of_object_is_taken_for_one_that_amends() -> None:
    assert isinstance(Connection(), AmendsOrders)
    assert not isinstance(object(), AmendsOrders)


# At the end of a line


@pytest.mark.parametrize("connection", [Connection, AnsweringConnection])
@pytest.mark.parametrize(
    "fate",
    [
        Fate(there_s=0.3, back_s=0.3),
        Fate(there_s=0.3, back_s=None),
        Fate(there_s=None),
        Fate(there_s=None, hangs=True),
        Fate(there_s=6.0, back_s=None),
    ],
    ids=["slow", "answer lost", "request lost", "request lost without a word", "very late"],
)
async def test_whatever_the_line_does_our_view_becomes_the_venues(connection: type[Connection], fate: Fate) -> None:
    far = await Far(connection=connection, **SETTINGS).active()
    far.world.fates["amend"].append(fate)
    wants(far, "600")
    await far.run(40)
    resting = {order.client_order_id: order for order in far.world.resting()}
    tracked = {order.client_order_id: order for order in far.service.tracker.working()}
    assert tracked.keys() == resting.keys()
    assert len(resting) == 2
    for key, order in tracked.items():
        assert order.rests
        assert order.remaining_base == resting[key].size_base - resting[key].filled_base
    await far.close()


async def test_a_fill_on_the_way_makes_what_is_left_smaller_and_never_larger() -> None:
    far = await Far(**SETTINGS).active()
    bid = far.service.tracker.find(far.bid())
    assert bid is not None
    far.world.fates["amend"].append(Fate(there_s=0.5, back_s=0.5))
    wants(far, "600")
    await far.run(1)
    assert bid.is_amending
    far.world.truth.fill(bid.client_order_id, "0.005")
    await far.run(3)
    assert bid.size_base == bid.least_base
    assert bid.remaining_base == bid.size_base - D("0.005") < far.service.quotes.quotes[0].size_base
    assert far.service.account.position.base == D("0.005")
    await far.close()


async def test_a_cancel_overtakes_an_amendment_that_is_on_its_way() -> None:
    far = await Far(**SETTINGS).active()
    far.world.fates["amend"].append(Fate(there_s=3.0, back_s=0.1))
    wants(far, "600")
    await far.run(1)
    halting = far.command("halt")
    await far.run(20)
    assert halting.done()
    assert far.service.machine.state is State.HALTED
    assert far.world.resting() == []
    assert not far.service.tracker.live
    await far.close()


# The book of orders itself


class Kept:
    """One resting bid of 10, as the tracker has it."""

    def __init__(self) -> None:
        self.changes: list[OrderChanged] = []
        self.clock = ManualClock(monotonic=0.0)
        self.tracker = OrderTracker(symbol="A/B", clock=self.clock, on_changed=self.changes.append)
        self.order: TrackedOrder = self.tracker.open(
            "mm-1-1-1", Quote(side=Side.BUY, level=0, price=D(99), size_base=D(10))
        )
        self.hear(10)

    def hear(self, size: int, filled: int = 0, status: OrderStatus = OrderStatus.OPEN, ts_ns: int = 1) -> None:
        self.tracker.hear(
            OrderReport(
                ts_ns=ts_ns,
                client_order_id="mm-1-1-1",
                venue_order_id="V1",
                symbol="A/B",
                side=Side.BUY,
                price=D(99),
                size_base=D(size),
                filled_base=D(filled),
                status=status,
            )
        )

    def fills(self, size: int, number: int = 1) -> None:
        self.tracker.book(
            Fill(
                ts_ns=2,
                fill_id=f"F{number}",
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


def test_until_the_venue_says_so_an_order_counts_at_the_size_it_has() -> None:
    kept = Kept()
    kept.tracker.amend_sent(kept.order, D(4))
    assert kept.tracker.exposure().bids_base == 10
    assert kept.tracker.standing() is None, "it is not steady"
    kept.hear(4)
    assert kept.tracker.exposure().bids_base == 4
    assert not kept.order.is_amending


def test_a_size_nobody_asked_for_is_not_believed_of_an_order_that_rests() -> None:
    kept = Kept()
    kept.hear(4)
    assert kept.order.size_base == 10
    kept.tracker.amend_sent(kept.order, D(6))
    kept.hear(4, ts_ns=2)
    assert kept.order.size_base == 10


def test_a_size_never_grows_whatever_comes_late() -> None:
    kept = Kept()
    kept.tracker.amend_sent(kept.order, D(4))
    kept.hear(4, ts_ns=5)
    kept.hear(10, ts_ns=9)
    assert kept.order.size_base == 4


def test_an_amendment_given_up_that_took_hold_after_all_is_believed_when_it_shows() -> None:
    kept = Kept()
    kept.tracker.amend_sent(kept.order, D(4))
    kept.tracker.lose(kept.order, "no answer")
    kept.hear(10, ts_ns=5)
    assert (kept.order.status, kept.order.size_base, kept.order.amendable) == (OrderStatus.OPEN, 10, False)
    kept.hear(4, ts_ns=6)
    assert kept.order.size_base == 4


def test_an_order_that_has_filled_as_much_as_it_was_reduced_to_is_filled() -> None:
    kept = Kept()
    kept.tracker.amend_sent(kept.order, D(4))
    kept.fills(4)
    assert kept.order.status is OrderStatus.PARTIALLY_FILLED, "it may still be as large as it was"
    kept.hear(4, 4, OrderStatus.PARTIALLY_FILLED, ts_ns=3)
    assert kept.order.status is OrderStatus.FILLED
    assert not kept.tracker.live


def test_an_order_reduced_by_an_earlier_holder_fills_with_what_the_venue_says() -> None:
    """The record still had its old size when that holder died."""
    tracker = OrderTracker(symbol="A/B", clock=ManualClock(), on_changed=lambda _: None)
    report = OrderReport(
        ts_ns=1,
        client_order_id="mm-1-1-1",
        venue_order_id="V1",
        symbol="A/B",
        side=Side.BUY,
        price=D(99),
        size_base=D(10),
        filled_base=D(0),
        status=OrderStatus.OPEN,
    )
    order = tracker.adopt(report, booked_base=D(0))
    kept = Kept()
    kept.tracker, kept.order = tracker, order
    kept.fills(4)
    kept.hear(4, 4, OrderStatus.FILLED, ts_ns=9)
    assert order.status is OrderStatus.FILLED
    assert not tracker.live, "nothing of it is waited for"


def plan_for(kept: Kept, size: int, price: str = "99") -> Plan:
    wanted = QuoteSet(quotes=(Quote(side=Side.BUY, level=0, price=D(price), size_base=D(size)),))
    return difference(wanted, kept.tracker)


def test_the_difference_names_what_is_merely_too_large() -> None:
    kept = Kept()
    assert plan_for(kept, 4).too_large == ((kept.order, D(4)),)
    assert plan_for(kept, 4).cancel == (kept.order,)
    assert plan_for(kept, 12).too_large == ()
    assert plan_for(kept, 4, "98").too_large == ()


def test_an_order_on_its_way_down_is_waited_for_unless_its_price_is_wrong() -> None:
    kept = Kept()
    kept.tracker.amend_sent(kept.order, D(4))
    assert plan_for(kept, 3).is_empty
    assert plan_for(kept, 4, "98").cancel == (kept.order,)


def test_an_order_whose_amendment_came_to_nothing_is_replaced() -> None:
    kept = Kept()
    kept.tracker.amend_sent(kept.order, D(4))
    kept.tracker.amend_failed(kept.order, "no")
    assert plan_for(kept, 4).too_large == ()
    assert plan_for(kept, 4).cancel == (kept.order,)


def test_an_unknown_outcome_keeps_an_error_of_the_line_in_the_reason() -> None:
    kept = Kept()
    kept.tracker.amend_sent(kept.order, D(4))
    kept.tracker.lose(kept.order, str(OutcomeUnknown("no answer in time")))
    assert (kept.order.status, kept.order.reason) == (OrderStatus.UNKNOWN, "no answer in time")
