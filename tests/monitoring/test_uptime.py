"""Every second of an obligation is met, breached or unobserved. Worked figures as in docs/kpi.md."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from clients.choices import Kpi
from clients.models import Obligation
from clients.tenancy import tenant
from monitoring.samples import move_samples
from monitoring.uptime import ObligationUptime, state_band, uptime, uptime_this_month, uptime_today
from strategies.models import Deployment
from tests.monitoring.samples import at, record
from tests.world import World

TEN, ELEVEN = at("10:00:00"), at("11:00:00")


@pytest.fixture
def deployment(world: World) -> Deployment:
    """At work since before the day began."""
    deployment = world.acorn.deployment
    deployment.created_at = at("00:00:00") - datetime.timedelta(days=2)
    deployment.save(update_fields=["created_at"])
    return deployment


def figure(deployment: Deployment, kpi: str, *, until: str) -> ObligationUptime:
    """The hour from ten, judged up to `until`."""
    now = at(until) + datetime.timedelta(seconds=5)
    found = [row for row in uptime([deployment.pk], start=TEN, end=ELEVEN, now=now) if row.kpi == kpi]
    assert len(found) == 1
    return found[0]


def seconds(found: ObligationUptime) -> tuple[float, float, float]:
    return found.met_s, found.breached_s, found.unobserved_s


def test_uptime_is_the_mean_of_both_sides(deployment: Deployment) -> None:
    """The worked day, a minute for an hour: bids 18 of 24, asks 23 of 24, so 75 %, 95.83 % and 85.42 % in all."""
    record(deployment, at("10:00:00"), 18 * 60)
    record(deployment, at("10:18:00"), 5 * 60, open_bids=0)
    record(deployment, at("10:23:00"), 60, open_bids=0, open_asks=0)
    found = figure(deployment, Kpi.UPTIME, until="10:24:00")
    assert found.period_s == 24 * 60
    assert found.met_bid_s / found.period_s == 0.75
    assert round(found.met_ask_s / found.period_s, 4) == 0.9583
    assert round(found.share, 4) == 0.8542


def test_a_missing_second_is_unobserved_never_met(deployment: Deployment) -> None:
    record(deployment, at("10:00:00"), 30)
    record(deployment, at("10:00:40"), 20)
    for kpi in Kpi.values:
        found = figure(deployment, kpi, until="10:01:00")
        assert seconds(found) == (50, 0, 10)
        assert found.share == 50 / 60


@pytest.mark.parametrize(
    "blind",
    [{"mid": None}, {"book_age_ms": None}, {"book_age_ms": 10_001.0}],
    ids=["no mid", "no book", "a book not heard of for ten seconds"],
)
def test_a_second_without_a_trustworthy_book_is_unobserved(deployment: Deployment, blind: dict[str, object]) -> None:
    record(deployment, at("10:00:00"), 60, **blind)
    for kpi in Kpi.values:
        assert seconds(figure(deployment, kpi, until="10:01:00")) == (0, 0, 60)


@pytest.mark.parametrize(
    ("kpi", "breach"),
    [
        (Kpi.SPREAD, {"own_spread_bps": Decimal("60.0001")}),
        (Kpi.SPREAD, {"own_spread_bps": None}),
        (Kpi.DEPTH, {"own_bid_depth_quote": tuple(map(Decimal, (0, 0, 999, 2000, 2000, 2000)))}),
        (Kpi.DEPTH, {"own_ask_depth_quote": ()}),
        (Kpi.UPTIME, {"open_bids": 0, "open_asks": 0}),
    ],
)
def test_an_observed_second_below_the_terms_is_breached(deployment: Deployment, kpi: str, breach: dict) -> None:
    record(deployment, at("10:00:00"), 40)
    record(deployment, at("10:00:40"), 20, **breach)
    assert seconds(figure(deployment, kpi, until="10:01:00")) == (40, 20, 0)


def test_at_the_very_terms_it_is_met(deployment: Deployment) -> None:
    exact = tuple(map(Decimal, (0, 0, 1000, 1000, 1000, 1000)))
    record(deployment, TEN, 60, own_spread_bps=Decimal("60"), own_bid_depth_quote=exact, own_ask_depth_quote=exact)
    for kpi in (Kpi.SPREAD, Kpi.DEPTH):
        assert seconds(figure(deployment, kpi, until="10:01:00")) == (60, 0, 0)


def test_two_samples_in_one_second_count_as_one_and_the_worse_holds(deployment: Deployment) -> None:
    record(deployment, at("10:00:00"), 60)
    record(deployment, at("10:00:30") + datetime.timedelta(milliseconds=400), 1, own_spread_bps=None)
    assert seconds(figure(deployment, Kpi.SPREAD, until="10:01:00")) == (59, 1, 0)


def test_moving_samples_changes_no_figure(deployment: Deployment) -> None:
    record(deployment, at("10:00:00"), 90)
    record(deployment, at("10:01:40"), 60, own_spread_bps=Decimal("70"), open_bids=0)
    before = uptime([deployment.pk], start=TEN, end=ELEVEN, now=at("10:03:00"))
    for now in ("10:01:07", "10:02:30", "10:03:30"):
        move_samples(now=at(now))
        assert uptime([deployment.pk], start=TEN, end=ELEVEN, now=at("10:03:00")) == before


def test_a_new_version_counts_from_its_own_second(deployment: Deployment) -> None:
    Obligation.objects.create(
        client=deployment.client,
        mandate=deployment.mandate,
        kpi=Kpi.SPREAD,
        version=2,
        starts_at=at("10:00:20"),
        max_spread_bps=Decimal("30"),
        target_share=Decimal("0.9"),
    )
    record(deployment, at("10:00:00"), 60)
    move_samples(now=at("10:01:10"))
    old, new = (
        row for row in uptime([deployment.pk], start=TEN, end=ELEVEN, now=at("10:01:05")) if row.kpi == Kpi.SPREAD
    )
    assert (old.version, seconds(old), old.period_s) == (1, (20, 0, 0), 20)
    assert (new.version, seconds(new), new.period_s) == (2, (0, 40, 0), 40)


def test_a_band_that_is_not_sampled_is_unobserved(deployment: Deployment) -> None:
    Obligation.objects.create(
        client=deployment.client,
        mandate=deployment.mandate,
        kpi=Kpi.DEPTH,
        band_bps=Decimal("25"),
        version=1,
        starts_at=TEN,
        min_depth_quote=Decimal("1"),
        target_share=Decimal("0.9"),
    )
    record(deployment, at("10:00:00"), 60)
    found = uptime([deployment.pk], start=TEN, end=ELEVEN, now=at("10:01:05"))
    assert [seconds(row) for row in found if row.band_bps == 25] == [(0, 0, 60)]


def test_today_counts_from_midnight_or_from_the_deployments_own_start(world: World, deployment: Deployment) -> None:
    later = world.cedar.deployment
    later.created_at = at("09:30:00")
    later.save(update_fields=["created_at"])
    found = uptime_today([deployment.pk, later.pk], now=at("10:00:05"))
    assert {row.deployment_id: row.period_s for row in found} == {deployment.pk: 36_000, later.pk: 1_800}
    assert {row.share for row in found} == {0.0}


def test_the_monthly_budget_shrinks_with_every_second_missed(deployment: Deployment) -> None:
    """A 95 % obligation on the 30 days and 0 hours from 2 to 31 March may miss 36 hours; 60 s breached, 12 h unseen."""
    deployment.created_at = at("00:00:00").replace(day=2)
    deployment.save(update_fields=["created_at"])
    record(deployment, deployment.created_at, 60, own_spread_bps=Decimal("61"))
    record(deployment, deployment.created_at + datetime.timedelta(seconds=60), 60)
    noon = deployment.created_at + datetime.timedelta(hours=12)
    move_samples(now=noon)
    found = next(
        row
        for row in uptime_this_month([deployment.pk], now=noon + datetime.timedelta(seconds=5))
        if row.kpi == Kpi.SPREAD
    )
    assert found.budget_s == pytest.approx(36 * 3600)
    assert found.spent_s == 12 * 3600 - 60
    assert found.budget_left_s == pytest.approx(24 * 3600 + 60)


def test_the_state_band_leaves_no_minute_out(deployment: Deployment) -> None:
    record(deployment, at("10:00:00"), 60)
    record(deployment, at("10:01:00"), 60, own_spread_bps=Decimal("61"))
    record(deployment, at("10:03:00"), 60)
    move_samples(now=at("10:04:10"))
    found = figure(deployment, Kpi.SPREAD, until="10:04:00")
    band = state_band(found)
    assert [minute.state for minute in band] == ["met", "breached", "unobserved", "met"]
    assert [minute.ts for minute in band] == [at(f"10:0{n}:00") for n in range(4)]


def test_any_number_of_deployments_takes_one_query(
    world: World, deployment: Deployment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Deployment.objects.update(created_at=at("00:00:00"))
    with django_assert_num_queries(1):
        found = uptime_today([deployment.pk, world.cedar.deployment.pk], now=at("10:00:05"))
    assert len(found) == 6


def test_a_client_is_told_of_its_own_obligations_only(world: World, deployment: Deployment) -> None:
    record(deployment, at("10:00:00"), 60)
    with tenant(world.cedar.client.pk):
        assert uptime_today([deployment.pk], now=at("10:01:05")) == []
    with tenant(world.acorn.client.pk):
        assert len(uptime_today([deployment.pk], now=at("10:01:05"))) == 3
