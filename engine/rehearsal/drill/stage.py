"""A whole service in a market that can be provoked, on a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, TypeVar, cast

import msgspec

from engine.core.clock import NS
from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.errors import EngineError
from engine.core.plugins import Registry
from engine.core.scheduler import Scheduler
from engine.core.states import State
from engine.execution.activity import Activity
from engine.market.types import OrderReport
from engine.marketmaking.service import MarketMaking
from engine.metrics.events import HaltCompleted, Notice, RiskTriggered, StateChanged
from engine.rehearsal.clock import ReplayClock
from engine.rehearsal.drill.account import DrilledAccount
from engine.rehearsal.drill.market import DrilledMarket
from engine.venues.paper.exchange import PaperExchange

SYMBOL = "AURORA/USDT"

YAML = """
service: "@quoting"
vars: {{symbol: "{symbol}"}}
components:
  world:
    id: exchanges.simulated
    args: {{symbol: "@symbol", anchor_price: !decimal "2.5", tick_size: !decimal "0.0001", lot_size: !decimal "0.1",
           profile: mid, seed: {seed}}}
  market: {{id: drill.market, args: {{market: "@world", symbol: "@symbol"}}}}
  paper:
    id: exchanges.paper
    args: {{market: "@market", symbol: "@symbol", base_balance: 100000, quote_balance: 100000, latency_ms: 0}}
  account: {{id: drill.account, args: {{exchange: "@paper"}}}}
  mid: {{id: prices.mid, args: {{market: "@market", symbol: "@symbol", max_age_s: 60}}}}
  ladder:
    id: marketmaking.ladder
    args: {{half_spread_bps: 30, size_base: 200, levels: 3, level_spacing_bps: 10}}
  guard:
    id: risk.guard
    args: {{max_position_quote: 50000, max_loss_quote: 50000, max_order_size_quote: 5000,
           max_open_notional_quote: 50000}}
{switches}
  books: {{id: reconcile, args: {{alert_quote: 50, every_s: 5, confirm_after_s: 2}}}}
  live: {{id: marketmaking.executors.live, args: {{exchange: "@account", symbol: "@symbol"}}}}
  quoting:
    id: marketmaking
    args: {{exchange: "@market", symbol: "@symbol", price: "@mid", strategy: "@ladder", guard: "@guard",
           killswitch: "@{tested}", executor: "@live", reconcile: "@books", interval_ms: 500, price_threshold_bps: 8}}
"""

BEGINS_NS = 1_767_600_000 * NS
"""A Monday morning. A drill begins there whenever it is held, so that a seed gives the same market each time."""

STEP_S = 0.1
FINE_STEP_S = 0.01
"""While a halt is under way: it is timed to this."""

_TURNS = 12
"""Turns of the loop after each step, enough for every chain of answers that is due."""

T = TypeVar("T")
Told = StateChanged | RiskTriggered | HaltCompleted | Notice


class Stage:
    """One service, from load to unload. `told` is what it recorded about its state, trips and halts."""

    def __init__(self, *, switches: str, tested: str, seed: int, registry: Registry) -> None:
        self.configuration = YAML.format(symbol=SYMBOL, seed=seed, switches=switches, tested=tested)
        self.told: list[Told] = []
        self.manual = ""
        """The reason of a durable switch that a person has engaged, or empty."""
        self.fault = ""
        registry = registry.with_components({"drill.market": DrilledMarket, "drill.account": DrilledAccount})
        self._clock = ReplayClock()
        self._clock.start(BEGINS_NS)
        self._scheduler = Scheduler(self._clock)
        self._container = Container(
            load_config(self.configuration, filename="drill.yaml", registry=registry),
            registry,
            identity=Identity(deployment_id=1, token=1, symbol=SYMBOL),
            clock=self._clock,
            scheduler=self._scheduler,
            manual_halt=lambda: self.manual,
            on_event=self._hear,
            on_fault=self._failed,
        )
        parts = self._container.components
        self.market = cast(DrilledMarket, parts["market"])
        self.account = cast(DrilledAccount, parts["account"])
        self._paper = cast(PaperExchange, parts["paper"])
        self._service = cast(MarketMaking, parts["quoting"])

    @property
    def state(self) -> State:
        return self._service.machine.state

    @property
    def activity(self) -> Activity:
        return self._service.activity

    @property
    def now_ns(self) -> int:
        return self._clock.now_ns()

    @property
    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def open(self) -> None:
        """Load, begin and start quoting. Raises EngineError when it does not come to that."""
        await self._container.load()
        await self._container.begin()
        await self._while_time_passes(self._container.within(self._service.start("drill")))
        if self.state is not State.ACTIVE:
            raise EngineError(f"The service did not start: it is {self.state} ({self._service.machine.reason}).")

    async def close(self) -> None:
        await self._while_time_passes(self._container.unload())

    async def run(self, seconds: float) -> None:
        """Let time pass, yet no further than the moment in which quoting ends."""
        end = self.monotonic + seconds
        while self.state is State.ACTIVE and self.monotonic < end - 1e-9:
            await self._step(STEP_S)

    async def halted(self, within_s: float) -> bool:
        """Let time pass until the halt is complete; whether it was in time."""
        end = self.monotonic + within_s
        while self.state is State.HALTING and self.monotonic < end:
            await self._step(FINE_STEP_S)
        return self.state is State.HALTED

    async def resting(self) -> list[OrderReport]:
        """What rests, asked of the venue itself and past everything that might mislead us."""
        return list(await self._paper.open_orders(SYMBOL))

    @property
    def position_quote(self) -> Decimal:
        return abs(self._service.account.position.base * (self.market.feed(SYMBOL).book.mid or 0))

    async def _step(self, seconds: float) -> None:
        if self.fault:
            raise EngineError(f"The service failed: {self.fault}")
        await self._scheduler.run_until(self.monotonic + seconds)
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def _while_time_passes(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(coroutine)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        while not task.done():
            await self._scheduler.run_until(self.monotonic + FINE_STEP_S)
            await asyncio.sleep(0)
        return await task

    def _hear(self, event: msgspec.Struct) -> None:
        if isinstance(event, StateChanged | RiskTriggered | HaltCompleted | Notice):
            self.told.append(event)

    def _failed(self, reason: str) -> None:
        self.fault = reason
