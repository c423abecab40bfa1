"""The file of a cross-exchange bot, `arbitrage.yaml`, as it stands: what of it there is, and what is to come (E18).

Its two exchanges are resolved, loaded and connected to loopback venues. The arbitrage components are not built: the
first test names each of them, and in the second their parts are played by components that only look.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from engine.core.component import Component
from engine.core.config import ConfigError, load_config
from engine.core.container import Container
from engine.core.plugins import Registry
from engine.core.states import StateMachine
from engine.market.types import Side
from engine.venues.base import Exchange, MarketFeed, MarketSource
from engine.venues.ccxt.venue import Venues
from tests.venues.every import VENUES, opened
from tests.venues.loopback import Loopback
from tests.venues.records import Market

D = Decimal
FILE = Path(__file__).with_name("arbitrage.yaml")
ABSENT = ("arbitrage", "arbitrage.adapters.cex", "arbitrage.converters.simple")


class Adapter(Component):
    """Look at one market of an exchange."""

    def __init__(self, *, exchange: Exchange, symbol: str) -> None:
        self.exchange = exchange
        self.symbol = symbol

    async def load(self) -> None:
        self.feed: MarketFeed = self.exchange.feed(self.symbol)


class Converter(Component):
    """Know where rates would come from."""

    def __init__(self, *, exchange: MarketSource) -> None:
        self.exchange = exchange


class Onlooker(Component):
    """A service that watches two markets and does nothing about them."""

    def __init__(
        self,
        *,
        exchange_a: Adapter,
        exchange_b: Adapter,
        converter: Converter,
        threshold: Decimal,
        trade_amount: Decimal,
    ) -> None:
        self.exchange_a = exchange_a
        self.exchange_b = exchange_b
        self.converter = converter
        self.threshold = threshold
        self.trade_amount = trade_amount
        self.machine = StateMachine()

    async def start(self, reason: str) -> None: ...

    async def pause(self, reason: str) -> None: ...

    async def halt(self, reason: str) -> None: ...

    async def reset(self, reason: str) -> None: ...


def test_nothing_is_wrong_with_the_file_but_that_the_arbitrage_components_are_not_there_yet() -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(FILE.read_text(), filename=FILE.name, registry=Registry.installed())
    unknown = {problem.path for problem in refused.value.problems}
    assert unknown == {
        "components.exchange_a_adapter.id",
        "components.exchange_b_adapter.id",
        "components.converter.id",
        "components.arbitrage.id",
    }
    installed = Registry.installed()
    assert [id for id in ABSENT if id in installed] == []
    assert "exchanges.ccxt.binance" in installed
    assert "exchanges.ccxt.mexc" in installed


async def test_the_file_loads_unchanged_and_its_exchanges_connect(loopback: Loopback) -> None:
    markets = {
        "binance": Market(
            base="BTC", quote="USDT", tick=D("0.01"), lot=D("0.00001"), min_size=D("0.00001"), min_quote=D(5)
        ),
        "mexc": Market(
            base="BTC", quote="USDC", tick=D("0.01"), lot=D("0.000001"), min_size=D("0.000001"), min_quote=D(1)
        ),
    }
    venues = {name: opened(VENUES[name], market=market) for name, market in markets.items()}
    registry = Registry.installed().with_components(dict(zip(ABSENT, (Onlooker, Adapter, Converter), strict=True)))
    config = load_config(FILE.read_text(), filename=FILE.name, registry=registry)
    container = Container(config, registry)
    parts = container.components
    for name, venue in venues.items():
        exchange = parts[name]
        assert type(exchange) is Venues.component(name)
        exchange.endpoint_override = loopback.mount(venue)  # type: ignore[attr-defined]  # which it looks at when it loads
    try:
        await container.load()
        service = parts["arbitrage"]
        assert isinstance(service, Onlooker)
        assert (service.threshold, service.trade_amount) == (D("0.0015"), D("0.05"))
        assert service.exchange_a.exchange is service.converter.exchange is parts["binance"]
        assert service.exchange_b.exchange is parts["mexc"]
        for adapter, market in ((service.exchange_a, markets["binance"]), (service.exchange_b, markets["mexc"])):
            await _shows(adapter.feed, "99.99", "100.01")
            assert adapter.symbol == market.symbol
            assert (adapter.feed.instrument.tick_size, adapter.feed.instrument.lot_size) == (market.tick, market.lot)
        venues["mexc"].books.crowd_rests("BTC/USDC", "buy", "100", "0.5")
        await _shows(service.exchange_b.feed, "100", "100.01")
        assert service.exchange_b.feed.book.size_at(Side.BUY, D(100)) == D("0.5")
    finally:
        await container.unload()
    assert not container.unload_errors
    assert all(venue.unknown == [] for venue in venues.values())


async def _shows(feed: MarketFeed, bid: str, ask: str) -> None:
    """Wait until the book is so. Raises TimeoutError."""
    changed = asyncio.Event()

    def hear(_: MarketFeed) -> None:
        changed.set()

    feed.on_book.append(hear)
    try:
        async with asyncio.timeout(10):
            while feed.problem or (feed.book.best_bid, feed.book.best_ask) != (D(bid), D(ask)):
                changed.clear()
                await changed.wait()
    finally:
        feed.on_book.remove(hear)
