"""The contract through the gateway: whatever goes wrong on the way, our view comes to agree with the venue's books.

After every trouble: one resting order a slot at most, each sent once, every execution booked once, and a sweep that
leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from decimal import Decimal

import pytest

from engine.execution.activity import Activity
from engine.execution.gateway import Gateway
from engine.execution.ids import OrderIds
from engine.execution.tracker import OrderTracker
from engine.market.types import Fill, OrderStatus, Quote, Side
from tests.venues.every import TUNED, VENUES, opened
from tests.venues.faults import Fault, Never
from tests.venues.loopback import Loopback
from tests.venues.rig import DEPLOYMENT, PATIENCE_S, TOKEN, Wired
from tests.venues.test_contract_faults import ARRIVED, NEVER_ARRIVED

D = Decimal
QUOTES = [
    Quote(side=Side.BUY, level=0, price=D("99.5"), size_base=D("1")),
    Quote(side=Side.SELL, level=0, price=D("101"), size_base=D("1")),
]


class Desk:
    """A gateway with its tracker at a loopback venue, and the settling that a quoting service does."""

    def __init__(self, wired: Wired) -> None:
        clock = wired.clock
        self.wired = wired
        self.booked: list[Fill] = []
        self.troubles: list[str] = []
        self.tracker = OrderTracker(symbol=wired.symbol, clock=clock, on_changed=lambda change: None)
        self.gateway = Gateway(
            exchange=wired.exchange,
            tracker=self.tracker,
            ids=OrderIds(deployment_id=DEPLOYMENT, token=TOKEN, now_ns=clock.now_ns()),
            clock=clock,
            spawn=wired.runtime.spawn,
            may_place=lambda: "",
            on_fill=self._book,
            on_trouble=self.troubles.append,
            activity=Activity(),
            response_timeout_s=5.0,
            audit_every_s=10.0,
        )
        wired.exchange.on_order.append(self.gateway.hear)
        wired.exchange.on_fill.append(self._book)

    def _book(self, fill: Fill) -> None:
        if self.tracker.book(fill):
            self.booked.append(fill)

    async def place(self) -> None:
        ready, _ = self.gateway.ready(QUOTES)
        await self.gateway.place(ready)

    async def until(self, so: Callable[[], object]) -> None:
        """Tick, as a quoting service does, until it is so. Raises TimeoutError."""
        async with asyncio.timeout(2 * PATIENCE_S):
            while not so():
                await self.gateway.settle()
                await self.wired.clock.sleep_until(self.wired.clock.monotonic() + 0.5)

    def is_settled(self) -> bool:
        return all(order.rests and order.status is not OrderStatus.CANCELLING for order in self.tracker.working())

    def agrees(self) -> bool:
        """Whether what we hold for resting is what rests, slot by slot."""
        books, account = self.wired.venue.books, self.wired.venue.keys.account
        theirs = Counter((order.side, order.price, order.left) for order in books.resting(account))
        ours = Counter((o.side.value, o.price, o.remaining_base) for o in self.tracker.working())
        return ours == theirs and not self.tracker.unbooked()

    def check_each_was_sent_once(self) -> None:
        ids = Counter(order.client_id for order in self.wired.venue.books.history(self.wired.venue.keys.account))
        assert max(ids.values(), default=0) <= 1
        assert len(ids) <= self.gateway.orders_sent


@pytest.fixture(params=TUNED)
async def desk(request: pytest.FixtureRequest, loopback: Loopback) -> AsyncIterator[Desk]:
    wired = Wired(opened(VENUES[request.param]), loopback)
    await wired.open()
    await wired.attentive()
    yield Desk(wired)
    await wired.close()


async def troubled(desk: Desk, call: str, fault: Fault, doing: Callable[[], object]) -> None:
    """Do something whose requests all meet a fault, until they have met it."""
    venue = desk.wired.venue
    before = len(venue.requests(call))
    venue.faults.always(call, fault)
    if isinstance(fault, Never):
        with desk.wired.impatient():
            await doing()  # type: ignore[misc]
            await venue.until(lambda: len(venue.requests(call)) > before)
            await desk.until(lambda: not [task for task in desk.wired.runtime.tasks if not task.done()])
    else:
        await doing()  # type: ignore[misc]
        await venue.until(lambda: len(venue.requests(call)) > before)
        await desk.until(lambda: not [task for task in desk.wired.runtime.tasks if not task.done()])
    venue.faults.clear()


FAULTS = {f"{name}, and it arrived": fault for name, fault in ARRIVED.items()} | {
    f"{name}, and it never arrived": fault for name, fault in NEVER_ARRIVED.items()
}


async def test_c50_after_any_trouble_with_an_order_our_view_is_the_venues_and_nothing_is_doubled(
    desk: Desk, subtests: pytest.Subtests
) -> None:
    for name, fault in FAULTS.items():
        with subtests.test(name):
            desk.wired.plenty()
            await troubled(desk, "place", fault, desk.place)
            await desk.until(lambda: desk.is_settled() and desk.agrees())
            desk.check_each_was_sent_once()
            await desk.place()
            await desk.until(lambda: desk.is_settled() and desk.agrees() and desk.wired.resting() == 2)
            proof = await desk.gateway.sweep(within_s=100)
            assert proof.clean, proof.detail
            assert desk.wired.resting() == 0


async def test_c51_after_any_trouble_with_a_cancel_our_view_is_the_venues(
    desk: Desk, subtests: pytest.Subtests
) -> None:
    for name, fault in FAULTS.items():
        with subtests.test(name):
            desk.wired.plenty()
            await desk.place()
            await desk.until(lambda: desk.is_settled() and desk.agrees() and desk.wired.resting() == 2)
            await troubled(desk, "cancel", fault, lambda: desk.gateway.cancel(desk.tracker.uncancelled()))
            await desk.until(lambda: desk.is_settled() and desk.agrees())
            proof = await desk.gateway.sweep(within_s=100)
            assert proof.clean, proof.detail
            assert desk.wired.resting() == 0


async def test_c52_executions_that_nobody_was_told_of_are_booked_once(desk: Desk) -> None:
    await desk.place()
    await desk.until(lambda: desk.is_settled() and desk.wired.resting() == 2)
    desk.wired.venue.streams.mute = {"private"}
    desk.wired.crowd_takes(Side.SELL, "99.5", "0.25")
    await desk.until(lambda: sum(fill.size_base for fill in desk.booked) == D("0.25"))
    desk.wired.venue.streams.clear()
    desk.wired.venue.streams.double_private = True
    desk.wired.crowd_takes(Side.SELL, "99.5", "5")
    await desk.until(lambda: sum(fill.size_base for fill in desk.booked) == 1)
    await desk.until(lambda: desk.is_settled() and desk.agrees())
    assert len({fill.fill_id for fill in desk.booked}) == len(desk.booked) == 2
    assert desk.troubles == []
