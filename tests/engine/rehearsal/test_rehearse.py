"""A whole service on a recording: the same every time, at any speed, and honest about what it met."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.core.errors import EngineError
from engine.metrics.events import FillRecorded, HaltCompleted, OrderChanged, RecordingEnded, Sample, StateChanged
from engine.rehearsal.run import rehearse
from tests.engine.venues.tapes import Tape, market_data

SERVICE = """
service: "@quoting"
vars:
  symbol: "{symbol}"
components:
  tape: {{id: exchanges.replay, args: {{path: "{path}", symbol: "@symbol"}}}}
  venue:
    id: exchanges.paper
    args:
      market: "@tape"
      symbol: "@symbol"
      base_balance: !decimal "{base}"
      quote_balance: !decimal "60000"
      maker_fee_bps: !decimal "1"
  mid: {{id: prices.mid, args: {{market: "@venue", symbol: "@symbol", max_age_s: !decimal "5"}}}}
  spread:
    id: marketmaking.inventory_spread
    args:
      base_spread_bps: !decimal "{spread_bps}"
      order_size_quote: !decimal "500"
      max_position_quote: !decimal "10000"
      inventory_skew_factor: !decimal "0.5"
      num_levels: 3
      level_spacing_bps: !decimal "2"
  guard:
    id: risk.guard
    args:
      max_position_quote: !decimal "12000"
      max_loss_quote: !decimal "500"
      max_order_size_quote: !decimal "1000"
      max_open_notional_quote: !decimal "10000"
  lag: {{id: killswitches.data_lag, args: {{max_lag_s: !decimal "10"}}}}
  kill: {{id: killswitches.any, args: {{switches: ["@lag"]}}}}
  executor: {{id: marketmaking.executors.live, args: {{exchange: "@venue", symbol: "@symbol"}}}}
  quoting:
    id: marketmaking
    args:
      exchange: "@venue"
      symbol: "@symbol"
      price: "@mid"
      strategy: "@spread"
      guard: "@guard"
      killswitch: "@kill"
      executor: "@executor"
      interval_ms: 200
      price_threshold_bps: !decimal "1"
"""


def service(path: str, *, symbol: str = "AUR/USDT", base: str = "100", spread_bps: str = "20") -> str:
    return SERVICE.format(path=path, symbol=symbol, base=base, spread_bps=spread_bps)


def minute_of_trading(tmp_path: Path) -> Tape:
    """The book steps up and down by five cents a second while takers sweep to ten cents on either side."""
    tape = Tape().snapshot()
    for second in range(60):
        best = 95 + 5 * (second % 2)
        for _ in range(8):
            tape.depth()
        tape.depth(bids=[("100.00", "10.000" if best == 100 else "0.000")])
        tape.print("100.20" if second % 3 else "99.80", "0.900", seller_takes=second % 3 == 0)
    return tape


async def test_it_quotes_fills_and_reports_on_a_recording(tmp_path: Path) -> None:
    events: list[Any] = []
    report = await rehearse(service(minute_of_trading(tmp_path).save(tmp_path / "a.gz")), on_event=events.append)
    fills = [event for event in events if isinstance(event, FillRecorded)]
    assert report.fills == len(fills) > 5
    assert report.volume_quote == sum(event.fill.price * event.fill.size_base for event in fills)
    assert report.fees_quote == report.volume_quote / 10_000
    assert report.two_sided_share > Decimal("0.9")
    assert Decimal(18) < report.own_spread_bps < Decimal(28)  # type: ignore[operator]
    assert report.findings == {}
    assert 59 <= report.duration_s <= 61
    assert [event for event in events if isinstance(event, HaltCompleted)][-1].proven_clean


async def test_two_runs_do_and_report_the_same_at_any_speed(tmp_path: Path) -> None:
    text = service(minute_of_trading(tmp_path).save(tmp_path / "a.gz"))
    runs = []
    for speed in (None, None, Decimal(200)):
        events: list[Any] = []
        report = await rehearse(text, speed=speed, on_event=events.append)
        orders = [event for event in events if isinstance(event, OrderChanged | FillRecorded | StateChanged)]
        runs.append((report, orders))
    assert len(runs[0][1]) > 50
    assert runs[0] == runs[1] == runs[2]


MODIFIERS = """
  shade:
    id: marketmaking.modifiers.inventory_shade
    args: {shift_bps: !decimal "3", max_shift_bps: !decimal "5"}
  widen: {id: marketmaking.modifiers.inventory_widen}
  volatility: {id: marketmaking.modifiers.volatility, args: {reference_sigma_bps: !decimal "1", sample_s: !decimal "1"}}
  depth: {id: marketmaking.modifiers.book_depth, args: {depth_reference_quote: !decimal "3000"}}
  flow:
    id: marketmaking.modifiers.trade_flow
    args: {market: "@tape", symbol: "@symbol", max_shift_bps: !decimal "2"}
  least: {id: marketmaking.modifiers.min_spread, args: {min_spread_bps: !decimal "5"}}
  most: {id: marketmaking.modifiers.max_spread, args: {max_spread_bps: !decimal "60"}}
  chance: {id: marketmaking.modifiers.size_random, args: {variation: !decimal "0.2", seed: %s}}
  budget: {id: marketmaking.modifiers.budget}
  passive: {id: marketmaking.modifiers.not_crossing}
"""
IN_ORDER = ["shade", "widen", "volatility", "depth", "flow", "least", "most", "chance", "budget", "passive"]


def modified(path: str, *, seed: int) -> str:
    """The service with ten modifiers, those that remember and the one that draws lots among them."""
    text = service(path).replace("  guard:\n", (MODIFIERS % seed).lstrip("\n") + "  guard:\n", 1)
    chain = ", ".join(f'"@{name}"' for name in IN_ORDER)
    return text.replace('      guard: "@guard"', f'      modifiers: [{chain}]\n      guard: "@guard"')


async def test_the_same_recording_and_seed_give_byte_for_byte_the_same_orders_and_report(tmp_path: Path) -> None:
    path = minute_of_trading(tmp_path).save(tmp_path / "a.gz")

    async def run(seed: int) -> tuple[bytes, bytes]:
        written: list[bytes] = []

        def write(event: Any) -> None:
            if isinstance(event, OrderChanged | FillRecorded | StateChanged | HaltCompleted):
                written.append(msgspec.json.encode(event))

        report = await rehearse(modified(path, seed=seed), on_event=write)
        assert report.fills > 3
        return b"\n".join(written), msgspec.json.encode(report)

    first = await run(seed=7)
    assert first == await run(seed=7)
    assert first[0] != (await run(seed=8))[0]


async def test_a_gap_takes_the_quotes_down_and_what_follows_is_unobserved(tmp_path: Path) -> None:
    tape = minute_of_trading(tmp_path)
    tape.depth(skip=5)
    for _ in range(100):
        tape.depth()
    events: list[Any] = []
    report = await rehearse(service(tape.save(tmp_path / "a.gz")), on_event=events.append)
    assert report.findings == {"sequence_gaps": 1}
    samples = [event for event in events if isinstance(event, Sample)]
    after = [sample for sample in samples if sample.mid is None and sample.ts_ns > samples[30].ts_ns]
    assert len(after) >= 9
    assert all(sample.own_bid is None and sample.own_ask is None for sample in after[2:])
    assert Decimal("0.12") < report.unobserved_share < Decimal("0.2")


async def test_a_truncated_recording_ends_in_a_report_that_says_so(tmp_path: Path) -> None:
    report = await rehearse(service(minute_of_trading(tmp_path).save(tmp_path / "a.gz", cut=200)))
    assert "breaks off after line" in report.recording_problem
    assert report.findings == {"truncated": 1}
    assert report.samples > 5


async def test_a_file_without_a_recording_is_refused() -> None:
    text = re.sub(
        r"tape: .*",
        'tape: {id: exchanges.simulated, args: {symbol: "@symbol", anchor_price: !decimal "100", '
        'tick_size: !decimal "0.01", lot_size: !decimal "0.001"}}',
        service("none"),
    )
    with pytest.raises(EngineError, match=r"plays no recording: give it a component with the id exchanges\.replay"):
        await rehearse(text)


async def test_a_recording_that_cannot_be_opened_fails_with_its_reason() -> None:
    with pytest.raises(EngineError, match=r"there is no recording at nowhere\.gz"):
        await rehearse(service("nowhere.gz"))


async def test_the_real_recording_gives_the_same_report_twice() -> None:
    path = market_data("binance-raw-2024-08-08", "spot", "btcusdt_20240808.gz")
    text = service(path, symbol="BTC/USDT", base="1", spread_bps="10")
    ended: list[Any] = []
    first = await rehearse(
        text, on_event=lambda event: ended.append(event) if isinstance(event, RecordingEnded) else None
    )
    assert first == await rehearse(text)
    assert ended[0].messages == 41249
    assert first.fills > 10
    # One tick of 0.0016 bps almost always; the few wide moments count when a second's sample happens to meet one.
    assert first.market_spread_bps is not None
    assert Decimal("0.0016") < first.market_spread_bps < Decimal("0.02")
