"""Collectors at work in whole services: a market maker, and a file that only watches (E12)."""

from __future__ import annotations

from typing import Any

from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.metrics.events import Measurement, Sample
from engine.metrics.sinks import Memory
from engine.testing import FakeVenue, ManualClock
from tests.engine.desk import Desk
from tests.engine.metrics.happenings import D

WATCHING = """
service: "@beat"
components:
  venue: {id: fake.venue, args: {symbol: "BTC/USDT", tick_size: !decimal "0.01"}}
  beat: {id: service.heartbeat}
  spread: {id: metrics.spread, args: {market: "@venue", symbol: "BTC/USDT", interval_s: 1}}
  depth: {id: metrics.depth, args: {market: "@venue", symbol: "BTC/USDT", bands_bps: [100], interval_s: 2}}
  life: {id: metrics.heartbeat, args: {interval_s: 1}}
  holdings: {id: metrics.balances, args: {exchange: "@venue", assets: [USDT], interval_s: 5}}
  memory: {id: sinks.memory}
"""

COLLECTORS = """
  gap: {id: metrics.spread, args: {market: "@venue", symbol: "@symbol", target_spread_bps: 20}}
  depth: {id: metrics.depth, args: {market: "@venue", symbol: "@symbol"}}
  balances: {id: metrics.balances, args: {exchange: "@venue"}}
  orders: {id: metrics.orders}
  fills: {id: metrics.fills}
  pnl: {id: metrics.pnl, args: {price: "@mid", symbol: "@symbol"}}
  latency: {id: metrics.latency, args: {market: "@venue", symbol: "@symbol"}}
  obligations:
    id: metrics.obligations
    args: {market: "@venue", symbol: "@symbol", max_spread_bps: 20, min_depth_quote: 2000}
  life: {id: metrics.heartbeat}
"""


def newest(events: list[Any]) -> dict[str, Measurement]:
    return {event.name: event for event in events if isinstance(event, Measurement)}


async def test_a_file_that_only_watches_is_measured() -> None:
    clock = ManualClock()
    registry = Registry.installed().with_components({"fake.venue": FakeVenue})
    config = load_config(WATCHING, filename="watch.yaml", registry=registry)
    container = Container(config, registry, identity=Identity(), clock=clock)
    venue, memory = container.components["venue"], container.components["memory"]
    assert isinstance(venue, FakeVenue)
    assert isinstance(memory, Memory)
    venue.clock = clock
    venue.set_book([(D("99"), D(10))], [(D("101"), D(10))])
    await container.load()
    await container.begin()
    await clock.advance(9)
    await container.unload()
    seen = newest(memory.events)
    assert seen["spread"].values == {"mid": D(100), "market_spread_bps": D(200), "own_spread_bps": None}
    assert seen["depth"].values["market_bid_depth_100_quote"] == D(990)
    assert seen["heartbeat"].values["alive"] == 1
    assert seen["heartbeat"].source == "life"
    assert seen["balances"].values["USDT.total"] == D(100_000)
    assert len([e for e in memory.events if isinstance(e, Measurement) and e.name == "spread"]) == 9
    assert not container.fault


async def test_a_market_maker_is_measured_as_the_venue_has_it() -> None:
    desk = await Desk(components=COLLECTORS).open()
    await desk.service.start("test")
    await desk.run(21)
    desk.venue.fill(next(iter(desk.service.tracker.live)))
    await desk.run(10)
    seen = newest(desk.events(Measurement))
    assert sorted(seen) == sorted(
        ["spread", "depth", "balances", "orders", "fills", "pnl", "latency", "obligations", "heartbeat"]
    )
    own = desk.events(Sample)[-1].own_spread_bps
    assert own is not None
    assert seen["spread"].values["own_spread_bps"] == own
    assert seen["spread"].values["own_over_target_bps"] == own - 20
    assert (seen["orders"].values["open_bids"], seen["orders"].values["open_asks"]) == (3, 3)
    assert seen["fills"].values["fills"] == 1
    assert seen["pnl"].values["position_base"] == desk.service.account.position.base
    assert seen["pnl"].values["total_quote"] == desk.service.account.total_quote(D(50000))
    assert seen["obligations"].values["failing"] == 0
    assert seen["latency"].values["answers"] == 7
    assert seen["heartbeat"].values["active"] == 1
    assert seen["depth"].symbol == seen["fills"].symbol == "BTC/USDT"
    await desk.close()
    assert not desk.container.fault
