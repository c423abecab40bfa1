"""A venue in this process that loses, repeats, delays and contradicts, and what must hold all the while (Q11, Q15).

`test_lifecycle_model.py` does the same to a venue at the end of a line, through restarts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given, note
from hypothesis import strategies as st

from engine.core.scheduler import Scheduler
from engine.core.states import State
from engine.market.types import OrderReport, OrderRequest, OrderStatus, Side
from engine.metrics.events import FillRecorded, OrderChanged
from engine.testing import FakeVenue, ManualClock, settle
from engine.venues.base import PlaceUnknown
from tests.engine.desk import Desk
from tests.examples import examples

D = Decimal
LIMIT = D(3000)
SETTINGS = {"threshold": "1", "max_position": str(LIMIT), "size": "600", "levels": "3", "interval_ms": "200"}

FAULTS = ("lose_answers", "lose_requests", "keep_on_cancel", "silent", "repeat", "late_requests")

STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "faults": st.sets(st.sampled_from(FAULTS), max_size=3),
            "refuse": st.sampled_from(["", "", "", "insufficient balance"]),
            "offline": st.sampled_from(["", "", "", "maintenance"]),
            "move": st.sampled_from([0, 0, 7, -7, 30, -30]),
            "fills": st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["0.3", "1"])), max_size=2),
            "wait_s": st.sampled_from([0.2, 0.2, 0.5, 1.0, 6.0, 13.0]),
        }
    ),
    max_size=10,
)


class LateVenue(FakeVenue):
    """Also keeps requests for a while: the sender is told that nothing is known, and later the order arrives."""

    late_requests = False

    def _place(self, order: OrderRequest) -> OrderReport:
        if not self.late_requests:
            return super()._place(order)
        due = self.clock.monotonic() + 3
        self.on_the_way.append((due, order))
        return PlaceUnknown(**msgspec.structs.asdict(self._report(order)) | {"status": OrderStatus.UNKNOWN})

    def arrive(self) -> None:
        now = self.clock.monotonic()
        for _, order in [late for late in self.on_the_way if late[0] <= now]:
            super()._place(order)
        self.on_the_way = [late for late in self.on_the_way if late[0] > now]


class Trial:
    """One deployment on a venue that is told to misbehave. `mid` moves by whole dollars around 50000."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.scheduler = Scheduler(clock)
        self.desk = Desk(venue=LateVenue, clock=clock, scheduler=self.scheduler, **SETTINGS)
        self.venue: LateVenue = self.desk.venue  # type: ignore[assignment]
        self.venue.on_the_way = []
        self.mid = 50000
        self.level_of: dict[str, int] = {}
        self.desk.container._on_event = self._hear

    def _hear(self, event: object) -> None:
        if isinstance(event, OrderChanged):
            self.level_of[event.client_order_id] = event.level

    async def step(self, step: dict[str, Any]) -> None:
        venue = self.venue
        for fault in FAULTS:
            setattr(venue, fault, fault in step["faults"])
        venue.refuse, venue.offline = step["refuse"], step["offline"]
        if step["move"]:
            self.mid = min(max(self.mid + step["move"], 49950), 50050)
            self.desk.book(f"{self.mid - 1}.99", f"{self.mid}.01")
        for which, share in step["fills"]:
            if resting := sorted(order.client_order_id for order in venue._resting()):
                order = venue.order(resting[which % len(resting)])
                left = order.size_base - order.filled_base
                lots = max(1, int(left * D(share) / venue.instrument.lot_size))
                venue.fill(order.client_order_id, lots * venue.instrument.lot_size)
        await self.wait(step["wait_s"])

    async def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 5)):
            self.venue.feed("BTC/USDT").received_at = self.desk.clock.monotonic()
            await self.scheduler.run_until(self.desk.clock.monotonic() + 0.2)
            await settle()
            self.venue.arrive()
            self.check()

    def check(self) -> None:
        """What must hold at every moment, measured at the venue and not by our own books."""
        venue = self.desk.venue
        resting = venue._resting()
        slots = Counter((order.side, self.level_of[order.client_order_id]) for order in resting)
        assert max(slots.values(), default=0) <= 1, f"two orders in one slot: {slots}"

        bids = [order.price for order in resting if order.side is Side.BUY]
        asks = [order.price for order in resting if order.side is Side.SELL]
        assert not bids or not asks or max(bids) < min(asks), "our own orders cross"

        position = sum((Fraction(fill.size_base) * fill.side.sign for fill in venue._fills), Fraction(0))
        for side in Side:
            worst = position * side.sign + sum(
                Fraction(order.size_base - order.filled_base) for order in resting if order.side is side
            )
            # Prices moved since the orders were placed, by less than a tenth of a percent in all.
            assert worst * self.mid <= Fraction(LIMIT) * Fraction("1.03"), f"{side} could reach {float(worst)}"

    async def heal(self) -> None:
        venue = self.venue
        for fault in FAULTS:
            setattr(venue, fault, False)
        venue.refuse = venue.offline = ""
        await self.wait(45)


@examples(15)
@given(steps=STEPS)
def test_limits_hold_while_a_venue_misbehaves_and_the_books_agree_once_it_stops(steps: list[dict[str, Any]]) -> None:
    asyncio.run(_trial(steps))


async def _trial(steps: list[dict[str, Any]]) -> None:
    trial = Trial()
    desk = await trial.desk.open("49999.99", "50000.01")
    await desk.service.start("test")
    for step in steps:
        await trial.step(step)
    await trial.heal()

    service, venue = desk.service, desk.venue
    note(f"state {service.machine.state}, reason {service.machine.reason}")
    if service.machine.state is State.ACTIVE:
        ours = {order.client_order_id for order in service.tracker.working()}
        assert ours == {order.client_order_id for order in venue._resting()}
    await service.pause("end")
    await trial.wait(2)
    assert not venue._resting()
    assert service.machine.state in (State.PAUSED, State.HALTED)
    assert not service.tracker.live, "something is still in doubt"

    recorded = [event.fill.fill_id for event in desk.events(FillRecorded)]
    assert sorted(recorded) == sorted(fill.fill_id for fill in venue._fills)
    moved = sum((fill.size_base * fill.side.sign for fill in venue._fills), D(0))
    assert service.account.position.base == moved
    await desk.close()
