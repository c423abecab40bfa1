"""Prices made of several: fallback, agreeing, cross rate and the weighted averages across venues (Q5)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.clock import NS
from engine.core.errors import NotReady
from engine.core.fit import Unfit
from engine.market.types import NoPrice, Price, Side
from engine.prices.agreeing import Agreeing
from engine.prices.base import CALM_S
from engine.prices.cross_rate import CrossRate
from engine.prices.fallback import Fallback
from engine.prices.fresh import Fresh
from engine.prices.inverse import Inverse
from engine.prices.mid import Mid
from engine.prices.vwap import Vwap
from engine.prices.weighted_average import WeightedAverage
from engine.testing import FakeVenue, RecordingRuntime
from tests.engine.prices.told import Bench, Told, book, reason_of, value_of

D = Decimal


# prices.fallback


async def test_the_first_price_that_is_there_is_taken(bench: Bench) -> None:
    first, second = bench.told("100", name="first"), bench.told("101", name="second", age_s=2)
    price = await bench.load(Fallback(sources=[first, second]), "reference")
    assert price.price() == first.price()
    first.why = "No mid of X: no book yet."
    assert price.price() == second.price()
    assert bench.notices() == ["reference leaves first out: No mid of X: no book yet."]
    second.why = "The venue is away."
    assert reason_of(price) == "None of 2 prices is there. No mid of X: no book yet. The venue is away."


async def test_a_switch_is_told_once_and_the_way_back_once_it_lasts(bench: Bench) -> None:
    first, second = bench.told("100", name="first"), bench.told("101", name="second")
    price = await bench.load(Fallback(sources=[first, second]), "reference")
    for _ in range(5):
        for why in ("", "Stale."):
            first.why = why
            price.price()
            await bench.advance(1)
    assert bench.notices() == ["reference leaves first out: Stale."]
    first.why = ""
    price.price()
    await bench.advance(CALM_S)
    price.price()
    price.price()
    assert bench.notices()[1:] == ["reference counts first again."]


async def test_a_source_that_has_never_had_a_price_is_not_news(bench: Bench) -> None:
    price = await bench.load(Fallback(sources=[bench.told(why="Not yet."), bench.told("101")]))
    price.price()
    assert bench.notices() == []


# prices.agreeing


async def test_prices_that_agree_give_their_median_as_old_as_the_oldest(bench: Bench) -> None:
    sources = [bench.told(v, name=n, age_s=a) for v, n, a in [("100", "a", 1), ("100.4", "b", 3), ("100.2", "c", 0)]]
    price = await bench.load(Agreeing(sources=sources, max_difference_bps=D(50)))
    assert price.price() == Price(value=D("100.2"), ts_ns=bench.clock.now_ns() - 3 * NS, source="median of a, c, b")


@pytest.mark.parametrize(("high", "agrees"), [("100.5", True), ("100.52", False)])
async def test_prices_too_far_apart_are_no_price(bench: Bench, high: str, agrees: bool) -> None:
    sources = [bench.told("100", name="a"), bench.told(high, name="b")]
    price = await bench.load(Agreeing(sources=sources, max_difference_bps=D(50)))
    if agrees:
        assert value_of(price) == D("100.25")
    else:
        assert reason_of(price) == "100 from a and 100.52 from b are 51.9 bps apart, more than 50 bps."


async def test_a_lone_price_agrees_with_nobody(bench: Bench) -> None:
    sources = [bench.told("100"), bench.told(why="No book.")]
    price = await bench.load(Agreeing(sources=sources, max_difference_bps=D(50)))
    assert reason_of(price) == "1 of 2 prices are there, under min_sources 2. No book."


# prices.cross_rate


async def test_a_cross_rate_multiplies_its_legs_and_is_as_old_as_the_oldest(bench: Bench) -> None:
    legs = [bench.told("50000", name="a mid", age_s=4), bench.told("1.0005", name="b mid")]
    price = await bench.load(CrossRate(legs=legs))
    assert price.price() == Price(value=D("50025"), ts_ns=bench.clock.now_ns() - 4 * NS, source="a mid × b mid")


# prices.weighted_average


async def averaged(bench: Bench, *values: str, **settings: Any) -> tuple[WeightedAverage, list[Told]]:
    sources = [bench.told(value, name=name) for value, name in zip(values, "abcdefgh", strict=False)]
    return await bench.load(WeightedAverage(sources=sources, **settings), "reference"), sources


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        (("50000", "50010"), (), "50005"),
        (("50000", "50010", "50020"), ("2", "1", "1"), "50007.5"),
        (("50000", "50010", "50020"), ("0.5", "0.3", "0.2"), "50007"),
    ],
)
async def test_fixed_weights_give_the_worked_figure(
    bench: Bench, values: tuple[str, ...], weights: tuple[str, ...], expected: str
) -> None:
    price, _ = await averaged(bench, *values, weights=[D(weight) for weight in weights])
    assert value_of(price) == D(expected)


async def test_an_average_is_as_old_as_the_oldest_that_went_in(bench: Bench) -> None:
    price, sources = await averaged(bench, "100", "100", "101")
    sources[0].age_s, sources[2].age_s = 2, 9
    price.max_deviation_bps = D(50)
    assert price.price() == Price(value=D(100), ts_ns=bench.clock.now_ns() - 2 * NS, source="weighted average of a, b")


async def test_a_venue_far_from_the_median_is_left_out_and_reported_once(bench: Bench) -> None:
    price, sources = await averaged(bench, "50000", "50010", "50300", max_deviation_bps=D(50))
    assert value_of(price) == D(50005)
    assert value_of(price) == D(50005)
    told = "reference leaves c out: 50300 is 58.0 bps from the median 50010, more than 50 bps."
    assert bench.notices() == [told]
    sources[2].value = "50020"
    assert value_of(price) == D(50010)
    assert bench.notices() == [told]
    await bench.advance(CALM_S)
    price.price()
    assert bench.notices() == [told, "reference counts c again."]


async def test_fewer_than_min_sources_is_no_price_with_the_reason_of_each(bench: Bench) -> None:
    price, sources = await averaged(bench, "50000", "50010", "50300")
    sources[1].why = "No mid of BTC/USDT: no book from b yet."
    # Half way between two that disagree, both are far off: neither can be told from the one that is wrong.
    sources[2].value = "51000"
    assert reason_of(price) == (
        "No weighted average: 0 of 3 prices can be used, under min_sources 2. "
        "b: No mid of BTC/USDT: no book from b yet. "
        "a: 50000 is 99.0 bps from the median 50500, more than 50 bps. "
        "c: 51000 is 99.0 bps from the median 50500, more than 50 bps."
    )


async def test_with_no_price_at_all_there_is_no_average(bench: Bench) -> None:
    price, sources = await averaged(bench, "1", "1")
    for source in sources:
        source.why = "Away."
    assert reason_of(price) == "No weighted average: 0 of 2 prices can be used, under min_sources 2. a: Away. b: Away."


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"weights": [D(1)]}, "weights must be as many as the 2 sources, were 1"),
        ({"weights": [D(1), D(1)], "weigh_by": "depth"}, "weights are given, but weigh_by is depth"),
        ({"min_sources": 3}, "min_sources must be at most the 2 sources there are, was 3"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(Unfit, match=words):
        WeightedAverage(sources=[Told("1"), Told("1")], **settings)


@given(
    st.lists(
        st.tuples(st.decimals("90", "110", places=3) | st.none(), st.decimals("0.001", "100", places=3)),
        min_size=1,
        max_size=6,
    ),
    st.integers(1, 3),
    st.decimals("0.1", "2000", places=1),
)
def test_an_average_lies_between_the_prices_near_the_median_or_is_none(
    pairs: list[tuple[Decimal | None, Decimal]], min_sources: int, max_deviation_bps: Decimal
) -> None:
    sources = [Told(str(value)) if value is not None else Told(why="Away.") for value, _ in pairs]
    min_sources = min(min_sources, len(sources))
    price = WeightedAverage(
        sources=sources,
        weights=[weight for _, weight in pairs],
        min_sources=min_sources,
        max_deviation_bps=max_deviation_bps,
    )
    RecordingRuntime().equip(price, "reference")
    price._names, price._left_out = [str(place) for place in range(len(sources))], _Silent()  # type: ignore[assignment]
    values = sorted(value for value, _ in pairs if value is not None)
    answer = price.price()
    if not values:
        assert isinstance(answer, NoPrice)
        return
    middle = (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2
    near = [value for value in values if abs(value - middle) / middle * 10000 <= max_deviation_bps]
    if len(near) < min_sources:
        assert isinstance(answer, NoPrice)
    else:
        assert isinstance(answer, Price)
        assert near[0] <= answer.value <= near[-1]


class _Silent:
    def tell(self, reasons: Any, *, priced: Any) -> None: ...


# by depth and by volume


class Venues:
    """Three fake venues with a mid each: 100, 101 and 102."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def open(self) -> Venues:
        self.all: list[FakeVenue] = [await self.bench.venue(name) for name in ("one", "two", "three")]
        self.mids = [
            await self.bench.load(Mid(market=venue, symbol="AURORA/USDT"), venue.name + "_mid") for venue in self.all
        ]
        for venue, centre in zip(self.all, (100, 101, 102), strict=True):
            book(venue, f"{centre - 1} 10, 50 1000", f"{centre + 1} 10, 150 1000")
        return self


async def test_by_depth_a_venue_weighs_what_rests_near_its_mid_in_base(bench: Bench) -> None:
    venues = await Venues(bench).open()
    settings: dict[str, Any] = {"weigh_by": "depth", "max_deviation_bps": D(500), "depth_band_bps": D(200)}
    price = await bench.load(WeightedAverage(sources=venues.mids, **settings))
    # 20 base near each mid, whatever it costs: the far levels do not count.
    assert value_of(price) == D(101)
    book(venues.all[2], "101 30", "103 30")
    # (100 × 20 + 101 × 20 + 102 × 60) / 100
    assert value_of(price) == D("101.4")
    book(venues.all[0], "50 30", "150 30")
    # (101 × 20 + 102 × 60) / 80
    assert value_of(price) == D("101.75")
    assert bench.notices() == ["price leaves one_mid out: one shows nothing within 200 bps."]
    venues.all[1].feed("AURORA/USDT").depth_known = False
    assert "two_mid: The depth of two is not known." in reason_of(price)


@pytest.mark.parametrize("kind", ["weighted_average", "vwap"])
async def test_by_volume_a_venue_weighs_what_was_traded_there(bench: Bench, kind: str) -> None:
    venues = await Venues(bench).open()
    settings: dict[str, Any] = {"max_deviation_bps": D(500)}
    price = (
        WeightedAverage(sources=venues.mids, weigh_by="volume", volume_window_s=D(4), **settings)
        if kind == "weighted_average"
        else Vwap(sources=venues.mids, window_s=D(4), **settings)
    )
    await price.unload()
    await bench.load(price, "reference")
    assert "one_mid: Nothing was traded at one within 4 s." in reason_of(price)
    venues.all[0].trade("100", "3", Side.BUY)
    await bench.advance(2)
    venues.all[1].trade("101", "1", Side.SELL)
    # (100 × 3 + 101 × 1) / 4
    assert value_of(price) == D("100.25")
    assert value_of(price) == D("100.25")
    venues.all[2].trade("102", "4", Side.BUY)
    await bench.advance(2.5)
    # The three at 100 are forgotten: (101 × 1 + 102 × 4) / 5
    assert value_of(price) == D("101.8")
    await price.unload()
    await price.unload()
    assert all(venue.feed("AURORA/USDT").on_trade == [] for venue in venues.all)


async def test_a_price_stands_for_the_market_of_what_it_is_made_of(bench: Bench) -> None:
    venues = await Venues(bench).open()
    one, two, _ = venues.mids
    wrapped = [Fresh(price=one, max_age_s=D(5)), CrossRate(legs=[two, bench.told("1")])]
    for price in wrapped:
        await bench.load(price)
    price = await bench.load(
        WeightedAverage(sources=wrapped, weigh_by="depth", depth_band_bps=D(200), max_deviation_bps=D(500))
    )
    assert value_of(price) == D("100.5")


async def test_a_price_without_a_market_of_its_own_cannot_be_weighed(bench: Bench) -> None:
    venues = await Venues(bench).open()
    for stranger in (Told("100", name="told"), Inverse(price=venues.mids[0])):
        sources = [venues.mids[0], stranger]
        with pytest.raises(NotReady, match="no single market stands behind its price"):
            await bench.load(Vwap(sources=sources))
