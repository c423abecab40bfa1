"""Samples and views say what the venue confirmed, and None where nothing was observed (E12)."""

from __future__ import annotations

import itertools
from decimal import Decimal

from engine.core.states import State
from engine.market.types import Side
from engine.metrics.events import BANDS_BPS, Sample, View
from tests.engine.desk import Desk

D = Decimal


async def active(**settings: str) -> Desk:
    desk = await Desk(**settings).open()
    await desk.service.start("test")
    await desk.run(3)
    return desk


async def test_a_sample_is_recorded_each_second_in_every_state() -> None:
    desk = await Desk().open()
    await desk.run(3)
    assert [sample.state for sample in desk.events(Sample)] == [State.PAUSED] * 3
    await desk.service.start("test")
    await desk.run(3)
    samples = desk.events(Sample)
    assert len(samples) == 6
    assert {later.ts_ns - sooner.ts_ns for sooner, later in itertools.pairwise(samples)} == {10**9}
    assert samples[0].quoting_reason == "not started"
    assert samples[-1].quoting_reason == ""
    await desk.close()


async def test_a_sample_says_what_rests_and_how_deep() -> None:
    desk = await active()
    sample = desk.events(Sample)[-1]
    assert (sample.mid, sample.reference_price) == (D(50000), D(50000))
    assert (sample.own_bid, sample.own_ask) == (D("49975.00"), D("50025.00"))
    assert sample.own_spread_bps == D(10)
    assert sample.market_spread_bps == D("0.004")
    assert (sample.open_bids, sample.open_asks) == (3, 3)
    notional = sum(level.price * level.size_base for level in desk.venue.resting(Side.BUY))
    assert sample.own_bid_depth_quote == (notional,) * len(BANDS_BPS)
    assert sample.market_bid_depth_quote == D("49999.99") * 1000
    assert sample.book_age_ms is not None
    assert sample.orders_sent == 6
    assert sample.base_total == D(1_000_000)
    assert sample.inventory_ratio is not None
    assert 0 < sample.inventory_ratio < 1
    await desk.close()


async def test_depth_counts_an_order_in_every_band_that_reaches_it() -> None:
    desk = await active(levels="2", spacing="90", max_position="20000")
    sample = desk.events(Sample)[-1]
    inner, outer = (level.price * level.size_base for level in desk.venue.resting(Side.BUY))
    assert sample.own_bid_depth_quote == (inner, *(inner + outer,) * 5)
    await desk.close()


async def test_what_is_not_observed_is_none_and_never_zero() -> None:
    desk = await active()
    desk.venue.feed("BTC/USDT").problem = "a gap"
    await desk.run(1)
    sample = desk.events(Sample)[-1]
    assert sample.mid is sample.best_bid is sample.market_spread_bps is sample.own_spread_bps is None
    assert sample.market_bid_depth_quote is sample.unrealised_quote is sample.book_age_ms is None
    assert sample.own_bid_depth_quote == ()
    await desk.close()


async def test_an_order_the_venue_has_not_confirmed_is_no_depth() -> None:
    desk = await Desk(immediate="false").open()
    desk.venue.ack_after_s = 30
    desk.venue.silent = True
    await desk.service.start("test")
    await desk.run(2)
    sample = desk.events(Sample)[-1]
    assert sample.orders_sent == 6
    assert (sample.open_bids, sample.own_bid, sample.own_bid_depth_quote) == (0, None, (D(0),) * 6)
    assert len(desk.events(View)[-1].orders) == 6
    desk.venue.ack_after_s = 0
    await desk.run(40)
    await desk.close()


async def test_a_view_shows_the_book_and_our_ladder_in_it() -> None:
    desk = await active()
    views = desk.events(View)
    view = views[-1]
    assert view.bids == ((D("49999.99"), D(1000)),)
    assert view.asks == ((D("50000.01"), D(1000)),)
    assert sorted((order.side.value, order.level) for order in view.orders) == [
        ("buy", 0),
        ("buy", 1),
        ("buy", 2),
        ("sell", 0),
        ("sell", 1),
        ("sell", 2),
    ]
    assert all(order.status == "open" and order.age_ms >= 0 for order in view.orders)
    assert len(views) == 6
    await desk.close()


async def test_views_of_a_fast_deployment_come_five_times_a_second() -> None:
    desk = await Desk(interval_ms="100").open()
    await desk.run(2)
    assert len(desk.events(View)) == 10
    await desk.close()


async def test_a_view_that_nobody_sees_is_made_once_a_second_and_a_watched_one_as_often_as_it_may() -> None:
    watched = [False]
    desk = await Desk(interval_ms="100").open()
    desk.service.runtime.is_watched = lambda: watched[0]
    await desk.run(10)
    assert len(desk.events(View)) == 10
    watched[0] = True
    await desk.run(10)
    assert len(desk.events(View)) == 10 + 50
    watched[0] = False
    await desk.run(10)
    assert len(desk.events(View)) == 10 + 50 + 10
    await desk.close()
