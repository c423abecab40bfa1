"""A worker's questions, asked of a venue that speaks Binance's wire format."""

from __future__ import annotations

import asyncio

import pytest

from engine.core.errors import NotReady
from engine.venues.credentials import Credentials
from exchanges.checks import judge
from exchanges.choices import CheckState, VenueKind
from exchanges.inspection import ask
from exchanges.models import Venue
from tests.engine.venues.ccxt.test_surveys import BinanceThatTells
from tests.venues.conftest import loopback
from tests.venues.every import opened
from tests.venues.loopback import Loopback

__all__ = ["loopback"]

KEYS = BinanceThatTells.keys


def record(address: str) -> Venue:
    """A record that is not stored: nothing is asked of the database."""
    return Venue(
        slug="binance",
        name="Binance",
        kind=VenueKind.CENTRALISED,
        component="exchanges.ccxt.binance",
        endpoint_override=address,
    )


@pytest.mark.parametrize(("withdraws", "state"), [(False, CheckState.PASSED), (True, CheckState.REFUSED)])
async def test_a_key_is_judged_by_what_the_venue_says_of_it(
    loopback: Loopback, withdraws: bool, state: CheckState
) -> None:
    venue = opened(BinanceThatTells)
    venue.withdraws = withdraws
    given = Credentials(api_key=KEYS.api_key, secret=KEYS.secret)
    said = await asyncio.to_thread(ask, record(loopback.mount(venue)), "main", given)
    assert judge(said, venue="Binance").state == state
    assert {asset for asset, balance in said.balances.items() if balance.total} == {"AUR", "USDT"}


async def test_a_venue_that_cannot_be_reached_is_not_ready() -> None:
    given = Credentials(api_key=KEYS.api_key, secret=KEYS.secret)
    with pytest.raises(NotReady) as problem:
        await asyncio.to_thread(ask, record("http://127.0.0.1:9"), "main", given)
    assert KEYS.secret not in str(problem.value)
