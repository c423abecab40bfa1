"""Every price of the catalog in one YAML file, from its entry point to a figure a service quotes around."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.core.config import ConfigError, load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.market.types import NoPrice, Price, Side
from engine.marketmaking.base import PriceProvider
from engine.testing import FakeVenue, ManualClock
from tests.engine.prices.told import book

D = Decimal

YAML = """
service: "@quoting"
vars:
  symbol: "BTC/USDT"
components:
  binance: {{id: fake.venue, args: {{symbol: "@symbol"}}}}
  okx: {{id: fake.venue, args: {{symbol: "@symbol"}}}}
  mid_a: {{id: prices.mid, args: {{market: "@binance", symbol: "@symbol"}}}}
  mid_b: {{id: prices.mid, args: {{market: "@okx", symbol: "@symbol"}}}}
  reference: {reference}
  strategy: {{id: marketmaking.ladder, args: {{half_spread_bps: 10, size_base: 1}}}}
  guard:
    id: risk.guard
    args: {{max_position_quote: 100000, max_loss_quote: 500, max_order_size_quote: 5000,
           max_open_notional_quote: 50000}}
  kill: {{id: killswitches.manual}}
  executor: {{id: marketmaking.executors.live, args: {{exchange: "@binance", symbol: "@symbol"}}}}
  quoting:
    id: marketmaking
    args: {{exchange: "@binance", symbol: "@symbol", price: "@reference", strategy: "@strategy", guard: "@guard",
           killswitch: "@kill", executor: "@executor"}}
"""

ONE = 'market: "@binance", symbol: "@symbol"'
BOTH = '["@mid_a", "@mid_b"]'

# binance 99.9 × 1 / 100.1 × 3, okx 100.1 × 1 / 100.3 × 1; a trade of 2 at 100 on binance and of 6 at 100.2 on okx.
FIGURES = {
    "last": (ONE, "100"),
    "best_bid": (ONE, "99.9"),
    "best_ask": (ONE, "100.1"),
    "micro": (ONE, "99.95"),
    "vamp": (ONE + ', notional_quote: !decimal "50"', "100"),
    "trade_vwap": (ONE, "100"),
    "mark": (ONE, "100.02"),
    "fixed": ('value: !decimal "1.5"', "1.5"),
    "fallback": (f"sources: {BOTH}", "100"),
    "weighted_average": (f"sources: {BOTH}, weights: [3, 1]", "100.05"),
    "vwap": (f"sources: {BOTH}", "100.15"),
    "cross_rate": (f"legs: {BOTH}", "10020"),
    "inverse": ('price: "@mid_a"', "0.01"),
    "window_min": ('price: "@mid_a"', "100"),
    "window_max": ('price: "@mid_a"', "100"),
    "window_median": ('price: "@mid_a"', "100"),
    "ewma": ('price: "@mid_a"', "100"),
    "twap": ('price: "@mid_a"', "100"),
    "offset": ('price: "@mid_a", offset_bps: -25', "99.75"),
    "fresh": ('price: "@mid_a", max_age_s: 3', "100"),
    "agreeing": (f"sources: {BOTH}, max_difference_bps: 25", "100.1"),
    "cached": ('price: "@mid_a", keep_ms: 100', "100"),
}


def container_of(reference: str) -> tuple[Container, ManualClock]:
    registry = Registry.installed().with_components({"fake.venue": FakeVenue})
    clock = ManualClock()
    config = load_config(YAML.format(reference=reference), filename="prices.yaml", registry=registry)
    return Container(config, registry, clock=clock), clock


def set_market(container: Container, clock: ManualClock) -> None:
    venues: list[Any] = [container.components[name] for name in ("binance", "okx")]
    for venue, bids, asks in zip(venues, ("99.9 1", "100.1 1"), ("100.1 3", "100.3 1"), strict=True):
        venue.clock = clock
        book(venue, bids, asks)
    venues[0].trade("100", "2", Side.BUY)
    venues[1].trade("100.2", "6", Side.SELL)
    feed = venues[0].feed("BTC/USDT")
    feed.mark = Price(value=D("100.02"), ts_ns=clock.now_ns(), source="fake")
    feed.mark_received_at = clock.monotonic()


@pytest.mark.parametrize("name", FIGURES)
async def test_a_price_from_a_file_is_the_worked_figure(name: str) -> None:
    """E9: a reason before its market is ready, then a figure with time and source; nothing left after unload."""
    args, figure = FIGURES[name]
    container, clock = container_of(f"{{id: prices.{name}, args: {{{args}}}}}")
    await container.load()
    await container.begin()
    reference = container.components["reference"]
    assert isinstance(reference, PriceProvider)
    early = reference.price()
    assert isinstance(early, Price if name == "fixed" else NoPrice)
    set_market(container, clock)
    price = reference.price()
    assert isinstance(price, Price), price
    assert price.value == D(figure)
    assert price.ts_ns == clock.now_ns()
    assert price.source
    await container.unload()
    assert all(container.components[venue].feed("BTC/USDT").on_trade == [] for venue in ("binance", "okx"))  # type: ignore[attr-defined]


async def test_a_candle_close_from_a_file_needs_a_candle_that_is_over() -> None:
    container, clock = container_of(f"{{id: prices.candle_close, args: {{{ONE}}}}}")
    await container.load()
    await container.begin()
    set_market(container, clock)
    await clock.advance(60)
    price = container.components["reference"].price()  # type: ignore[attr-defined]
    assert (price.value, price.source) == (D(100), "fake 60 s candle close")
    await container.unload()


async def test_settings_that_contradict_each_other_are_told_with_their_line() -> None:
    with pytest.raises(ConfigError) as refused:
        container_of(f"{{id: prices.weighted_average, args: {{sources: {BOTH}, weights: [1]}}}}")
    assert "weights must be as many as the 2 sources, were 1" in str(refused.value)
    assert "prices.yaml:10" in str(refused.value)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("{id: prices.fallback, args: {sources: [\"@mid_a\"], }}", "at least 2"),
        (f"{{id: prices.weighted_average, args: {{sources: {BOTH}, weights: [1, 0]}}}}", "more than 0"),
        (f"{{id: prices.agreeing, args: {{sources: {BOTH}}}}}", "max_difference_bps"),
        ('{id: prices.inverse, args: {price: "@binance"}}', "PriceProvider"),
        ("{id: prices.fixed, args: {value: 0}}", "more than 0"),
        ("{id: prices.fixed, args: {value: 1.5}}", "exact decimal"),
    ],
)  # fmt: skip
def test_arguments_out_of_bounds_are_refused_before_anything_runs(reference: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        container_of(reference)
