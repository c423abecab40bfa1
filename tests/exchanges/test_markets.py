"""Markets are kept as their venues list them, and every change is noticed, kept and followed."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone
from msgspec.structs import replace

from clients.errors import Refusal
from engine.core.errors import NotReady
from engine.market.types import Instrument
from engine.venues.market_listing import ListedMarket, Listing
from exchanges.choices import MarketState
from exchanges.markets import AGAIN, EVERY, Synced, due, sync_ask, synchronise, venue_follow, write
from exchanges.models import ExchangeAccount, Market, MarketChange, Venue
from tests.world import World

D = Decimal


def listed(symbol: str = "ACORN/USDT", *, is_trading: bool = True, **facts: Decimal | None) -> ListedMarket:
    base, quote = symbol.split("/")
    instrument = Instrument(symbol=symbol, base=base, quote=quote, tick_size=D("0.01"), lot_size=D("0.1"))
    return ListedMarket(instrument=replace(instrument, **facts), is_trading=is_trading)


def listing(*markets: ListedMarket, **more: object) -> Listing:
    return Listing(markets=markets or (listed(), listed("CEDAR/USDT")), **more)


@pytest.fixture
def synced(exchange: Venue) -> Venue:
    """Two markets, read once."""
    write(exchange, listing())
    return exchange


def changes(symbol: str = "ACORN/USDT") -> list[tuple[str, str, str]]:
    found = MarketChange.objects.filter(market__symbol=symbol, market__venue__slug="binance").order_by("id")
    return [(change.fact, change.old, change.new) for change in found]


def market(symbol: str = "ACORN/USDT") -> Market:
    return Market.objects.get(symbol=symbol, venue__slug="binance")


def test_the_first_reading_makes_the_markets_and_is_no_news(exchange: Venue) -> None:
    found = write(exchange, listing(clock_skew_ms=D("12.5"), round_trip_ms=D("80.1")))
    assert found == Synced(listed=2, changes=0)
    assert (market().tick_size, market().lot_size, market().state) == (D("0.01"), D("0.1"), "trading")
    exchange.refresh_from_db()
    assert (exchange.latency_ms, exchange.skew_ms, exchange.sync_problem) == (80.1, 12.5, "")


def test_a_reading_without_news_changes_nothing(synced: Venue) -> None:
    assert write(synced, listing()) == Synced(listed=2, changes=0)
    assert market().facts_version == 1


@pytest.mark.parametrize(
    ("fact", "new", "kept"),
    [
        ("tick_size", D("0.001"), ("tick_size", "0.01", "0.001")),
        ("lot_size", D("1.0"), ("lot_size", "0.1", "1")),
        ("min_notional_quote", D(10), ("min_notional_quote", "", "10")),
        ("min_size_base", D("0.5"), ("min_size_base", "", "0.5")),
    ],
)
def test_a_changed_fact_is_kept_with_what_was_before_and_raises_the_version(
    synced: Venue, fact: str, new: Decimal, kept: tuple[str, str, str]
) -> None:
    write(synced, listing(listed(**{fact: new}), listed("CEDAR/USDT")))
    assert changes() == [kept]
    assert getattr(market(), fact) == new
    assert (market().facts_version, market("CEDAR/USDT").facts_version) == (2, 1)


def test_the_same_number_with_other_zeros_is_no_change(synced: Venue) -> None:
    assert write(synced, listing(listed(tick_size=D("0.0100")), listed("CEDAR/USDT"))).changes == 0


def test_a_halt_a_delisting_and_a_return_are_each_noticed(synced: Venue) -> None:
    write(synced, listing(listed(is_trading=False), listed("CEDAR/USDT")))
    assert market().state == MarketState.HALTED
    write(synced, listing(listed("CEDAR/USDT")))
    assert market().state == MarketState.DELISTED
    write(synced, listing())
    assert market().state == MarketState.TRADING
    assert changes() == [
        ("state", "trading", "halted"),
        ("state", "halted", "delisted"),
        ("state", "delisted", "trading"),
    ]


def test_a_new_market_after_the_first_reading_is_news(synced: Venue) -> None:
    write(synced, listing(listed(), listed("CEDAR/USDT"), listed("ELM/USDT")))
    assert changes("ELM/USDT") == [("listed", "", "trading")]


def test_a_market_that_can_no_longer_be_traded_exactly_is_not_taken_for_delisted(synced: Venue) -> None:
    write(synced, listing(listed("CEDAR/USDT"), left_out={"ACORN/USDT": "no tick is stated"}))
    assert market().state == MarketState.TRADING


def test_a_list_that_is_far_too_short_is_not_believed(exchange: Venue) -> None:
    names = [f"M{number}/USDT" for number in range(10)]
    write(exchange, listing(*map(listed, names)))
    assert synchronise(exchange, lambda venue: listing(*map(listed, names[:4]))) is None
    exchange.refresh_from_db()
    assert "lists 4 of the 10 markets known to trade there, which is too few" in exchange.sync_problem
    assert not MarketChange.objects.exists()
    assert synchronise(exchange, lambda venue: listing(*map(listed, names[:5]))) == Synced(listed=5, changes=5)


def test_the_desks_own_fees_stay(synced: Venue) -> None:
    Market.objects.filter(pk=market().pk).update(maker_fee_bps=D("-0.5"))
    write(synced, listing(listed(maker_fee_bps=D(10)), listed("CEDAR/USDT")))
    assert market().maker_fee_bps == D("-0.5")


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda venue: _raise(NotReady("no route to the venue")), "no route to the venue"),
        (lambda venue: _raise(KeyError("odd")), "KeyError while reading"),
    ],
)
def test_a_reading_that_fails_says_why_and_keeps_what_was_known(
    synced: Venue, read: Callable[[Venue], Listing], words: str
) -> None:
    assert synchronise(synced, read) is None
    synced.refresh_from_db()
    assert words in synced.sync_problem
    assert market().state == MarketState.TRADING


def _raise(error: Exception) -> Listing:
    raise error


def test_what_a_venue_changed_is_never_rewritten(synced: Venue) -> None:
    write(synced, listing(listed(tick_size=D("0.001")), listed("CEDAR/USDT")))
    with pytest.raises(IntegrityError, match="never changed or removed"), transaction.atomic():
        MarketChange.objects.update(old="1")
    with pytest.raises(IntegrityError), transaction.atomic():
        MarketChange.objects.all().delete()


def test_venues_are_read_when_asked_for_when_followed_and_where_a_live_account_is(
    world: World, exchange: Venue
) -> None:
    assert due() == []
    sync_ask(venue=exchange, actor=world.dora)
    assert due() == [exchange]
    assert synchronise(exchange, lambda venue: listing())
    assert due() == []
    long_ago = timezone.now() - EVERY - datetime.timedelta(seconds=1)
    Venue.objects.update(synced_at=long_ago, sync_tried_at=long_ago, sync_asked_at=None)
    assert due() == []
    venue_follow(venue=exchange, is_followed=True, actor=world.dora)
    assert due() == [exchange]
    Venue.objects.update(is_followed=False)
    assert due() == []
    ExchangeAccount.objects.create(client=world.acorn.client, venue=exchange, name="main", is_paper=False)
    assert due() == [exchange]


def test_a_failed_wish_is_not_repeated_for_ever(world: World, exchange: Venue) -> None:
    sync_ask(venue=exchange, actor=world.dora)
    synchronise(exchange, lambda venue: _raise(NotReady("no")))
    assert due() == []
    sync_ask(venue=exchange, actor=world.dora)
    assert due() == [exchange]


def test_a_followed_venue_that_is_down_is_left_alone_for_a_while(world: World, exchange: Venue) -> None:
    venue_follow(venue=exchange, is_followed=True, actor=world.dora)
    synchronise(exchange, lambda venue: _raise(NotReady("no")))
    assert due() == []
    Venue.objects.update(sync_tried_at=timezone.now() - AGAIN - datetime.timedelta(seconds=1))
    assert due() == [exchange]


def test_only_who_may_asks_and_only_at_an_exchange(world: World, exchange: Venue) -> None:
    with pytest.raises(PermissionDenied):
        sync_ask(venue=exchange, actor=world.vera)
    with pytest.raises(PermissionDenied):
        venue_follow(venue=exchange, is_followed=True, actor=world.rita)
    with pytest.raises(Refusal, match="its markets are made here"):
        sync_ask(venue=world.venue, actor=world.dora)
