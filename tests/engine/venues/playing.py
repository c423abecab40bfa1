"""A recording played to its end without any service: what came out, for tests to look at."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from engine.core.scheduler import Scheduler
from engine.market.types import Trade
from engine.metrics.events import Notice, RecordingEnded
from engine.rehearsal.clock import ReplayClock
from engine.testing import RecordingRuntime
from engine.venues.base import MarketFeed
from engine.venues.replay.venue import Replay


class Player:
    """Loads a recording; `play` runs it. `books` holds (ns since the start, best bid, best ask, problem) after each
    update."""

    def __init__(self, path: str, **args: Any) -> None:
        self.clock = ReplayClock()
        self.scheduler = Scheduler(self.clock)
        self.runtime = RecordingRuntime(self.clock, scheduler=self.scheduler)
        self.replay = Replay(path=path, wait_for_start=False, **args)
        self.runtime.equip(self.replay, "tape")
        self.books: list[tuple[int, Decimal | None, Decimal | None, str]] = []
        self.trades: list[Trade] = []

    async def load(self) -> MarketFeed:
        await self.replay.load()
        self.feed = self.replay.feed(self.replay.symbol or self.replay._feed.instrument.symbol)  # type: ignore[union-attr]
        self.feed.on_book.append(self._on_book)
        self.feed.on_trade.append(self.trades.append)
        return self.feed

    def _on_book(self, feed: MarketFeed) -> None:
        self.books.append((self.clock.now_ns(), feed.book.best_bid, feed.book.best_ask, feed.problem))

    async def play(self) -> RecordingEnded:
        if not hasattr(self, "feed"):
            await self.load()
        await self.replay.begin()
        await asyncio.gather(*self.runtime.tasks)
        return next(event for event in self.runtime.events if isinstance(event, RecordingEnded))

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.runtime.events if isinstance(event, Notice)]
