"""Round trips, worked by hand; and flat, they have earned what average cost says, to the last digit."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.accounting.position import Position
from engine.accounting.roundtrips import RoundTrips
from engine.core.clock import NS
from tests.engine.accounting.test_position import FILLS, Fill, book, fill

D = Decimal


def test_what_was_bought_first_is_sold_first() -> None:
    trips = RoundTrips()
    trips.move(D(1), D(100), 0)
    trips.move(D(3), D(110), 10 * NS)
    # 2 sold at 120: the first purchase wholly (+20), a third of the second (+10). Average cost would say +25.
    assert trips.move(D(-2), D(120), 20 * NS) == D(30)
    half_way = trips.figures()
    assert (half_way.completed, half_way.won, half_way.realised_quote, half_way.completed_quote) == (1, 1, D(30), D(20))
    assert half_way.average_holding_s == D(15)  # one for 20 s, one for 10 s
    assert trips.move(D(-2), D(105), 40 * NS) == D(-10)
    done = trips.figures()
    assert (done.completed, done.won, done.won_share) == (2, 1, D("0.5"))  # the second: +10 − 10, no profit
    assert done.realised_quote == done.completed_quote == D(20)
    assert done.average_holding_s == D("22.5")  # (1·20 + 1·10 + 2·30) / 4


def test_what_was_sold_first_is_bought_back_and_a_fill_through_zero_opens_the_other_way() -> None:
    trips = RoundTrips()
    trips.move(D(-1), D(100), 0)
    assert trips.move(D(3), D(90), 0) == D(10)
    assert trips.position_base == D(2)
    assert trips.figures().completed == 1


def test_what_was_open_before_counts_at_its_cost() -> None:
    trips = RoundTrips()
    trips.begin(D(2), D(180), 0)
    assert trips.move(D(-2), D(100), 5 * NS) == D(20)
    assert trips.figures().average_holding_s == D(5)


def test_without_a_round_trip_nothing_is_claimed() -> None:
    assert RoundTrips().figures().won_share is None
    assert RoundTrips().figures().average_holding_s is None


def net_base(one: Fill) -> Decimal:
    return one.side.sign * one.size_base - (one.fee if one.fee_asset == "BTC" else 0)


@given(fills=FILLS, last=st.decimals("0.0001", "100000", places=6))
def test_flat_both_ways_of_counting_say_the_same(fills: list[Fill], last: Decimal) -> None:
    position: Position = book()
    trips = RoundTrips()
    for one in fills:
        position.apply(one)
        trips.move(net_base(one), one.price, one.ts_ns)
        assert trips.position_base == position.base
    if position.base:
        closing = fill("sell" if position.base > 0 else "buy", str(last), str(abs(position.base)))
        position.apply(closing)
        trips.move(net_base(closing), closing.price, closing.ts_ns)
    figures = trips.figures()
    assert figures.realised_quote == figures.completed_quote == position.realised_quote
