"""Pre-trade checks: each refusal is a sentence, and no order can reach past a limit (Q7)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.states import State
from engine.market.types import MarketStatus, Quote, QuoteSet, Side, SideQuotes
from engine.risk.guard import Limits
from tests.engine.risk.moments import D, Moment, quote, wanted


def guard(**changes: Any) -> Limits:
    limits = {
        "max_position_quote": D(1000),
        "max_loss_quote": D(50),
        "max_order_size_quote": D(300),
        "max_open_notional_quote": D(800),
    }
    return Limits(**limits | changes)


BOTH = wanted(quote("buy", 0, "0.9990"), quote("sell", 0, "1.0010"))


def test_orders_within_every_limit_pass_untouched() -> None:
    assert guard().review(BOTH, Moment().state()) is BOTH


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": State.PAUSING}, "Orders are placed only while active; the deployment is pausing."),
        ({"reference": None}, "There is no reference price."),
        (
            {"total_pnl_quote": None},
            "The profit or loss of the open position is not known without a mid.",
        ),
        ({"total_pnl_quote": D("-50.01")}, "The total PnL of -50.01 is beyond the loss limit of 50."),
    ],
)
def test_some_moments_allow_nothing_at_all(changes: dict[str, Any], reason: str) -> None:
    state = Moment().state(**changes)
    assert guard().review(BOTH, state) == QuoteSet(reason=reason)
    assert guard().admit(BOTH.quotes, state) == ((), (reason,))


def test_a_loss_of_exactly_the_limit_is_still_allowed() -> None:
    assert guard().review(BOTH, Moment().state(total_pnl_quote=D(-50))) is BOTH


def test_a_halted_instrument_allows_nothing() -> None:
    moment = Moment()
    moment.feed.status = MarketStatus.HALTED
    assert guard().review(BOTH, moment.state()).reason == "The venue has halted AURORA/USDT."


@pytest.mark.parametrize(
    ("order", "note"),
    [
        (quote("buy", 0, "0.99905"), "Bid 1 refused: 0.99905 is not on the venue's tick of 0.0001."),
        (quote("buy", 0, "0.9990", "10.05"), "Bid 1 refused: 10.05 AURORA is not on the venue's lot of 0.1."),
        (
            quote("buy", 0, "0.9990", "5.0"),
            "Bid 1 refused: 5.0 AURORA at 0.9990 is 4.99500 USDT, under the venue's minimum notional of 5 USDT.",
        ),
        (
            quote("sell", 2, "1.0501"),
            "Ask 3 refused: 1.0501 is 501 bps from the reference price, more than 500 bps.",
        ),
        (quote("buy", 1, "0.9990", "300.4"), "Bid 2 refused: 300.10 USDT is over the order limit of 300."),
        (quote("buy", 0, "-0.9990"), "Bid 1 refused: its price must be positive, was -0.9990."),
    ],
)
def test_an_order_that_may_not_rest_is_named_with_its_figures(order: Quote, note: str) -> None:
    reviewed = guard().review(wanted(order, quote("sell", 0, "1.0010")), Moment().state())
    assert reviewed.notes == (note,)
    assert [kept.side for kept in reviewed.quotes] == [Side.SELL]


def test_when_nothing_is_left_the_set_says_why() -> None:
    reviewed = guard().review(wanted(quote("buy", 0, "0.9990", "5.0")), Moment().state())
    assert reviewed.quotes == ()
    assert "under the venue's minimum notional" in reviewed.reason


def test_a_position_counts_with_every_resting_order_of_its_side() -> None:
    levels = [quote("buy", level, f"0.99{9 - level}0", "250") for level in range(3)]
    reviewed = guard(max_open_notional_quote=D(10_000)).review(wanted(*levels), Moment().state(position_base=D(400)))
    assert [kept.level for kept in reviewed.quotes] == [0, 1]
    assert reviewed.notes == (
        "Bid 3 refused: with every resting order filled the position would be 1150.00 USDT long, "
        "over the limit of 1000.",
    )


def test_a_short_position_limits_selling_and_leaves_buying_free() -> None:
    reviewed = guard().review(BOTH, Moment().state(position_base=D(-950)))
    assert [kept.side for kept in reviewed.quotes] == [Side.BUY]
    assert "USDT short, over the limit" in reviewed.notes[0]


def test_an_order_being_cancelled_still_counts() -> None:
    moment = Moment().resting(quote("buy", 5, "0.9900", "300"))
    moment.tracker.cancel_sent(moment.tracker.working())
    reviewed = guard().review(wanted(quote("buy", 0, "0.9990", "300")), moment.state(position_base=D(500)))
    assert reviewed.quotes == ()


def test_a_slot_counts_once_by_the_larger_of_what_rests_and_what_is_wanted() -> None:
    moment = Moment().resting(quote("buy", 0, "0.9980", "300"))
    wants = wanted(quote("buy", 0, "0.9990", "250"))
    assert guard().review(wants, moment.state(position_base=D(700))).quotes == wants.quotes
    assert guard().review(wants, moment.state(position_base=D(701))).quotes == ()


def test_open_notional_counts_both_sides() -> None:
    levels = [quote(side, level, price, "250") for level in range(2) for side, price in BOTH_PRICES[level]]
    reviewed = guard().review(wanted(*levels), Moment().state())
    assert [(kept.side.value, kept.level) for kept in reviewed.quotes] == [("buy", 0), ("sell", 0), ("buy", 1)]
    assert "resting orders would come to 1000.00 USDT, over the limit of 800" in reviewed.notes[0]


BOTH_PRICES = [[("buy", "0.9990"), ("sell", "1.0010")], [("buy", "0.9980"), ("sell", "1.0020")]]


def test_two_orders_at_one_price_and_orders_that_meet_each_other_are_refused() -> None:
    reviewed = guard().review(
        wanted(
            quote("buy", 0, "0.9990"),
            quote("buy", 1, "0.9990"),
            quote("sell", 0, "0.9990"),
            quote("sell", 1, "0.9991"),
            quote("buy", 2, "0.9991"),
        ),
        Moment().state(),
    )
    assert reviewed.notes == (
        "Bid 2 refused: another of our orders is wanted at 0.9990.",
        "Ask 1 refused: at 0.9990 it would meet our own bid at 0.9990.",
        "Bid 3 refused: at 0.9991 it would meet our own ask at 0.9991.",
    )


def test_nothing_is_sent_across_or_on_top_of_an_order_that_may_still_rest() -> None:
    moment = Moment().resting(quote("sell", 0, "1.0000"), quote("buy", 1, "0.9980"))
    moment.tracker.cancel_sent(moment.tracker.working())
    admitted, notes = guard().admit((quote("buy", 0, "1.0000"), quote("buy", 2, "0.9980")), moment.state())
    assert admitted == ()
    assert notes == (
        "Bid 1 refused: at 1.0000 it would meet our own order at 1.0000.",
        "Bid 3 refused: our order mm-1-1-2 is already at 0.9980.",
    )


def test_what_is_sent_is_checked_against_fills_that_came_since_the_review() -> None:
    limits, moment = guard(), Moment()
    reviewed = limits.review(wanted(quote("buy", 0, "0.9990", "300")), moment.state(position_base=D(600)))
    assert reviewed.quotes
    admitted, notes = limits.admit(reviewed.quotes, moment.state(position_base=D(900)))
    assert admitted == ()
    assert "the position would be 1200.00 USDT long" in notes[0]


def test_no_more_orders_a_second_than_allowed() -> None:
    limits, moment = guard(max_orders_per_s=3, max_open_notional_quote=D(10_000)), Moment()
    five = tuple(quote("buy", level, f"0.99{9 - level}0") for level in range(5))
    admitted, notes = limits.admit(five, moment.state())
    assert [one.level for one in admitted] == [0, 1, 2]
    assert notes[0] == "Bid 4 refused: 3 orders were sent within the last second; it waits."

    moment.clock.move_to(moment.clock.monotonic() + 0.99)
    assert limits.admit(five[3:], moment.state())[0] == ()
    moment.clock.move_to(moment.clock.monotonic() + 0.02)
    assert limits.admit(five[3:], moment.state())[0] == five[3:]


SIZES = st.decimals("0.1", "400", places=1)
ORDERS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(0, 6), st.integers(-600, 600), SIZES),
    max_size=10,
    unique_by=lambda o: o[:2],
).map(
    lambda raw: [
        Quote(side=side, level=level, price=D(10_000 + ticks) / 10_000, size_base=size)
        for side, level, ticks, size in raw
    ]
)


@given(
    resting=ORDERS,
    asked=ORDERS,
    position=st.decimals("-1500", "1500", places=1),
    reference=st.sampled_from(["0.98", "1", "1.03"]),
)
def test_nothing_is_allowed_beyond_a_limit(
    resting: list[Quote], asked: list[Quote], position: Decimal, reference: str
) -> None:
    limits, price = guard(max_orders_per_s=100), D(reference)
    moment = Moment().resting(*resting)
    state = moment.state(position_base=position, reference=price)
    reviewed = limits.review(wanted(*asked), state)
    held = {order.slot for order in moment.tracker.working()}
    admitted, _ = limits.admit(tuple(one for one in reviewed.quotes if (one.side, one.level) not in held), state)

    for side in Side:
        now = sum((one.size_base for one in resting if one.side is side), position * side.sign)
        new = [one for one in admitted if one.side is side]
        if new:
            assert (now + sum(one.size_base for one in new)) * price <= limits.max_position_quote
    if admitted:
        assert sum(one.notional_quote for one in [*resting, *admitted]) <= limits.max_open_notional_quote
    for one in admitted:
        assert one.notional_quote <= limits.max_order_size_quote
        assert abs(one.price - price) * 10_000 <= price * limits.price_band_bps
        assert one.price % D("0.0001") == 0
        assert one.notional_quote >= 5
        assert all(
            (other.price - one.price) * one.side.sign > 0
            for other in [*resting, *admitted]
            if other.side is not one.side
        )
    assert len(reviewed.quotes) + len(reviewed.notes) == len(asked)


QUOTES = st.lists(
    st.tuples(
        st.sampled_from([Side.BUY, Side.SELL]),
        st.integers(0, 3),
        st.integers(9_400, 10_600).map(lambda ticks: D(ticks) / 10_000),
        st.integers(60, 3_000).map(D),
    ),
    max_size=6,
    unique_by=lambda drawn: drawn[:2],
)


@given(wanted=QUOTES, resting=QUOTES, position=st.integers(-6_000, 6_000).map(D))
def test_the_quick_way_through_review_allows_nothing_that_the_thorough_one_refuses(
    wanted: list[tuple[Side, int, Decimal, Decimal]],
    resting: list[tuple[Side, int, Decimal, Decimal]],
    position: Decimal,
) -> None:
    checks = guard(max_order_size_quote=D(2_500), max_open_notional_quote=D(9_000), max_position_quote=D(6_000))
    moment = Moment().resting(*(Quote(side=s, level=n, price=p, size_base=z) for s, n, p, z in resting))
    quotes = tuple(Quote(side=s, level=n, price=p, size_base=z) for s, n, p, z in wanted)
    state = moment.state(position_base=position)

    rounded = QuoteSet.rounded(SideQuotes.of(quotes, Side.BUY), SideQuotes.of(quotes, Side.SELL))
    summed = checks.review(rounded, moment.state(position_base=position, exposure=None))
    quick = checks.review(rounded, state)
    thorough = checks.review(QuoteSet(quotes=rounded.quotes), state)

    assert summed == quick
    assert quick.quotes == thorough.quotes
    assert quick.notes == thorough.notes
