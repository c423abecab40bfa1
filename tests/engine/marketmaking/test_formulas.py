"""The arithmetic of quotes: worked figures and what holds for every input."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.rounding import Rounding
from engine.market.types import Instrument, Side
from engine.marketmaking.draft import Draft, Steps, post
from engine.marketmaking.formulas import inventory_bias, inventory_spread, ladder

D = Decimal

WORKED = [
    (
        {"mid": "50000", "base_spread_bps": "10", "position": "2500", "levels": 3, "spacing": "5"},
        "49971.875 50021.875 49946.875 50046.875 49921.875 50071.875",
    ),
    (
        {"mid": "50000", "base_spread_bps": "10", "position": "-12000", "levels": 2, "spacing": "5"},
        "49987.5 50037.5 49962.5 50062.5",
    ),
    (
        {"mid": "0.0312345", "base_spread_bps": "40", "position": "0", "max": "5000", "levels": 2, "spacing": "10"},
        "0.0311720310 0.0312969690 0.0311407965 0.0313282035",
    ),
]


def levels_of(row: dict[str, Any]) -> Steps:
    return inventory_spread(
        mid=D(row["mid"]),
        position=D(row["position"]),
        max_position=D(row.get("max", "10000")),
        base_spread_bps=D(row["base_spread_bps"]),
        inventory_skew_factor=D(row.get("skew", "0.5")),
        num_levels=row["levels"],
        level_spacing_bps=D(row["spacing"]),
    )


@pytest.mark.parametrize(("row", "expected"), WORKED)
def test_unrounded_prices_are_the_worked_figures(row: dict[str, Any], expected: str) -> None:
    """Q1"""
    assert [price for pair in levels_of(row).pairs() for price in pair] == [D(figure) for figure in expected.split()]


def test_a_ladder_is_even_around_the_reference() -> None:
    steps = ladder(reference=D(100), half_spread_bps=D(20), levels=3, level_spacing_bps=D(10))
    assert steps.pairs() == [(D("99.8"), D("100.2")), (D("99.7"), D("100.3")), (D("99.6"), D("100.4"))]


def test_the_bias_is_clamped_at_a_full_position() -> None:
    assert inventory_bias(D(99), D(10), D("0.5"), D(2)) == D(1)
    assert inventory_bias(D(-99), D(10), D("0.5"), D(2)) == D(-1)
    assert inventory_bias(D(5), D(10), D("0.5"), D(2)) == D("0.5")


def test_a_third_of_a_position_that_lands_on_the_tick_stays_there() -> None:
    """position / max does not terminate, the price it gives does: 100 − 0.03 − 0.01 exactly."""
    bid, _ = inventory_spread(
        mid=D(100),
        position=D(1),
        max_position=D(3),
        base_spread_bps=D(6),
        inventory_skew_factor=D(1),
        num_levels=1,
        level_spacing_bps=D(0),
    ).pairs()[0]
    assert bid == D("99.96")


TICKS = st.sampled_from([D("0.01"), D("0.000001"), D("0.5"), D("0.00025"), D("1")])
LOTS = st.sampled_from([D("0.00001"), D("1"), D("0.5"), D("0.003")])
MIDS = st.decimals("0.001", "100000", places=7)


@given(
    mid=MIDS,
    position=st.decimals("-20000", "20000", places=8),
    spread_bps=st.decimals("0.1", "2000", places=3),
    skew=st.decimals("0", "2", places=3),
    levels=st.integers(1, 8),
    spacing_bps=st.decimals("0", "500", places=2),
    tick=TICKS,
    lot=LOTS,
    size_quote=st.decimals("0.01", "100000", places=2),
    min_notional=st.none() | st.decimals("0.01", "1000", places=2),
)
def test_posted_orders_are_passive_exact_and_within_what_was_asked(
    mid: Decimal,
    position: Decimal,
    spread_bps: Decimal,
    skew: Decimal,
    levels: int,
    spacing_bps: Decimal,
    tick: Decimal,
    lot: Decimal,
    size_quote: Decimal,
    min_notional: Decimal | None,
) -> None:
    """Q1: bid < ask; each price is the exact formula's, rounded to the passive side; small orders are named."""
    instrument = Instrument(
        symbol="A/B", base="A", quote="B", tick_size=tick, lot_size=lot, min_notional_quote=min_notional
    )
    row = {
        "mid": mid,
        "position": position,
        "base_spread_bps": spread_bps,
        "skew": skew,
        "levels": levels,
        "spacing": spacing_bps,
    }
    posted = post(
        Draft.even(levels_of(row), bid_size=size_quote, ask_size=size_quote, in_quote=True), Rounding(instrument)
    )

    draft = Draft.even(levels_of(row), bid_size=size_quote, ask_size=size_quote, in_quote=True)
    assert draft.bids
    assert draft.asks
    assert post(draft, Rounding(instrument)) == posted

    m, half = Fraction(mid), Fraction(mid) * Fraction(spread_bps) / 20000
    norm = max(Fraction(-1), min(Fraction(1), Fraction(position) / 10000))
    bias = norm * Fraction(skew) * half
    for quote in posted.quotes:
        away = half + quote.level * m * Fraction(spacing_bps) / 10000
        exact = m - bias - away * quote.side.sign
        passive = (exact - Fraction(quote.price)) * quote.side.sign
        assert 0 <= passive < Fraction(tick)
        assert Fraction(quote.price) % Fraction(tick) == 0
        assert Fraction(quote.size_base) % Fraction(lot) == 0
        assert 0 < Fraction(quote.size_base) * Fraction(quote.price) <= Fraction(size_quote)
        assert min_notional is None or quote.notional_quote >= min_notional
    bids = [quote.price for quote in posted.quotes if quote.side is Side.BUY]
    asks = [quote.price for quote in posted.quotes if quote.side is Side.SELL]
    assert not bids or not asks or max(bids) < min(asks)
    assert len(posted.quotes) + len(posted.notes) == 2 * levels
    assert posted.quotes or posted.reason


def test_an_order_below_the_minimum_is_not_posted_and_the_set_says_so() -> None:
    instrument = Instrument(
        symbol="A/B", base="A", quote="B", tick_size=D("0.01"), lot_size=D("0.1"), min_notional_quote=D(10)
    )
    posted = post(
        Draft.even(Steps(D(99), D(101), [D(0)]), bid_size=D(10), ask_size=D(10), in_quote=True), Rounding(instrument)
    )
    assert posted.quotes == ()
    assert posted.reason.startswith("Bid 1 not posted: 0.1 A at 99.00 is 9.900 B, under the venue's minimum notional")
    assert "Ask 1 not posted" in posted.reason


def test_a_price_that_is_not_positive_is_not_posted() -> None:
    instrument = Instrument(symbol="A/B", base="A", quote="B", tick_size=D("0.01"), lot_size=D("0.1"))
    posted = post(Draft.even(Steps(D("0.004"), D("1"), [D(0)]), bid_size=D(1), ask_size=D(1)), Rounding(instrument))
    assert [quote.side for quote in posted.quotes] == [Side.SELL]
    assert posted.notes == ("Bid 1 not posted: its price would be 0.00, which is not positive.",)
