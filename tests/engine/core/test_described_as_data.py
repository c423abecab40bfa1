"""The cross-exchange arbitrage bot of the specification, loaded and run as it stands, against doubles. E18."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Protocol

from engine.core.config import load_config, load_order
from engine.core.container import Container
from engine.core.params import Share, Size, Symbol
from engine.core.plugins import Registry
from engine.core.states import State
from engine.core.ticking import TickService
from engine.testing import FakeVenue, ManualClock
from engine.venues.base import Exchange

FILE = """\
# a cross-exchange arbitrage bot, described as data
service: "@arbitrage"
vars:
  profit_threshold: !decimal "0.0015"
  trade_amount: !decimal "0.05"
components:
  binance:
    id: exchanges.ccxt.binance
  mexc:
    id: exchanges.ccxt.mexc
  exchange_a_adapter:
    id: arbitrage.adapters.cex
    args:
      exchange: "@binance"
      symbol: "BTC/USDT"
  exchange_b_adapter:
    id: arbitrage.adapters.cex
    args:
      exchange: "@mexc"
      symbol: "BTC/USDC"
  converter:
    id: arbitrage.converters.simple
    args:
      exchange: "@binance"
  arbitrage:
    id: arbitrage
    args:
      exchange_a: "@exchange_a_adapter"
      exchange_b: "@exchange_b_adapter"
      converter: "@converter"
      threshold: "@profit_threshold"
      trade_amount: "@trade_amount"
"""


class Adapter(Protocol):
    async def quote(self) -> Decimal: ...


class Converter(Protocol):
    async def convert(self, amount: Decimal) -> Decimal: ...


class Cex:
    def __init__(self, *, exchange: Exchange, symbol: Annotated[str, Symbol()]) -> None:
        self.exchange, self.symbol = exchange, symbol

    async def quote(self) -> Decimal:
        return Decimal(1)


class Simple:
    def __init__(self, *, exchange: Exchange) -> None:
        self.exchange = exchange

    async def convert(self, amount: Decimal) -> Decimal:
        return amount


class Arbitrage(TickService):
    def __init__(
        self,
        *,
        exchange_a: Adapter,
        exchange_b: Adapter,
        converter: Converter,
        threshold: Annotated[Decimal, Share(gt=0)],
        trade_amount: Annotated[Decimal, Size(gt=0)],
    ) -> None:
        super().__init__(interval_s=1)
        self.exchange_a, self.exchange_b, self.converter = exchange_a, exchange_b, converter
        self.threshold, self.trade_amount = threshold, trade_amount
        self.ticks = 0

    async def tick(self) -> None:
        self.ticks += 1


class AnyVenue:
    def suffixes(self) -> Iterable[str]:
        return ["binance", "mexc"]

    def component(self, suffix: str) -> type:
        return {name: type(name.title(), (FakeVenue,), {}) for name in self.suffixes()}[suffix]


REGISTRY = Registry(
    {
        "exchanges.ccxt.*": AnyVenue(),
        "arbitrage.adapters.cex": Cex,
        "arbitrage.converters.simple": Simple,
        "arbitrage": Arbitrage,
    }
)


async def test_it_loads_and_runs_as_it_stands() -> None:
    clock = ManualClock()
    config = load_config(FILE, filename="arbitrage.yaml", registry=REGISTRY)
    container = Container(config, REGISTRY, clock=clock)
    bot = container.service
    assert isinstance(bot, Arbitrage)

    await container.load()
    await container.begin()
    await bot.start("a test asked for it")
    await clock.advance(3)
    await container.unload()

    assert bot.machine.state is State.PAUSED
    assert bot.ticks in (2, 3)


def test_it_is_wired_as_written() -> None:
    container = Container(load_config(FILE, filename="arbitrage.yaml", registry=REGISTRY), REGISTRY)
    parts = container.components
    bot = parts["arbitrage"]
    assert isinstance(bot, Arbitrage)
    assert (bot.exchange_a, bot.exchange_b) == (parts["exchange_a_adapter"], parts["exchange_b_adapter"])
    assert bot.converter is parts["converter"]
    assert isinstance(bot.exchange_b, Cex)
    assert bot.exchange_b.exchange is parts["mexc"]
    assert (str(bot.threshold), str(bot.trade_amount)) == ("0.0015", "0.05")
    assert type(parts["binance"]) is not type(parts["mexc"])


def test_it_loads_venues_before_what_trades_on_them() -> None:
    config = load_config(FILE, filename="arbitrage.yaml", registry=REGISTRY)
    assert load_order({name: spec.needs for name, spec in config.components.items()}) == [
        "binance",
        "mexc",
        "exchange_a_adapter",
        "exchange_b_adapter",
        "converter",
        "arbitrage",
    ]
