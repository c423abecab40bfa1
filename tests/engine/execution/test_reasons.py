"""A plan in words: each slot's act and why, as `difference` saw it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.execution.diff import Tolerance, difference
from engine.execution.reasons import actions, outcome
from engine.execution.tracker import OrderEvent
from engine.market.types import OrderStatus, Quote
from engine.metrics.explained import Act, Action
from tests.engine.execution.test_diff import BOOK, FIVE_BPS, Resting, quote, wanting

D = Decimal


def told(resting: Resting, *wanted: Quote, tolerance: Tolerance = FIVE_BPS) -> list[Action]:
    wants = wanting(wanted)
    return list(actions(wants, difference(wants, resting.tracker, tolerance), resting.tracker, tolerance))


@pytest.mark.parametrize(
    ("wanted", "act", "because"),
    [
        (quote("buy", 0, "100"), Act.KEPT, "It rests exactly as wanted."),
        (quote("buy", 0, "100.03"), Act.KEPT, "Near enough: 3.00 bps from the wanted price, under 5 bps."),
        (quote("buy", 0, "100", "8"), Act.KEPT, "Near enough: 25 % off the wanted size, within 50 %."),
        (
            quote("buy", 0, "100", "10.01"),
            Act.KEPT,
            "It rests as wanted, but for a size that differs by less than a percent.",
        ),
        (
            quote("buy", 0, "100.07"),
            Act.REPLACED,
            "The wanted price is 7.00 bps from the resting one; 5 bps replace it.",
        ),
        (
            quote("buy", 0, "100", "5"),
            Act.REPLACED,
            "What is left of it differs from the wanted size by 100 %, more than 50 %.",
        ),
    ],
)
def test_a_resting_order_is_kept_or_replaced_for_a_reason_with_figures(wanted: Quote, act: Act, because: str) -> None:
    (action,) = told(Resting(quote("buy", 0, "100")), wanted)
    assert (action.act, action.because) == (act, because)
    assert (action.resting_price, action.wanted_price) == (D(100), wanted.price)


def test_a_free_slot_is_filled_and_one_nobody_wants_is_cleared() -> None:
    placed, cancelled = told(Resting(quote("buy", 0, "100")), quote("sell", 0, "101"))
    assert (placed.act, placed.because) == (Act.PLACED, "Nothing rests in its slot.")
    assert (cancelled.act, cancelled.ended_id) == (Act.CANCELLED, "mm-1-1-0")


def test_an_order_that_would_stand_across_the_new_quotes_says_so() -> None:
    acts = told(Resting(quote("sell", 0, "100.00")), quote("buy", 0, "100.01"), quote("sell", 0, "100.03"))
    assert "At 100.00 it stands across the bid that is wanted now." in [action.because for action in acts]


def test_a_slot_in_doubt_waits_and_says_for_what() -> None:
    resting = Resting(quote("buy", 0, "99"))
    resting.tracker.lose(resting.orders[0], "no answer")
    (action,) = told(resting, quote("buy", 0, "95"))
    assert action.act is Act.WAITS
    assert action.because.startswith("Its order is unknown")


@given(resting=BOOK, wanted=BOOK, price_bps=st.sampled_from([0, 1, 5, 10]), size_share=st.sampled_from(["0", "0.25"]))
def test_the_acts_told_are_the_plan(
    resting: list[tuple[object, int, int, int]],
    wanted: list[tuple[object, int, int, int]],
    price_bps: int,
    size_share: str,
) -> None:
    book = Resting(*(quote(side, level, str(price), str(size)) for side, level, price, size in resting))  # type: ignore[arg-type]
    wants = [quote(side, level, str(price), str(size)) for side, level, price, size in wanted]  # type: ignore[arg-type]
    tolerance = Tolerance(price_bps=D(price_bps), size_share=D(size_share))
    plan = difference(wanting(wants), book.tracker, tolerance)

    acts = told(book, *wants, tolerance=tolerance)

    placed = {(each.side, each.level) for each in acts if each.act in (Act.PLACED, Act.REPLACED)}
    ended = {each.ended_id for each in acts if each.ended_id}
    assert placed == {(each.side, each.level) for each in plan.place}
    assert ended == {order.client_order_id for order in plan.cancel}
    assert sum(each.act is Act.KEPT for each in acts) == len(wants) - len(plan.place)
    assert all(each.because for each in acts)


@pytest.mark.parametrize(
    ("event", "reason", "words", "is_known"),
    [
        (OrderEvent.ACCEPTED, "", "rests", True),
        (OrderEvent.REJECTED, "would take", "refused: would take", True),
        (OrderEvent.CANCELLED, "", "cancelled", True),
        (OrderEvent.LOST, "no answer", "in doubt, the venue is asked: no answer", False),
        (OrderEvent.CANCEL_SENT, "", "its cancel is on its way", False),
    ],
)
def test_what_became_of_an_order_is_said_in_a_few_words(
    event: OrderEvent, reason: str, words: str, is_known: bool
) -> None:
    resting = Resting(quote("buy", 0, "99"))
    resting.orders[0].status = OrderStatus.PENDING
    resting.tracker.conclude(resting.orders[0], event, reason)
    assert outcome(resting.orders[0]) == (words, is_known)
