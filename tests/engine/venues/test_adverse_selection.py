"""A quote at the touch of a major loses, on paper as in life: the fills come from those who know better."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable
from decimal import Decimal
from statistics import fmean

from engine.core.clock import NS
from engine.core.scheduler import Scheduler
from engine.market.types import Fill, OrderRequest, Side
from engine.testing import ManualClock, RecordingRuntime
from engine.venues.base import MarketFeed, MarketSource
from engine.venues.paper.exchange import PaperExchange
from engine.venues.simulated.venue import Simulated
from tests.engine.venues.playing import Player
from tests.engine.venues.tapes import market_data

D = Decimal


class TouchQuoter:
    """Keeps one bid and one ask at the best prices and remembers what its fills were worth afterwards."""

    def __init__(self, runtime: RecordingRuntime, market: MarketSource, symbol: str, size: str) -> None:
        self.symbol = symbol
        self.size = D(size)
        self.feed: MarketFeed = market.feed(symbol)
        self.venue = PaperExchange(
            market=market, symbol=symbol, base_balance=D(1000), quote_balance=D(10**8), cancel_latency_ms=20
        )
        runtime.equip(self.venue, "paper")
        self.runtime = runtime
        self.fills: list[Fill] = []
        self.stamps: list[int] = []
        self.mids: list[Decimal] = []
        self.sent = 0

    async def load(self) -> None:
        self.venue.on_fill.append(self.fills.append)
        await self.venue.load()
        self.runtime.scheduler.every(0.1, self._quote, name="quote")

    async def _quote(self) -> None:
        book = self.feed.book
        if self.feed.problem or book.mid is None:
            return
        self.stamps.append(self.runtime.clock.now_ns())
        self.mids.append(book.mid)
        open_now = {order.side: order for order in await self.venue.open_orders(self.symbol)}
        for side, price in ((Side.BUY, book.best_bid), (Side.SELL, book.best_ask)):
            assert price is not None
            if side in open_now and open_now[side].price == price:
                continue
            if side in open_now:
                await self.venue.cancel(self.symbol, [open_now[side].client_order_id])
            self.sent += 1
            request = OrderRequest(
                client_order_id=f"t{self.sent}", symbol=self.symbol, side=side, price=price, size_base=self.size
            )
            await self.venue.place([request])

    def gain_bps(self, seconds: float) -> float:
        """Mean gain of a fill against the mid that many seconds later, bps."""
        gains = []
        for fill in self.fills:
            at = bisect_right(self.stamps, fill.ts_ns + int(seconds * NS))
            if at < len(self.mids):
                gains.append(float(fill.side.sign * (self.mids[at] / fill.price - 1) * 10_000))
        return fmean(gains)


async def touch_quotes_on(
    runtime: RecordingRuntime, market: MarketSource, symbol: str, size: str, play: Callable[[], Awaitable[object]]
) -> TouchQuoter:
    quoter = TouchQuoter(runtime, market, symbol, size)
    await quoter.load()
    await play()
    return quoter


async def test_touch_quotes_lose_on_the_real_major() -> None:
    player = Player(market_data("binance-raw-2024-08-08", "spot", "btcusdt_20240808.gz"))
    await player.load()
    quoter = await touch_quotes_on(player.runtime, player.replay, "BTC/USDT", "0.01", player.play)
    assert len(quoter.fills) > 200
    half_spread_bps = 0.0022
    assert quoter.gain_bps(0.1) < -50 * half_spread_bps
    assert quoter.gain_bps(1) < -0.3
    assert quoter.gain_bps(10) < -0.3


async def test_touch_quotes_lose_on_the_simulated_major_alike() -> None:
    clock = ManualClock()
    scheduler = Scheduler(clock)
    runtime = RecordingRuntime(clock, scheduler=scheduler)
    market = Simulated(
        symbol="BTC/USDT", anchor_price=D(61_500), tick_size=D("0.01"), lot_size=D("0.00001"), profile="major"
    )
    runtime.equip(market, "market")
    await market.load()
    quoter = await touch_quotes_on(
        runtime, market, "BTC/USDT", "0.01", lambda: scheduler.run_until(clock.monotonic() + 600)
    )
    assert len(quoter.fills) > 100
    assert -1.5 < quoter.gain_bps(1) < -0.2


async def test_quotes_away_from_the_touch_of_a_thin_market_earn_their_spread() -> None:
    clock = ManualClock()
    scheduler = Scheduler(clock)
    runtime = RecordingRuntime(clock, scheduler=scheduler)
    market = Simulated(
        symbol="AURORA/USDT", anchor_price=D("2.5"), tick_size=D("0.0001"), lot_size=D("0.1"), profile="thin"
    )
    runtime.equip(market, "market")
    await market.load()
    quoter = await touch_quotes_on(
        runtime, market, "AURORA/USDT", "4", lambda: scheduler.run_until(clock.monotonic() + 4 * 3600)
    )
    assert len(quoter.fills) > 50
    assert 1 < quoter.gain_bps(10) < 20
