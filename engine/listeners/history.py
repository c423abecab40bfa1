"""listeners.my_trades and listeners.closed_orders: what happened to the account in one market, each thing once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Annotated, TypeVar

from engine.core.clock import NS
from engine.core.params import Collaborator, Count, Seconds, Symbol
from engine.listeners.base import AccountListener
from engine.market.types import Fill, OrderReport
from engine.metrics.events import OrderClosed, OwnTradeHeard
from engine.venues.base import Exchange
from engine.venues.capabilities import ClosedOrderSource, FillSource

H = TypeVar("H", Fill, OrderReport)

OVERLAP_S = 60
"""Each question goes back this far behind the newest known: venues' stamps come late and out of order."""


class _HistoryListener(AccountListener[tuple[H, ...]], ABC):
    """Asks for what is new and hears what is pushed; either may bring a thing first, and both the same one twice."""

    keep: int
    lookback_s: int

    def start(self, what: str, source: object, interval_s: float) -> None:
        self._items: list[H] = []
        self._known: dict[Hashable, int] = {}
        """Key to stamp of everything that may yet come again."""
        self._since_ns = self.runtime.clock.now_ns()
        """When we began: what is older is history and not told."""
        self._newest_ns = self._since_ns - self.lookback_s * NS
        self.listen(what, source, self._ask, interval_s)

    async def _ask(self, known: tuple[H, ...] | None) -> tuple[H, ...]:
        since_ns = self._newest_ns - OVERLAP_S * NS
        for item in await self.ask(since_ns):
            if item.ts_ns >= since_ns:  # some venues list more than was asked for
                self._take(item)
        self._known = {key: ts_ns for key, ts_ns in self._known.items() if ts_ns >= since_ns}
        return tuple(self._items)

    def on_push(self, item: H) -> None:
        if item.symbol == self.symbol and self._take(item) and not self.channel.problem:
            self.channel.put(tuple(self._items))

    def _take(self, item: H) -> bool:
        key = self.key_of(item)
        if key in self._known:
            return False
        self._known[key] = item.ts_ns
        self._newest_ns = max(self._newest_ns, item.ts_ns)
        self._items.append(item)
        self._items.sort(key=lambda known: known.ts_ns)
        del self._items[: -self.keep]
        if item.ts_ns >= self._since_ns:
            self.tell_of(item)
        return True

    @abstractmethod
    async def ask(self, since_ns: int) -> Sequence[H]: ...

    @abstractmethod
    def key_of(self, item: H) -> Hashable: ...

    @abstractmethod
    def tell_of(self, item: H) -> None: ...


class OwnTradeListener(_HistoryListener[Fill]):
    """Keep the account's own trades in one market: as they are pushed, and by asking, so that none is missed."""

    def __init__(
        self,
        *,
        exchange: Annotated[FillSource, Collaborator(help="Account to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions")] = Decimal(10),
        lookback_s: Annotated[int, Seconds(ge=0, le=604_800, help="How far back history reaches at load")] = 3600,
        keep: Annotated[int, Count(ge=1, le=100_000, help="Trades of history")] = 1000,
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.interval_s = interval_s
        self.lookback_s = lookback_s
        self.keep = keep

    async def load(self) -> None:
        self.start(f"own trades in {self.symbol}", self.exchange, float(self.interval_s))
        if isinstance(self.exchange, Exchange):
            self.exchange.on_fill.append(self.on_push)

    async def unload(self) -> None:
        if self._listening and isinstance(self.exchange, Exchange):
            self.exchange.on_fill.remove(self.on_push)
        await super().unload()

    async def ask(self, since_ns: int) -> Sequence[Fill]:
        return await self.exchange.fills(self.symbol, since_ns)

    def key_of(self, item: Fill) -> Hashable:
        return item.fill_id

    def tell_of(self, item: Fill) -> None:
        self.tell(OwnTradeHeard, fill=item)


class ClosedOrderListener(_HistoryListener[OrderReport]):
    """Keep the account's orders in one market that are filled, cancelled or rejected: as pushed, and by asking."""

    def __init__(
        self,
        *,
        exchange: Annotated[ClosedOrderSource, Collaborator(help="Account to listen to")],
        symbol: Annotated[str, Symbol(help="Market to listen to")],
        interval_s: Annotated[Decimal, Seconds(ge=1, help="Time between two questions")] = Decimal(30),
        lookback_s: Annotated[int, Seconds(ge=0, le=604_800, help="How far back history reaches at load")] = 3600,
        keep: Annotated[int, Count(ge=1, le=100_000, help="Orders of history")] = 1000,
    ) -> None:
        self.exchange = exchange
        self.symbol = symbol
        self.interval_s = interval_s
        self.lookback_s = lookback_s
        self.keep = keep

    async def load(self) -> None:
        self.start(f"closed orders in {self.symbol}", self.exchange, float(self.interval_s))
        if isinstance(self.exchange, Exchange):
            self.exchange.on_order.append(self._on_order)

    async def unload(self) -> None:
        if self._listening and isinstance(self.exchange, Exchange):
            self.exchange.on_order.remove(self._on_order)
        await super().unload()

    async def ask(self, since_ns: int) -> Sequence[OrderReport]:
        return await self.exchange.closed_orders(self.symbol, since_ns)

    def key_of(self, item: OrderReport) -> Hashable:
        return item.client_order_id or item.venue_order_id

    def tell_of(self, item: OrderReport) -> None:
        self.tell(OrderClosed, order=item)

    def _on_order(self, report: OrderReport) -> None:
        if report.status.is_final:
            self.on_push(report)
