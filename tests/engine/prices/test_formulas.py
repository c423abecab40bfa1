"""The arithmetic of prices: the worked figures of docs/prices.md, and what holds for every input."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.clock import NS
from engine.market.types import Level
from engine.prices import formulas
from engine.prices.held import Held

D = Decimal

PRICES = st.decimals("0.00000001", "1000000", places=8)
WEIGHTS = st.decimals("0.000001", "1000000", places=6)
HALF_LIFE = 10 * NS


def the(*figures: str) -> list[Decimal]:
    return [D(figure) for figure in figures]


@pytest.mark.parametrize(
    ("bid", "bid_size", "ask", "ask_size", "expected"),
    [
        ("100", "1", "101", "1", "100.5"),
        ("100", "3", "101", "1", "100.75"),
        ("100", "1", "101", "3", "100.25"),
    ],
)
def test_the_micro_price_leans_to_the_thinner_side(
    bid: str, bid_size: str, ask: str, ask_size: str, expected: str
) -> None:
    assert formulas.micro(*the(bid, bid_size, ask, ask_size)) == D(expected)


LADDER = [Level(D(100), D(1)), Level(D(80), D(5))]


@pytest.mark.parametrize(
    ("notional", "base"),
    [("50", "0.5"), ("100", "1"), ("180", "2"), ("500", "6")],
)
def test_a_notional_walks_the_levels(notional: str, base: str) -> None:
    assert formulas.base_for(LADDER, D(notional)) == D(base)


def test_levels_that_hold_less_give_nothing() -> None:
    assert formulas.base_for(LADDER, D("500.01")) is None
    assert formulas.base_for([], D(1)) is None


def test_the_volume_adjusted_mid_is_between_two_average_prices() -> None:
    """180 sold for 2 base is 90 each, 180 bought for 1.5 is 120 each."""
    assert formulas.vamp(D(180), D(2), D("1.5")) == D(105)


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        (("100", "102"), ("1", "1"), "101"),
        (("100", "102", "104"), ("2", "1", "1"), "101.5"),
        (("3", "4", "5"), ("1", "1", "1"), "4"),
        (("7",), ("0.001",), "7"),
    ],
)
def test_a_weighted_average(values: tuple[str, ...], weights: tuple[str, ...], expected: str) -> None:
    assert formulas.weighted_average(the(*values), the(*weights)) == D(expected)


@given(st.lists(st.tuples(PRICES, WEIGHTS), min_size=1, max_size=8))
def test_a_weighted_average_lies_between_lowest_and_highest(pairs: list[tuple[Decimal, Decimal]]) -> None:
    values = [value for value, _ in pairs]
    average = formulas.weighted_average(values, [weight for _, weight in pairs])
    assert min(values) <= average <= max(values)


@given(PRICES, st.lists(WEIGHTS, min_size=1, max_size=8))
def test_the_average_of_one_price_is_that_price_exactly(value: Decimal, weights: list[Decimal]) -> None:
    assert formulas.weighted_average([value] * len(weights), weights) == value


@pytest.mark.parametrize(
    ("values", "expected"), [(("3",), "3"), (("5", "1"), "3"), (("9", "1", "2"), "2"), (("4", "1", "3", "2"), "2.5")]
)
def test_a_median(values: tuple[str, ...], expected: str) -> None:
    assert formulas.median(the(*values)) == D(expected)


@given(st.lists(PRICES, min_size=1, max_size=9))
def test_as_many_prices_lie_under_the_median_as_over_it(values: list[Decimal]) -> None:
    median = formulas.median(values)
    assert sum(value < median for value in values) <= len(values) / 2
    assert sum(value > median for value in values) <= len(values) / 2


def test_a_distance_at_the_limit_is_not_beyond_it() -> None:
    assert formulas.apart_bps(D("100.5"), D(100), D(100)) == D(50)
    assert not formulas.is_apart(D("100.5"), D(100), D(100), D(50))
    assert formulas.is_apart(D("100.50000001"), D(100), D(100), D(50))
    assert formulas.is_apart(D("99.49999999"), D(100), D(100), D(50))


def test_a_cross_rate_is_the_product() -> None:
    assert formulas.cross_rate(the("50000", "1.0005", "0.92")) == D("46023")


@given(PRICES)
def test_a_rate_times_its_inverse_is_one_within_rounding(rate: Decimal) -> None:
    assert abs(formulas.cross_rate((rate, formulas.inverse(rate))) - 1) < D("1E-26")


@pytest.mark.parametrize(
    ("offset_bps", "offset_price", "expected"),
    [("0", "0", "2000"), ("25", "0", "2005"), ("-10", "0", "1998"), ("0", "-1.5", "1998.5"), ("10", "0.5", "2002.5")],
)
def test_an_offset(offset_bps: str, offset_price: str, expected: str) -> None:
    assert formulas.offset(D(2000), D(offset_bps), D(offset_price)) == D(expected)


@pytest.mark.parametrize(("elapsed_s", "expected"), [(0, "100"), (10, "104"), (20, "106"), (30, "107"), (-1, "100")])
def test_each_half_life_half_of_the_distance_is_gone(elapsed_s: int, expected: str) -> None:
    """From 100 towards 108."""
    assert formulas.ewma(D(100), D(108), elapsed_s * NS, HALF_LIFE) == D(expected)


ELAPSED = st.integers(0, 1000 * NS)


@given(PRICES, PRICES, ELAPSED)
def test_an_ewma_lies_between_what_it_was_and_the_price(average: Decimal, value: Decimal, elapsed_ns: int) -> None:
    assert min(average, value) <= formulas.ewma(average, value, elapsed_ns, HALF_LIFE) <= max(average, value)


@given(PRICES, PRICES, ELAPSED, ELAPSED)
def test_looking_at_a_price_that_stands_changes_no_ewma(
    average: Decimal, value: Decimal, first_ns: int, second_ns: int
) -> None:
    once = formulas.ewma(average, value, first_ns + second_ns, HALF_LIFE)
    twice = formulas.ewma(formulas.ewma(average, value, first_ns, HALF_LIFE), value, second_ns, HALF_LIFE)
    assert abs(once - twice) <= D("1E-20")


def held_over(points: list[tuple[int, Decimal | None]], start: int, now: int) -> tuple[Decimal, int]:
    """(value × time, observed time) of points that come one after another, the window moving with them."""
    held = Held()
    for moment, value in points:
        held.add(moment, value)
        held.forget(start - now + moment)
    held.forget(start)
    return held.since(start, now)


@pytest.mark.parametrize(
    ("points", "area", "observed"),
    [
        ([], "0", 0),
        ([(10, "100")], "0", 0),
        ([(0, "100")], "1000", 10),
        ([(0, "100"), (5, "104")], "1020", 10),
        ([(-20, "100"), (9, "110")], "1010", 10),
        ([(0, "100"), (2, None), (7, "104")], "512", 5),
        ([(0, None), (5, None)], "0", 0),
        ([(-5, "100"), (-2, None), (4, "103")], "618", 6),
        ([(-9, "900"), (-7, "800"), (0, "100"), (0, "101"), (8, "100")], "1008", 10),
    ],
    ids=["nothing", "only now", "one", "halves", "from before", "a gap", "all gap", "a gap into it", "at one moment"],
)
def test_what_held_over_ten(points: list[tuple[int, str | None]], area: str, observed: int) -> None:
    """Between moments 0 and 10."""
    given_points = [(moment, None if value is None else D(value)) for moment, value in points]
    assert held_over(given_points, 0, 10) == (D(area), observed)


@given(st.lists(st.tuples(st.integers(-100, 100), st.none() | PRICES), max_size=12), st.integers(-100, 100))
def test_sums_of_what_held_are_those_of_every_moment_added_up(
    points: list[tuple[int, Decimal | None]], start: int
) -> None:
    points.sort(key=lambda point: point[0])
    every = [[value for moment, value in points if moment <= tick][-1:] for tick in range(start, 100)]
    values = [value for last in every for value in last if value is not None]
    assert held_over(points, start, 100) == (sum(values, D(0)), len(values))
