"""A venue that keeps no ids of ours: Binance, as if it took none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from msgspec.structs import replace

from engine.core.errors import NotReady
from engine.market.types import Side
from engine.venues.base import Placed, PlaceUnknown
from engine.venues.ccxt.quality import qualities
from tests.engine.venues.ccxt.desk import Desk, S, desk_at
from tests.venues.binance import Binance
from tests.venues.every import opened
from tests.venues.faults import Drop, Hold, Unheard
from tests.venues.loopback import Loopback
from tests.venues.wire import Venue


@pytest.fixture
def venue(loopback: Loopback) -> Venue:
    made = opened(Binance)
    loopback.mount(made)
    return made


@pytest.fixture
async def desk(venue: Venue, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    known = qualities()[venue.id]
    without = tuple(ability for ability in known.abilities if ability != "client_ids")
    monkeypatch.setitem(qualities(), venue.id, replace(known, abilities=without))
    async with desk_at(venue, request_timeout_s=Decimal(2)) as made:
        yield made


async def test_orders_are_known_by_the_venues_id(desk: Desk, venue: Venue) -> None:
    orders = [desk.order(price=price) for price in ("99.5", "99.4")]
    answers = await desk.place(*orders)
    assert [type(answer) for answer in answers] == [Placed] * 2
    assert {order.client_id for order in venue.books.resting("desk")}.isdisjoint(
        order.client_order_id for order in orders
    )
    listed = await desk.component.open_orders(S)
    assert {one.client_order_id for one in listed} == {order.client_order_id for order in orders}


async def test_an_order_whose_answer_was_lost_is_known_by_what_it_is(desk: Desk, venue: Venue) -> None:
    order = desk.order(Side.SELL, "101.25", "0.75")
    venue.books.place("desk", S, "sell", price=Decimal("101.25"), size=Decimal("0.7"))
    venue.faults.next("place", Drop())
    assert isinstance(await desk.place_one(order), PlaceUnknown)
    listed = {one.client_order_id: one for one in await desk.component.open_orders(S)}
    assert listed[order.client_order_id].size_base == Decimal("0.75")
    assert len(listed) == 2
    await desk.component.cancel(S, [order.client_order_id])
    assert [left.size for left in venue.books.resting("desk")] == [Decimal("0.7")]


async def test_nothing_is_sent_while_an_order_is_missing(desk: Desk, venue: Venue) -> None:
    venue.faults.next("place", Unheard(acts=False))
    assert isinstance(await desk.place_one(desk.order(price="99.25")), PlaceUnknown)
    with pytest.raises(NotReady, match=r"the buy of 0\.5 AUR/USDT at 99\.25 is without an answer"):
        await desk.place_one()
    assert len(venue.requests("place")) == 1


async def test_what_was_lost_and_is_found_lets_the_next_one_go(desk: Desk, venue: Venue) -> None:
    venue.faults.next("place", held := Hold())
    assert isinstance(await desk.place_one(desk.order(price="99.25")), PlaceUnknown)
    held.until.set()
    assert isinstance(await desk.place_one(), Placed)
    assert len(venue.books.resting("desk")) == 2
