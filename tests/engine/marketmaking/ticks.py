"""One tick of a deployment in a market of its own, for strategies and modifiers looked at alone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from engine.core.clock import NS
from engine.execution.activity import Activity, OwnFill
from engine.execution.lifecycle import OrderEvent
from engine.execution.tracker import OrderTracker, TrackedOrder
from engine.market.rounding import Rounding
from engine.market.types import Fill, Instrument, Price, Quote, Side
from engine.marketmaking.base import Inventory, QuoteContext
from engine.marketmaking.draft import Draft, Rung, post
from engine.testing import ManualClock, levels
from engine.venues.base import MarketFeed

D = Decimal
BUY, SELL = Side.BUY, Side.SELL

MARKET = Instrument(symbol="AAA/BBB", base="AAA", quote="BBB", tick_size=D("0.01"), lot_size=D("0.001"))


class Tick:
    """A moment at a reference price, with whatever rests, fills and balances the test gives it."""

    def __init__(self, reference: str = "100", *, instrument: Instrument = MARKET) -> None:
        self.clock = ManualClock()
        self.instrument = instrument
        self.reference = D(reference)
        self.feed = MarketFeed(instrument, source="fake")
        self.tracker = OrderTracker(symbol=instrument.symbol, clock=self.clock, on_changed=lambda event: None)
        self.activity = Activity()
        self.inventory = Inventory(
            position_base=D(0), base_free=D(0), base_total=D(0), quote_free=D(0), quote_total=D(0), is_known=False
        )
        self._ids = 0

    def book(self, bids: str, asks: str) -> Tick:
        """Levels written "99.99x5 99.98x7", innermost first."""
        sides = [levels(*(level.split("x") for level in side.split())) for side in (bids, asks)]  # type: ignore[arg-type, misc]
        self.feed.book.reset(*sides)
        self.feed.received_at = self.clock.monotonic()
        return self

    def holds(self, base: str, quote: str, *, position: str = "0", cost: str = "0") -> Tick:
        self.inventory = Inventory(
            position_base=D(position),
            base_free=D(base),
            base_total=D(base),
            quote_free=D(quote),
            quote_total=D(quote),
            average_cost=D(cost),
            base_available=D(base),
            quote_available=D(quote),
        )
        return self

    def rest(self, side: Side, level: int, price: str | Decimal, size: str | Decimal = "1") -> TrackedOrder:
        self._ids += 1
        quote = Quote(side=side, level=level, price=D(price), size_base=D(size))
        order = self.tracker.open(f"mm-1-1-{self._ids:x}", quote)
        order.confirmed = True
        self.tracker.conclude(order, OrderEvent.ACCEPTED, "")
        return order

    def fill(self, order: TrackedOrder, size: str | None = None) -> OwnFill:
        self._ids += 1
        fill = Fill(
            ts_ns=self.clock.now_ns(),
            fill_id=f"f{self._ids}",
            client_order_id=order.client_order_id,
            venue_order_id="",
            symbol=self.instrument.symbol,
            side=order.side,
            price=order.price,
            size_base=order.remaining_base if size is None else D(size),
            fee=D(0),
            fee_asset=self.instrument.quote,
        )
        self.tracker.book(fill)
        record = OwnFill(
            at=self.clock.monotonic(),
            fill=fill,
            mid=self.reference,
            level=order.level,
            completes=order.booked_base >= order.size_base,
        )
        self.activity.fills.append(record)
        return record

    def wait(self, seconds: float) -> Tick:
        self.clock.move_to(self.clock.monotonic() + seconds)
        return self

    @property
    def context(self) -> QuoteContext:
        return self.with_()

    def with_(self, **changes: Any) -> QuoteContext:
        fields: dict[str, Any] = {
            "ts_ns": self.clock.now_ns(),
            "monotonic": self.clock.monotonic(),
            "instrument": self.instrument,
            "rounding": Rounding(self.instrument),
            "feed": self.feed,
            "reference": Price(value=self.reference, ts_ns=self.clock.now_ns(), source="test"),
            "inventory": self.inventory,
            "orders": self.tracker.live.values(),
            "activity": self.activity,
        }
        return QuoteContext(**fields | changes)

    def at_utc(self, stamp: str) -> QuoteContext:
        from datetime import datetime

        return self.with_(ts_ns=int(datetime.fromisoformat(stamp + "+00:00").timestamp()) * NS)

    def adjusted(self, modifier: Any, bids: str = "99", asks: str = "101", size: str = "1", **changes: Any) -> Draft:
        """What a modifier makes of bids and asks written "99 98"."""
        draft = wanted(bids, asks, size)
        modifier.adjust(draft, self.with_(**changes))
        return draft

    def posted(self, draft: Draft) -> list[str]:
        """What would rest, innermost first: "bid 1 99.00 x 1.000"."""
        quotes = post(draft, Rounding(self.instrument)).quotes
        return [f"{quote.side} {quote.level} {quote.price} x {quote.size_base}" for quote in quotes]


def wanted(bids: str, asks: str, size: str = "1", *, in_quote: bool = False) -> Draft:
    sides = [[Rung(level, D(price), D(size), in_quote) for level, price in enumerate(s.split())] for s in (bids, asks)]
    return Draft(*sides)


def prices(draft: Draft) -> tuple[list[Decimal], list[Decimal]]:
    """Every price with its offset."""
    return (
        [rung.price + draft.bid_offset for rung in draft.bids],
        [rung.price + draft.ask_offset for rung in draft.asks],
    )
