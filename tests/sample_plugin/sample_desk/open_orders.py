"""killswitches.open_orders: more orders than anybody meant to have."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Count
from engine.marketmaking.base import Trip
from engine.risk.base import RiskState


class OpenOrders(Component):
    """Trip when more of our orders may still fill than the limit: a strategy, or its book-keeping, has gone wrong."""

    def __init__(
        self, *, max_orders: Annotated[int, Count(ge=1, live=True, help="Orders that may still fill, at most")] = 20
    ) -> None:
        self.max_orders = max_orders

    def check(self, state: RiskState) -> Trip | None:
        count = len(state.orders)
        if count <= self.max_orders:
            return None
        return Trip(
            switch=self.name,
            reason=f"{count} of our orders may still fill, more than the limit of {self.max_orders}.",
            value=Decimal(count),
            limit=Decimal(self.max_orders),
        )
