"""Orders at a venue that keeps no ids of ours: one on its way at a time, and a lost one is known by what it is.

What rests and is nobody's we know, with the side, price and size of an order whose answer was lost, is that order: no
other one of ours was on its way. It may also have been filled meanwhile, or never have arrived; then its executions,
if there are any, are told as a stranger's, and balances do not add up until a person has looked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from engine.market.types import OrderReport, OrderRequest
from engine.venues.ccxt.ids import Known

MISSED_FOR_S = 60.0
"""An order that has not come up in the list for so long has never arrived, or is over."""


class Nameless:
    """Which orders of an account are missing, one a market at most. `turn` is held while one is on its way."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._lost: dict[str, tuple[OrderRequest, float]] = {}

    def lost(self, order: OrderRequest, monotonic: float) -> None:
        """The answer to an order is unknown."""
        self._lost[order.symbol] = order, monotonic

    def missing(self, symbol: str) -> str:
        """Which order of a market is missing, in words; empty when none is."""
        if symbol not in self._lost:
            return ""
        order, _ = self._lost[symbol]
        return f"the {order.side} of {order.size_base} {symbol} at {order.price} is without an answer."

    def recognised(
        self, symbol: str, resting: Iterable[OrderReport], known: Known, monotonic: float
    ) -> list[OrderReport]:
        """What rests, the lost order under our id if it is among them."""
        found = list(resting)
        if symbol not in self._lost:
            return found
        order, since = self._lost[symbol]
        for at, report in enumerate(found):
            is_nobodys = report.client_order_id == report.venue_order_id
            if is_nobodys and (report.side, report.price, report.size_base) == (
                order.side,
                order.price,
                order.size_base,
            ):
                known.link(order.client_order_id, report.venue_order_id)
                found[at] = replace(report, client_order_id=order.client_order_id)
                del self._lost[symbol]
                return found
        if monotonic - since >= MISSED_FOR_S:
            del self._lost[symbol]
        return found
