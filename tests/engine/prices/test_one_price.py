"""Prices made of one other: fixed, inverse, offset, fresh, cached; and what no price ever is (E9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.types import NoPrice, Price
from engine.prices.base import ask
from engine.prices.cached import Cached
from engine.prices.cross_rate import CrossRate
from engine.prices.fixed import Fixed
from engine.prices.fresh import Fresh
from engine.prices.inverse import Inverse
from engine.prices.offset import Offset
from tests.engine.prices.told import Bench, Told, reason_of, value_of

D = Decimal


class Answers:
    def __init__(self, answer: Price | NoPrice) -> None:
        self.answer = answer

    def price(self) -> Price | NoPrice:
        return self.answer


@pytest.mark.parametrize(
    ("price", "reason"),
    [
        (Price(value=D(1), ts_ns=1, source=""), "The price 1 names no source."),
        (Price(value=D(1), ts_ns=0, source="x"), "The price 1 from x says no time."),
        (Price(value=D(0), ts_ns=1, source="x"), "The price 0 from x is not a positive number."),
        (Price(value=D(-2), ts_ns=1, source=""), "The price -2 from an unnamed source is not a positive number."),
        (Price(value=D("NaN"), ts_ns=1, source="x"), "The price NaN from x is not a positive number."),
        (Price(value=D("sNaN"), ts_ns=1, source="x"), "The price sNaN from x is not a positive number."),
        (Price(value=D("Infinity"), ts_ns=1, source="x"), "The price Infinity from x is not a positive number."),
    ],
)
def test_without_source_time_and_a_positive_number_it_is_no_price(price: Price, reason: str) -> None:
    assert ask(Answers(price)) == NoPrice(reason)


async def test_a_fixed_price_is_of_now(bench: Bench) -> None:
    fixed = await bench.load(Fixed(value=D("1.5")))
    await bench.advance(100)
    assert fixed.price() == Price(value=D("1.5"), ts_ns=bench.clock.now_ns(), source="fixed in the configuration")


@pytest.mark.parametrize(
    "made",
    [
        lambda price: Inverse(price=price),
        lambda price: Offset(price=price),
        lambda price: Fresh(price=price, max_age_s=D(5)),
        lambda price: Cached(price=price, keep_ms=100),
        lambda price: CrossRate(legs=[price, price]),
    ],
    ids=["inverse", "offset", "fresh", "cached", "cross_rate"],
)
async def test_where_the_source_has_no_price_its_reason_stands(bench: Bench, made: Any) -> None:
    price = await bench.load(made(bench.told(why="No mid yet.")))
    assert reason_of(price) == "No mid yet."


async def test_an_inverse_keeps_the_time(bench: Bench) -> None:
    price = await bench.load(Inverse(price=bench.told("50000", age_s=3, name="x mid")))
    assert price.price() == Price(value=D("0.00002"), ts_ns=bench.clock.now_ns() - 3 * 10**9, source="inverse of x mid")


@given(st.decimals("0.00000001", "1000000", places=8))
def test_a_rate_crossed_with_its_inverse_is_one_within_rounding(rate: Decimal) -> None:
    told = Told(str(rate))
    crossed = CrossRate(legs=[told, Inverse(price=told)])
    assert abs(value_of(crossed) - 1) < D("1E-26")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"offset_bps": D(25)}, "2005"), ({"offset_price": D("-1.5")}, "1998.5"), ({}, "2000")],
)
async def test_an_offset_moves_by_a_share_or_an_amount(
    bench: Bench, settings: dict[str, Decimal], expected: str
) -> None:
    price = await bench.load(Offset(price=bench.told("2000", name="x mid"), **settings))
    assert value_of(price) == D(expected)
    assert price.price().source == "x mid, moved"


async def test_an_offset_to_nothing_is_no_price(bench: Bench) -> None:
    price = await bench.load(Offset(price=bench.told("2", name="x mid"), offset_price=D(-2)))
    assert reason_of(price) == "2 from x mid moved by 0 bps and -2 would be 0, which is not positive."


async def test_a_price_is_fresh_up_to_its_age(bench: Bench) -> None:
    told = bench.told("2", age_s=5, name="x mid")
    price = await bench.load(Fresh(price=told, max_age_s=D(5)))
    assert price.price() == told.price()
    told.age_s = 5.5
    assert reason_of(price) == "The price 2 from x mid is 5.5 s old, older than 5 s."
    price.max_age_s = D(6)
    assert value_of(price) == D(2)


async def test_a_price_from_the_future_is_not_fresh(bench: Bench) -> None:
    told = bench.told("2", age_s=-5, name="x mid")
    price = await bench.load(Fresh(price=told, max_age_s=D(5)))
    assert value_of(price) == D(2)
    told.age_s = -6
    assert reason_of(price) == "The price 2 from x mid is stamped 6.0 s ahead of our clock, more than 5 s."


async def test_a_cached_price_is_asked_for_once_in_a_while_and_keeps_its_time(bench: Bench) -> None:
    told = bench.told("2")
    price = await bench.load(Cached(price=told, keep_ms=500))
    first = price.price()
    told.value = "3"
    await bench.advance(0.4)
    assert price.price() == first
    assert told.asked == 1
    await bench.advance(0.1)
    assert value_of(price) == D(3)
    assert told.asked == 2


async def test_that_there_is_no_price_is_not_cached(bench: Bench) -> None:
    told = bench.told("2")
    price = await bench.load(Cached(price=told, keep_ms=500))
    assert value_of(price) == D(2)
    told.why = "The venue is away."
    await bench.advance(0.5)
    assert reason_of(price) == "The venue is away."
    told.why = ""
    assert value_of(price) == D(2)
