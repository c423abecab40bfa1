"""A paper account over a market moved by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.core.component import Identity
from engine.core.scheduler import Scheduler
from engine.core.service import Restore
from engine.market.types import Fill, Instrument, OrderReport, OrderRequest, Side, Trade
from engine.testing import ManualClock, RecordingRuntime
from engine.venues.base import MarketFeed
from engine.venues.paper.exchange import PaperExchange

D = Decimal
AUR = Instrument(
    symbol="AUR/USDT",
    base="AUR",
    quote="USDT",
    tick_size=D("0.01"),
    lot_size=D("0.001"),
    min_size_base=D("0.01"),
    min_notional_quote=D(5),
    maker_fee_bps=D(10),
    taker_fee_bps=D(20),
)


class Market:
    """A public market moved by hand."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._feed = MarketFeed(AUR, source="by hand")

    def feed(self, symbol: str) -> MarketFeed:
        return self._feed

    def book(self, bids: dict[str, str], asks: dict[str, str]) -> None:
        """Replace the book: sizes by price."""
        self._feed.book.reset(
            [(D(p), D(s)) for p, s in bids.items()],
            [(D(p), D(s)) for p, s in asks.items()],
        )
        self._feed.received_at = self._clock.monotonic()
        self._feed.book_ts_ns = self._clock.now_ns()
        for callback in tuple(self._feed.on_book):
            callback(self._feed)

    def print(self, price: str, size: str, aggressor: Side) -> None:
        trade = Trade(ts_ns=self._clock.now_ns(), price=D(price), size_base=D(size), aggressor=aggressor)
        for callback in tuple(self._feed.on_trade):
            callback(trade)


class Permit:
    def __init__(self) -> None:
        self.is_valid = True

    def valid(self) -> bool:
        return self.is_valid


class Desk:
    """A paper account of 10 AUR and 1,000 USDT over a book of 99.95 / 100.05 with 10 AUR at each level."""

    async def open(self, *, latency_ms: int = 0, restore: Restore | None = None, token: int = 1, **args: Any) -> Desk:
        self.clock = ManualClock()
        self.scheduler = Scheduler(self.clock)
        self.permit = Permit()
        self.runtime = RecordingRuntime(
            self.clock,
            identity=Identity(deployment_id=7, token=token),
            scheduler=self.scheduler,
            permit=self.permit,
            restore=restore,
        )
        self.market = Market(self.clock)
        self.venue = PaperExchange(
            market=self.market,
            symbol="AUR/USDT",
            base_balance=D(10),
            quote_balance=D(1000),
            latency_ms=latency_ms,
            cancel_latency_ms=latency_ms,
            **args,
        )
        self.runtime.equip(self.venue, "paper")
        self.fills: list[Fill] = []
        self.reports: list[OrderReport] = []
        self.venue.on_fill.append(self.fills.append)
        self.venue.on_order.append(self.reports.append)
        if restore is None:
            self.usual_book()
        await self.venue.load()
        return self

    def usual_book(self) -> None:
        self.market.book({"99.95": "10", "99.90": "10"}, {"100.05": "10", "100.10": "10"})

    async def place(self, side: Side, price: str, size: str, *, key: str = "mm-7-1-1", **more: Any) -> OrderReport:
        request = OrderRequest(
            client_order_id=key, symbol="AUR/USDT", side=side, price=D(price), size_base=D(size), **more
        )
        return (await self.venue.place([request]))[0]

    async def totals(self) -> dict[str, Decimal]:
        return {asset: balance.total for asset, balance in (await self.venue.balances()).items()}

    async def free(self) -> dict[str, Decimal]:
        return {asset: balance.free for asset, balance in (await self.venue.balances()).items()}

    async def move(self, seconds: float) -> None:
        await self.scheduler.run_until(self.clock.monotonic() + seconds)
