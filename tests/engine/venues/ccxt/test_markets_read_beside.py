"""Markets are read beside the loop, in the venue's budget, and handed to whoever trades by them. E15."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine.core.errors import NotReady
from engine.venues.base import Placed, PlaceRefused
from tests.engine.venues.ccxt.desk import S, desk_at
from tests.engine.venues.ccxt.stubs.upbit import Upbit
from tests.venues.binance import Binance
from tests.venues.every import opened
from tests.venues.faults import html
from tests.venues.loopback import Loopback
from tests.venues.wire import Venue


@pytest.fixture
def venue(loopback: Loopback) -> Venue:
    made = opened(Binance)
    loopback.mount(made)
    return made


async def test_they_are_read_on_a_loop_of_their_own_and_asked_about_on_ours(venue: Venue) -> None:
    async with desk_at(venue, keyless=True) as desk:
        here, public = asyncio.get_running_loop(), desk.component._venue
        assert public._reader.asyncio_loop is not here
        assert public.library.asyncio_loop is here
        assert (await desk.component.ticker(S)).bid == Decimal("99.99")


async def test_reading_them_takes_its_turn_in_the_venues_budget(venue: Venue) -> None:
    async with desk_at(venue, keyless=True) as desk:
        public = desk.component._venue
        spent = await public.line.budget.used()
        await public._reload_markets()
        assert await public.line.budget.used() > spent
        await public.line.ban(60)
        reading = asyncio.ensure_future(public._load_markets())
        await desk.until(lambda: public.line._waiting)
        assert len(venue.requests("markets")) == 2
        reading.cancel()


async def test_the_markets_are_shared_and_only_those_in_use_keep_the_venues_own_words(venue: Venue) -> None:
    async with desk_at(venue) as desk:
        desk.component.feed(S)
        await desk.component.open_orders(S)
        shared, keyed = desk.component._venue.library, desk.component._account.library
        assert keyed.markets is shared.markets
        assert shared.markets[S]["info"]["symbol"] == "AURUSDT"
        assert len(venue.requests("markets")) == 1


async def test_an_account_trades_by_the_markets_that_were_read_last(venue: Venue) -> None:
    async with desk_at(venue) as desk:
        await desk.place_one()
        before = desk.component._account.library.markets
        await desk.component._venue._reload_markets()
        await desk.place_one(desk.order(price="99.4"))
        after = desk.component._account.library.markets
        assert after is desk.component._venue.library.markets
        assert after is not before
        assert after[S]["info"]
        assert len(venue.books.resting("desk")) == 2


def change(venue: Venue, **facts: Any) -> None:
    """The venue changes its market."""
    venue.books.markets[S] = msgspec.structs.replace(venue.books.markets[S], **facts)


async def test_after_a_reload_an_account_sends_what_is_on_the_new_grid_and_nothing_that_is_not(venue: Venue) -> None:
    async with desk_at(venue) as desk:
        assert isinstance(await desk.place_one(desk.order(price="99.55", size="0.5")), Placed)
        change(venue, tick=Decimal("0.1"), lot=Decimal("0.01"))
        await desk.component._venue._reload_markets()
        sent = len(venue.requests("place"))
        for price, size, words in [
            ("99.45", "0.5", "price 99.45 is not a multiple of 0.1"),
            ("99.4", "0.505", "size 0.505 is not a multiple of 0.01"),
        ]:
            answer = await desk.place_one(desk.order(price=price, size=size))
            assert isinstance(answer, PlaceRefused)
            assert words in answer.reason
        assert len(venue.requests("place")) == sent
        assert isinstance(await desk.place_one(desk.order(price="99.4", size="0.51")), Placed)
        assert {(each.price, each.size) for each in venue.books.resting("desk")} == {
            (Decimal("99.55"), Decimal("0.5")),
            (Decimal("99.4"), Decimal("0.51")),
        }


async def test_after_a_reload_nothing_is_sent_to_a_market_that_is_no_longer_listed(venue: Venue) -> None:
    async with desk_at(venue) as desk:
        placed = await desk.place_one()
        market = venue.books.markets.pop(S)
        venue.books.markets["BOR/USDT"] = msgspec.structs.replace(market, base="BOR")
        await desk.component._venue._reload_markets()
        sent = len(venue.requests("place"))
        answer = await desk.place_one()
        assert isinstance(answer, PlaceRefused)
        assert "binance has no market AUR/USDT" in answer.reason
        assert len(venue.requests("place")) == sent
        venue.books.markets[S] = market
        await desk.component._venue._reload_markets()
        assert isinstance(await desk.place_one(), Placed)
        assert placed.client_order_id in {report.client_order_id for report in await desk.component.open_orders(S)}


async def test_steps_that_cannot_be_had_again_stay_as_they_were(loopback: Loopback) -> None:
    venue = opened(Upbit)
    loopback.mount(venue)
    async with desk_at(venue) as desk:
        assert isinstance(await desk.place_one(), Placed)
        venue.faults.always("steps", html(status=503))
        await desk.component._venue._reload_markets()
        assert desk.component._account.library.markets is not None
        assert isinstance(await desk.place_one(desk.order(price="99.45")), Placed)
        answer = await desk.place_one(desk.order(price="99.455"))
        assert "not a multiple of 0.01" in answer.reason
        venue.faults.clear()
        change(venue, tick=Decimal("0.1"))
        await desk.component._venue._reload_markets()
        answer = await desk.place_one(desk.order(price="99.35"))
        assert "not a multiple of 0.1" in answer.reason


async def test_two_accounts_share_no_options(venue: Venue) -> None:
    async with desk_at(venue) as one, desk_at(venue) as other:
        libraries: list[Any] = [desk.component._account.library for desk in (one, other)]
        libraries.append(one.component._venue.library)
        for option in ("fetchMarkets", "networks"):
            assert len({id(library.options[option]) for library in libraries}) == 3


async def test_a_venue_that_cannot_list_its_markets_cannot_be_loaded(venue: Venue) -> None:
    venue.faults.always("markets", html(status=503))
    with pytest.raises(NotReady, match="load_markets"):
        async with desk_at(venue):
            pass
