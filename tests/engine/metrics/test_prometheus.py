"""Scraped for real: over HTTP, by the parser Prometheus' own client brings."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.core.component import Identity
from engine.core.errors import NotReady
from engine.core.states import State, Trigger
from engine.market.types import OrderStatus, Side
from engine.metrics.events import HaltCompleted, Measurement, Notice, RiskTriggered, Sample, StateChanged
from engine.metrics.prometheus import LABELS, Prometheus
from engine.testing import RecordingRuntime
from tests.engine.metrics.happenings import D, fill, order

ACORN = Identity(deployment_id=12, client="acorn", mandate="acorn-usdt", venue="paper", symbol="AURORA/USDT")
WHO = ("acorn", "acorn-usdt", "paper", "AURORA/USDT", "12")

Series = dict[tuple[str, tuple[str, ...]], float]


async def served(identity: Identity = ACORN, port: int = 0) -> Prometheus:
    sink = Prometheus(port=port)
    RecordingRuntime(identity=identity).equip(sink, "prom")
    await sink.load()
    return sink


@pytest.fixture
async def sink() -> AsyncIterator[Prometheus]:
    sink = await served()
    yield sink
    await sink.unload()


async def scrape(sink: Prometheus) -> Series:
    """Every series by name and labels: those on all of them first, then its own, sorted by name."""
    with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{sink.port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    series: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            own = (value for name, value in sorted(sample.labels.items()) if name not in LABELS)
            series[sample.name, (*(sample.labels[name] for name in LABELS), *own)] = sample.value
    return series


async def test_a_sample_is_exposed_with_who_and_where(sink: Prometheus) -> None:
    bands = tuple(D(n) for n in (1, 2, 3, 4, 5, 6))
    sink.emit(
        Sample(
            ts_ns=1_700_000_000_500_000_000,
            state=State.ACTIVE,
            mid=D("0.5"),
            own_spread_bps=D(40),
            own_bid_depth_quote=bands,
            open_bids=3,
            book_age_ms=250.0,
            tick_late_ms=2.0,
            realised_quote=D("1.5"),
            unrealised_quote=D("-0.5"),
        )
    )
    series = await scrape(sink)
    assert series["mm_mid", WHO] == 0.5
    assert series["mm_own_spread_bps", WHO] == 40
    assert series["mm_own_depth_quote", (*WHO, "200", "buy")] == 3
    assert series["mm_open_orders", (*WHO, "buy")] == 3
    assert series["mm_total_pnl_quote", WHO] == 1
    assert series["mm_book_age_seconds", WHO] == 0.25
    assert series["mm_sample_timestamp_seconds", WHO] == 1_700_000_000.5
    assert series["mm_tick_late_seconds_count", WHO] == 1
    assert series["mm_tick_late_seconds_sum", WHO] == pytest.approx(0.002)
    assert series["mm_tick_late_seconds_bucket", (*WHO, "0.001")] == 0
    assert series["mm_tick_late_seconds_bucket", (*WHO, "0.005")] == 1


async def test_what_is_not_observed_any_more_has_no_series(sink: Prometheus) -> None:
    sink.emit(Sample(ts_ns=1, state=State.ACTIVE, mid=D(1), own_spread_bps=D(40)))
    assert ("mm_mid", WHO) in await scrape(sink)
    sink.emit(Sample(ts_ns=2, state=State.ACTIVE))
    series = await scrape(sink)
    assert ("mm_mid", WHO) not in series
    assert ("mm_own_spread_bps", WHO) not in series
    assert series["mm_position_base", WHO] == 0


async def test_what_happened_is_counted(sink: Prometheus) -> None:
    sink.emit(fill(1, price="0.5", size="100"))
    sink.emit(fill(2, side=Side.SELL, maker=False, symbol="OTHER/USDT"))
    sink.emit(order(OrderStatus.OPEN, old=OrderStatus.PENDING))
    sink.emit(order(OrderStatus.OPEN, old=OrderStatus.OPEN, filled="10"))
    sink.emit(RiskTriggered(ts_ns=1, switch="loss", reason="lost"))
    sink.emit(HaltCompleted(requested_ns=0, completed_ns=200_000_000, orders_cancelled=2, proven_clean=True))
    sink.emit(Notice(ts_ns=1, level="warning", text="thin"))
    series = await scrape(sink)
    assert series["mm_fills_total", (*WHO, "maker", "buy")] == 1
    assert series["mm_filled_quote_total", (*WHO, "maker", "buy")] == 50
    assert series["mm_fills_total", (*WHO[:3], "OTHER/USDT", "12", "taker", "sell")] == 1
    assert series["mm_order_changes_total", (*WHO, "buy", "open")] == 1
    assert series["mm_trips_total", (*WHO, "loss")] == 1
    assert series["mm_halts_total", (*WHO, "yes")] == 1
    assert series["mm_halt_seconds_sum", WHO] == pytest.approx(0.2)
    assert series["mm_notices_total", (*WHO, "warning")] == 1


async def test_one_state_is_the_one_it_is_in(sink: Prometheus) -> None:
    sink.emit(StateChanged(ts_ns=1, old=State.STARTING, new=State.ACTIVE, trigger=Trigger.STARTED, reason=""))
    series = await scrape(sink)
    assert {state: series["mm_state", (*WHO, state.value)] for state in State} == {
        state: float(state is State.ACTIVE) for state in State
    }


async def test_measurements_are_exposed_by_name_source_and_field(sink: Prometheus) -> None:
    sink.emit(Measurement(ts_ns=5 * 10**9, name="spread", source="ours", values={"own_spread_bps": D(7), "mid": None}))
    series = await scrape(sink)
    assert series["mm_measurement", (*WHO, "own_spread_bps", "spread", "ours")] == 7
    assert series["mm_measurement_timestamp_seconds", (*WHO, "spread", "ours")] == 5
    assert ("mm_measurement", (*WHO, "mid", "spread", "ours")) not in series


async def test_two_services_in_one_process_do_not_clash(sink: Prometheus) -> None:
    other = await served(Identity(deployment_id=13, client="cedar", mandate="m", venue="v", symbol="S/T"))
    sink.emit(fill())
    assert other.port != sink.port
    assert ("mm_fills_total", (*WHO, "maker", "buy")) in await scrape(sink)
    theirs = await scrape(other)
    assert not any(name.startswith("mm_fills") for name, _ in theirs)
    assert {labels[0] for _, labels in theirs} == {"cedar"}
    await other.unload()


async def test_a_port_that_is_taken_is_refused_with_the_remedy(sink: Prometheus) -> None:
    with pytest.raises(NotReady, match=rf"cannot serve 127.0.0.1:{sink.port}: .*in use.*a port of its own"):
        await served(port=sink.port)


async def test_the_port_is_free_again_after_unload_which_may_run_twice() -> None:
    first = await served()
    await first.unload()
    await first.unload()
    second = await served(port=first.port)
    assert await scrape(second)
    await second.unload()


async def test_a_host_has_no_port_to_give() -> None:
    sink = Prometheus(port=0)
    RecordingRuntime(outlets={"postgres": print}).equip(sink, "prom")
    with pytest.raises(NotReady, match=r"take from each other.*metrics"):
        await sink.load()
    await sink.unload()
