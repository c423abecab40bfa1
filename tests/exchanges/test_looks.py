"""Looks at books: asked for on a page, taken by a worker from a venue that speaks Binance's wire format."""

from __future__ import annotations

import asyncio
import datetime

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from clients.errors import Refusal
from engine.core.errors import NotReady
from engine.venues.still import SeenBook
from exchanges.inspection import look_at_book
from exchanges.looks import look_ask, looks_take
from exchanges.models import BookLook, Venue
from tests.exchanges.test_asking_a_venue import record
from tests.strategies.builder.test_stages import book
from tests.venues.binance import Binance
from tests.venues.conftest import loopback
from tests.venues.every import opened
from tests.venues.loopback import Loopback
from tests.world import World

__all__ = ["loopback"]


async def test_a_worker_sees_the_book_the_venue_shows(loopback: Loopback) -> None:
    venue = record(loopback.mount(opened(Binance)))
    seen = await asyncio.to_thread(look_at_book, venue, "AUR/USDT")
    assert seen.instrument.symbol == "AUR/USDT"
    assert seen.bids[0].price < seen.asks[0].price
    assert SeenBook.from_plain(seen.plain()) == seen


async def test_a_market_the_venue_does_not_have_has_no_book(loopback: Loopback) -> None:
    venue = record(loopback.mount(opened(Binance)))
    with pytest.raises(Exception, match="NONE/USDT"):
        await asyncio.to_thread(look_at_book, venue, "NONE/USDT")


def shows(venue: Venue, symbol: str) -> SeenBook:
    return book(symbol=symbol)


def is_away(venue: Venue, symbol: str) -> SeenBook:
    raise NotReady("binance did not answer within 45 s.")


def test_a_look_is_waited_for_until_a_worker_took_it(world: World, exchange: Venue) -> None:
    look = look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.dora)
    assert look.is_waiting
    assert looks_take(shows) == 1
    look.refresh_from_db()
    assert not look.is_waiting
    assert SeenBook.from_plain(look.book).bids[0].price < 2
    assert looks_take(shows) == 0


def test_two_who_ask_at_once_get_one_answer(world: World, exchange: Venue) -> None:
    asked = look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.dora)
    assert look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.adam).asked_at == asked.asked_at
    looks_take(shows)
    assert not look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.adam).is_waiting
    BookLook.objects.update(seen_at=timezone.now() - datetime.timedelta(seconds=5))
    assert look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.adam).is_waiting
    assert BookLook.objects.count() == 1


def test_an_attempt_that_failed_says_why_and_keeps_what_was_seen(world: World, exchange: Venue) -> None:
    look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.dora)
    looks_take(shows)
    BookLook.objects.update(seen_at=timezone.now() - datetime.timedelta(seconds=5))
    look = look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.dora)
    looks_take(is_away)
    look.refresh_from_db()
    assert look.problem == "binance did not answer within 45 s."
    assert look.book is not None


def test_who_may_not_have_a_venue_asked_is_told_so(world: World, exchange: Venue) -> None:
    with pytest.raises(PermissionDenied, match="have a venue or an account checked"):
        look_ask(venue=exchange, symbol="ACORN/USDT", actor=world.vera)
    with pytest.raises(Refusal, match="its book is made here"):
        look_ask(venue=world.venue, symbol="ACORN/USDT", actor=world.dora)
