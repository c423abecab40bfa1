"""The second wall around every page of a client: the database answers for one client only (A5).

The first wall, `clients.access`, finds whose page it is; whatever the page then shows is read inside `tenant()`. Proven
by taking the database's leave away: a page that still shows its figures has read them with the platform's own rights.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from monitoring.models import DeploymentEvent, FeeConversion, Fill, Order, SessionReport
from monitoring.urls import urlpatterns
from monitoring.views.mandates import kpi_context
from tests.monitoring.samples import record
from tests.world import World

WALLS = [
    ("/portal/", "clients_mandate", "/portal/acorn-usdt/"),
    ("/portal/", "clients_obligation", 'data-max-spread="60'),
    ("/portal/", "strategies_deployment", "data-dep="),
    ("/portal/", "exchanges_market", "data-dep="),
    ("/portal/", "exchanges_venue", "data-dep="),
    ("/portal/acorn-usdt/", "strategies_deployment", "/ws/deployments/"),
    ("/portal/acorn-usdt/", "clients_obligation", 'data-max-spread="60'),
    ("/portal/acorn-usdt/", "monitoring_sample_hot", "met 60 s"),
    ("/portal/acorn-usdt/kpis/", "strategies_deployment", "data-verdict="),
    ("/portal/acorn-usdt/kpis/", "clients_obligation", "data-verdict="),
    ("/portal/acorn-usdt/kpis/", "monitoring_sample_hot", "met 60 s"),
    ("/portal/uptime.json", "strategies_deployment", '"share"'),
    ("/portal/uptime.json", "clients_obligation", '"share"'),
    ("/portal/spreads.json", "strategies_deployment", "40.0"),
    ("/portal/spreads.json", "monitoring_sample_hot", "40.0"),
    ("/deployments/{pk}/series.json", "monitoring_sample_hot", "40.0"),
    ("/deployments/{pk}/fills/", "monitoring_fill", "1.9960"),
    ("/deployments/{pk}/sessions/", "monitoring_sessionreport", "4,321.00"),
    ("/deployments/{pk}/sessions/", "monitoring_deploymentevent", "still running"),
    ("/deployments/{pk}/report/", "monitoring_fill", "+7.5000"),
    ("/deployments/{pk}/report/", "monitoring_sample_hot", "40.00"),
    ("/deployments/{pk}/report/", "monitoring_order", '<td class="num">3<span'),
    ("/deployments/{pk}/report/", "monitoring_feeconversion", "612.34"),
    ("/deployments/{pk}/report/{report}/", "monitoring_sessionreport", "4,321.00"),
]

DOOR = {
    "clients_client",
    "clients_mandate",
    "clients_membership",
    "exchanges_exchangeaccount",
    "exchanges_market",
    "exchanges_venue",
    "strategies_deployment",
}
"""What `access_mandate` and `access_deployment` read before it is known as whom to read."""

DESKS_OWN = {
    "desk",
    "desk_events",
    "desk_kpis",
    "desk_spreads",
    "mandates",
    "mandate",
    "mandate_kpis",
    "deployment",
    "deployment_orders",
    "deployment_events",
    "deployment_measurements",
    "deployment_ticks",
    "deployment_tick",
    "deployment_working",
    "deployments_working",
    "prediction",
    "revision_prediction",
    "replays",
    "replay",
    "replay_report",
}


@pytest.fixture
def alice(world: World) -> Browser:
    deployment = world.acorn.deployment
    deployment.created_at = timezone.now() - datetime.timedelta(days=2)
    deployment.observed = "active"
    deployment.save(update_fields=["created_at", "observed"])
    world.acorn.mandate.shares_pnl = True
    world.acorn.mandate.save(update_fields=["shares_pnl"])
    furnish_a_session(world)
    record(deployment, timezone.now().replace(microsecond=0) - datetime.timedelta(seconds=66), 60)
    one = Decimal(1)
    Fill.objects.create(
        client=world.acorn.client,
        deployment=deployment,
        fill_id="f1",
        client_order_id="mm-1-1-1",
        at=timezone.now(),
        symbol=world.acorn.market.symbol,
        side="buy",
        price=Decimal("1.9960"),
        size_base=one,
        fee=one,
        fee_asset="USDT",
        is_maker=True,
        fee_quote=one,
        realised_quote=Decimal("7.5"),
        position_base=one,
        average_cost=one,
        realised_total_quote=one,
        fees_total_quote=one,
        volume_total_quote=one,
        fills_total=1,
    )
    browser = Browser()
    browser.force_login(world.alice)
    return browser


def furnish_a_session(world: World) -> None:
    deployment, began = world.acorn.deployment, timezone.now() - datetime.timedelta(seconds=70)
    of_acorn = {"client": world.acorn.client, "deployment": deployment}
    DeploymentEvent.objects.create(**of_acorn, at=began, token=deployment.token, kind="state", detail={"new": "active"})
    figures = {"volume_quote": "4321", "fill_rate": None}
    SessionReport.objects.create(
        **of_acorn, starts_at=began - datetime.timedelta(days=1), ends_at=began, figures=figures, origin="records"
    )
    for number in range(3):
        Order.objects.create(
            **of_acorn,
            client_order_id=f"o{number}",
            token=1,
            symbol=world.acorn.market.symbol,
            side="buy",
            level=number,
            price=2,
            size_base=1,
            status="open",
            created_at=timezone.now(),
            updated_at=timezone.now(),
        )
    FeeConversion.objects.create(
        **of_acorn,
        number=1,
        at=timezone.now(),
        asset="BNB",
        amount=1,
        rate=Decimal("612.34"),
        rate_source="venue mid",
        rate_at=timezone.now(),
        fee_quote=Decimal("612.34"),
        fees_total_quote=Decimal("612.34"),
        fills_total=1,
    )


def address(path: str, world: World) -> str:
    stored = SessionReport.objects.get(deployment=world.acorn.deployment)
    return path.format(pk=world.acorn.deployment.pk, report=stored.pk)


@pytest.mark.parametrize(("path", "table", "figure"), WALLS)
def test_a_page_shows_nothing_the_database_does_not_give_its_client(
    world: World, alice: Browser, path: str, table: str, figure: str
) -> None:
    path = address(path, world)
    assert figure in alice.get(path).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"DROP POLICY tenant ON {table}")
    assert figure not in alice.get(path).content.decode()


@pytest.mark.parametrize("path", sorted({path for path, _, _ in WALLS}))
def test_outside_the_wall_a_page_reads_no_more_than_whose_it_is(world: World, alice: Browser, path: str) -> None:
    path, unbound = address(path, world), set[str]()

    def listen(execute: Callable, sql: str, params: object, many: bool, context: dict) -> object:
        if getattr(connection, "tenant_client_id", None) is None:
            unbound.update(re.findall(r"(?:FROM|JOIN) \"?((?:clients|exchanges|strategies|monitoring)_\w+)", sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        assert alice.get(path).status_code == 200
    assert unbound <= DOOR | {"clients_user"}


def test_every_address_a_client_can_open_stands_behind_the_wall() -> None:
    """A new page is either the desk's own or listed above."""
    tried = {
        re.sub(r"acorn-usdt", "<slug:slug>", path).replace("{pk}", "<int:pk>").replace("{report}", "<int:report>")
        for path, _, _ in WALLS
    }
    assert tried == {f"/{each.pattern}" for each in urlpatterns if each.name not in DESKS_OWN}


def test_charlie_meets_nothing_of_acorn_on_any_page(world: World, alice: Browser) -> None:
    charlie = Browser()
    charlie.force_login(world.charlie)
    for path in {path for path, _, _ in WALLS}:
        page = charlie.get(address(path, world))
        assert page.status_code == (200 if path in ("/portal/", "/portal/uptime.json", "/portal/spreads.json") else 404)
        assert "acorn" not in page.content.decode().lower()
        assert f'"{world.acorn.deployment.pk}"' not in page.content.decode()


@pytest.mark.parametrize("typed", ["²", "9" * 5000, "99999999999999999999", "-1", "1e3"])
def test_a_strange_number_in_an_address_is_no_error(world: World, typed: str) -> None:
    browser = Browser()
    browser.force_login(world.vera)
    assert browser.get(f"/deployments/{world.acorn.deployment.pk}/series.json?minutes={typed}").status_code == 200
    assert browser.get(f"/mandates/acorn-usdt/?deployment={typed}").status_code == 404


def test_the_gauges_of_the_months_last_second_do_not_fail_at_midnight(
    world: World, alice: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock read twice: once in March, then in April."""
    midnight = datetime.datetime(2100, 4, 1, tzinfo=datetime.UTC)
    read = itertools.count(1)
    clock = lambda: midnight + datetime.timedelta(seconds=-1 if next(read) == 1 else 3)  # noqa: E731
    monkeypatch.setattr("monitoring.uptime.timezone.now", clock)
    deployment = world.acorn.deployment
    kpi_context(world.acorn.mandate, deployment)
    assert next(read) == 2
