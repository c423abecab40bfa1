"""Two services over one feed of a host: the failure of one is none of the other's business."""

from __future__ import annotations

from typing import Any

from structlog.contextvars import get_contextvars

from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.core.scheduler import Scheduler
from engine.testing import ManualClock, settle
from engine.venues.base import MarketFeed
from engine.venues.hub import MarketHub
from tests.engine.core.doubles import Main

YAML = """
service: "@main"
components:
  market:
    id: exchanges.simulated
    args: {symbol: "AURORA/USDT", anchor_price: !decimal "0.5", tick_size: !decimal "0.0001", lot_size: !decimal "0.1"}
  account:
    id: exchanges.paper
    args: {market: "@market", symbol: "AURORA/USDT", base_balance: !decimal "1000", quote_balance: !decimal "500"}
  main: {id: main, args: {needs: ["@account"]}}
"""
REGISTRY = Registry.installed().with_components({"main": Main})


class Host:
    """Two deployments that read the same market."""

    async def open(self) -> Host:
        self.clock, self.faults = ManualClock(), list[str]()
        self.scheduler, hub = Scheduler(self.clock), MarketHub()
        config = load_config(YAML, filename="desk.yaml", registry=REGISTRY)
        self.services = []
        for number in (1, 2):
            container = Container(
                config,
                REGISTRY,
                identity=Identity(deployment_id=number),
                clock=self.clock,
                scheduler=self.scheduler,
                hub=hub,
                on_fault=self.faults.append,
            )
            await container.load()
            await container.begin()
            self.services.append(container)
        return self

    @property
    def feed(self) -> MarketFeed:
        market: Any = self.services[1].components["market"]
        return market.feed("AURORA/USDT")

    def account(self, number: int) -> Any:
        return self.services[number].components["account"]

    async def run(self, seconds: float) -> None:
        await self.scheduler.run_until(self.clock.monotonic() + seconds)
        await settle()

    async def close(self) -> None:
        for service in self.services:
            await service.unload()


async def test_a_failure_while_hearing_the_feed_faults_that_service_and_leaves_the_feed_to_the_others() -> None:
    host = await Host().open()

    def fail(*book: Any) -> None:
        raise RuntimeError("an unforeseen case")

    host.account(0)._matcher.on_book = fail
    await host.run(1)

    assert host.feed.problem == ""
    age_s = host.feed.age_s(host.clock.monotonic())
    assert age_s is not None
    assert age_s < 0.5
    assert host.faults == ["account failed: RuntimeError an unforeseen case"]
    assert host.services[1].fault == ""
    await host.close()


async def test_what_a_shared_feed_brings_about_is_logged_under_the_name_of_the_service_it_concerns() -> None:
    host = await Host().open()
    names: list[Any] = []
    host.account(1)._matcher.on_book = lambda *book: names.append(get_contextvars()["deployment"])
    await host.run(1)
    assert set(names) == {2}
    await host.close()
