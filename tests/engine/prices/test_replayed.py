"""A reference made of many prices, on a recording: the same orders every time, at any speed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.metrics.events import FillRecorded, Notice, OrderChanged, StateChanged
from engine.rehearsal.run import rehearse
from tests.engine.rehearsal.test_rehearse import minute_of_trading, service

MARKET = 'market: "@venue", symbol: "@symbol"'
PRICES = f"""
  micro: {{id: prices.micro, args: {{{MARKET}}}}}
  vamp: {{id: prices.vamp, args: {{{MARKET}, notional_quote: 500}}}}
  last: {{id: prices.last, args: {{{MARKET}}}}}
  vwap: {{id: prices.trade_vwap, args: {{{MARKET}, window_s: 10}}}}
  close: {{id: prices.candle_close, args: {{{MARKET}, candle_s: 5}}}}
  low: {{id: prices.window_min, args: {{price: "@mid", window_s: 5, sample_ms: 300}}}}
  high: {{id: prices.window_max, args: {{price: "@mid", window_s: 5, sample_ms: 300}}}}
  middle: {{id: prices.window_median, args: {{price: "@mid", window_s: 5}}}}
  ewma: {{id: prices.ewma, args: {{price: "@micro", half_life_s: 2}}}}
  twap: {{id: prices.twap, args: {{price: "@vamp", window_s: 10}}}}
  range: {{id: prices.agreeing, args: {{sources: ["@low", "@high"], max_difference_bps: 200}}}}
  trades: {{id: prices.fallback, args: {{sources: ["@close", "@vwap", "@last"]}}}}
  all:
    id: prices.weighted_average
    args: {{sources: ["@mid", "@trades", "@range", "@middle", "@ewma", "@twap"],
           weights: [1, 2, 3, 4, 5, 6]}}
  volumes: {{id: prices.vwap, args: {{sources: ["@micro", "@twap"]}}}}
  reference: {{id: prices.fallback, args: {{sources: ["@all", "@volumes"]}}}}
"""


async def played(text: str, speed: Decimal | None = None) -> tuple[Any, list[Any]]:
    events: list[Any] = []
    text = text.replace('price: "@mid"', 'price: "@reference"').rstrip() + PRICES
    report = await rehearse(text, speed=speed, on_event=events.append)
    kinds = OrderChanged | FillRecorded | StateChanged | Notice
    return report, [event for event in events if isinstance(event, kinds)]


async def test_two_runs_quote_the_same_around_it_at_any_speed(tmp_path: Path) -> None:
    text = service(minute_of_trading(tmp_path).save(tmp_path / "a.gz"))
    first = await played(text)
    assert first[0].fills > 0
    assert first[0].two_sided_share > Decimal("0.9")
    assert first == await played(text) == await played(text, Decimal(200))
