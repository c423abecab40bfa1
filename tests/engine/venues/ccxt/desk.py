"""An account at a loopback venue, through the component a service would name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from engine.core.clock import SystemClock
from engine.core.component import Permit
from engine.core.scheduler import Scheduler
from engine.execution.ids import OrderIds
from engine.execution.rates import Line, SlidingWindow
from engine.market.types import Fill, OrderReport, OrderRequest, Side
from engine.testing import RecordingRuntime
from engine.venues.ccxt.venue import CcxtVenue, Venues
from engine.venues.credentials import Credentials
from engine.venues.hub import MarketHub
from tests.venues.every import AURORA
from tests.venues.rig import HastyClock
from tests.venues.wire import Venue

S = AURORA.symbol
D = Decimal
WITHIN_S = 10.0


class Desk:
    """A component at a venue, what it was told, and ids that look like a deployment's."""

    def __init__(self, venue: Venue, component: Any, runtime: RecordingRuntime) -> None:
        self.venue = venue
        self.component: Any = component
        self.runtime = runtime
        self.orders: list[OrderReport] = []
        self.fills: list[Fill] = []
        self._ids = OrderIds(deployment_id=23, token=7, now_ns=runtime.clock.now_ns())
        component.on_order.append(self.orders.append)
        component.on_fill.append(self.fills.append)

    def order(self, side: Side = Side.BUY, price: str = "99.5", size: str = "0.5") -> OrderRequest:
        return OrderRequest(client_order_id=self._ids.next(), symbol=S, side=side, price=D(price), size_base=D(size))

    async def place(self, *orders: OrderRequest) -> list[OrderReport]:
        return list(await self.component.place(orders or (self.order(),)))

    async def place_one(self, order: OrderRequest | None = None) -> OrderReport:
        [answer] = await self.place(order or self.order())
        return answer

    def told(self, client_order_id: str) -> list[OrderReport]:
        return [report for report in self.orders if report.client_order_id == client_order_id]

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait for what arrives over a socket."""
        async with asyncio.timeout(WITHIN_S):
            while not happened():  # noqa: ASYNC110 - what makes it so arrives over a socket
                await asyncio.sleep(0.005)


@asynccontextmanager
async def desk_at(
    venue: Venue,
    *,
    keyless: bool = False,
    hub: MarketHub | None = None,
    permit: Permit | None = None,
    keyring: Callable[[str], Credentials] | None = None,
    in_turn: bool = False,
    **arguments: Any,
) -> AsyncIterator[Desk]:
    """The venue's component, loaded over real sockets to this machine. in_turn: it keeps to the venue's budget, which
    at some lets a test wait for many seconds."""
    # What a stub is asked takes its time by the venue's limits alone, which need not pass at their own pace.
    clock = SystemClock() if venue.has_streams else HastyClock()
    scheduler = Scheduler(clock)
    scheduler.start()
    own_hub = hub or MarketHub()
    runtime = RecordingRuntime(
        clock, scheduler=scheduler, hub=own_hub, permit=permit, credentials=keyring or keyring_of(venue)
    )
    component: CcxtVenue = Venues.component(venue.id)(
        **{"account": "" if keyless else "desk", "symbols": (S,), "endpoint_override": venue.address} | arguments
    )
    runtime.equip(component, venue.id)
    try:
        await component.load()
        if not in_turn:
            venue_line(component).budget = SlidingWindow(clock, limit=10**9, window_s=1, reserve=0)
        yield Desk(venue, component, runtime)
    finally:
        await component.unload()
        if hub is None:
            await own_hub.close()
        await scheduler.stop()


def venue_line(component: Any) -> Line:
    line: Line = component._venue.line
    return line


def keyring_of(venue: Venue) -> Callable[[str], Credentials]:
    def credentials(account: str) -> Credentials:
        keys = venue.keys
        return Credentials(api_key=keys.api_key, secret=keys.secret, passphrase=keys.passphrase, uid=keys.account)

    return credentials
