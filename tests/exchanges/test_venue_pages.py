"""Pages of venues, and the records behind them: every centralised venue, and what is known of each."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client as Browser

from clients.models import AuditEntry, User
from engine.core.errors import NotReady
from engine.venues.ccxt.quality import qualities
from exchanges.catalogue import claims_of, claims_read, venues_sync
from exchanges.markets import synchronise, write
from exchanges.models import Venue
from exchanges.selectors import listed_venues, matrix, needed_fields, proofs, quality_of
from tests.exchanges.test_markets import D, _raise, listed, listing
from tests.world import World

CLAIMED: dict[str, Any] = {
    "library": "ccxt 0.0.0",
    "has": {
        "cancelOrder": "yes",
        "editOrder": "emulated",
        "watchOrders": "no",
        "fetchOrderBook": "yes",
        "transfer": "yes",
    },
    "credentials": ["api_key", "secret"],
    "rate_limit_ms": 50.0,
    "countries": ["JP"],
    "doc": "",
    "is_certified": True,
    "streams": True,
}


def as_user(user: User) -> Browser:
    browser = Browser()
    browser.force_login(user)
    return browser


@pytest.fixture
def known(exchange: Venue) -> Venue:
    """Binance as it stands after the first start: two markets read, one of them changed since."""
    venues_sync()
    claims_read(lambda ids: dict.fromkeys(ids, CLAIMED), at_most=200)
    write(exchange, listing())
    write(exchange, listing(listed(tick_size=D("0.001")), listed("CEDAR/USDT", is_trading=False)))
    exchange.refresh_from_db()
    return exchange


def test_every_centralised_venue_gets_a_record_once_and_keeps_what_people_decided(exchange: Venue) -> None:
    Venue.objects.filter(pk=exchange.pk).update(name="Binance Global", endpoint_override="http://127.0.0.1:1")
    centralised = [quality for quality in qualities().values() if quality.kind == "cex"]
    assert venues_sync() == len(centralised) - 1
    assert venues_sync() == 0
    assert len(centralised) > 80
    exchange.refresh_from_db()
    assert (exchange.name, exchange.endpoint_override, exchange.tier) == (
        "Binance Global",
        "http://127.0.0.1:1",
        "tuned",
    )
    assert Venue.objects.filter(kind="centralised").count() == len(centralised)


def test_a_slug_that_is_taken_is_left_to_its_holder(db: None) -> None:
    Venue.objects.create(slug="kraken", name="A stand-in", kind="simulated", component="exchanges.simulated")
    venues_sync()
    assert Venue.objects.get(component="exchanges.ccxt.kraken").slug == "kraken-ccxt"


def test_claims_are_read_by_a_process_of_their_own() -> None:
    found = claims_of(["binance", "okx"])
    assert found["binance"]["has"]["createOrder"] == "yes"
    assert found["okx"]["credentials"] == ["api_key", "secret", "passphrase"]


def test_claims_that_cannot_be_read_are_none() -> None:
    assert claims_of(["nowhere"]) == {}


def test_claims_are_read_a_few_at_a_time_until_none_is_left(exchange: Venue) -> None:
    venues_sync()
    asked: list[str] = []

    def ask(ids: Any) -> dict[str, Any]:
        asked.extend(ids)
        return dict.fromkeys(ids, CLAIMED)

    assert claims_read(ask, at_most=3) == 3
    while claims_read(ask, at_most=50):
        continue
    assert len(asked) == len(set(asked)) == Venue.objects.filter(kind="centralised").count()
    exchange.refresh_from_db()
    assert needed_fields(exchange) == ("api_key", "secret")


def test_the_command_makes_the_records(db: None) -> None:
    out = StringIO()
    call_command("sync_venues", quick=True, stdout=out)
    assert re.search(r"\d\d venues are new; of 0", out.getvalue())


@pytest.mark.parametrize("path", ["/venues/", "/venues/binance/", "/venues/binance/sync/"])
def test_a_visitor_signs_in_and_for_a_client_there_are_no_venues(world: World, known: Venue, path: str) -> None:
    assert Browser().get(path)["Location"].startswith("/signin/?next=")
    assert as_user(world.alice).get(path).status_code == 404
    assert as_user(world.vera).get(path).status_code == 200


def test_the_list_counts_what_trades_and_says_the_tier(world: World, known: Venue) -> None:
    found = {venue.slug: venue for venue in listed_venues()}
    assert (found["binance"].trading, found["simulated"].held) == (1, 2)
    page = as_user(world.vera).get("/venues/").content.decode()
    row = re.search(r'<tr data-text="binance binance .*?</tr>', page, re.DOTALL)
    assert row
    assert "tuned" in row[0]
    assert "no switch" in row[0]
    assert page.count("<tr data-text") == len(found)


def test_a_venues_page_shows_markets_changes_claims_and_proofs(world: World, known: Venue) -> None:
    page = as_user(world.vera).get("/venues/binance/").content.decode()
    assert "0.01 → 0.001" in page
    assert '<span class="badge badge--bad">halted</span>' in page
    assert "claim--emulated" in page
    assert "fills exact with fees" in page
    assert "Binance has none for spot orders" in page
    assert "./mm check-venue binance" in page


def test_markets_are_found_by_words(world: World, known: Venue) -> None:
    page = as_user(world.vera).get("/venues/binance/", {"q": "cedar usdt"}).content.decode()
    assert "<td>CEDAR/USDT</td>" in page
    assert "<td>ACORN/USDT</td>" not in page
    assert "No market holds these words." in as_user(world.vera).get("/venues/binance/?q=zz").content.decode()


def test_a_reading_is_asked_for_and_the_panel_looks_again_until_it_came(world: World, known: Venue) -> None:
    browser = as_user(world.dora)
    waiting = browser.post("/venues/binance/sync/", headers={"HX-Request": "true"}).content.decode()
    assert 'hx-trigger="load delay:2s"' in waiting
    synchronise(known, lambda venue: _raise(NotReady("no route to the venue")))
    over = browser.get("/venues/binance/sync/", headers={"HX-Request": "true"}).content.decode()
    assert "hx-trigger" not in over
    assert "no route to the venue" in over
    refused = as_user(world.vera).post("/venues/binance/sync/", headers={"HX-Request": "true"}).content.decode()
    assert "You may not have a venue or an account checked" in refused


def test_following_is_audited(world: World, known: Venue) -> None:
    as_user(world.dora).post("/venues/binance/follow/", {"follow": "1"})
    assert Venue.objects.get(slug="binance").is_followed
    assert AuditEntry.objects.get(verb="venue.followed").new is True
    as_user(world.rita).post("/venues/binance/follow/", {"follow": "0"})
    assert Venue.objects.get(slug="binance").is_followed


def test_a_venue_of_our_own_has_a_page_without_claims(world: World) -> None:
    page = as_user(world.vera).get("/venues/simulated/").content.decode()
    assert "its markets are made here" in page
    assert quality_of(world.venue) is None
    assert matrix(world.venue) == []
    assert as_user(world.vera).get("/venues/nowhere/").status_code == 404


def test_every_behaviour_is_proven_exempt_or_does_not_apply(known: Venue) -> None:
    quality = quality_of(known)
    assert quality is not None
    marks = {proof.name: proof.mark for proof in proofs(quality)}
    assert marks["exact market"] == "proven"
    assert marks["dead man's switch"] == "exempt"
    assert dict(matrix(known)) == {
        "Orders": [("cancelOrder", "yes"), ("editOrder", "emulated")],
        "Market data": [("fetchOrderBook", "yes")],
        "Streams": [("watchOrders", "no")],
    }


def test_what_a_venue_lacks_and_we_emulate_is_named_as_that(known: Venue, world: World) -> None:
    """Binance amends spot orders and takes no batches of them; Bitget the other way round."""
    browser = as_user(world.vera)
    for slug, own, emulated in (("binance", "amend", "batch"), ("bitget", "batch", "amend")):
        page = browser.get(f"/venues/{slug}/").content.decode()
        assert re.search(rf'<span class="offer" title="[^"]*">{own}</span>', page)
        assert re.search(rf'title="Emulated: [^"]+" aria-label="{emulated}: emulated">{emulated}</span>', page)
        assert f'aria-label="{own}: emulated"' not in page
        assert "mulated by" in page, "how it behaves says so too"
