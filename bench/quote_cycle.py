"""One quote cycle of ten levels a side with nothing to send, beside the same in plain Decimal arithmetic."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, setcontext

from bench import Figure
from engine.core.config import load_config
from engine.core.container import Container
from engine.core.decimals import MONEY
from engine.core.plugins import Registry
from engine.core.states import State
from engine.execution.diff import difference
from engine.market.rounding import Rounding
from engine.market.types import NoPrice
from engine.marketmaking.base import QuoteContext
from engine.marketmaking.draft import post
from engine.marketmaking.service import MarketMaking
from engine.risk.base import RiskState
from engine.testing import FakeVenue, ManualClock

LEVELS = 10
ROUNDS = 40
CYCLES = 80
"""In each round; ours and the plain one take turns, so that a slow moment of the machine slows both."""

SYMBOL = "BTC/USDT"
D = Decimal
TICK, LOT, SIZE, MIN_NOTIONAL = D("0.01"), D("0.00001"), D("0.02"), D(5)
HALF_SPREAD_BPS, SPACING_BPS, TOLERANCE_BPS = D(5), D(2), D(5)
SHIFT_BPS, REFERENCE_SIGMA_BPS, MIN_SPREAD_BPS = D(4), D("0.4"), D(2)
MAX_POSITION, MAX_ORDER, MAX_OPEN, BAND_BPS = D(30_000), D(5_000), D(50_000), D(500)
BASE, QUOTE = D(3), D(200_000)
MIDS = [D(50_000) + D(step * 17 % 41 - 20) / 10 for step in range(41)]
"""The reference moves every cycle, by up to 0.8 bps: within the tolerance, so that nothing has to be sent."""

SERVICE = f"""
service: "@quoting"
vars:
  symbol: "{SYMBOL}"
components:
  venue:
    id: bench.venue
    args: {{symbol: "@symbol", tick_size: !decimal "{TICK}", lot_size: !decimal "{LOT}",
           min_notional_quote: !decimal "{MIN_NOTIONAL}", base_balance: !decimal "{BASE}",
           quote_balance: !decimal "{QUOTE}"}}
  mid: {{id: prices.mid, args: {{market: "@venue", symbol: "@symbol"}}}}
  ladder:
    id: marketmaking.ladder
    args: {{half_spread_bps: !decimal "{HALF_SPREAD_BPS}", size_base: !decimal "{SIZE}", levels: {LEVELS},
           level_spacing_bps: !decimal "{SPACING_BPS}"}}
  shade:
    id: marketmaking.modifiers.inventory_shade
    args: {{shift_bps: !decimal "{SHIFT_BPS}", max_shift_bps: !decimal "{SHIFT_BPS}"}}
  volatility:
    id: marketmaking.modifiers.volatility
    args: {{reference_sigma_bps: !decimal "{REFERENCE_SIGMA_BPS}"}}
  min_spread: {{id: marketmaking.modifiers.min_spread, args: {{min_spread_bps: !decimal "{MIN_SPREAD_BPS}"}}}}
  guard:
    id: risk.guard
    args: {{max_position_quote: !decimal "{MAX_POSITION}", max_loss_quote: !decimal "500", max_orders_per_s: 1000,
           max_order_size_quote: !decimal "{MAX_ORDER}", max_open_notional_quote: !decimal "{MAX_OPEN}",
           price_band_bps: !decimal "{BAND_BPS}"}}
  lag: {{id: killswitches.data_lag, args: {{max_lag_s: !decimal "1000000"}}}}
  executor: {{id: marketmaking.executors.live, args: {{exchange: "@venue", symbol: "@symbol"}}}}
  quoting:
    id: marketmaking
    args: {{exchange: "@venue", symbol: "@symbol", price: "@mid", strategy: "@ladder",
           modifiers: ["@shade", "@volatility", "@min_spread"], guard: "@guard", killswitch: "@lag",
           executor: "@executor", price_threshold_bps: !decimal "{TOLERANCE_BPS}"}}
"""


def run() -> list[Figure]:
    return asyncio.run(_measure())


async def _measure() -> list[Figure]:
    setcontext(MONEY.copy())
    stand = await Stand().open()
    plain = Plain()
    sent = stand.service.executor.orders_sent
    ours_us: list[float] = []
    plain_us: list[float] = []
    ticks_us: list[float] = []
    for _ in range(ROUNDS):
        await _timed(stand, lambda mid: stand.cycle(), ours_us)
        await _timed(stand, plain.cycle, plain_us)
        for number in range(CYCLES):
            stand.move(MIDS[number % len(MIDS)])
            began = time.perf_counter()
            await stand.service.tick()
            ticks_us.append((time.perf_counter() - began) * 1e6)
    now_sent = stand.service.executor.orders_sent
    await stand.container.unload()
    assert now_sent == sent, "something was sent, so this was another measurement"
    ours, theirs = statistics.median(ours_us), statistics.median(plain_us)
    return [
        Figure(name="price, strategy, 3 modifiers, risk, diff: median", value=ours, unit="us"),
        Figure(name="a whole tick with it: median", value=statistics.median(ticks_us), unit="us"),
        Figure(name="the same cycle in plain Decimal: median", value=theirs, unit="us"),
        Figure(name="plain over ours", value=theirs / ours, unit="times", at_least=2),
    ]


async def _timed(stand: Stand, cycle: Callable[[Decimal], object], into: list[float]) -> None:
    for number in range(CYCLES):
        mid = MIDS[number % len(MIDS)]
        stand.move(mid)
        began = time.perf_counter()
        cycle(mid)
        into.append((time.perf_counter() - began) * 1e6)


class Stand:
    """A real service over a fake venue, quoting, on a clock moved by hand."""

    async def open(self) -> Stand:
        registry = Registry.installed().with_components({"bench.venue": FakeVenue})
        self.clock = ManualClock()
        self.container = Container(
            load_config(SERVICE, filename="bench", registry=registry), registry, clock=self.clock
        )
        venue, service = self.container.components["venue"], self.container.service
        assert isinstance(venue, FakeVenue)
        assert isinstance(service, MarketMaking)
        self.venue, self.service = venue, service
        self.move(D(50_000))
        await self.container.load()
        venue.clock = self.clock
        self.move(D(50_000))
        await self.container.begin()
        await service.start("bench")
        for number in range(100):  # until the volatility is known and every order rests
            self.clock.move_to(self.clock.monotonic() + 1)
            self.move(MIDS[number % len(MIDS)])
            await service.tick()
        assert service.machine.state is State.ACTIVE
        assert len(service.quotes.quotes) == 2 * LEVELS, service.quotes
        self.rounding = Rounding(service.feed.instrument)
        return self

    def move(self, mid: Decimal) -> None:
        self.venue.set_book([(mid - TICK, D(10))], [(mid + TICK, D(10))])

    def cycle(self) -> int:
        """What a tick does between price and executor, through the same seams."""
        service, clock = self.service, self.clock
        price = service.price.price()
        assert not isinstance(price, NoPrice)
        account = service.account
        state = RiskState(
            ts_ns=clock.now_ns(),
            monotonic=clock.monotonic(),
            state=service.machine.state,
            feed=service.feed,
            reference=price.value,
            mark=price.value,
            position_base=account.position.base,
            total_pnl_quote=account.total_quote(price.value),
            orders=service.tracker.live.values(),
            exposure=service.tracker.exposure(),
            activity=service.activity,
            balances=account.balances,
        )
        context = QuoteContext(
            ts_ns=state.ts_ns,
            monotonic=state.monotonic,
            instrument=service.feed.instrument,
            rounding=self.rounding,
            feed=service.feed,
            reference=price,
            inventory=account.inventory(),
            orders=state.orders,
            activity=service.activity,
        )
        draft = service.strategy.draft(context)
        for modifier in service.modifiers:
            modifier.adjust(draft, context)
        quotes = service.guard.review(post(draft, self.rounding), state)
        plan = difference(quotes, service.tracker, service.tolerance)
        assert plan.is_empty
        return len(quotes.sides[0]) + len(quotes.sides[1])


@dataclass
class PlainQuote:
    side: str
    level: int
    price: Decimal
    size: Decimal


class Plain:
    """The same figures the way one would first write them down: a loop a step, an object a quote, nothing kept."""

    def __init__(self) -> None:
        self.live = self.quotes(D(50_000))

    def cycle(self, mid: Decimal) -> int:
        quotes = self.quotes(mid)
        assert not self.moves(quotes)
        return len(quotes)

    def quotes(self, mid: Decimal) -> list[PlainQuote]:
        base_value = BASE * mid
        ratio = base_value / (base_value + QUOTE)
        shift = max(-SHIFT_BPS, min(SHIFT_BPS, -SHIFT_BPS * (ratio - D("0.5")) / D("0.5"))) * mid / 10000
        widen = max(D(1), D("0.5") / REFERENCE_SIGMA_BPS)
        quotes = []
        for level in range(LEVELS):
            for side, sign in (("buy", -1), ("sell", 1)):
                away = mid * HALF_SPREAD_BPS / 10000 * widen + level * mid * SPACING_BPS / 10000
                least = mid * MIN_SPREAD_BPS / 20000
                price = mid + shift + sign * max(away, least)
                price = (price / TICK).to_integral_value(ROUND_FLOOR if side == "buy" else ROUND_CEILING) * TICK
                size = (SIZE / LOT).to_integral_value(ROUND_FLOOR) * LOT
                if price * size >= MIN_NOTIONAL:
                    quotes.append(PlainQuote(side, level, price, size))
        return [quote for quote in quotes if self.allowed(quote, quotes, mid)]

    def allowed(self, quote: PlainQuote, quotes: list[PlainQuote], mid: Decimal) -> bool:
        side = [other for other in quotes if other.side == quote.side]
        return (
            quote.price % TICK == 0
            and quote.size % LOT == 0
            and abs(quote.price - mid) <= mid * BAND_BPS / 10000
            and quote.price * quote.size <= MAX_ORDER
            and sum(other.size for other in side) * mid <= MAX_POSITION
            and sum(other.price * other.size for other in quotes) <= MAX_OPEN
        )

    def moves(self, quotes: list[PlainQuote]) -> list[PlainQuote]:
        moved = []
        for quote in quotes:
            for order in self.live:
                if (order.side, order.level) != (quote.side, quote.level):
                    continue
                moved_far = abs(order.price - quote.price) * 10000 >= order.price * TOLERANCE_BPS
                if moved_far or abs(order.size - quote.size) > quote.size / 2:
                    moved.append(quote)
        return moved
