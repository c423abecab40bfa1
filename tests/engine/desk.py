"""A whole service from one YAML file, over a fake venue, on a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

from engine.core.component import Identity, Permit, Secure, at_once
from engine.core.config import Config, load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.core.scheduler import Scheduler
from engine.core.service import Restore
from engine.market.types import Side
from engine.marketmaking.service import MarketMaking
from engine.metrics.sinks import Memory
from engine.testing import FakeVenue, ManualClock, settle
from engine.venues.hub import MarketHub

YAML = """
service: "@quoting"
vars:
  symbol: "BTC/USDT"
components:
  venue:
    id: fake.venue
    args: {{symbol: "@symbol", tick_size: !decimal "{tick}", lot_size: !decimal "{lot}",
           min_notional_quote: !decimal "{min_notional}", immediate: {immediate}, maker_fee_bps: !decimal "{maker_fee}",
           base_balance: !decimal "1000000", quote_balance: !decimal "1000000"}}
  mid: {{id: prices.mid, args: {{market: "@venue", symbol: "@symbol"}}}}
  spread:
    id: marketmaking.inventory_spread
    args: {{base_spread_bps: !decimal "{spread}", order_size_quote: !decimal "{size}", num_levels: {levels},
           level_spacing_bps: !decimal "{spacing}", max_position_quote: !decimal "10000"}}
  guard:
    id: risk.guard
    args: {{max_position_quote: !decimal "{max_position}", max_loss_quote: !decimal "500",
           max_order_size_quote: !decimal "5000", max_open_notional_quote: !decimal "{max_open}"}}
  inventory: {{id: killswitches.inventory, args: {{max_position_quote: !decimal "{max_position}"}}}}
  loss: {{id: killswitches.loss, args: {{max_loss_quote: !decimal "500"}}}}
  lag: {{id: killswitches.data_lag}}
  manual: {{id: killswitches.manual}}
  kill: {{id: killswitches.any, args: {{switches: [{switches}]}}}}
  {more}
  executor:
    id: marketmaking.executors.{executor}
    args: {{exchange: "@{account}", symbol: "{executor_symbol}"{more_executor}}}
  memory: {{id: sinks.memory}}
{components}
  quoting:
    id: marketmaking
    args: {{exchange: "@venue", symbol: "@symbol", price: "@mid", strategy: "@{strategy}", guard: "@guard",
           killswitch: "@kill", executor: "@executor", interval_ms: {interval_ms},
           price_threshold_bps: !decimal "{threshold}"{args}}}
"""

DEFAULTS = {
    "tick": "0.01",
    "lot": "0.00001",
    "min_notional": "5",
    "immediate": "true",
    "spread": "10",
    "size": "1000",
    "levels": "3",
    "spacing": "5",
    "max_position": "20000",
    "max_open": "50000",
    "executor": "live",
    "executor_symbol": "@symbol",
    "account": "venue",
    "switches": '"@inventory", "@loss", "@lag", "@manual"',
    "more": "",
    "strategy": "spread",
    "more_executor": "",
    "interval_ms": "1000",
    "threshold": "5",
    "components": "",
    "args": "",
    "maker_fee": "0",
}


@lru_cache(maxsize=32)
def _read(text: str, venue: type[FakeVenue]) -> tuple[Config, Registry]:
    """A file is read once: a test that restarts a desk a hundred times spends its time on the desk."""
    registry = Registry.installed().with_components({"fake.venue": venue})
    return load_config(text, filename="desk.yaml", registry=registry), registry


class Desk:
    """One deployment. `venue` is the truth; `events` is what left the engine; `components` is more YAML."""

    def __init__(
        self,
        *,
        token: int = 7,
        restore: Restore | None = None,
        permit: Permit | None = None,
        manual_halt: Callable[[], str] = lambda: "",
        venue: type[FakeVenue] = FakeVenue,
        hub: MarketHub | None = None,
        components: str = "",
        clock: ManualClock | None = None,
        scheduler: Scheduler | None = None,
        secure: Secure = at_once,
        **settings: str,
    ) -> None:
        self.clock = clock or ManualClock()
        config, registry = _read(YAML.format(**(DEFAULTS | settings)) + components, venue)
        self.container = Container(
            config,
            registry,
            identity=Identity(deployment_id=12, token=token, symbol="BTC/USDT"),
            clock=self.clock,
            scheduler=scheduler,
            secure=secure,
            restore=restore,
            permit=permit,
            manual_halt=manual_halt,
            hub=hub,
        )
        self.venue: FakeVenue = self._component("venue")
        self.service: MarketMaking = self._component("quoting")
        self._memory: Memory = self._component("memory")

    def _component(self, name: str) -> Any:
        return self.container.components[name]

    async def open(self, bid: str = "49999.99", ask: str = "50000.01") -> Desk:
        """Load and begin with a one-level book; still paused."""
        self.book(bid, ask)
        await self.container.load()
        self.venue.clock = self.clock
        self.book(bid, ask)
        await self.container.begin()
        return self

    def book(self, bid: str, ask: str, size: str = "1000") -> None:
        self.venue.set_book([(Decimal(bid), Decimal(size))], [(Decimal(ask), Decimal(size))])

    async def run(self, seconds: float) -> None:
        """Let time pass with a live feed: the book is confirmed each tenth of a second."""
        for _ in range(round(seconds * 10)):
            feed = self.venue.feed("BTC/USDT")
            if feed.received_at is not None:
                feed.received_at = self.clock.monotonic()
            await self.clock.advance(0.1)

    def prices(self, side: Side) -> list[str]:
        """Our resting prices at the venue, innermost first, digit by digit."""
        return [str(level.price) for level in self.venue.resting(side)]

    def events(self, kind: type) -> list[Any]:
        return [event for event in self._memory.events if isinstance(event, kind)]

    async def close(self) -> None:
        """Unload. While the venue takes its time, time passes."""
        unloading = asyncio.ensure_future(self.container.unload())
        await settle()
        while not unloading.done():
            await self.clock.advance(0.1)
        await unloading
