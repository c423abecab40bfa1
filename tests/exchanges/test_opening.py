"""A mandate opened in one step, ready for a strategy; what is there already is taken as it is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client as Browser
from django.utils import timezone

from clients.errors import Refusal
from clients.models import AuditEntry, Client, Mandate
from exchanges.models import ExchangeAccount, Market, Venue
from exchanges.opening import Promises, mandate_open
from tests.exchanges.conftest import exchange
from tests.world import World

__all__ = ["exchange"]

OWED = Promises(max_spread_bps=Decimal(50), band_bps=Decimal(200), min_depth_quote=Decimal(1000))


def opened(world: World, **given: Any) -> Mandate:
    values = {"client_name": "Borealis", "base": "boreal", "quote": "USDT", "promises": OWED, "venue": None}
    return mandate_open(**{**values, "start_price": Decimal("0.35"), "actor": world.adam, **given})


def test_it_makes_everything_a_strategy_needs_and_audits_each(world: World) -> None:
    mandate = opened(world)
    assert (mandate.client.name, mandate.symbol, mandate.slug) == ("Borealis", "BOREAL/USDT", "boreal-usdt")
    kpis = {each.kpi: (each.max_spread_bps, each.band_bps, each.min_depth_quote) for each in mandate.obligations.all()}
    assert kpis == {"uptime": (None, None, None), "spread": (50, None, None), "depth": (None, 200, 1000)}
    market = Market.objects.get(symbol="BOREAL/USDT")
    assert (market.tick_size, market.lot_size) == (Decimal("0.00001"), Decimal("0.1"))
    assert ExchangeAccount.objects.get(client=mandate.client).is_paper
    verbs = set(AuditEntry.objects.filter(actor=world.adam).values_list("verb", flat=True))
    assert verbs >= {"client.created", "mandate.created", "obligation.added", "market.created", "account.opened"}


@pytest.mark.parametrize(("price", "tick"), [("61000", "1"), ("1", "0.0001"), ("0.00000123", "0.0000000001")])
def test_the_steps_of_a_simulated_market_suit_its_price(world: World, price: str, tick: str) -> None:
    opened(world, start_price=Decimal(price))
    market = Market.objects.get(symbol="BOREAL/USDT")
    assert market.tick_size == Decimal(tick)
    assert Decimal(price) / market.tick_size >= 1000
    assert market.lot_size * Decimal(price) <= 1


def test_a_second_mandate_takes_client_market_and_account_as_they_are(world: World) -> None:
    first = opened(world)
    second = opened(world, client_name="borealis", base="SECOND")
    assert second.client == first.client
    assert ExchangeAccount.objects.filter(client=first.client).count() == 1
    with pytest.raises(Refusal, match="Borealis has a mandate called BOREAL/USDT on"):
        opened(world)
    other = opened(world, client_name="Somebody else")
    assert other.slug == "boreal-usdt-2"
    assert Market.objects.filter(symbol="BOREAL/USDT").count() == 1


def test_at_a_real_venue_the_pair_must_be_on_its_list(world: World, exchange: Venue) -> None:
    with pytest.raises(Refusal, match="have not been read yet"):
        opened(world, venue=exchange)
    Venue.objects.filter(pk=exchange.pk).update(synced_at=timezone.now())
    exchange.refresh_from_db()
    with pytest.raises(Refusal, match="trades no BOREAL/USDT"):
        opened(world, venue=exchange)
    Market.objects.create(
        venue=exchange, symbol="BOREAL/USDT", base="BOREAL", quote="USDT", tick_size="0.1", lot_size="1"
    )
    assert opened(world, venue=exchange).name == "BOREAL/USDT on Binance"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"client_name": " "}, "name the client"),
        ({"quote": "BOREAL"}, "against itself"),
        ({"start_price": None}, "needs a price to begin at"),
        ({"start_price": Decimal(0)}, "needs a price to begin at"),
    ],
)
def test_what_cannot_be_opened_says_why_and_leaves_nothing(world: World, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refusal, match=sentence):
        opened(world, **given)
    assert not Client.objects.filter(name="Borealis").exists()


def test_only_an_administrator_opens_one(world: World) -> None:
    with pytest.raises(PermissionDenied):
        opened(world, actor=world.dora)
    browser = Browser()
    browser.force_login(world.dora)
    assert browser.get("/mandates/new/").status_code == 403
    assert "Open a mandate" not in browser.get("/mandates/").content.decode()


def test_the_form_leads_on_to_a_strategy_and_keeps_what_was_typed_when_refused(world: World) -> None:
    browser = Browser()
    browser.force_login(world.adam)
    typed = {"client": "Borealis", "base": "boreal", "quote": "USDT", "venue": "", "start_price": "0.35"}
    owed = {"max_spread_bps": "50", "target": "95", "min_depth_quote": "1000", "band_bps": "200"}
    wrong = browser.post("/mandates/new/", {**typed, **owed, "quote": "boreal"})
    assert wrong.status_code == 422
    assert "against itself" in wrong.content.decode()
    assert 'value="Borealis"' in wrong.content.decode()
    assert browser.post("/mandates/new/", {**typed, **owed, "base": "a b"}).status_code == 422
    answer = browser.post("/mandates/new/", {**typed, **owed})
    assert answer["Location"] == "/strategies/new/?mandate=boreal-usdt"
    assert "BOREAL/USDT on" in browser.get(answer["Location"]).content.decode()
