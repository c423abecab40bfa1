"""What the firm's deployments have in one market, or are about to send there: two of them must never trade (B6).

One object a market and host, shared through the hub. Deployments on other hosts are not seen.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import msgspec

from engine.execution.tracker import TrackedOrder
from engine.market.types import Side
from engine.venues.hub import MarketHub

_INTENDED_FOR_S = 10.0
"""What a deployment meant to send counts this long beside what it has: a tick may wait for a venue before it sends."""


class Standing(msgspec.Struct):
    """One deployment: its orders as they are, and the innermost prices it means to send."""

    orders: Collection[TrackedOrder]
    bid: Decimal | None
    ask: Decimal | None
    at: float


class FirmBook:
    """Every deployment's standing in one market. Owners are the guards that speak for them."""

    def __init__(self) -> None:
        self._standing: dict[int, Standing] = {}

    @classmethod
    def of(cls, hub: MarketHub, venue: str, symbol: str) -> FirmBook:
        return hub.shared(("firm book", venue, symbol), cls)

    def tell(self, owner: object, standing: Standing) -> None:
        """Say what one deployment has and wants. `standing.orders` may be a live view: it is read when others ask."""
        self._standing[id(owner)] = standing

    def forget(self, owner: object) -> None:
        self._standing.pop(id(owner), None)

    def innermost(self, side: Side, *, beside: object, at: float) -> Decimal | None:
        """The highest bid or lowest ask of all others; None when there is none."""
        prices: list[Decimal] = []
        for owner, standing in self._standing.items():
            if owner == id(beside):
                continue
            prices += [order.price for order in standing.orders if order.side is side and not order.status.is_final]
            wanted = standing.bid if side is Side.BUY else standing.ask
            if wanted is not None and abs(at - standing.at) <= _INTENDED_FOR_S:
                prices.append(wanted)
        if not prices:
            return None
        return max(prices) if side is Side.BUY else min(prices)
