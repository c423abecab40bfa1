"""Events made by hand, and a collector alone with a venue and a clock."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.core.component import Identity
from engine.core.service import Restore
from engine.market.types import Fill, OrderStatus, Side
from engine.metrics.collector import Collector
from engine.metrics.events import FillRecorded, OrderChanged
from engine.testing import FakeVenue, ManualClock, RecordingRuntime

D = Decimal
SYMBOL = "AURORA/USDT"


def order(
    new: OrderStatus,
    *,
    old: OrderStatus | None = None,
    key: str = "mm-1-1-1",
    side: Side = Side.BUY,
    price: str = "1.00",
    size: str = "100",
    filled: str = "0",
    symbol: str = SYMBOL,
) -> OrderChanged:
    return OrderChanged(
        ts_ns=1,
        client_order_id=key,
        venue_order_id="V1",
        symbol=symbol,
        side=side,
        level=0,
        price=D(price),
        size_base=D(size),
        filled_base=D(filled),
        old=old,
        new=new,
        reason="",
    )


def fill(
    number: int = 1,
    *,
    side: Side = Side.BUY,
    price: str = "1.00",
    size: str = "100",
    mid: str | None = "1.00",
    maker: bool = True,
    position: str = "100",
    cost: str = "1.00",
    realised: str = "0",
    fees: str = "0",
    symbol: str = SYMBOL,
) -> FillRecorded:
    """`position`, `cost`, `realised` and `fees` are what stands after it."""
    return FillRecorded(
        fill=Fill(
            ts_ns=number,
            fill_id=f"F{number}",
            client_order_id="mm-1-1-1",
            venue_order_id="V1",
            symbol=symbol,
            side=side,
            price=D(price),
            size_base=D(size),
            fee=D(0),
            fee_asset="USDT",
            is_maker=maker,
        ),
        mid=None if mid is None else D(mid),
        realised_quote=D(0),
        fee_quote=D(0),
        position_base=D(position),
        average_cost=D(cost),
        realised_total_quote=D(realised),
        fees_total_quote=D(fees),
        volume_total_quote=D(0),
        fills_total=number,
    )


class Bench:
    """A clock, a venue with a book of 0.99 to 1.01 (200 bps wide), and collectors brought up as the container does."""

    def __init__(self, *, symbol: str = SYMBOL, restore: Restore | None = None) -> None:
        self.clock = ManualClock()
        self.venue = FakeVenue(symbol=SYMBOL)
        self.venue.clock = self.clock
        self.runtime = RecordingRuntime(self.clock, identity=Identity(symbol=symbol), restore=restore)
        self.book("0.99", "1.01")

    def book(self, bid: str, ask: str, size: str = "1000") -> None:
        self.venue.set_book([(D(bid), D(size))], [(D(ask), D(size))])

    async def load(self, collector: Any) -> Any:
        self.runtime.equip(collector, type(collector).__name__.lower())
        await collector.load()
        return collector

    async def values(self, collector: Collector, symbol: str = SYMBOL) -> dict[str, Decimal | None]:
        return dict((await collector.measure())[symbol])
