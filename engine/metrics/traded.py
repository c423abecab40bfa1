"""What our orders do: how many, how old, what they filled, what it earned."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from engine.core.decimals import BPS, ZERO
from engine.core.service import Restore
from engine.market.types import OrderStatus, Price, Side
from engine.marketmaking.base import PriceProvider
from engine.metrics.collector import EVERY_S, Collector, Every, MarketSymbol, Values
from engine.metrics.events import Event, FeesPriced, FillRecorded, OrderChanged
from engine.metrics.own_orders import OwnOrders
from engine.metrics.windows import Counter, quantile, rounded

MINUTE_S = 60


class _OrderTally:
    """The orders of one market."""

    def __init__(self) -> None:
        self.own = OwnOrders()
        self.sent, self.cancels, self.rejections = Counter(MINUTE_S), Counter(MINUTE_S), Counter(MINUTE_S)

    def hear(self, change: OrderChanged, now: float) -> None:
        self.own.hear(change, now)
        if change.old is None and change.new is OrderStatus.PENDING:
            self.sent.add(now)
        if change.new is not change.old:
            if change.new is OrderStatus.CANCELLING:
                self.cancels.add(now)
            if change.new is OrderStatus.REJECTED:
                self.rejections.add(now)

    def values(self, now: float) -> Values:
        bids, asks = self.own.resting(Side.BUY), self.own.resting(Side.SELL)
        ages = sorted(now - order.seen_at for order in (*bids, *asks))
        return {
            "open_bids": Decimal(len(bids)),
            "open_asks": Decimal(len(asks)),
            "unconfirmed": Decimal(sum(not order.rests for order in self.own)),
            "bid_liquidity_quote": sum((order.remaining_quote for order in bids), ZERO),
            "ask_liquidity_quote": sum((order.remaining_quote for order in asks), ZERO),
            "youngest_s": rounded(ages[0] if ages else None),
            "age_p50_s": rounded(quantile(ages, 0.5)),
            "oldest_s": rounded(ages[-1] if ages else None),
            "orders_1m": Decimal(self.sent.count(now)),
            "cancels_1m": Decimal(self.cancels.count(now)),
            "rejections_1m": Decimal(self.rejections.count(now)),
        }


class Orders(Collector):
    """Measure what rests, how old it is, and how busy we are: orders, cancels and rejections of the last minute."""

    kind = "orders"

    def __init__(self, *, interval_s: Every = EVERY_S) -> None:
        super().__init__(interval_s=interval_s)
        self._tallies: dict[str, _OrderTally] = {}

    async def load(self) -> None:
        await super().load()
        if self.runtime.identity.symbol:
            self._tallies.setdefault(self.runtime.identity.symbol, _OrderTally())

    def emit(self, event: Event) -> None:
        if isinstance(event, OrderChanged):
            self._tallies.setdefault(event.symbol, _OrderTally()).hear(event, self.runtime.clock.monotonic())

    async def measure(self) -> Mapping[str, Values]:
        now = self.runtime.clock.monotonic()
        return {symbol: tally.values(now) for symbol, tally in self._tallies.items()}


class _FillTally:
    """The fills of one market since this collector was loaded."""

    def __init__(self) -> None:
        self.fills = self.without_mid = 0
        self.bought = self.sold = self.made = ZERO
        self.captured = self.captured_volume = ZERO

    def hear(self, event: FillRecorded) -> None:
        fill = event.fill
        notional = fill.price * fill.size_base
        self.fills += 1
        if fill.side is Side.BUY:
            self.bought += notional
        else:
            self.sold += notional
        if fill.is_maker:
            self.made += notional
        if event.mid is None:
            self.without_mid += 1
        else:
            self.captured += captured_spread_bps(fill.side, fill.price, event.mid) * notional
            self.captured_volume += notional

    def values(self) -> Values:
        volume = self.bought + self.sold
        return {
            "fills": Decimal(self.fills),
            "volume_quote": volume,
            "bought_quote": self.bought,
            "sold_quote": self.sold,
            "maker_share": self.made / volume if volume else None,
            "captured_spread_bps": self.captured / self.captured_volume if self.captured_volume else None,
            "fills_without_mid": Decimal(self.without_mid),
        }


class Fills(Collector):
    """Measure what was filled since the service was loaded: count, volume by side, maker share, captured spread."""

    kind = "fills"

    def __init__(self, *, interval_s: Every = EVERY_S) -> None:
        super().__init__(interval_s=interval_s)
        self._tallies: dict[str, _FillTally] = {}

    async def load(self) -> None:
        await super().load()
        if self.runtime.identity.symbol:
            self._tallies.setdefault(self.runtime.identity.symbol, _FillTally())

    def emit(self, event: Event) -> None:
        if isinstance(event, FillRecorded):
            self._tallies.setdefault(event.fill.symbol, _FillTally()).hear(event)

    async def measure(self) -> Mapping[str, Values]:
        return {symbol: tally.values() for symbol, tally in self._tallies.items()}


class Pnl(Collector):
    """Measure profit and loss of one market, its open position valued at a price, and the drawdown from its peak."""

    kind = "pnl"

    def __init__(self, *, price: PriceProvider, symbol: MarketSymbol, interval_s: Every = EVERY_S) -> None:
        super().__init__(interval_s=interval_s)
        self.price = price
        self.symbol = symbol

    async def load(self) -> None:
        await super().load()
        restore = self.runtime.restore
        before = restore or Restore()
        self._position_base = before.position_base
        self._average_cost = before.average_cost
        self._realised_quote = before.realised_total_quote
        self._fees_quote = before.fees_total_quote
        # A session begins at nothing. What an earlier holder once reached is not known here.
        self._peak_quote: Decimal | None = ZERO if restore is None else None

    def emit(self, event: Event) -> None:
        if isinstance(event, FillRecorded) and event.fill.symbol == self.symbol:
            self._position_base = event.position_base
            self._average_cost = event.average_cost
            self._realised_quote = event.realised_total_quote
            self._fees_quote = event.fees_total_quote
        elif isinstance(event, FeesPriced) and event.symbol == self.symbol:
            self._fees_quote = event.fees_total_quote

    async def measure(self) -> Mapping[str, Values]:
        price = self.price.price()
        unrealised: Decimal | None = None
        if isinstance(price, Price):
            unrealised = self._position_base * (price.value - self._average_cost)
        elif not self._position_base:
            unrealised = ZERO  # nothing is open: no price is needed to say what it is worth
        total = None if unrealised is None else self._realised_quote + unrealised - self._fees_quote
        if total is not None and (self._peak_quote is None or total > self._peak_quote):
            self._peak_quote = total
        drawdown = None if total is None or self._peak_quote is None else self._peak_quote - total
        return {
            self.symbol: {
                "position_base": self._position_base,
                "realised_quote": self._realised_quote,
                "unrealised_quote": unrealised,
                "fees_quote": self._fees_quote,
                "total_quote": total,
                "peak_quote": self._peak_quote,
                "drawdown_quote": drawdown,
            }
        }


def captured_spread_bps(side: Side, price: Decimal, mid: Decimal) -> Decimal:
    """Twice the distance from a fill to mid when it happened, bps of mid: comparable to a quoted spread.

    A bid filled at 99.9 under a mid of 100 captured 20 bps; filled at 100.1 it gave them away, −20.
    """
    return 2 * side.sign * (mid - price) / mid * BPS
