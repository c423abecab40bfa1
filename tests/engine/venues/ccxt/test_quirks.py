"""What one venue does and no other: by name in `quality.yaml`."""

from __future__ import annotations

from engine.venues.base import PlaceRefused
from tests.engine.venues.ccxt.desk import desk_at
from tests.engine.venues.ccxt.stubs.bitfinex import Bitfinex
from tests.venues.every import opened
from tests.venues.loopback import Loopback


async def test_bitfinex_refuses_an_order_by_a_code_that_is_no_matter_of_permission(loopback: Loopback) -> None:
    venue = opened(Bitfinex)
    loopback.mount(venue)
    async with desk_at(venue) as desk:
        answer = await desk.place_one(desk.order(size="0.00001"))
        assert isinstance(answer, PlaceRefused)
        assert "minimum size" in answer.reason
        assert await desk.component.balances()
