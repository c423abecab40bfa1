"""The predicted book on its pages: which market it is tried on, how old that is, and what it is judged by."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from django.test import Client as Browser
from django.utils import timezone

import mmplatform.celery  # noqa: F401  (looks are asked for over our broker)
from exchanges.choices import VenueKind
from exchanges.looks import looks_take
from exchanges.models import BookLook, ExchangeAccount, Market, Venue
from monitoring.services import recording_register
from strategies.builder.starters import begun, starters
from strategies.loading import market_facts
from strategies.models import Strategy
from strategies.views.strategies import owed
from tests.exchanges.test_looks import is_away, shows
from tests.strategies.builder.test_stages import recording
from tests.world import World


@pytest.fixture
def strategy(world: World) -> Strategy:
    """Acorn's draft, for a real venue where it has a paper account."""
    venue = Venue.objects.create(
        slug="kraken", name="Kraken", kind=VenueKind.CENTRALISED, component="exchanges.ccxt.kraken"
    )
    ExchangeAccount.objects.create(client=world.acorn.client, venue=venue, name="paper")
    facts = {"tick_size": "0.0001", "lot_size": "0.1", "min_notional_quote": "5"}
    market = Market.objects.create(venue=venue, symbol="ACORN/USDT", base="ACORN", quote="USDT", **facts)
    market.refresh_from_db()
    strategy = world.acorn.strategy
    strategy.market = market
    strategy.draft_yaml = begun(starters()["ladder"], market_facts(market), owed(strategy.mandate))
    strategy.save(update_fields=["market", "draft_yaml"])
    return strategy


def as_user(user: object) -> Browser:
    browser = Browser()
    browser.force_login(user)  # type: ignore[arg-type]
    return browser


def test_a_real_market_is_looked_at_first_and_its_age_is_shown(world: World, strategy: Strategy) -> None:
    dora, url = as_user(world.dora), f"/strategies/{strategy.pk}/prediction/"
    page = dora.get(url).content.decode()
    assert "Nobody has looked at the book of this market yet" in page
    assert BookLook.objects.count() == 0
    page = dora.post(url).content.decode()
    assert "a worker is looking…" in page
    assert looks_take(shows) == 1
    page = dora.get(url).content.decode()
    assert "a worker is looking" not in page
    assert 'seen <span data-since="' in page
    assert "Spread ≤ 60 bps" in page
    assert "ACORN/USDT at Kraken, held still for 15 s" in page
    assert "our bids" in page


def test_a_book_seen_long_ago_says_so(world: World, strategy: Strategy) -> None:
    dora, url = as_user(world.dora), f"/strategies/{strategy.pk}/prediction/"
    dora.post(url)
    looks_take(shows)
    assert "badge--warn" not in dora.get(url).content.decode()
    BookLook.objects.update(seen_at=timezone.now() - datetime.timedelta(minutes=3))
    assert 'badge--warn">seen' in dora.get(url).content.decode()


def test_a_venue_that_does_not_answer_and_a_worker_that_is_not_there_are_told_apart(
    world: World, strategy: Strategy
) -> None:
    dora, url = as_user(world.dora), f"/strategies/{strategy.pk}/prediction/"
    dora.post(url)
    BookLook.objects.update(asked_at=timezone.now() - datetime.timedelta(minutes=2))
    assert "is the worker running?" in dora.get(url).content.decode()
    looks_take(is_away)
    page = dora.get(url).content.decode()
    assert "binance did not answer within 45 s." in page
    assert 'hx-trigger="load, click"' not in page  # it does not ask again by itself, again and again


def test_a_recording_of_the_pair_may_be_chosen_and_the_moment_in_it(
    world: World, strategy: Strategy, tmp_path: Path
) -> None:
    (known,) = recording_register(Path(recording(tmp_path)))
    dora, url = as_user(world.dora), f"/strategies/{strategy.pk}/prediction/"
    assert f'<option value="recording-{known.pk}">Recorded: acornusdt.gz</option>' in dora.get(url).content.decode()
    page = dora.get(url, {"on": f"recording-{known.pk}"}).content.decode()
    assert "mid 2<" in page
    assert "ACORN/USDT as recorded in acornusdt.gz, at 2023-11-14" in page
    half = dora.get(url, {"on": f"recording-{known.pk}", "at": "50"}).content.decode()
    assert "mid 4<" in half
    odd = dora.get(url, {"on": f"recording-{known.pk}", "at": "x"}).content.decode()
    assert "mid 2<" in odd
    assert "Nobody has looked" in dora.get(url, {"on": "recording-999"}).content.decode()


def test_strangers_see_nothing_and_viewers_ask_nothing(world: World, strategy: Strategy) -> None:
    url = f"/strategies/{strategy.pk}/prediction/"
    assert as_user(world.alice).get(url).status_code == 404
    assert as_user(world.alice).post(url).status_code == 404
    vera = as_user(world.vera)
    assert "hx-post" not in vera.get(url).content.decode()
    assert "You may not have a venue or an account checked" in vera.post(url).content.decode()
    assert BookLook.objects.count() == 0
