"""Prices over time: samples come from a timer of their own, so asking often changes nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.fit import Unfit
from engine.market.types import Price
from engine.prices.ewma import Ewma
from engine.prices.sampled import Sampled
from engine.prices.twap import Twap
from engine.prices.windows import WindowMax, WindowMedian, WindowMin
from tests.engine.prices.told import Bench, Told, reason_of, value_of

D = Decimal
KINDS: list[type[Sampled]] = [WindowMin, WindowMax, WindowMedian, Ewma, Twap]


async def following(bench: Bench, kind: Any, *figures: str, **settings: Any) -> tuple[Any, Told]:
    """A price that has sampled the figures, one a second, the last of them just now."""
    told = bench.told(name="x")
    told.why = "Not yet."
    price = await bench.load(kind(price=told, **settings))
    await bench.advance(0)
    for figure in figures:
        told.value, told.why = ("", "Away.") if figure == "-" else (figure, "")
        await bench.advance(1)
    return price, told


@pytest.mark.parametrize("kind", KINDS)
async def test_a_window_of_one_is_the_value_itself(bench: Bench, kind: Any) -> None:
    told = bench.told("101.5", name="x")
    price = await bench.load(kind(price=told))
    assert value_of(price) == D("101.5")
    assert price.price().ts_ns == bench.clock.now_ns()
    await bench.advance(0.5)
    assert value_of(price) == D("101.5")


@pytest.mark.parametrize("kind", KINDS)
async def test_no_price_now_is_no_price_over_time(bench: Bench, kind: Any) -> None:
    price, told = await following(bench, kind, "100", "101")
    told.why = "No mid of X: no book yet."
    assert reason_of(price) == "No mid of X: no book yet."


@pytest.mark.parametrize("kind", KINDS)
async def test_asking_often_at_one_moment_changes_nothing(bench: Bench, kind: Any) -> None:
    price, told = await following(bench, kind, "100", "101", "108")
    await bench.advance(0.3)
    told.value = "120"
    first = price.price()
    assert [price.price() for _ in range(50)] == [first] * 50
    told.value = "108"
    await bench.advance(5)
    asked, told.value = value_of(price), "108"
    assert value_of(price) == asked


@pytest.mark.parametrize("kind", KINDS)
async def test_being_asked_on_the_way_changes_nothing_later(kind: Any) -> None:
    answers = []
    for asked in (False, True):
        bench = Bench()
        price, told = await following(bench, kind, "100")
        for figure in ("104", "96", "103"):
            told.value = figure
            for _ in range(10):
                await bench.advance(0.1)
                if asked:
                    price.price()
        answers.append(price.price())
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("kind", "expected", "source"),
    [
        (WindowMin, "99", "lowest over 4 s of x"),
        (WindowMax, "108", "highest over 4 s of x"),
        (WindowMedian, "101.5", "median over 4 s of x"),
    ],
)
async def test_a_window_holds_the_last_seconds_alone(bench: Bench, kind: Any, expected: str, source: str) -> None:
    """Of 50, 200, 99, 108, 101, 102 a second apart, four seconds hold the last four."""
    price, _ = await following(bench, kind, "50", "200", "99", "108", "101", "102", window_s=D(4))
    assert price.price() == Price(value=D(expected), ts_ns=bench.clock.now_ns(), source=source)


@pytest.mark.parametrize(("kind", "expected"), [(WindowMin, "90"), (WindowMax, "101"), (WindowMedian, "100")])
async def test_the_price_now_counts_beside_the_samples(bench: Bench, kind: Any, expected: str) -> None:
    price, told = await following(bench, kind, "100", "101")
    await bench.advance(0.5)
    told.value = "90"
    assert value_of(price) == D(expected)


async def test_the_last_sample_asked_again_counts_once(bench: Bench) -> None:
    """Else the median of 100 and 104 would be 104: by its own stamp, it is the same price still half a second later."""
    price, told = await following(bench, WindowMedian, "100", "104")
    assert value_of(price) == D(102)
    await bench.advance(0.5)
    told.age_s = 0.5
    assert value_of(price) == D(102)
    told.age_s = 0
    assert value_of(price) == D(104)


async def test_too_few_samples_are_no_price(bench: Bench) -> None:
    price, _ = await following(bench, WindowMedian, "100", "101", min_samples=3)
    assert reason_of(price) == "The median of x has 2 samples within 60 s, under min_samples 3."
    await bench.advance(1)
    assert value_of(price) == D(101)


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (WindowMin, {"window_s": D(3601)}, "window_s 3601 holds 3601 samples of sample_ms 1000, more than 3600"),
        (Twap, {"window_s": D(60), "sample_ms": 10}, "window_s 60 holds 6000 samples of sample_ms 10"),
        (WindowMin, {"window_s": D(10), "min_samples": 11}, "min_samples 11 of 1000 ms each never come together in 10"),
        (Twap, {"window_s": D(10), "min_observed_s": D(11)}, "min_observed_s must be at most window_s 10, was 11"),
    ],
)
def test_windows_that_cannot_work_are_refused(kind: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(Unfit, match=words):
        kind(price=Told("1"), **settings)


async def test_an_ewma_follows_by_half_each_half_life(bench: Bench) -> None:
    price, told = await following(bench, Ewma, "100", half_life_s=D(2))
    told.value = "108"
    await bench.advance(2)
    assert abs(value_of(price) - D(104)) < D("1E-24")
    await bench.advance(2)
    assert abs(value_of(price) - D(106)) < D("1E-24")
    assert price.price().source == "average with half-life 2 s of x"


async def test_after_a_long_gap_an_ewma_is_the_price_again(bench: Bench) -> None:
    price, told = await following(bench, Ewma, "100", half_life_s=D(1))
    told.why = "Away."
    await bench.advance(100)
    told.value, told.why = "108", ""
    assert abs(value_of(price) - D(108)) < D("1E-20")


async def test_a_twap_counts_each_price_as_long_as_it_held(bench: Bench) -> None:
    """100 for a second, 104 for two, and 90 since just now: 308 / 3, then (308 + 90) / 4."""
    price, _ = await following(bench, Twap, "100", "104", "104", "90")
    assert value_of(price) == D("102.6666666666666666666666667")
    await bench.advance(1)
    assert value_of(price) == D("99.5")
    assert price.price().source == "time-weighted average over 60 s of x"


async def test_a_twap_holds_no_price_through_a_gap(bench: Bench) -> None:
    """100 for a second, two seconds of nothing, 104 for a second."""
    price, _ = await following(bench, Twap, "100", "-", "-", "104")
    await bench.advance(1)
    assert value_of(price) == D(102)


async def test_a_twap_that_saw_too_little_is_no_price(bench: Bench) -> None:
    price, _ = await following(bench, Twap, "100", "100", "-", "100", min_observed_s=D("2.5"))
    assert reason_of(price) == "x was observed for 2.0 s of the last 60 s, under min_observed_s 2.5."
    await bench.advance(0.5)
    assert value_of(price) == D(100)


async def test_a_twap_forgets_what_left_its_window(bench: Bench) -> None:
    price, _ = await following(bench, Twap, "1000", "100", "100", "104", "104", "104", window_s=D(4))
    # The last four seconds: 100 for two of them, 104 for two.
    assert value_of(price) == D(102)
    await bench.advance(20)
    assert len(price._held._points) <= 6


@pytest.mark.parametrize("kind", KINDS)
async def test_sampling_ends_with_unload_which_may_run_twice(bench: Bench, kind: Any) -> None:
    price, told = await following(bench, kind, "100")
    await price.unload()
    await price.unload()
    asked = told.asked
    await bench.advance(5)
    assert told.asked == asked


@given(st.lists(st.decimals("0.00000001", "1000000", places=8), min_size=1, max_size=20), st.integers(1, 25))
def test_lowest_median_and_highest_stand_in_order_within_the_last_samples(values: list[Decimal], window: int) -> None:
    told = Told("1")
    kinds = [kind(price=told, window_s=D(window)) for kind in (WindowMin, WindowMedian, WindowMax)]
    for second, value in enumerate(values):
        price = Price(value=value, ts_ns=second + 1, source="x")
        for kind in kinds:
            kind._add(second * 10**9, price)
    low, median, high = (kind._over_time((len(values) - 1) * 10**9, price).value for kind in kinds)  # type: ignore[union-attr]
    last = values[-window:]
    assert (low, high) == (min(last), max(last))
    assert low <= median <= high
    assert sum(value < median for value in last) <= len(last) / 2
