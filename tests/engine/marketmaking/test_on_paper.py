"""The whole engine on a simulated market, with orders matched on paper: the books agree and two runs are one."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec

from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.core.states import State
from engine.market.types import FINAL, Side
from engine.metrics.events import FillRecorded, HaltCompleted, OrderChanged, Sample
from engine.metrics.sinks import Memory
from engine.testing import ManualClock

D = Decimal

YAML = """
service: "@quoting"
vars:
  symbol: "AURORA/USDT"
components:
  public:
    id: exchanges.simulated
    args: {symbol: "@symbol", anchor_price: !decimal "1.2345", tick_size: !decimal "0.0001", lot_size: !decimal "0.1",
           min_notional_quote: !decimal "5", profile: mid, seed: 7}
  venue:
    id: exchanges.paper
    args: {market: "@public", symbol: "@symbol", base_balance: !decimal "50000", quote_balance: !decimal "50000",
           maker_fee_bps: !decimal "2"}
  mid: {id: prices.mid, args: {market: "@venue", symbol: "@symbol"}}
  ladder:
    id: marketmaking.ladder
    args: {half_spread_bps: !decimal "1.5", size_base: !decimal "150", levels: 3, level_spacing_bps: !decimal "2"}
  guard:
    id: risk.guard
    args: {max_position_quote: !decimal "900", max_loss_quote: !decimal "500",
           max_order_size_quote: !decimal "1000", max_open_notional_quote: !decimal "5000"}
  inventory: {id: killswitches.inventory, args: {max_position_quote: !decimal "1000"}}
  loss: {id: killswitches.loss, args: {max_loss_quote: !decimal "500"}}
  lag: {id: killswitches.data_lag}
  kill: {id: killswitches.any, args: {switches: ["@inventory", "@loss", "@lag"]}}
  executor: {id: marketmaking.executors.live, args: {exchange: "@venue", symbol: "@symbol"}}
  memory: {id: sinks.memory}
  quoting:
    id: marketmaking
    args: {exchange: "@venue", symbol: "@symbol", price: "@mid", strategy: "@ladder", guard: "@guard",
           killswitch: "@kill", executor: "@executor", interval_ms: 500, price_threshold_bps: !decimal "1"}
"""


class Run:
    """Some minutes of market time, then a pause."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        registry = Registry.installed()
        self.container = Container(
            load_config(YAML, filename="paper.yaml", registry=registry),
            registry,
            identity=Identity(deployment_id=3, token=4),
            clock=self.clock,
        )
        self.service: Any = self.container.service
        self.memory: Any = self.container.components["memory"]
        assert isinstance(self.memory, Memory)

    async def go(self, seconds: float) -> Run:
        await self.container.load()
        await self.container.begin()
        await self.service.start("test")
        await self.clock.advance(seconds)
        assert self.service.machine.state is State.ACTIVE, self.service.machine.reason
        pausing = asyncio.create_task(self.service.pause("enough"))
        await self.clock.advance(1)
        await pausing
        self.balances = await self.container.components["venue"].balances()  # type: ignore[attr-defined]
        await self.container.unload()
        assert not self.container.unload_errors
        return self

    def events(self, kind: type) -> list[Any]:
        return [event for event in self.memory.events if isinstance(event, kind)]


async def test_what_the_fills_say_is_what_the_account_holds() -> None:
    run = await Run().go(240)
    position = run.service.account.position
    held = run.service.account.ledger.held
    assert position.fills >= 5
    assert {fill.fill.side for fill in run.events(FillRecorded)} == set(Side)
    assert run.balances["AURORA"].total - 50000 == position.base == held("AURORA")
    assert run.balances["USDT"].total - 50000 == held("USDT")
    mid = run.events(Sample)[-2].mid
    assert position.total_quote(mid) == held("USDT") + held("AURORA") * mid


async def test_both_sides_rest_nearly_all_the_time_and_no_limit_is_passed() -> None:
    run = await Run().go(240)
    samples = [sample for sample in run.events(Sample) if sample.state is State.ACTIVE]
    limited = [sample for sample in samples if abs(sample.position_base * sample.mid) > 500]
    free = [sample for sample in samples if sample not in limited]
    two_sided = [sample for sample in free if sample.own_bid and sample.own_ask]
    assert len(two_sided) / len(free) > 0.95
    for fill in run.events(FillRecorded):
        assert abs(fill.position_base * fill.fill.price) <= 905


async def test_every_order_ends_and_the_pause_is_proven() -> None:
    run = await Run().go(60)
    last = {event.client_order_id: event.new for event in run.events(OrderChanged)}
    assert last
    assert set(last.values()) <= FINAL
    assert run.events(HaltCompleted)[-1].proven_clean
    assert run.balances["USDT"].locked == run.balances["AURORA"].locked == 0


async def test_two_runs_over_the_same_market_are_the_same_to_the_last_event() -> None:
    def told(run: Run) -> list[bytes]:
        kinds = (OrderChanged, FillRecorded, HaltCompleted)
        return [msgspec.json.encode(event) for event in run.memory.events if isinstance(event, kinds)]

    first, second = told(await Run().go(60)), told(await Run().go(60))
    assert len(first) > 20
    assert first == second
