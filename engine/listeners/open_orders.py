"""listeners.open_orders: what rests of the account in one market, by the venue's own list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated

from engine.core.decimals import ZERO
from engine.core.params import Collaborator, Seconds, Symbol
from engine.listeners.base import AccountListener
from engine.market.types import OrderReport, Side
from engine.metrics.events import OpenOrdersChanged
from engine.venues.base import Exchange
from engine.venues.capabilities import OpenOrderSource
from engine.venues.channel import Reading

OpenOrders = Mapping[str, OrderReport]
"""By client order id, or by the venue's where there is none of ours."""


class OpenOrderListener(AccountListener[OpenOrders]):
    """Keep the account's open orders in one market: the venue's list, brought forward by what it pushes in between."""

    def __init__(
        self,
        *,
        exchange: Annotated[OpenOrderSource, Collaborator(help="Account to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions")] = Decimal(10),
        record_every_s: Annotated[Decimal, Seconds(ge=1, help="Tell sinks of a change at most this often")] = Decimal(
            10
        ),
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.interval_s = interval_s
        self.record_every_s = record_every_s
        self._pushed: list[OrderReport] = []
        """What came while the venue was making its list: the list may be older."""
        self._unspoken = False

    async def load(self) -> None:
        self.listen(f"open orders in {self.symbol}", self.exchange, self._ask, float(self.interval_s))
        self.runtime.scheduler.every(float(self.record_every_s), self._tell, name=f"{self.name} record")
        if isinstance(self.exchange, Exchange):
            self.exchange.on_order.append(self._on_order)

    async def unload(self) -> None:
        if self._listening and isinstance(self.exchange, Exchange):
            self.exchange.on_order.remove(self._on_order)
        await super().unload()

    async def _ask(self, known: OpenOrders | None) -> OpenOrders:
        self._pushed.clear()
        listed = await self.exchange.open_orders(self.symbol)
        return _brought_forward({}, [*listed, *self._pushed])

    def _on_order(self, report: OrderReport) -> None:
        if report.symbol == self.symbol:
            self._pushed.append(report)
            known = self.channel.value
            if known is not None and not self.channel.problem:
                self.channel.put(_brought_forward(known, [report]))

    def heard(self, reading: Reading[OpenOrders]) -> None:
        self._unspoken = True

    async def _tell(self) -> None:
        if not self._unspoken or self.channel.value is None:
            return
        self._unspoken = False
        left = {side: [_left(o) for o in self.channel.value.values() if o.side is side] for side in Side}
        self.tell(
            OpenOrdersChanged,
            bids=len(left[Side.BUY]),
            asks=len(left[Side.SELL]),
            bid_base=sum(left[Side.BUY], ZERO),
            ask_base=sum(left[Side.SELL], ZERO),
        )


def _brought_forward(known: OpenOrders, reports: Iterable[OrderReport]) -> OpenOrders:
    orders = dict(known)
    for report in reports:
        key = report.client_order_id or report.venue_order_id
        if report.status.is_final:
            orders.pop(key, None)
        else:
            orders[key] = report
    return orders


def _left(order: OrderReport) -> Decimal:
    return order.size_base - order.filled_base
