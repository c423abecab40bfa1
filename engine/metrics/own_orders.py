"""Our orders as their changes tell of them: for whoever hears events and does not own the tracker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.core.decimals import BPS, ZERO
from engine.market.types import OrderStatus, Side
from engine.metrics.events import OrderChanged

_CONFIRMING = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})
_RESTING = frozenset({*_CONFIRMING, OrderStatus.CANCELLING})


@dataclass(slots=True)
class OwnOrder:
    side: Side
    price: Decimal
    remaining_base: Decimal
    status: OrderStatus
    seen_at: float
    """Monotonic time at which it was first heard of: when it was sent, unless an earlier holder left it."""
    confirmed: bool = False
    """Whether the venue has ever said that it rests."""

    @property
    def rests(self) -> bool:
        """As the tracker has it: confirmed by the venue, and its end not confirmed."""
        return self.confirmed and self.status in _RESTING

    @property
    def remaining_quote(self) -> Decimal:
        return self.remaining_base * self.price


class OwnOrders:
    """Orders that are not final, by client order id."""

    def __init__(self) -> None:
        self._live: dict[str, OwnOrder] = {}

    def hear(self, change: OrderChanged, now: float) -> None:
        if change.new.is_final:
            self._live.pop(change.client_order_id, None)
            return
        order = self._live.get(change.client_order_id)
        if order is None:
            order = self._live[change.client_order_id] = OwnOrder(
                side=change.side, price=change.price, remaining_base=ZERO, status=change.new, seen_at=now
            )
        order.status = change.new
        order.remaining_base = change.size_base - change.filled_base
        order.confirmed = order.confirmed or change.new in _CONFIRMING

    def __iter__(self) -> Iterator[OwnOrder]:
        return iter(self._live.values())

    def resting(self, side: Side) -> list[OwnOrder]:
        return [order for order in self if order.rests and order.side is side]

    def best(self, side: Side) -> Decimal | None:
        """Our innermost resting price of a side; None when none rests."""
        prices = [order.price for order in self.resting(side)]
        if not prices:
            return None
        return max(prices) if side is Side.BUY else min(prices)

    def spread_bps(self, mid: Decimal) -> Decimal | None:
        """Own best ask minus own best bid, bps of mid; None unless both sides rest."""
        bid, ask = self.best(Side.BUY), self.best(Side.SELL)
        return None if bid is None or ask is None else (ask - bid) / mid * BPS


def depth_quote(orders: Sequence[OwnOrder], mid: Decimal, band_bps: Decimal) -> Decimal:
    """Resting notional of some orders within ±band_bps of mid, quote currency."""
    edge = mid * band_bps / BPS
    return sum((order.remaining_quote for order in orders if abs(order.price - mid) <= edge), ZERO)
