"""What strategies and modifiers say about a tick: the figures they went by, in one sentence."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.market.types import Side, Trade
from engine.marketmaking.avellaneda_stoikov import AvellanedaStoikov
from engine.marketmaking.base import Explains
from engine.marketmaking.inventory_spread import InventorySpread
from engine.marketmaking.ladder import Ladder
from engine.marketmaking.modifiers.book_depth import BookDepth
from engine.marketmaking.modifiers.inventory_shade import InventoryShade
from engine.marketmaking.modifiers.inventory_widen import InventoryWiden
from engine.marketmaking.modifiers.max_spread import MaxSpread
from engine.marketmaking.modifiers.min_profit import MinProfit
from engine.marketmaking.modifiers.min_spread import MinSpread
from engine.marketmaking.modifiers.trade_flow import TradeFlow
from engine.marketmaking.modifiers.volatility import Volatility
from engine.marketmaking.price_threshold import PriceThreshold
from engine.testing import FakeVenue, RecordingRuntime
from tests.engine.marketmaking.ticks import Tick

D = Decimal


def rich() -> Tick:
    """Three quarters of the account in base, bought at 90, in a thin book."""
    return Tick().book("99.99x5", "100.01x5").holds("30", "1000", position="4", cost="90")


@pytest.mark.parametrize(
    ("component", "sentence"),
    [
        (
            InventoryShade(shift_bps=D(10), max_shift_bps=D(20)),
            "The base is 0.7500 of the account's value, the target 0.5: 10 bps a band of 0.5, at most 20 bps.",
        ),
        (
            InventoryWiden(),
            "The base is 0.7500 of the account's value, the target 0.5: the spread grows by 0.5 of itself a band of "
            "0.5, at most to 2 times.",
        ),
        (
            BookDepth(depth_reference_quote=D(2000)),
            "1000.00 BBB rest within 50 bps of mid, 2000 are normal: the spread times 2.0000, at most 3.",
        ),
        (
            BookDepth(depth_reference_quote=D(500)),
            "1000.00 BBB rest within 50 bps of mid, 500 are normal: nothing is widened.",
        ),
        (
            MinProfit(fee_bps=D(10)),
            "A fill costs 10 bps, a round trip must leave 0 bps; bought at 90 on average, no ask stands below "
            "90.18018.",
        ),
        (MinSpread(min_spread_bps=D(30)), "No narrower than 30 bps, here 0.3 BBB."),
        (MaxSpread(max_spread_bps=D(50)), "No wider than 50 bps, here 0.5 BBB."),
        (
            InventorySpread(base_spread_bps=D(20), max_position_quote=D(800)),
            "The spread is 20 bps of 100; a position of 400.00 BBB of 800 moves both sides down by 0.025 BBB.",
        ),
        (
            AvellanedaStoikov(
                order_size_base=D(1),
                risk_aversion=D("0.1"),
                horizon_s=D(60),
                min_half_spread_bps=D(2),
                max_half_spread_bps=D(50),
                max_shift_bps=D(20),
                sigma_quote=D("0.02"),
                kappa=D(5),
            ),
            "σ is 0.02 BBB per √second, κ 5, γ 0.1, τ 60 s, inventory 4 AAA; the half-spread is kept within 2 and "
            "50 bps.",
        ),
        (
            Ladder(half_spread_bps=D(13), size_base=D(1), levels=3, level_spacing_bps=D(4)),
            "The innermost quotes stand 13 bps from 100, each 4 bps from the next.",
        ),
        (
            PriceThreshold(strategy=InventorySpread(), threshold_bps=D(7)),
            "100 is the price it was shown; 7 bps from it the next one is.",
        ),
    ],
)
def test_the_figures_it_went_by_stand_in_the_sentence(component: Explains, sentence: str) -> None:
    assert component.because(rich().context) == sentence


def test_a_small_figure_is_spoken_without_an_exponent() -> None:
    tick = Tick("0.0312345").holds("0", "0", position="20")
    said = InventorySpread(base_spread_bps=D(20), max_position_quote=D(800)).because(tick.context)
    assert said.endswith("a position of 0.62 BBB of 800 moves both sides down by 0.000000012194925 BBB.")


def test_an_account_nobody_knows_moves_nothing_and_there_is_nothing_to_say() -> None:
    assert InventoryShade(shift_bps=D(10), max_shift_bps=D(20)).because(Tick().context) == ""


def test_volatility_says_its_estimate_beside_what_is_normal() -> None:
    tick = Tick()
    volatility = Volatility(reference_sigma_bps=D(10), min_returns=1, half_life_s=D(1))
    assert volatility.because(tick.context) == ""
    for reference in ("100", "100.3"):
        tick.reference = D(reference)
        tick.adjusted(volatility)
        tick.wait(1)
    assert volatility.because(tick.context) == (
        "σ is 29.955 bps per √second, normal is 10: the spread times 2.9955, at most 3."
    )


async def test_trade_flow_says_what_takers_did() -> None:
    tick, venue = Tick(), FakeVenue()
    flow = TradeFlow(market=venue, symbol="AURORA/USDT", max_shift_bps=D(8), min_trades=2)
    flow.runtime = RecordingRuntime(clock=tick.clock)
    await flow.load()
    assert flow.because(tick.context) == "Nothing moves: 0 trades in 60 s, 2 are needed."
    for side, size in ((Side.BUY, "3"), (Side.SELL, "1.5")):
        for hear in venue.feed("AURORA/USDT").on_trade:
            hear(Trade(ts_ns=0, price=D(1), size_base=D(size), aggressor=side))
    assert flow.because(tick.context) == ("Takers bought 3 AAA and sold 1.5 AAA in 60 s: the imbalance times 8 bps.")
