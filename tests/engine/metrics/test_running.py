"""Latency, signs of life and balances; silence where nothing was seen."""

from __future__ import annotations

import pytest

from engine.core.states import State, Trigger
from engine.market.types import OrderStatus
from engine.metrics.events import Notice, StateChanged
from engine.metrics.running import Balances, Heartbeat, Latency
from tests.engine.metrics.happenings import SYMBOL, Bench, D, order

PENDING, OPEN, CANCELLING = OrderStatus.PENDING, OrderStatus.OPEN, OrderStatus.CANCELLING


async def test_latency_is_the_time_from_sending_to_the_venues_word() -> None:
    bench = Bench()
    latency = await bench.load(Latency())
    for number, wait_s in enumerate((0.01, 0.02, 0.5)):
        latency.emit(order(PENDING, key=str(number)))
        await bench.clock.advance(wait_s)
        latency.emit(order(OPEN, old=PENDING, key=str(number)))
    latency.emit(order(CANCELLING, old=OPEN, key="0"))
    await bench.clock.advance(0.25)
    latency.emit(order(OrderStatus.CANCELLED, old=CANCELLING, key="0"))
    values = await bench.values(latency)
    assert (values["answers"], values["place_p50_ms"], values["place_max_ms"]) == (3, D("20.000"), D("500.000"))
    assert values["cancel_max_ms"] == D("250.000")
    assert "book_age_p50_ms" not in values


async def test_no_word_is_no_answer_until_it_comes() -> None:
    bench = Bench()
    latency = await bench.load(Latency())
    latency.emit(order(PENDING))
    await bench.clock.advance(5)
    latency.emit(order(OrderStatus.UNKNOWN, old=PENDING))
    assert (await bench.values(latency))["place_max_ms"] is None
    await bench.clock.advance(1)
    latency.emit(order(OrderStatus.FILLED, old=OrderStatus.UNKNOWN))
    assert (await bench.values(latency))["place_max_ms"] == D("6000.000")


async def test_an_order_cancelled_before_any_word_says_nothing_of_placing() -> None:
    bench = Bench()
    latency = await bench.load(Latency())
    latency.emit(order(PENDING))
    latency.emit(order(CANCELLING, old=PENDING))
    latency.emit(order(OrderStatus.CANCELLED, old=CANCELLING))
    assert (await bench.values(latency))["answers"] == 0
    assert latency._sent_at == latency._cancel_sent_at == {}


async def test_the_age_of_the_book_is_probed_each_second_and_late_ticks_with_it() -> None:
    bench = Bench()
    latency = await bench.load(Latency(market=bench.venue, symbol=SYMBOL))
    scheduler = bench.runtime.scheduler.shared
    scheduler.start()
    await bench.clock.advance(5)
    values = await bench.values(latency)
    assert values["tick_late_max_ms"] is not None
    oldest = values["book_age_max_ms"]
    assert oldest is not None
    assert 4000 <= oldest <= 5000
    bench.venue.feed(SYMBOL).problem = "a gap"
    await bench.clock.advance(61)
    assert (await bench.values(latency))["book_age_max_ms"] is None
    await scheduler.stop()


def test_a_book_without_its_market_is_refused() -> None:
    with pytest.raises(ValueError, match="market and symbol belong together"):
        Latency(symbol=SYMBOL)


async def test_a_heartbeat_says_alive_and_in_which_state() -> None:
    bench = Bench()
    beat = await bench.load(Heartbeat())
    await bench.clock.advance(3)
    assert await bench.values(beat) == {
        "alive": 1,
        "active": 0,
        "halted": 0,
        "in_state_s": D("3.000"),
        "up_s": D("3.000"),
    }
    for new in (State.ACTIVE, State.HALTING):
        beat.emit(StateChanged(ts_ns=1, old=State.STARTING, new=new, trigger=Trigger.STARTED, reason=""))
        await bench.clock.advance(1)
        values = await bench.values(beat)
        assert (values["active"], values["halted"]) == (new is State.ACTIVE, new is State.HALTING)
        assert values["in_state_s"] == 1


async def test_balances_are_the_venues_word_on_every_asset_held() -> None:
    bench = Bench()
    balances = await bench.load(Balances(exchange=bench.venue))
    values = await bench.values(balances, "")
    assert values["AURORA.total"] == values["AURORA.free"] == D(100_000)
    assert values["USDT.locked"] == 0
    assert len(values) == 6


async def test_balances_that_cannot_be_read_are_not_observed_and_said_once() -> None:
    bench = Bench()
    balances = await bench.load(Balances(exchange=bench.venue, assets=["USDT", "NEVERHELD"]))
    assert (await bench.values(balances, ""))["NEVERHELD.total"] == 0
    bench.venue.offline = "maintenance"
    for _ in range(3):
        assert set((await bench.values(balances, "")).values()) == {None}
    bench.venue.offline = ""
    assert (await bench.values(balances, ""))["USDT.total"] == D(100_000)
    notices = [(event.level, event.text) for event in bench.runtime.events if isinstance(event, Notice)]
    assert notices == [
        ("warning", "balances cannot read the balances: maintenance"),
        ("info", "balances reads the balances again."),
    ]


async def test_an_asset_that_was_held_is_still_measured_when_it_is_gone() -> None:
    bench = Bench()
    balances = await bench.load(Balances(exchange=bench.venue))
    await balances.measure()
    bench.venue.offline = "maintenance"
    assert (await bench.values(balances, ""))["AURORA.total"] is None
