"""Ticker and candles from a feed that states neither: exact, and honest about what was not seen. E9, E10"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.core.clock import NS
from engine.core.scheduler import Scheduler
from engine.market.summaries import Candle, Ticker
from engine.market.types import Side, Trade
from engine.metrics.events import CandleClosed
from engine.testing import AURORA, ManualClock
from engine.venues.base import MarketFeed
from engine.venues.derived import DerivedCandles, DerivedTicker
from tests.engine.listeners.hosts import SYMBOL, Host, part, problems, told

START_NS = 1_700_000_040 * NS
"""The beginning of a minute."""


class Tape:
    """A feed the test prints on, and what is derived from it."""

    def __init__(self, *, late_s: int = 0, candle_s: int = 60) -> None:
        self.clock = ManualClock(now_ns=START_NS + late_s * NS)
        self.scheduler = Scheduler(self.clock)
        self.feed = MarketFeed(AURORA, source="tape")
        self.tickers = DerivedTicker(self.feed, self.clock, self.scheduler)
        self.candles = DerivedCandles(self.feed, candle_s, self.clock, self.scheduler)

    async def open(self) -> Tape:
        await self.tickers.start()
        await self.candles.start()
        return self

    def print(self, price: str | Decimal, size: str | Decimal = "1", *, late_s: int = 0) -> None:
        trade = Trade(
            ts_ns=self.clock.now_ns() - late_s * NS,
            price=Decimal(price),
            size_base=Decimal(size),
            aggressor=Side.BUY,
        )
        self.feed.last_trade = trade
        for hear in self.feed.on_trade:
            hear(trade)

    async def run(self, seconds: float) -> None:
        await self.scheduler.run_until(self.clock.monotonic() + seconds)

    @property
    def ticker(self) -> Ticker:
        ticker = self.tickers.feed.value
        assert ticker is not None
        return ticker

    @property
    def known(self) -> tuple[Candle, ...]:
        return self.candles.feed.value or ()


def shape(candle: Candle) -> tuple[str, ...]:
    return tuple(str(v) for v in (candle.open, candle.high, candle.low, candle.close, candle.volume_base))


async def test_a_candle_has_the_first_highest_lowest_and_last_price_and_all_the_volume() -> None:
    tape = await Tape().open()
    for price in ("1.5", "1.7", "1.2", "1.6"):
        tape.print(price, "0.1")
        await tape.run(10)
    await tape.run(25)
    assert shape(tape.known[0]) == ("1.5", "1.7", "1.2", "1.6", "0.4")
    assert tape.known[0].is_closed
    assert not tape.known[0].is_partial


async def test_an_interval_without_a_trade_stands_still_at_the_close_before() -> None:
    tape = await Tape().open()
    tape.print("1.5")
    await tape.run(185)
    assert [shape(candle) for candle in tape.known[1:3]] == [("1.5", "1.5", "1.5", "1.5", "0")] * 2
    tape.print("1.8")
    await tape.run(1)
    assert shape(tape.known[-1]) == ("1.8", "1.8", "1.8", "1.8", "1")


async def test_before_the_first_trade_there_is_no_candle() -> None:
    tape = await Tape().open()
    await tape.run(200)
    assert tape.known == ()


async def test_the_candle_in_which_listening_began_is_partial() -> None:
    tape = await Tape(late_s=20).open()
    tape.print("1.5")
    await tape.run(45)
    tape.print("1.6")
    await tape.run(60)
    assert [candle.is_partial for candle in tape.known] == [True, False, False]


async def test_candles_during_which_the_feed_was_in_trouble_are_partial() -> None:
    tape = await Tape().open()
    tape.print("1.5")
    await tape.run(65)
    tape.feed.problem = "a sequence gap"
    await tape.run(60)
    tape.feed.problem = ""
    await tape.run(120)
    assert [candle.is_partial for candle in tape.known[:4]] == [False, True, True, False]


def test_a_frozen_process_makes_up_no_history() -> None:
    tape = Tape(candle_s=1)
    tape.feed.on_trade.append(tape.candles._on_trade)
    tape.print("1.5")
    tape.clock.move_to(tape.clock.monotonic() + 1_000_000)
    tape.candles._step(tape.clock.now_ns())
    assert len(tape.known) <= 500
    assert tape.known[-1].open_ns <= tape.clock.now_ns()
    opens = [candle.open_ns for candle in tape.known]
    assert opens == list(range(opens[0], opens[-1] + NS, NS))


def test_a_days_figures_forget_what_is_older_than_a_day() -> None:
    tape = Tape()
    tape.feed.on_trade.append(tape.tickers._on_trade)
    tape.print("9", "100")
    tape.clock.move_to(tape.clock.monotonic() + 3600)
    tape.print("1.5", "2")
    tape.tickers._step(tape.clock.now_ns())
    assert (tape.ticker.high, tape.ticker.volume_base, tape.ticker.volume_quote) == (9, 102, 903)
    assert tape.ticker.window_s == 3600
    tape.clock.move_to(tape.clock.monotonic() + 86_400 - 3600 + 60)
    tape.tickers._step(tape.clock.now_ns())
    assert (tape.ticker.open, tape.ticker.high, tape.ticker.low) == (Decimal("1.5"),) * 3
    assert (tape.ticker.volume_base, tape.ticker.volume_quote) == (2, 3)
    assert tape.ticker.window_s == 86_400


async def test_nothing_is_derived_from_a_feed_in_trouble() -> None:
    tape = await Tape().open()
    await tape.run(2)
    tape.feed.problem = "a sequence gap"
    await tape.run(10)
    assert tape.tickers.feed.problem == "a sequence gap"
    assert tape.tickers.feed.reading is not None
    assert tape.clock.monotonic() - tape.tickers.feed.reading.received_at >= 9


@given(
    st.lists(
        st.tuples(
            st.decimals("0.00000001", "99999", places=8),
            st.decimals("0.00000001", "99999999", places=8),
            st.integers(0, 90),
        ),
        max_size=30,
    )
)
def test_no_trade_is_lost_or_counted_twice_whatever_the_tape(prints: list[tuple[Decimal, Decimal, int]]) -> None:
    tape = Tape()
    for price, size, wait_s in prints:
        tape.clock.move_to(tape.clock.monotonic() + wait_s)
        trade = Trade(ts_ns=tape.clock.now_ns(), price=price, size_base=size, aggressor=Side.SELL)
        tape.tickers._on_trade(trade)
        tape.candles._on_trade(trade)
    for derived in (tape.tickers, tape.candles):
        derived._step(tape.clock.now_ns())
    assert tape.ticker.volume_base == sum((size for _, size, _ in prints), Decimal(0))
    assert sum((candle.volume_base for candle in tape.known), Decimal(0)) == tape.ticker.volume_base
    for candle in tape.known:
        assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
    assert [c.open_ns for c in tape.known] == sorted({c.open_ns for c in tape.known})


# In a host

MARKET = f"""\
  market:
    id: exchanges.simulated
    args: {{symbol: "{SYMBOL}", anchor_price: !decimal "0.5", tick_size: !decimal "0.0001", lot_size: !decimal "0.1"}}
  account:
    id: exchanges.paper
    args: {{market: "@market", symbol: "{SYMBOL}", base_balance: 1000, quote_balance: 500}}
  ear: {{id: listeners.candles, args: {{market: "@account", symbol: "{SYMBOL}", candle_s: 5}}}}
"""


async def test_two_services_over_one_simulated_market_share_its_candles(host: Host) -> None:
    first, second = await host.open(MARKET), await host.open(MARKET)
    await host.run(60)
    assert part(first).channel is part(second).channel
    assert len(part(first).closed()) >= 5
    assert told(first, CandleClosed)
    await first.unload()
    count = len(part(second).closed())
    await host.run(20)
    assert len(part(second).closed()) > count


async def test_the_same_market_gives_the_same_candles_in_every_run() -> None:
    runs: list[Any] = []
    for _ in range(2):
        host = Host()
        service = await host.open(MARKET)
        await host.run(60)
        runs.append(part(service).closed())
        await host.close()
    assert runs[0] == runs[1]


async def test_trouble_of_a_shared_market_reaches_every_listener(host: Host) -> None:
    first, second = await host.open(MARKET), await host.open(MARKET)
    await host.run(5)
    part(first, "market").feed(SYMBOL).problem = "a sequence gap"
    await host.run(5)
    assert problems(first) == problems(second) == ["a sequence gap"]
