"""Prices that say what the test tells them, and a fake market with prices on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.core.clock import NS
from engine.core.component import Component
from engine.core.scheduler import Job, Scheduler, Work
from engine.market.types import NoPrice, Price
from engine.metrics.events import Notice
from engine.testing import FakeVenue, ManualClock, RecordingRuntime, levels


class Told:
    """A price provider made by hand: `Told("100", age_s=3)`, or `Told(why="No mid yet.")`."""

    def __init__(self, value: str = "", *, why: str = "", age_s: float = 0, name: str = "", clock: Any = None) -> None:
        self.value, self.why, self.age_s, self.name = value, why, age_s, name
        self.clock = clock or ManualClock()
        self.asked = 0

    def price(self) -> Price | NoPrice:
        self.asked += 1
        if self.why:
            return NoPrice(self.why)
        ts_ns = self.clock.now_ns() - round(self.age_s * NS)
        return Price(value=Decimal(self.value), ts_ns=ts_ns, source=self.name or "told")


class Punctual(Scheduler):
    """Runs every job at once and then on whole intervals, so that figures come out even."""

    def every(self, interval_s: float, work: Work, *, name: str, **how: Any) -> Job:
        return super().every(interval_s, work, name=name, **(how | {"phase_s": 0}))


class Bench:
    """Components under test with one runtime, a clock moved by hand and fake venues."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.scheduler = Punctual(self.clock)
        self.runtime = RecordingRuntime(self.clock, scheduler=self.scheduler)

    def told(self, value: str = "", **how: Any) -> Told:
        return Told(value, clock=self.clock, **how)

    async def venue(self, name: str = "venue", symbol: str = "AURORA/USDT") -> FakeVenue:
        venue = await self.load(FakeVenue(symbol=symbol), name)
        venue.feed(symbol).source = name
        return venue

    async def load(self, component: Any, name: str = "price") -> Any:
        assert isinstance(component, Component)
        self.runtime.equip(component, name)
        await component.load()
        return component

    def notices(self) -> list[str]:
        return [event.text for event in self.runtime.events if isinstance(event, Notice)]

    async def advance(self, seconds: float) -> None:
        """Let time pass, with every timer that is due on the way."""
        await self.scheduler.run_until(self.clock.monotonic() + seconds)


def book(venue: FakeVenue, bids: str, asks: str) -> None:
    """Set a book written as "99 1, 98 2": price and size, best first."""
    venue.set_book(levels(*_pairs(bids)), levels(*_pairs(asks)))


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(price, size) for price, size in (level.split() for level in text.split(",") if level)]


def value_of(provider: Any) -> Decimal:
    answer = provider.price()
    assert isinstance(answer, Price), answer
    return answer.value


def reason_of(provider: Any) -> str:
    answer = provider.price()
    assert isinstance(answer, NoPrice), answer
    assert answer.reason.endswith("."), answer.reason
    return answer.reason
