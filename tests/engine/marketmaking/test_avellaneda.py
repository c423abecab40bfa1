"""Avellaneda and Stoikov: the formulas against an independent computation, the estimates, and the bounds."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.marketmaking.avellaneda import half_spread, reservation_price
from engine.marketmaking.avellaneda_stoikov import AvellanedaStoikov
from engine.marketmaking.estimators import ArrivalDecay, Volatility
from engine.testing import FakeVenue, RecordingRuntime, levels
from tests.engine.marketmaking.ticks import BUY, Tick, prices

D = Decimal


def exact_half_spread(gamma: Decimal, variance: Decimal, left_s: Decimal, kappa: Decimal) -> Fraction:
    """The same in fractions, ln(1 + x) by the series of 2 artanh(x / (2 + x))."""
    g, x = Fraction(gamma), Fraction(gamma) / Fraction(kappa)
    z = x / (2 + x)
    log = 2 * sum((z ** (2 * k + 1) / (2 * k + 1) for k in range(60)), Fraction(0))
    return g * Fraction(variance) * Fraction(left_s) / 2 + log / g


@pytest.mark.parametrize(
    ("mid", "inventory", "gamma", "sigma", "left_s", "kappa", "reservation", "half"),
    [
        # The paper's own example: σ = 2, γ = 0.1, κ = 1.5 and the whole session left.
        ("100", "1", "0.1", "2", "1", "1.5", "99.6", "0.8453852113757117167292391568"),
        ("100", "-3", "0.1", "2", "1", "1.5", "101.2", "0.8453852113757117167292391568"),
        ("100", "0", "0.1", "2", "0", "1.5", "100", "0.6453852113757117167292391568"),
        ("50000", "2", "0.0001", "12", "60", "0.05", "49998.272", "20.41202662673056018253771072"),
    ],
)
def test_the_worked_figures(
    mid: str, inventory: str, gamma: str, sigma: str, left_s: str, kappa: str, reservation: str, half: str
) -> None:
    variance = D(sigma) * D(sigma)
    r = reservation_price(mid=D(mid), inventory=D(inventory), gamma=D(gamma), variance=variance, left_s=D(left_s))
    delta = half_spread(gamma=D(gamma), variance=variance, left_s=D(left_s), kappa=D(kappa))
    assert r == D(reservation)
    assert abs(delta - D(half)) < D("1e-23")
    assert abs(Fraction(delta) - exact_half_spread(D(gamma), variance, D(left_s), D(kappa))) < Fraction(1, 10**22)
    g = float(gamma)
    in_floats = g * float(variance) * float(left_s) / 2 + math.log1p(g / float(kappa)) / g
    assert math.isclose(float(delta), in_floats, rel_tol=1e-9)


@given(
    gamma=st.decimals("0.0001", "10", places=4),
    variance=st.decimals("0", "100", places=3),
    left_s=st.decimals("0", "1000", places=1),
    kappa=st.decimals("0.1", "50", places=2),
)
def test_the_half_spread_is_positive_and_grows_with_risk(
    gamma: Decimal, variance: Decimal, left_s: Decimal, kappa: Decimal
) -> None:
    delta = half_spread(gamma=gamma, variance=variance, left_s=left_s, kappa=kappa)
    riskier = half_spread(gamma=gamma, variance=variance + 1, left_s=left_s + 1, kappa=kappa)
    assert 0 < delta < riskier
    assert delta <= gamma * variance * left_s / 2 + 1 / kappa


# The component


def strategy(**settings: Any) -> AvellanedaStoikov:
    given: dict[str, Any] = {
        "order_size_base": D("0.5"),
        "risk_aversion": D("0.1"),
        "horizon_s": D(1),
        "min_half_spread_bps": D(10),
        "max_half_spread_bps": D(200),
        "max_shift_bps": D(100),
        "sigma_quote": D(2),
        "kappa": D("1.5"),
    }
    return AvellanedaStoikov(**given | settings)


def test_it_quotes_around_the_reservation_price() -> None:
    tick = Tick("100").holds("10", "0", position="0.5")
    ((bid,), (ask,)) = prices(strategy().draft(tick.context))
    assert bid + ask == 2 * D("99.6")
    assert str(ask - bid)[:12] == "1.6907704227"
    assert prices(strategy(target_base=D("0.5")).draft(tick.context)) == ([bid + D("0.4")], [ask + D("0.4")])
    assert [len(side) for side in prices(strategy(levels=3).draft(tick.context))] == [3, 3]


def test_spread_and_shift_keep_their_bounds() -> None:
    tick = Tick("100").holds("10", "0", position="500")
    assert prices(strategy(min_half_spread_bps=D(100)).draft(tick.context)) == ([98], [100])
    assert prices(strategy(max_half_spread_bps=D(20)).draft(tick.context)) == ([D("98.8")], [D("99.2")])
    short = Tick("100").holds("0", "0", position="-500")
    assert prices(strategy(max_half_spread_bps=D(20)).draft(short.context)) == ([D("100.8")], [D("101.2")])


def test_nothing_is_quoted_before_sigma_is_known() -> None:
    tick, unknowing = Tick("100"), strategy(sigma_quote=None, min_returns=2)
    assert unknowing.draft(tick.context).reason == "σ is not known yet: 0 of 2 returns seen."
    for reference in ("101", "100"):
        tick.wait(1).reference = D(reference)
        draft = unknowing.draft(tick.context)
    assert not draft.is_empty


async def test_kappa_is_estimated_from_trades_and_nothing_is_quoted_before() -> None:
    """Distances of 1 and 3 from mid: κ is a half."""
    tick, venue = Tick("100"), FakeVenue(symbol="AAA/BBB")
    venue.clock = tick.clock
    venue.set_book(levels(("99.9", "1")), levels(("100.1", "1")))
    learning = strategy(kappa=None, market=venue, symbol="AAA/BBB", min_trades=2)
    RecordingRuntime(tick.clock).equip(learning, "as")
    await learning.load()
    venue.trade("101", "1", BUY)
    assert learning.draft(tick.context).reason == "κ is not known yet: 1 of 2 trades heard."
    venue.trade("97", "1", BUY)
    known = strategy(kappa=D("0.5"))
    assert prices(learning.draft(tick.context)) == prices(known.draft(tick.context))
    await learning.unload()
    await learning.unload()
    assert venue.feed("AAA/BBB").on_trade == []


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kappa": None}, "kappa must be given"),
        ({"min_half_spread_bps": D(300)}, "was 300 over 200"),
        ({"min_trades": 300}, "was 300 over 200"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        strategy(**settings)


# Estimates


def test_volatility_is_found_in_a_random_walk() -> None:
    """10 bps per √s, sampled each second, each 5 s, and with gaps."""
    random = Random(5)
    for steps in ((1,), (5,), (1, 1, 30)):
        estimate, price, now = Volatility(half_life_s=D(2000), sample_s=D(1)), 100.0, 0.0
        for turn in range(3000):
            seconds = steps[turn % len(steps)]
            price *= math.exp(random.gauss(0, 0.001 * math.sqrt(seconds)))
            now += seconds
            estimate.observe(now, D(str(price)))
        assert D(9) < estimate.sigma_bps < D(11)


def test_an_old_return_counts_half_after_its_half_life() -> None:
    estimate = Volatility(half_life_s=D(10), sample_s=D(1))
    estimate.observe(0, D(100))
    estimate.observe(1, D(101))
    first = estimate.variance_per_s
    estimate.observe(11, D(101))
    assert abs(estimate.variance_per_s - first / 2) < D("1e-27")


def test_kappa_is_one_over_the_mean_distance_of_the_last_trades() -> None:
    arrivals = ArrivalDecay(trades=3)
    with pytest.raises(ValueError, match="at least one trade"):
        arrivals.kappa(D("0.01"))
    for distance in ("9", "1", "2", "3"):
        arrivals.observe(D(distance))
    assert arrivals.count == 3
    assert arrivals.kappa(D("0.01")) == D("0.5")


def test_trades_at_mid_leave_kappa_finite() -> None:
    arrivals = ArrivalDecay(trades=3)
    arrivals.observe(D(0))
    assert arrivals.kappa(D("0.005")) == 200
