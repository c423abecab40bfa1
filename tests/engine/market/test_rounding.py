"""Rounding to tick and lot, exact and passive, for any step a venue may have."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.market.rounding import Grid, Rounding
from engine.market.types import Quote, Side
from engine.testing import AURORA

STEPS = st.sampled_from([Decimal(s) for s in ("0.01", "0.000001", "1", "10", "0.5", "0.025", "0.00003", "0.10", "7")])
VALUES = st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), allow_nan=False, allow_infinity=False, places=12
)


@given(value=VALUES, step=STEPS)
def test_floor_is_the_largest_multiple_not_above(value: Decimal, step: Decimal) -> None:
    floor = Grid(step).floor(value)
    assert Fraction(floor) % Fraction(step) == 0
    assert 0 <= Fraction(value) - Fraction(floor) < Fraction(step)


@given(value=VALUES, step=STEPS)
def test_ceil_is_the_smallest_multiple_not_below(value: Decimal, step: Decimal) -> None:
    ceil = Grid(step).ceil(value)
    assert Fraction(ceil) % Fraction(step) == 0
    assert 0 <= Fraction(ceil) - Fraction(value) < Fraction(step)


@given(value=VALUES, step=STEPS)
def test_what_is_on_the_grid_stays(value: Decimal, step: Decimal) -> None:
    grid = Grid(step)
    on = grid.floor(value)
    assert grid.holds(on)
    assert grid.floor(on) == grid.ceil(on) == on


@given(notional=st.decimals("0.01", "1e9", places=2), price=st.decimals("1e-9", "1e6", places=9), lot=STEPS)
def test_a_size_for_a_notional_is_the_largest_that_does_not_exceed_it(
    notional: Decimal, price: Decimal, lot: Decimal
) -> None:
    rounding = Rounding(AURORA.__class__(symbol="A/B", base="A", quote="B", tick_size=Decimal("1e-9"), lot_size=lot))
    size = rounding.size_for(notional, price)
    assert Fraction(size) * Fraction(price) <= Fraction(notional)
    assert (Fraction(size) + Fraction(lot)) * Fraction(price) > Fraction(notional)


def test_a_rounded_price_has_the_decimals_of_the_tick() -> None:
    assert str(Grid(Decimal("0.000001")).floor(Decimal("0.0311407965"))) == "0.031140"
    assert str(Grid(Decimal("0.000001000000")).floor(Decimal("0.0311407965"))) == "0.031140"
    assert str(Grid(Decimal("10")).floor(Decimal("49987"))) == "49980"


@pytest.mark.parametrize("step", ["0", "-0.01", "NaN", "Infinity"])
def test_a_step_that_is_no_step_is_refused(step: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Grid(Decimal(step))


def test_an_order_under_a_minimum_is_named_with_its_figures() -> None:
    rounding = Rounding(AURORA)
    small = Quote(side=Side.BUY, level=0, price=Decimal("0.5000"), size_base=Decimal("8.0"))
    assert rounding.below_minimum(small) == (
        "8.0 AURORA at 0.5000 is 4.00000 USDT, under the venue's minimum notional of 5 USDT"
    )
    nothing = Quote(side=Side.BUY, level=0, price=Decimal("0.5000"), size_base=Decimal("0.0"))
    assert "under one lot" in rounding.below_minimum(nothing)
    enough = Quote(side=Side.BUY, level=0, price=Decimal("0.5000"), size_base=Decimal("10.0"))
    assert rounding.below_minimum(enough) == ""


@pytest.mark.parametrize("step", ["0.01", "0.5"])
def test_a_price_longer_than_the_threads_precision_is_still_rounded_up(step: str) -> None:
    """Unrounded prices have up to 80 digits; the last of them decides."""
    assert Grid(Decimal(step)).ceil(Decimal("100." + "0" * 40 + "1")) == 100 + Decimal(step)
