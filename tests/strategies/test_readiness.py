"""What a draft's market, venue and accounts have to say beside it."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client as Browser
from django.utils import timezone

from exchanges.choices import CheckState, KeyVerdict, MarketState
from exchanges.models import AccountCheck, Market, SealedCredentials, Venue
from strategies.builder.layout import sheet_of
from strategies.builder.starters import begun, starters
from strategies.drafting import ground_of
from strategies.loading import market_facts
from strategies.models import Strategy
from strategies.readiness import Remark, readiness
from strategies.views.strategies import owed
from tests.exchanges.conftest import account, exchange, key_file, sealed
from tests.world import World

__all__ = ["account", "exchange", "key_file", "sealed"]


@pytest.fixture
def strategy(world: World, exchange: Venue) -> Strategy:
    """Acorn's draft on its pair at Binance, read a minute ago."""
    now = timezone.now()
    facts = {"tick_size": "0.0001", "lot_size": "0.1", "min_notional_quote": "5", "synced_at": now}
    market = Market.objects.create(venue=exchange, symbol="ACORN/USDT", base="ACORN", quote="USDT", **facts)
    Market.objects.create(venue=exchange, symbol="ACORN/USDC", base="ACORN", quote="USDC", **facts)
    Venue.objects.filter(pk=exchange.pk).update(synced_at=now)
    market.refresh_from_db()
    strategy = world.acorn.strategy
    strategy.market = market
    strategy.draft_yaml = begun(starters()["ladder"], market_facts(market), owed(strategy.mandate))
    strategy.save(update_fields=["market", "draft_yaml"])
    return strategy


def remarks(strategy: Strategy) -> dict[str, Remark]:
    strategy = Strategy.objects.select_related("market__venue").get(pk=strategy.pk)
    found = readiness(strategy, sheet_of(strategy.draft_yaml, ground_of(strategy)))
    return {each.name: each for each in found}


def test_market_and_venue_say_what_they_are(strategy: Strategy) -> None:
    found = remarks(strategy)
    assert (found["Market"].weight, found["Venue"].weight) == ("ok", "ok")
    assert "ticks of 0.0001 and lots of 0.1, no order under 5 USDT" in found["Market"].text
    assert found["Venue"].text.startswith("Binance is tuned")


@pytest.mark.parametrize(
    ("change", "weight", "words"),
    [
        ({"state": MarketState.HALTED}, "bad", "does not trade ACORN/USDT at present"),
        ({"state": MarketState.DELISTED}, "bad", "taken off the list"),
        ({"synced_at": None}, "warn", "as written by hand"),
        ({"synced_at": timezone.now() - datetime.timedelta(days=3)}, "warn", "over a day ago"),
    ],
)
def test_a_market_that_is_not_what_it_was_is_marked(
    strategy: Strategy, change: dict[str, object], weight: str, words: str
) -> None:
    Market.objects.filter(pk=strategy.market_id).update(**change)
    assert remarks(strategy)["Market"].weight == weight
    assert words in remarks(strategy)["Market"].text


def test_a_market_that_was_taken_off_the_list_makes_the_draft_wrong_at_its_symbol(strategy: Strategy) -> None:
    Market.objects.filter(pk=strategy.market_id).update(state=MarketState.DELISTED)
    sheet = sheet_of(strategy.draft_yaml, ground_of(strategy))
    assert [(mark.target, mark.problem.message) for mark in sheet.marks] == [
        ("f-vars-symbol", "ACORN/USDT was taken off the list of Binance")
    ]


def test_a_symbol_the_venue_never_had_is_answered_with_those_it_has(strategy: Strategy) -> None:
    Market.objects.filter(pk=strategy.market_id).update(symbol="ACORN/EUR")
    sheet = sheet_of(strategy.draft_yaml, ground_of(strategy))
    assert sheet.problems[0].message == "Binance lists no ACORN/USDT, but ACORN/EUR, ACORN/USDC"


def test_a_live_account_says_what_keeps_it_from_trading(strategy: Strategy, sealed: SealedCredentials) -> None:
    assert remarks(strategy)["Account"].weight == "warn"
    assert "has not been checked" in remarks(strategy)["Account"].text


def test_what_an_account_held_is_compared_with_what_the_guard_lets_rest(
    strategy: Strategy, sealed: SealedCredentials
) -> None:
    SealedCredentials.objects.update(verdict=KeyVerdict.USABLE)
    check = AccountCheck.objects.create(
        client_id=strategy.client_id,
        account=sealed.account,
        serial=sealed.serial,
        fingerprint=sealed.fingerprint,
        state=CheckState.PASSED,
        findings=[{"name": "Addresses", "weight": "warn", "text": "It works from anywhere."}],
        balances=[{"asset": "USDT", "free": "900.5", "locked": "0"}],
    )
    found = remarks(strategy)
    assert (found["Account"].weight, found["Addresses"].weight) == ("ok", "warn")
    assert "main held 0 ACORN and 900.5 USDT" in found["Balances"].text
    assert found["Balances"].target == "f-components-guard-args-max_open_notional_quote"
    check.balances = [{"asset": "USDT", "free": "900000", "locked": "0"}]
    check.save(update_fields=["balances"])
    assert "nothing can be asked" in remarks(strategy)["Balances"].text
    check.balances.append({"asset": "ACORN", "free": "1", "locked": "2"})
    check.save(update_fields=["balances"])
    assert remarks(strategy)["Balances"].weight == "ok"


def test_the_builder_shows_them(world: World, strategy: Strategy) -> None:
    browser = Browser()
    browser.force_login(world.dora)
    page = browser.get(f"/strategies/{strategy.pk}/").content.decode()
    assert "Binance is tuned" in page
    assert 'class="remark remark--ok"' in page
