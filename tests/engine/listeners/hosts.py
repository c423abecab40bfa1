"""Several services of one host on a clock moved by hand, and a venue whose public answers the test writes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Annotated, Any

from engine.core.component import Identity
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.params import Symbol
from engine.core.plugins import Registry
from engine.core.scheduler import Scheduler
from engine.market.summaries import Candle, Funding, Ticker
from engine.market.types import Instrument, MarketStatus
from engine.metrics.events import ListenerChanged
from engine.metrics.sinks import Memory
from engine.testing import AURORA, FakeVenue, ManualClock, settle
from engine.venues.base import MarketFeed
from engine.venues.channel import Channel
from engine.venues.hub import MarketHub
from tests.engine.core.doubles import Main


class Answers:
    """What the one venue of a test says, to whichever component asks it. `asked` counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: BaseException | None = None
        self.mistake: BaseException | None = None
        """Raised once."""
        self.last = Decimal(1)
        self.candles: list[Candle] = []
        self.status = MarketStatus.TRADING
        self.rate = Decimal("0.0001")


class Polled:
    """A venue that answers when asked. Every instance in a host is the same venue."""

    answers = Answers()

    def __init__(self, *, symbol: Annotated[str, Symbol()] = AURORA.symbol) -> None:
        self.symbol = symbol
        self._feed = MarketFeed(AURORA, source="polled")
        self.closed = False

    def public_key(self, symbol: str) -> Hashable:
        return ("polled", symbol)

    async def unload(self) -> None:
        self.closed = True

    def feed(self, symbol: str) -> MarketFeed:
        return self._feed

    def _arrive(self, what: str) -> None:
        assert not self.closed, "a venue that was let go of is asked"
        self.answers.asked.append(what)
        mistake, self.answers.mistake = self.answers.mistake, None
        if mistake is not None:
            raise mistake
        if self.answers.error is not None:
            raise self.answers.error

    async def ticker(self, symbol: str) -> Ticker:
        self._arrive("ticker")
        return Ticker(ts_ns=1, symbol=symbol, last=self.answers.last)

    async def candles(self, symbol: str, interval_s: int, since_ns: int) -> Sequence[Candle]:
        self._arrive(f"candles since {since_ns}")
        return [candle for candle in self.answers.candles if candle.open_ns >= since_ns]

    async def market_status(self, symbol: str) -> MarketStatus:
        self._arrive("status")
        return self.answers.status

    async def funding(self, symbol: str) -> Funding:
        self._arrive("funding")
        return Funding(ts_ns=1, symbol=symbol, rate=self.answers.rate)


class Streaming:
    """A venue that streams its ticker."""

    channels: dict[str, Channel[Ticker]] = {}
    open = 0

    def __init__(self) -> None:
        pass

    async def open_ticker(self, symbol: str) -> Channel[Ticker]:
        type(self).open += 1
        return self.channels[symbol]

    async def close_ticker(self, symbol: str) -> None:
        type(self).open -= 1


REGISTRY = Registry.installed().with_components(
    {"main": Main, "fake.venue": FakeVenue, "polled": Polled, "streaming": Streaming}
)

SYMBOL = AURORA.symbol
INSTRUMENT: Instrument = AURORA


class Host:
    """`open` adds a service whose listener "ear" is what the test is about."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.hub = MarketHub()
        self.faults: list[str] = []
        self.services: list[Container] = []

    async def open(self, components: str) -> Container:
        text = f'service: "@main"\ncomponents:\n{components}  memory: {{id: sinks.memory}}\n'
        text += '  main: {id: main, args: {needs: ["@ear"]}}\n'
        container = Container(
            load_config(text, filename="ears.yaml", registry=REGISTRY),
            REGISTRY,
            identity=Identity(deployment_id=len(self.services) + 1),
            clock=self.clock,
            scheduler=self.scheduler,
            hub=self.hub,
            on_fault=self.faults.append,
        )
        await container.load()
        await container.begin()
        self.services.append(container)
        return container

    async def run(self, seconds: float) -> None:
        await self.scheduler.run_until(self.clock.monotonic() + seconds)
        await settle()

    async def close(self) -> None:
        for service in self.services:
            await service.unload()


def part(container: Container, name: str = "ear") -> Any:
    return container.components[name]


def told(container: Container, kind: type) -> list[Any]:
    memory = container.components["memory"]
    assert isinstance(memory, Memory)
    return [event for event in memory.events if isinstance(event, kind)]


def problems(container: Container) -> list[str]:
    return [event.problem for event in told(container, ListenerChanged)]
