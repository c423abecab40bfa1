"""Moments of a deployment, for checks that look at one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.core.states import State
from engine.execution.lifecycle import OrderEvent
from engine.execution.tracker import OrderTracker
from engine.market.types import Quote, QuoteSet, Side
from engine.risk.base import RiskState
from engine.testing import AURORA, ManualClock
from engine.venues.base import MarketFeed

D = Decimal


def quote(side: str, level: int, price: str, size: str = "100") -> Quote:
    return Quote(side=Side(side), level=level, price=D(price), size_base=D(size))


def wanted(*quotes: Quote) -> QuoteSet:
    return QuoteSet(quotes=quotes)


class Moment:
    """An ACTIVE deployment in AURORA/USDT at a reference price of 1."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.feed = MarketFeed(AURORA, source="fake")
        self.feed.received_at = self.clock.monotonic()
        self.tracker = OrderTracker(symbol=AURORA.symbol, clock=self.clock, on_changed=lambda event: None)
        self._ids = 0

    def resting(self, *quotes: Quote) -> Moment:
        for one in quotes:
            self._ids += 1
            order = self.tracker.open(f"mm-1-1-{self._ids:x}", one)
            self.tracker.leaves([order])
            self.tracker.conclude(order, OrderEvent.ACCEPTED, "")
        return self

    def state(self, **changes: Any) -> RiskState:
        fields: dict[str, Any] = {
            "ts_ns": self.clock.now_ns(),
            "monotonic": self.clock.monotonic(),
            "state": State.ACTIVE,
            "feed": self.feed,
            "reference": D(1),
            "mark": D(1),
            "position_base": D(0),
            "total_pnl_quote": D(0),
            "orders": self.tracker.live.values(),
            "exposure": self.tracker.exposure(),
        }
        return RiskState(**fields | changes)
