"""The simulated market: exact outside, reproducible, shared, and like the recordings it was calibrated to."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from engine.core.errors import NotReady
from engine.core.scheduler import Scheduler
from engine.market.types import Side, Trade
from engine.testing import ManualClock, RecordingRuntime
from engine.venues.base import MarketFeed
from engine.venues.hub import MarketHub
from engine.venues.simulated.anchor import AMPLITUDES, Anchor
from engine.venues.simulated.market import SimulatedMarket
from engine.venues.simulated.profiles import DECAYS_PER_S, PROFILES
from engine.venues.simulated.venue import Simulated
from tests.engine.venues.market_statistics import MarketStatistics

D = Decimal


class World:
    """A host with a clock moved by hand."""

    def __init__(self, start_ns: int = 1_700_000_000_000_000_000) -> None:
        self.clock = ManualClock(now_ns=start_ns)
        self.scheduler = Scheduler(self.clock)
        self.hub = MarketHub()

    async def market(self, **args: Any) -> Simulated:
        given: dict[str, Any] = {
            "symbol": "AURORA/USDT",
            "anchor_price": D("2.5"),
            "tick_size": D("0.0001"),
            "lot_size": D("0.1"),
            "profile": "mid",
            "seed": 7,
        }
        market = Simulated(**(given | args))
        RecordingRuntime(self.clock, scheduler=self.scheduler, hub=self.hub).equip(market, "venue")
        await market.load()
        return market

    async def pass_time(self, seconds: float) -> None:
        await self.scheduler.run_until(self.clock.monotonic() + seconds)


def events_of(feed: MarketFeed) -> list[Any]:
    """Everything the feed says from now on."""
    events: list[Any] = []
    feed.on_trade.append(events.append)
    feed.on_book.append(
        lambda feed: events.append((feed.book_ts_ns, *feed.book.top(Side.BUY, 5), *feed.book.top(Side.SELL, 5)))
    )
    return events


@pytest.mark.parametrize("profile", ["major", "mid", "thin"])
async def test_prices_and_sizes_are_exact_on_tick_and_lot_and_never_crossed(profile: str) -> None:
    world = World()
    venue = await world.market(profile=profile, anchor_price=D("61500"), tick_size=D("0.01"), lot_size=D("0.00001"))
    feed = venue.feed("AURORA/USDT")
    events = events_of(feed)
    for _ in range(60):
        await world.pass_time(1)
        assert not feed.book.is_crossed
        for side in Side:
            levels = feed.book.top(side, 100)
            assert len(levels) > 10
            assert all(level.price % D("0.01") == 0 and level.size_base % D("0.00001") == 0 for level in levels)
            assert all(level.price > 0 and level.size_base > 0 for level in levels)
    trades = [event for event in events if isinstance(event, Trade)]
    assert all(trade.price % D("0.01") == 0 and trade.size_base % D("0.00001") == 0 for trade in trades)
    assert all(trade.ts_ns <= world.clock.now_ns() for trade in trades)


async def test_the_same_seed_and_clock_give_the_same_events_and_another_seed_others() -> None:
    runs = []
    for seed in (7, 7, 8):
        world = World()
        venue = await world.market(seed=seed, profile="major")
        events = events_of(venue.feed("AURORA/USDT"))
        await world.pass_time(60)
        runs.append(events)
    assert len(runs[0]) > 600
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


async def test_deployments_that_name_the_same_market_share_one_feed_until_the_last_leaves() -> None:
    world = World()
    first, second = await world.market(), await world.market()
    other = await world.market(seed=8)
    feed = first.feed("AURORA/USDT")
    assert second.feed("AURORA/USDT") is feed
    assert other.feed("AURORA/USDT") is not feed
    await first.unload()
    await first.unload()
    await world.pass_time(5)
    assert feed.age_s(world.clock.monotonic()) == pytest.approx(0, abs=0.2)
    await second.unload()
    await world.pass_time(5)
    assert feed.age_s(world.clock.monotonic()) == pytest.approx(5, abs=0.3)


async def test_two_hosts_that_started_at_different_times_agree_on_the_level() -> None:
    early, late = World(), World()
    first = await early.market(profile="mid")
    await early.pass_time(3600)
    late.clock.move_to(late.clock.monotonic() + 3600)
    second = await late.market(profile="mid")
    mids = [market.feed("AURORA/USDT").book.mid for market in (first, second)]
    assert abs(mids[0] / mids[1] - 1) < D("0.005")  # type: ignore[operator]


async def test_a_host_frozen_for_an_hour_resumes_at_the_level_of_now() -> None:
    world = World()
    feed = (await world.market()).feed("AURORA/USDT")
    await world.pass_time(10)
    world.clock.move_to(world.clock.monotonic() + 3600)
    await world.pass_time(1)
    level = 2.5 * math.exp(Anchor("7|AURORA/USDT|mid").log_offset(world.clock.now_ns() / 1e9))
    assert float(feed.book.mid) == pytest.approx(level, rel=0.003)  # type: ignore[arg-type]
    assert not feed.book.is_crossed


def test_the_slow_component_stays_within_a_few_percent_and_moves_within_hours() -> None:
    anchor = Anchor("7|AURORA/USDT|mid")
    offsets = [anchor.log_offset(1_700_000_000 + 600 * step) for step in range(4000)]
    assert max(map(abs, offsets)) <= sum(AMPLITUDES)
    assert max(offsets) - min(offsets) > 0.015


async def test_it_says_what_is_wrong_with_its_arguments() -> None:
    world = World()
    with pytest.raises(NotReady, match=r"give a tick_size of at most 0\.0025"):
        await world.market(tick_size=D("0.1"))
    venue = await world.market()
    with pytest.raises(NotReady, match="holds AURORA/USDT, not BTC/USDT"):
        venue.feed("BTC/USDT")


async def test_a_step_late_by_some_seconds_simulates_what_it_missed() -> None:
    market = SimulatedMarket(
        profile=PROFILES["major"], seed="1", anchor_ticks=1e6, lots_per_quote_at_tick=1e5, start_s=1.7e9
    )
    assert len({at for at, *_ in market.step(1.7e9 + 4.9)}) > 5
    assert market.step(1.7e9 + 4.9) == []


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_taker_bursts_die_out(profile: Any) -> None:
    assert len(profile.taker_weights) == len(DECAYS_PER_S)
    assert sum(profile.taker_weights) < 1
    assert list(profile.depth_quote) == sorted(profile.depth_quote)


# Calibration: the figure beside each range is what the recordings showed.


@pytest.fixture(scope="module")
def major() -> MarketStatistics:
    return MarketStatistics("major", seconds=3600, tick_bps=0.0016, price=61_600.0)


@pytest.fixture(scope="module")
def mid() -> MarketStatistics:
    return MarketStatistics("mid", seconds=14_400, tick_bps=0.355, price=1.0)


@pytest.fixture(scope="module")
def thin() -> MarketStatistics:
    return MarketStatistics("thin", seconds=86_400, tick_bps=1.0, price=1.0)


def test_a_major_shows_one_tick_while_its_mid_stands_still_and_jumps(major: MarketStatistics) -> None:
    assert 0.98 < major.share_at_one_tick < 1  # 0.993
    assert 0.86 < major.unchanged(0.1) < 0.93  # 0.89
    assert 0.30 < major.unchanged(1) < 0.60  # 0.50
    assert 0.2 < major.deviation(0.1) < 0.5  # 0.33 bps
    assert 0.8 < major.deviation(1) < 1.8  # 1.25 bps
    assert 3.0 < major.deviation(10) < 6.0  # 4.2 bps
    assert 75 < major.kurtosis(0.1) < 1500  # 277
    assert major.kurtosis(10) < major.kurtosis(1) < major.kurtosis(0.1)


def test_takers_of_a_major_cluster_remember_their_sign_and_have_heavy_sizes(major: MarketStatistics) -> None:
    assert 7 < major.takers_per_s < 14  # 11
    assert 1.5 < major.arrival_variation < 2.3  # 1.74
    assert 0.25 < major.sign_correlation(1) < 0.53  # 0.41
    assert 0.09 < major.sign_correlation(10) < 0.22  # 0.16
    assert 0 < major.sign_correlation(50) < 0.12  # 0.05
    assert 1.0 < major.hill < 1.6  # 1.31
    assert 120 < major.size(0.5) < 320  # 195
    assert 30_000 < major.size(0.99) < 100_000  # 64,000


def test_a_taker_of_a_major_costs_its_maker_more_than_the_half_spread(major: MarketStatistics) -> None:
    assert 0.2 < major.markout(0.1) < 0.45  # 0.31 bps
    assert 0.35 < major.markout(1) < 0.8  # 0.51 bps
    assert 0.5 < major.markout(10) < 1.4  # 0.92 bps
    assert major.markout(0.1) > 100 * major.tick_bps / 2


def test_a_mid_sized_market_is_at_one_tick_three_quarters_of_the_time(mid: MarketStatistics) -> None:
    assert 0.65 < mid.share_at_one_tick < 0.85  # 0.74
    assert 0.90 < mid.unchanged(0.2) < 0.98  # 0.96 at 0.1 s
    assert 0.50 < mid.unchanged(1) < 0.85  # 0.60
    assert 0.35 < mid.deviation(1) < 0.75  # 0.54 bps
    assert 0.25 < mid.takers_per_s < 0.6  # 0.45
    assert 1.3 < mid.arrival_variation < 1.9  # 1.43
    assert 0.2 < mid.sign_correlation(1) < 0.4  # 0.33
    assert 0.1 < mid.markout(1) < 0.35  # 0.18 bps


def test_a_thin_market_is_wide_and_pays_its_maker(thin: MarketStatistics) -> None:
    assert 11 < thin.spread_bps(0.25) < 18  # 14 bps
    assert 17 < thin.spread_bps(0.5) < 25  # 20 bps
    assert 22 < thin.spread_bps(0.75) < 34  # 26 bps
    assert 0.03 < thin.takers_per_s < 0.08  # 0.049
    assert 1.6 < thin.arrival_variation < 3.1  # 1.97
    assert 1.2 < thin.hill < 2.8  # 1.9
    assert 0 < thin.markout(10) < thin.spread_bps(0.5) / 2
