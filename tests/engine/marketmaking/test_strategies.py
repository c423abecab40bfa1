"""What each strategy wants: worked figures, reasons for wanting nothing, refused arguments."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.types import Side
from engine.marketmaking.band import Band
from engine.marketmaking.depth_target import DepthTarget
from engine.marketmaking.draft import Draft
from engine.marketmaking.join import Join
from engine.marketmaking.ladder import Ladder
from engine.marketmaking.mirror import Mirror
from engine.marketmaking.price_threshold import PriceThreshold
from engine.marketmaking.skewed import Skewed, skewed_sizes
from engine.testing import FakeVenue, levels
from tests.engine.marketmaking.ticks import BUY, Tick, prices

D = Decimal


def at(draft: Draft) -> tuple[list[str], list[str]]:
    bids, asks = prices(draft)
    return [f"{price.normalize():f}" for price in bids], [f"{price.normalize():f}" for price in asks]


# Band


def band(**settings: Any) -> Band:
    given: dict[str, Any] = {
        "min_distance_bps": D(10),
        "target_distance_bps": D(20),
        "max_distance_bps": D(30),
        "size_base": D(1),
    }
    return Band(**given | settings)


def test_an_order_stays_while_it_is_inside_its_band_and_starts_anew_when_it_leaves() -> None:
    """At 100.09 the bid is 29 bps away and the ask 11: both stay. At 100.11 they are 31 and 9: both leave."""
    tick, strategy = Tick("100"), band()
    assert at(strategy.draft(tick.context)) == (["99.8"], ["100.2"])
    tick.reference = D("100.09")
    assert at(strategy.draft(tick.context)) == (["99.8"], ["100.2"])
    tick.reference = D("100.11")
    assert at(strategy.draft(tick.context)) == (["99.90978"], ["100.31022"])


def test_an_order_that_ended_starts_at_the_target_again() -> None:
    tick, strategy = Tick("100"), band()
    strategy.draft(tick.context)
    bid = tick.rest(BUY, 0, "99.8")
    tick.reference = D("100.05")
    assert at(strategy.draft(tick.context))[0] == ["99.8"]
    tick.fill(bid)
    assert at(strategy.draft(tick.context))[0] == ["99.8499"]


def test_further_bands_stand_further_out() -> None:
    draft = band(levels=2, level_spacing_bps=D(15)).draft(Tick("100").context)
    assert at(draft) == (["99.8", "99.65"], ["100.2", "100.35"])


def test_a_band_whose_target_is_outside_it_is_refused() -> None:
    with pytest.raises(ValueError, match="had 10, 40 and 30"):
        band(target_distance_bps=D(40))


# Skewed


@pytest.mark.parametrize(
    ("base", "quote", "bid", "ask"),
    [
        ("5", "500", "1", "1"),
        ("6", "400", "0.6", "1.4"),  # 0.1 of 0.25 over target
        ("4", "600", "1.4", "0.6"),
        ("9", "100", None, "2"),
        ("1", "900", "2", None),
        ("0", "0", "1", "1"),
    ],
)
def test_sizes_lean_against_the_inventory(base: str, quote: str, bid: str | None, ask: str | None) -> None:
    """Q3"""
    draft = Skewed(half_spread_bps=D(20), size_base=D(1)).draft(Tick("100").holds(base, quote).context)
    assert [rung.size for rung in draft.bids] == ([] if bid is None else [D(bid)])
    assert [rung.size for rung in draft.asks] == ([] if ask is None else [D(ask)])


def test_without_an_account_sizes_are_even_and_the_notes_say_so() -> None:
    draft = Skewed(half_spread_bps=D(20), size_base=D(1), levels=2).draft(Tick("100").context)
    assert at(draft) == (["99.8", "99.75"], ["100.2", "100.25"])
    assert "no account whose balances are known" in draft.notes[0]


@given(gap=st.decimals("-1000", "1000", places=6), size=st.decimals("0.001", "1000", places=3))
def test_both_sizes_together_stay_what_they_are(gap: Decimal, size: Decimal) -> None:
    bid, ask = skewed_sizes(size, gap=gap, total=D(1000), range_ratio=D("0.3"))
    assert bid + ask == 2 * size
    assert min(bid, ask) >= 0
    assert (bid < ask) == (gap > 0)


# Price threshold


def test_moves_under_the_threshold_are_not_seen() -> None:
    tick = Tick("100")
    strategy = PriceThreshold(strategy=Ladder(half_spread_bps=D(20), size_base=D(1)), threshold_bps=D(10))
    seen = []
    for reference in ("100", "100.09", "99.91", "100.1", "100.0", "99.99"):
        tick.reference = D(reference)
        seen.append(at(strategy.draft(tick.context))[0][0])
    assert seen == ["99.8", "99.8", "99.8", "99.8998", "99.8998", "99.79002"]


# Depth


def test_what_the_bands_still_lack_is_posted_just_inside_their_edges() -> None:
    """A ladder of 2 at 99.8 gives 199.6 within 50 bps: 300.4 is lacking at 99.55, and 500 more within 100 bps."""
    strategy = DepthTarget(
        depth_quote_by_band_bps={"100": D(1000), "50": D(500)},
        strategy=Ladder(half_spread_bps=D(20), size_base=D(2)),
    )
    tick = Tick("100")
    assert tick.posted(strategy.draft(tick.context)) == [
        "buy 0 99.80 x 2.000",
        "sell 0 100.20 x 2.000",
        "buy 100 99.55 x 3.018",
        "sell 100 100.45 x 2.983",
        "buy 101 99.05 x 5.048",
        "sell 101 100.95 x 4.953",
    ]


def test_bands_that_lack_nothing_get_nothing() -> None:
    ladder = Ladder(half_spread_bps=D(20), size_base=D(6))
    strategy = DepthTarget(depth_quote_by_band_bps={"50": D(500)}, strategy=ladder)
    assert at(strategy.draft(Tick("100").context)) == (["99.8"], ["100.2"])


@given(
    reference=st.decimals("1", "1000", places=2),
    inner=st.decimals("10", "5000", places=2),
    more=st.decimals("0", "5000", places=2),
    size=st.decimals("0.001", "20", places=3),
)
def test_every_band_holds_what_is_owed_once_posted(
    reference: Decimal, inner: Decimal, more: Decimal, size: Decimal
) -> None:
    tick = Tick(str(reference))
    strategy = DepthTarget(
        depth_quote_by_band_bps={"200": inner, "400": inner + more},
        strategy=Ladder(half_spread_bps=D(30), size_base=size),
        inside_bps=D(110),
    )
    posted = [line.split() for line in tick.posted(strategy.draft(tick.context))]
    for band_bps, owed in ((200, inner), (400, inner + more)):
        for side in Side:
            depth = sum(
                (
                    Fraction(price) * Fraction(lots)
                    for where, _, price, _, lots in posted
                    if where == side
                    and abs(Fraction(price) - Fraction(reference)) * 10000 <= band_bps * Fraction(reference)
                ),
                Fraction(0),
            )
            # The ladder's own order is rounded down to its lot and away from the price; what is added is rounded up.
            assert depth >= Fraction(owed) - Fraction(size) * Fraction("0.01")


@pytest.mark.parametrize(
    ("bands", "says"),
    [
        ({}, "at least one band"),
        ({"wide": D(1)}, 'was "wide"'),
        ({"0": D(1)}, "more than 0"),
        ({"NaN": D(1)}, "more than 0"),
        ({"50": D(10), "100": D(5)}, "was 5 after 10"),
        ({"5": D(10)}, "inside_bps must be less than the narrowest band, was 5 of 5"),
    ],
)
def test_bands_that_promise_nothing_sensible_are_refused(bands: dict[str, Decimal], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DepthTarget(depth_quote_by_band_bps=bands)


# Mirror


def mirrored(bids: list[tuple[str, str]], asks: list[tuple[str, str]], **settings: Any) -> tuple[Mirror, Tick]:
    venue = FakeVenue(symbol="CCC/DDD")
    tick = Tick("100")
    venue.clock = tick.clock
    venue.set_book(levels(*bids), levels(*asks))
    given: dict[str, Any] = {"size_factor": D("0.5"), "max_size_base": D(3), "widen_bps": D(10)}
    strategy = Mirror(market=venue, symbol="CCC/DDD", **given | settings)
    strategy._feed = venue.feed("CCC/DDD")
    return strategy, tick


def test_another_venues_book_is_repeated_around_our_reference_scaled_and_widened() -> None:
    """Their mid is 200: 199 is 0.995 of it, 99.5 here, less 10 bps."""
    strategy, tick = mirrored([("199", "4"), ("198", "9")], [("201", "2"), ("202", "4")])
    draft = strategy.draft(tick.context)
    assert at(draft) == (["99.4005", "98.901"], ["100.6005", "101.101"])
    assert [rung.size for rung in draft.bids] == [2, 3]
    assert [rung.size for rung in draft.asks] == [1, 2]
    assert len(mirrored([("199", "4"), ("198", "9")], [("201", "2")], levels=1)[0].draft(tick.context).bids) == 1


@pytest.mark.parametrize(
    ("bids", "asks", "says"),
    [
        ([("199", "4")], [], "a side of its book is empty"),
        ([("201", "4")], [("200", "1")], "its book is crossed"),
    ],
)
def test_a_book_that_cannot_be_believed_is_not_repeated(bids: Any, asks: Any, says: str) -> None:
    strategy, tick = mirrored(bids, asks)
    assert strategy.draft(tick.context).reason == f"CCC/DDD of fake is not mirrored: {says}."


def test_an_old_book_or_a_feed_in_trouble_is_not_repeated() -> None:
    strategy, tick = mirrored([("199", "4")], [("201", "2")])
    assert "its book is 2.5 s old, older than 2 s" in strategy.draft(tick.wait(2.5).context).reason
    strategy._feed.problem = "a gap"
    assert "its feed is in trouble: a gap" in strategy.draft(tick.context).reason
    strategy._feed.problem, strategy._feed.received_at = "", None
    assert "there is no book yet" in strategy.draft(tick.context).reason


# Join


@pytest.mark.parametrize(
    ("settings", "bids", "asks", "expected"),
    [
        ({}, "99.9x5", "100.1x5", ("99.9", "100.1")),
        ({"improve_ticks": 2}, "99.9x5", "100.1x5", ("99.92", "100.08")),
        ({}, "99.99x5", "100.01x5", ("99.95", "100.05")),  # 5 bps is the nearest
        ({}, "90x5", "110x5", ("99.5", "100.5")),  # 50 bps is the furthest
        ({}, "", "", ("99.5", "100.5")),
        ({"improve_ticks": 20}, "100.2x5", "100.3x5", ("99.95", "100.3")),  # improving would take: join
    ],
)
def test_the_best_price_is_joined_or_improved_within_limits(
    settings: dict[str, Any], bids: str, asks: str, expected: tuple[str, str]
) -> None:
    given: dict[str, Any] = {"min_half_spread_bps": D(5), "max_half_spread_bps": D(50), "size_base": D(1)}
    draft = Join(**given | settings).draft(Tick("100").book(bids, asks).context)
    assert at(draft) == ([expected[0]], [expected[1]])


def test_we_never_outbid_ourselves() -> None:
    tick = Tick("100").book("99.92x1 99.9x5", "100.1x5")
    tick.rest(BUY, 0, "99.92", "1")
    strategy = Join(min_half_spread_bps=D(1), max_half_spread_bps=D(50), size_base=D(1), improve_ticks=2, levels=2)
    assert at(strategy.draft(tick.context))[0] == ["99.92", "99.87"]


def test_limits_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match="was 50 over 5"):
        Join(min_half_spread_bps=D(50), max_half_spread_bps=D(5), size_base=D(1))
