"""Session reports as people read them: any range, in whose name, and what is wrong with a range in words."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from django.test import Client as Browser
from django.utils import timezone

from clients.models import User
from monitoring.models import Fill
from tests.monitoring.samples import record
from tests.world import World


def browser_of(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


def path(world: World, query: str = "") -> str:
    return f"/deployments/{world.acorn.deployment.pk}/report/{query}"


def fill(world: World, number: int, **fields: object) -> Fill:
    one = Decimal(1)
    known: dict[str, object] = {
        "client": world.acorn.client,
        "deployment": world.acorn.deployment,
        "fill_id": f"f{number}",
        "client_order_id": "mm-1-1-1",
        "at": timezone.now() - datetime.timedelta(minutes=5),
        "symbol": world.acorn.market.symbol,
        "side": "buy",
        "price": Decimal(2),
        "size_base": one,
        "fee": Decimal("0.25"),
        "fee_asset": "BNB",
        "is_maker": True,
        "fee_quote": 0,
        "realised_quote": 0,
        "position_base": number,
        "average_cost": 2,
        "realised_total_quote": 0,
        "fees_total_quote": 0,
        "volume_total_quote": 0,
        "fills_total": number,
    }
    return Fill.objects.create(**{**known, **fields})


def test_a_client_reads_reports_only_where_the_mandate_shares_pnl(world: World) -> None:
    assert browser_of(world.alice).get(path(world)).status_code == 404
    world.acorn.mandate.shares_pnl = True
    world.acorn.mandate.save(update_fields=["shares_pnl"])
    assert browser_of(world.alice).get(path(world)).status_code == 200
    assert browser_of(world.charlie).get(path(world)).status_code == 404


def test_a_report_of_another_deployment_is_not_found_under_this_one(world: World) -> None:
    assert browser_of(world.vera).get(path(world) + "999/").status_code == 404


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?from=nonsense", "A moment is written as 2026-03-10T14:30, in UTC; was nonsense."),
        ("?from=2026-02-30T10:00", "A moment is written as 2026-03-10T14:30, in UTC; was 2026-02-30T10:00."),
        ("?from=2026-03-10T10:00&to=2026-03-10T09:00", "The beginning must lie before the end, and before now."),
        ("?from=2099-01-01T00:00&to=2099-02-01T00:00", "The beginning must lie before the end, and before now."),
        ("?from=2020-01-01T00:00&to=2026-01-01T00:00", "A report covers 366 days at most, was 2192 days."),
    ],
)
def test_a_range_that_cannot_be_reported_is_refused_in_words(world: World, query: str, sentence: str) -> None:
    answer = browser_of(world.vera).get(path(world, query))
    assert answer.status_code == 422
    assert sentence in answer.content.decode()


def test_fees_are_shown_by_asset_with_what_is_missing_and_what_was_converted(world: World) -> None:
    at = timezone.now() - datetime.timedelta(minutes=9)
    fill(
        world, 1, fee_quote=Decimal("153.085"), fee_rate=Decimal("612.34"), fee_rate_source="venue mid", fee_rate_at=at
    )
    fill(world, 2, fee_unpriced=Decimal("0.25"))
    page = browser_of(world.vera).get(path(world, f"?from={at:%Y-%m-%dT%H:%M}")).content.decode()
    assert "fees of 0.25 BNB are missing, since they have no rate yet" in page
    assert ">153.0850<" in page
    assert "venue mid" in page
    assert f"{at:%H:%M:%S}" in page
    fills = browser_of(world.vera).get(f"/deployments/{world.acorn.deployment.pk}/fills/").content.decode()
    assert "0.25 BNB</span>" in fills
    watch = browser_of(world.vera).get(f"/deployments/{world.acorn.deployment.pk}/").content.decode()
    assert "Missing from PnL, since there is no rate for them yet: fees of 0.25 BNB." in watch


def test_a_long_range_looks_at_fewer_samples_and_says_so(world: World) -> None:
    start = timezone.now().replace(microsecond=0) - datetime.timedelta(hours=12)
    record(world.acorn.deployment, start, 600)
    page = browser_of(world.vera).get(path(world, f"?from={start:%Y-%m-%dT%H:%M:%S}")).content.decode()
    assert "one every 3 s" in page
    assert ">200<" in page


def test_the_sessions_of_a_deployment_that_never_ran_are_none(world: World) -> None:
    page = browser_of(world.vera).get(f"/deployments/{world.acorn.deployment.pk}/sessions/").content.decode()
    assert "No session yet" in page
