"""What goes on for days: a venue that refuses every order of a side, one that cannot be asked."""

from __future__ import annotations

from decimal import Decimal

from engine.execution.activity import Activity
from engine.execution.gateway import Gateway
from engine.execution.ids import OrderIds
from engine.execution.tracker import OrderTracker
from engine.market.types import Quote, Side
from engine.testing import AURORA, FakeVenue, ManualClock

D = Decimal
ASK = Quote(side=Side.SELL, level=0, price=D("1.1"), size_base=D(100))
TIMES = 1100
"""At half a minute each: nine hours, and beyond the exponents of a float."""


class Night:
    """A gateway on a venue in this process."""

    def __init__(self) -> None:
        self.clock, self.venue = ManualClock(), FakeVenue()
        self.venue.clock = self.clock
        self.tracker = OrderTracker(symbol=AURORA.symbol, clock=self.clock, on_changed=lambda event: None)
        self.gateway = Gateway(
            exchange=self.venue,
            tracker=self.tracker,
            ids=OrderIds(deployment_id=1, token=1, now_ns=self.clock.now_ns()),
            clock=self.clock,
            spawn=lambda coroutine, name: None,  # type: ignore[arg-type, return-value]
            may_place=lambda: "",
            on_fill=lambda fill: None,
            on_trouble=lambda reason: None,
            activity=Activity(),
            response_timeout_s=5.0,
        )

    def sleep(self) -> None:
        self.clock.move_to(self.clock.monotonic() + 31)


async def test_a_side_that_is_refused_all_night_is_offered_again_in_the_morning() -> None:
    night = Night()
    night.venue.refuse = "100 AURORA needed, 0 free"
    for _ in range(TIMES):
        await night.gateway.place([ASK])
        night.sleep()
    night.venue.refuse = ""
    await night.gateway.place([ASK])
    assert night.venue.resting(Side.SELL)


async def test_a_venue_that_cannot_be_asked_all_night_is_asked_again_in_the_morning() -> None:
    night = Night()
    night.venue.lose_requests = True
    await night.gateway.place([ASK])
    night.venue.offline = "maintenance"
    for _ in range(TIMES):
        night.sleep()
        await night.gateway.settle()
    night.venue.offline = ""
    night.sleep()
    await night.gateway.settle()
    assert not night.tracker.in_doubt()
