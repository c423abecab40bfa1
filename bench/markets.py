"""Cost of the market's side: a step of each simulated market, and a whole service on a recording at full speed."""

from __future__ import annotations

import asyncio
import os
import time
from decimal import Decimal
from pathlib import Path

from bench import Figure
from engine.core.scheduler import Scheduler
from engine.rehearsal.run import rehearse
from engine.testing import ManualClock, RecordingRuntime
from engine.venues.simulated.profiles import PROFILES
from engine.venues.simulated.venue import Simulated

STEPS = 2_000
STEP_LIMITS_US = {"major": 300, "mid": 200, "thin": 150}
RECORDING = "binance-raw-2024-08-08/spot/btcusdt_20240808.gz"
REPLAY_LIMIT_S = 15
SERVICE = """
service: "@quoting"
vars:
  symbol: "BTC/USDT"
components:
  tape: {{id: exchanges.replay, args: {{path: "{path}", symbol: "@symbol"}}}}
  venue:
    id: exchanges.paper
    args: {{market: "@tape", symbol: "@symbol", base_balance: !decimal "1", quote_balance: !decimal "60000"}}
  mid: {{id: prices.mid, args: {{market: "@venue", symbol: "@symbol", max_age_s: !decimal "5"}}}}
  spread:
    id: marketmaking.inventory_spread
    args:
      base_spread_bps: !decimal "10"
      order_size_quote: !decimal "500"
      max_position_quote: !decimal "20000"
      inventory_skew_factor: !decimal "0.5"
      num_levels: 10
      level_spacing_bps: !decimal "2"
  guard:
    id: risk.guard
    args:
      max_position_quote: !decimal "30000"
      max_loss_quote: !decimal "5000"
      max_order_size_quote: !decimal "1000"
      max_open_notional_quote: !decimal "30000"
      max_orders_per_s: 500
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
      interval_ms: {interval_ms}
      price_threshold_bps: !decimal "1"
"""


def run() -> list[Figure]:
    figures = [
        Figure(name=f"simulated {profile}, one step", value=asyncio.run(_step_us(profile)), unit="us", at_most=limit)
        for profile, limit in STEP_LIMITS_US.items()
    ]
    path = recording()
    if path is None:
        print("   so no replay is timed")
        return figures
    for interval_ms in (1000, 100):
        began = time.process_time()
        asyncio.run(rehearse(SERVICE.format(path=path, interval_ms=interval_ms)))
        name = f"346 s of BTCUSDT, 10 levels each {interval_ms} ms"
        figures.append(Figure(name=name, value=time.process_time() - began, unit="s CPU", at_most=REPLAY_LIMIT_S))
    return figures


def recording() -> Path | None:
    """A real book, when this machine has one; says so when it does not."""
    folder = Path(os.environ.get("MM_MARKET_DATA") or Path(__file__).parents[2] / "shared" / "market-data")
    path = folder.resolve() / RECORDING
    if path.exists():
        return path
    print(f"   no recording at {path}; name the folder in MM_MARKET_DATA")
    return None


async def _step_us(profile: str) -> float:
    """CPU time of one step with its publication as exact decimals, mean."""
    clock = ManualClock()
    scheduler = Scheduler(clock)
    market = Simulated(
        symbol="BTC/USDT",
        anchor_price=Decimal(61_500),
        tick_size=Decimal("0.01") if profile == "major" else Decimal("2"),
        lot_size=Decimal("0.00001"),
        profile=profile,  # type: ignore[arg-type]
    )
    RecordingRuntime(clock, scheduler=scheduler).equip(market, "market")
    await market.load()
    began = time.process_time()
    await scheduler.run_until(clock.monotonic() + STEPS * PROFILES[profile].step_ms / 1000)
    used_us = (time.process_time() - began) * 1e6 / STEPS
    await market.unload()
    return used_us
