"""One deployment whose venue is at the end of a line that does as told."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

from engine.market.types import Side
from engine.testing import ManualClock
from tests.engine.desk import Desk
from tests.engine.execution.unreliable import Connection, News, World

D = Decimal
MARKET = {"symbol": "BTC/USDT", "tick_size": D("0.01"), "lot_size": D("0.00001"), "base_balance": D(1000)}


class Far:
    """A desk whose venue is at the end of a line that does as told."""

    def __init__(
        self, *, connection: type[Connection] = Connection, world: World | None = None, token: int = 7, **more: Any
    ) -> None:
        self.world = world or World(ManualClock(), quote_balance=D(10_000_000), **MARKET)
        self.desk = Desk(
            token=token,
            venue=connection,
            clock=self.world.clock,
            **({"immediate": "false", "levels": "1", "threshold": "1"} | more),
        )
        self.service = self.desk.service

    async def open(self) -> Far:
        self.book("49999.99", "50000.01")
        await self.desk.container.load()
        await self.desk.container.begin()
        return self

    async def active(self) -> Far:
        await self.open()
        self.command("start")
        await self.run(3)
        assert len(self.world.resting()) == 2 * self.service.strategy.num_levels  # type: ignore[attr-defined]
        return self

    def command(self, verb: str) -> asyncio.Task[None]:
        """Begin a command; the venue's answers take time to come."""
        return self.service.runtime.spawn(getattr(self.service, verb)("the test says so"), verb)

    def book(self, bid: str, ask: str) -> None:
        self.world.truth.set_book([(D(bid), D(1000))], [(D(ask), D(1000))])

    async def run(self, seconds: float) -> None:
        feed = self.world.truth.feed("BTC/USDT")
        for _ in range(round(seconds * 10)):
            feed.received_at = self.world.clock.monotonic()
            await self.world.clock.advance(0.1)

    def bid(self) -> str:
        return next(order.client_order_id for order in self.world.resting() if order.side is Side.BUY)

    def unheard(self, client_order_id: str) -> None:
        """It fills, and no word of it reaches us."""
        self.world.news.extend([News(after_s=None)] * 2)
        self.world.truth.fill(client_order_id)

    async def close(self) -> None:
        self.world.heal()
        await self.desk.close()
        await self.world.close()
