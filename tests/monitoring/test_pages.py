"""Pages of the desk and the portal: who sees what, and what stands on them."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from clients.models import User
from monitoring.models import Fill
from strategies.choices import Mode
from strategies.models import Deployment
from strategies.services import deployment_create
from tests.monitoring.samples import record
from tests.world import Holding, World


def as_user(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def without_token(page: bytes) -> str:
    """The page less its CSRF token, which is masked anew for every answer."""
    return re.sub(r'"X-CSRFToken": "\w+"|csrfmiddlewaretoken" value="\w+"', "", page.decode())


def fill(holding: Holding, number: int = 1) -> Fill:
    ten = Decimal(10)
    return Fill.objects.create(
        client=holding.client,
        deployment=holding.deployment,
        fill_id=f"f{number}",
        client_order_id="mm-1-1-1",
        at=timezone.now(),
        symbol=holding.market.symbol,
        side="buy",
        price=Decimal("1.9960"),
        size_base=ten,
        fee=Decimal("0.002"),
        fee_asset="USDT",
        is_maker=True,
        mid=Decimal(2),
        fee_quote=Decimal("0.002"),
        realised_quote=Decimal("7.7777"),
        position_base=ten,
        average_cost=Decimal(2),
        realised_total_quote=ten,
        fees_total_quote=ten,
        volume_total_quote=ten,
        fills_total=number,
    )


DESK_PAGES = ["/", "/mandates/", "/deployments/", "/deployments/?ended=1", "/replays/", "/switches/", "/desk/events/"]


@pytest.mark.parametrize("path", DESK_PAGES)
def test_a_visitor_signs_in_first_and_for_a_client_the_desk_does_not_exist(world: World, path: str) -> None:
    assert Client().get(path)["Location"].startswith("/signin/?next=")
    for_client = as_user(world.alice).get(path)
    assert for_client.status_code == (302 if path == "/" else 404)
    assert as_user(world.vera).get(path).status_code == 200


def test_the_desk_shows_a_tile_for_each_running_deployment_with_what_it_owes(world: World) -> None:
    page = as_user(world.vera).get("/").content.decode()
    assert page.count('<article class="tile"') == 2
    assert "ACORN/USDT" in page
    assert "≤ 60" in page
    assert "≥ 1,000" in page


def test_a_deployment_that_ended_leaves_the_desk(world: World) -> None:
    Deployment.objects.filter(pk=world.acorn.deployment.pk).update(ended_at=timezone.now())
    assert "ACORN/USDT" not in as_user(world.vera).get("/").content.decode()
    assert "Acorn" in as_user(world.vera).get("/deployments/?ended=1").content.decode()


def test_an_empty_desk_says_what_to_do(db: None, django_user_model: type[User]) -> None:
    vera = django_user_model.objects.create_user("vera", desk_role="viewer")
    assert "No deployment yet." in as_user(vera).get("/").content.decode()


def test_a_deployment_page_shows_wanted_observed_revision_and_controls(world: World) -> None:
    page = as_user(world.dora).get(f"/deployments/{world.acorn.deployment.pk}/").content.decode()
    assert 'data-record="wanted" data-state="paused"' in page
    assert "not started" in page
    assert "marketmaking" in page
    assert "approved by rita" in page
    assert 'data-dialog="start"' in page


def test_a_mandate_page_lists_obligations_by_version(world: World) -> None:
    page = as_user(world.vera).get("/mandates/acorn-usdt/").content.decode()
    assert "Spread ≤ 60 bps" in page
    assert "in force" in page
    assert as_user(world.vera).get("/mandates/nothing/").status_code == 404


def test_the_gauges_of_a_mandate_count_unobserved_time_against_us(world: World) -> None:
    now = timezone.now()
    Deployment.objects.update(created_at=now - datetime.timedelta(hours=1))
    record(world.acorn.deployment, now - datetime.timedelta(minutes=3), 60)
    page = as_user(world.vera).get("/mandates/acorn-usdt/kpis/").content.decode()
    assert "target 95.0 %" in page
    assert "unobserved" in page


def test_the_history_leaves_gaps_as_gaps_and_ends_at_the_last_sample(world: World) -> None:
    now = timezone.now().replace(microsecond=0)
    record(world.acorn.deployment, now - datetime.timedelta(seconds=300), 60)
    record(world.acorn.deployment, now - datetime.timedelta(seconds=120), 60, own_spread_bps=None)
    answer = as_user(world.vera).get(f"/deployments/{world.acorn.deployment.pk}/series.json?minutes=15").json()
    spread = answer["series"]["own_spread_bps"]
    mid = answer["series"]["mid"]
    assert len(spread) == len(mid) == len(answer["t"])
    assert sum(value is not None for value in spread) == 60
    assert sum(value is not None for value in mid) == 120
    assert mid[-1] is not None
    assert spread[-1] is None
    assert answer["series"]["pnl_quote"][-1] is None  # nothing was said about open PnL, so it is not zero


@pytest.mark.parametrize("minutes", ["0", "-5", "ten", "", "999999999", "all"])
def test_a_strange_span_of_history_is_no_error(world: World, minutes: str) -> None:
    path = f"/deployments/{world.acorn.deployment.pk}/series.json?minutes={minutes}"
    assert as_user(world.vera).get(path).status_code == 200


def test_the_portal_shows_the_own_mandate_and_nothing_of_the_neighbour(world: World) -> None:
    for path in ("/portal/", "/portal/acorn-usdt/"):
        page = as_user(world.bob).get(path).content.decode()
        assert "ACORN/USDT" in page
        assert "edar" not in page.lower()
        assert 'data-dialog="' not in page
        assert "yaml" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/portal/acorn-usdt/",
        "/portal/acorn-usdt/kpis/",
        "/deployments/{acorn}/series.json",
        "/deployments/{acorn}/fills/",
        "/deployments/{acorn}/",
        "/mandates/acorn-usdt/",
    ],
)
def test_to_a_stranger_a_mandate_looks_like_one_that_never_was(world: World, path: str) -> None:
    charlie = as_user(world.charlie)
    real = charlie.get(path.format(acorn=world.acorn.deployment.pk))
    absent = charlie.get(path.format(acorn=987654).replace("acorn-usdt", "no-such-usdt"))
    assert real.status_code == absent.status_code == 404
    assert without_token(real.content) == without_token(absent.content)


def test_realised_pnl_is_shown_to_a_client_only_where_the_mandate_shares_it(world: World) -> None:
    fill(world.acorn)
    path = f"/deployments/{world.acorn.deployment.pk}/"
    assert "7.7777" in as_user(world.vera).get(f"{path}fills/").content.decode()
    kept = as_user(world.alice).get(f"{path}fills/").content.decode()
    assert "1.9960" in kept
    assert "7.7777" not in kept
    assert "pnl_quote" not in as_user(world.alice).get(f"{path}series.json").json()["series"]
    world.acorn.mandate.shares_pnl = True
    world.acorn.mandate.save()
    assert "7.7777" in as_user(world.alice).get(f"{path}fills/").content.decode()


def test_orders_and_events_stay_with_the_desk(world: World) -> None:
    for table in ("orders", "events"):
        path = f"/deployments/{world.acorn.deployment.pk}/{table}/"
        assert as_user(world.vera).get(path).status_code == 200
        assert as_user(world.alice).get(path).status_code == 404


def test_a_shadow_of_the_own_mandate_is_the_desks_own_business(world: World) -> None:
    shadow = deployment_create(
        mandate=world.acorn.mandate,
        revision=world.acorn.revision,
        account=world.acorn.account,
        market=world.acorn.market,
        mode=Mode.SHADOW,
        funding={},
        actor=world.dora,
    )
    assert as_user(world.vera).get(f"/deployments/{shadow.pk}/series.json").status_code == 200
    assert as_user(world.alice).get(f"/deployments/{shadow.pk}/series.json").status_code == 404


def test_what_a_person_wrote_is_shown_as_text(world: World) -> None:
    evil = "<script>alert(1)</script>"
    Deployment.objects.filter(pk=world.acorn.deployment.pk).update(observed_reason=evil)
    for path in ("/", "/deployments/", f"/deployments/{world.acorn.deployment.pk}/"):
        page = as_user(world.vera).get(path).content.decode()
        assert evil not in page
        assert "&lt;script&gt;" in page


def test_the_desk_counts_uptime_of_every_tile_at_once(world: World, django_assert_max_num_queries) -> None:
    record(world.acorn.deployment, timezone.now() - datetime.timedelta(seconds=90), 60)
    desk = as_user(world.vera)
    with django_assert_max_num_queries(9):
        answer = desk.get("/desk/kpis.json").json()
    assert {each["dep"] for each in answer["deployments"]} <= {world.acorn.deployment.pk, world.cedar.deployment.pk}


def test_the_small_lines_show_the_last_two_minutes(world: World) -> None:
    record(world.acorn.deployment, timezone.now() - datetime.timedelta(seconds=60), 30)
    spreads = as_user(world.vera).get("/desk/spreads.json").json()["spreads"]
    seen = [value for value in spreads[str(world.acorn.deployment.pk)] if value is not None]
    assert len(seen) in (30, 29)
    assert set(seen) == {40.0}
    assert set(spreads[str(world.cedar.deployment.pk)]) == {None}
    own = as_user(world.alice).get("/portal/spreads.json").json()["spreads"]
    assert set(own) == {str(world.acorn.deployment.pk)}


def test_a_replay_form_sent_empty_is_refused(world: World) -> None:
    assert as_user(world.dora).post("/replays/").status_code == 422
