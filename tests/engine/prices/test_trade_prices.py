"""Prices made of public trades: last, average, candle close; and the mark price, which a venue publishes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine.core.clock import NS
from engine.market.types import Price, Side, Trade
from engine.prices.candle_close import CandleClose
from engine.prices.last import Last
from engine.prices.mark import Mark
from engine.prices.trade_vwap import TradeVwap
from engine.prices.traded import PARTS, Traded
from engine.testing import FakeVenue, ManualClock
from tests.engine.prices.told import Bench, reason_of, value_of

D = Decimal


def trade(venue: FakeVenue, price: str, size: str = "1") -> None:
    venue.trade(price, size, Side.BUY)


def market(venue: FakeVenue) -> dict[str, Any]:
    return {"market": venue, "symbol": "AURORA/USDT"}


# prices.last


async def test_the_last_price_carries_the_trade_s_time_and_source(bench: Bench) -> None:
    venue = await bench.venue()
    last = await bench.load(Last(**market(venue)))
    assert reason_of(last) == "No last price of AURORA/USDT: no trade from venue yet."
    trade(venue, "1.01")
    trade(venue, "1.02")
    stamped = bench.clock.now_ns()
    await bench.advance(60)
    assert last.price() == Price(value=D("1.02"), ts_ns=stamped, source="venue last price")
    await bench.advance(0.1)
    assert reason_of(last).endswith("the last trade from venue is 60.1 s old, older than 60 s.")


async def test_a_trade_from_before_load_is_as_old_as_its_stamp_says(bench: Bench) -> None:
    venue = await bench.venue()
    trade(venue, "1.01")
    await bench.advance(50)
    last = await bench.load(Last(**market(venue)))
    assert value_of(last) == D("1.01")
    await bench.advance(11)
    assert "is 61.0 s old" in reason_of(last)


@pytest.mark.parametrize("kind", [Last, TradeVwap, CandleClose, Mark])
async def test_a_feed_in_trouble_is_no_price_however_lately_it_spoke(bench: Bench, kind: Any) -> None:
    venue = await bench.venue()
    price = await bench.load(kind(**market(venue)))
    trade(venue, "1.01")
    mark(bench, venue, "1.01")
    await bench.advance(59)
    trade(venue, "1.02")
    mark(bench, venue, "1.02")
    await bench.advance(1)
    assert value_of(price)
    venue.feed("AURORA/USDT").problem = "a gap"
    assert reason_of(price).endswith(" of AURORA/USDT: the feed from venue is in trouble: a gap.")


@pytest.mark.parametrize("kind", [Last, TradeVwap, CandleClose])
async def test_nothing_is_heard_after_unload_which_may_run_twice(bench: Bench, kind: Any) -> None:
    venue = await bench.venue()
    price = kind(**market(venue))
    await price.unload()
    await bench.load(price)
    assert len(venue.feed("AURORA/USDT").on_trade) == 1
    await price.unload()
    await price.unload()
    assert venue.feed("AURORA/USDT").on_trade == []


# prices.trade_vwap


async def test_the_trade_average_weighs_by_size_within_its_window(bench: Bench) -> None:
    venue = await bench.venue()
    vwap = await bench.load(TradeVwap(**market(venue), window_s=D(10)))
    assert reason_of(vwap) == "No trade average of AURORA/USDT: nothing was traded at venue within 10 s."
    trade(venue, "100", "3")
    await bench.advance(4)
    trade(venue, "104", "1")
    assert vwap.price() == Price(value=D(101), ts_ns=bench.clock.now_ns(), source="venue trade average")
    assert value_of(vwap) == value_of(vwap) == D(101)
    await bench.advance(6)
    assert value_of(vwap) == D(101)
    await bench.advance(1)
    assert value_of(vwap) == D(104)
    await bench.advance(4)
    assert reason_of(vwap).endswith("nothing was traded at venue within 10 s.")


async def test_too_little_volume_is_no_average(bench: Bench) -> None:
    venue = await bench.venue()
    vwap = await bench.load(TradeVwap(**market(venue), min_volume_base=D(5)))
    trade(venue, "100", "4.9")
    assert reason_of(vwap).endswith("4.9 AURORA were traded at venue within 60 s, under 5 AURORA.")
    trade(venue, "100", "0.1")
    assert value_of(vwap) == D(100)


async def test_a_busy_window_stays_small_and_never_reaches_further_back() -> None:
    clock = ManualClock()
    traded = Traded(clock, D(10))
    for second in range(40):
        for _ in range(500):
            clock.move_to(clock.monotonic() + 0.002)
            traded.hear(Trade(ts_ns=clock.now_ns(), price=D(second), size_base=D(2), aggressor=Side.BUY))
            assert len(traded._parts) <= PARTS + 1
    base, quote = traded.sums()
    assert D("9900") <= base <= D("10000")
    assert quote / base >= D(34)


# prices.candle_close


async def test_a_candle_closes_with_its_last_trade_on_even_utc_times(bench: Bench) -> None:
    venue = await bench.venue()
    bench.clock.move_to(bench.clock.monotonic() + 60 - (bench.clock.now_ns() // NS) % 60)  # a full minute
    close = await bench.load(CandleClose(**market(venue)))
    assert reason_of(close) == (
        "No candle close of AURORA/USDT: no candle of 60 s with a trade from venue is over yet."
    )
    trade(venue, "1.01")
    await bench.advance(59)
    trade(venue, "1.02")
    stamped = bench.clock.now_ns()
    assert "is over yet" in reason_of(close)
    await bench.advance(1)
    trade(venue, "1.09")
    assert close.price() == Price(value=D("1.02"), ts_ns=stamped, source="venue 60 s candle close")
    await bench.advance(60)
    assert value_of(close) == D("1.09")


async def test_a_candle_without_trades_leaves_the_close_before_until_it_is_too_old(bench: Bench) -> None:
    venue = await bench.venue()
    bench.clock.move_to(bench.clock.monotonic() + 60 - (bench.clock.now_ns() // NS) % 60)
    close = await bench.load(CandleClose(**market(venue), max_age_s=D(90)))
    trade(venue, "1.01")
    await bench.advance(90)
    assert value_of(close) == D("1.01")
    await bench.advance(1)
    assert "91.0 s ago, longer than 90 s." in reason_of(close)


async def test_a_trade_printed_late_counts_where_it_happened(bench: Bench) -> None:
    venue = await bench.venue()
    bench.clock.move_to(bench.clock.monotonic() + 60 - (bench.clock.now_ns() // NS) % 60)
    close = await bench.load(CandleClose(**market(venue)))
    trade(venue, "1.01")
    await bench.advance(61)
    trade(venue, "1.05")
    late = Trade(ts_ns=bench.clock.now_ns() - 2 * NS, price=D("1.03"), size_base=D(1), aggressor=Side.BUY)
    for hear in venue.feed("AURORA/USDT").on_trade:
        hear(late)
    assert value_of(close) == D("1.03")


# prices.mark


def mark(bench: Bench, venue: FakeVenue, value: str) -> None:
    feed = venue.feed("AURORA/USDT")
    feed.mark = Price(value=D(value), ts_ns=bench.clock.now_ns(), source=feed.source)
    feed.mark_received_at = bench.clock.monotonic()


async def test_a_mark_price_is_used_while_it_is_recent(bench: Bench) -> None:
    venue = await bench.venue()
    price = await bench.load(Mark(**market(venue)))
    assert reason_of(price) == "No mark price of AURORA/USDT: venue has published none."
    mark(bench, venue, "28155.10")
    stamped = bench.clock.now_ns()
    await bench.advance(10)
    assert price.price() == Price(value=D("28155.10"), ts_ns=stamped, source="venue mark price")
    await bench.advance(0.1)
    assert reason_of(price).endswith("the one from venue is 10.1 s old, older than 10 s.")


@pytest.mark.parametrize("value", ["0", "-1", "NaN"])
async def test_a_mark_price_that_is_no_positive_number_is_no_price(bench: Bench, value: str) -> None:
    venue = await bench.venue()
    price = await bench.load(Mark(**market(venue)))
    mark(bench, venue, value)
    assert reason_of(price).endswith(f"the one from venue is {value}, which is not a positive number.")
