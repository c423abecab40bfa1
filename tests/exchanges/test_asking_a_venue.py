"""A worker's questions, asked of venues that speak their own wire format."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engine.core.errors import NotReady
from engine.venues.credentials import Credentials
from exchanges.checks import judge
from exchanges.choices import CheckState, VenueKind
from exchanges.inspection import ask
from exchanges.models import Venue
from tests.engine.venues.ccxt.keys import TELLS, telling
from tests.venues.conftest import loopback
from tests.venues.every import opened
from tests.venues.loopback import Loopback

__all__ = ["loopback"]

KEYS = telling("binance").keys


def record(address: str, venue_id: str = "binance") -> Venue:
    """A record that is not stored: nothing is asked of the database."""
    return Venue(
        slug=venue_id,
        name=venue_id.title(),
        kind=VenueKind.CENTRALISED,
        component=f"exchanges.ccxt.{venue_id}",
        endpoint_override=address,
    )


@pytest.mark.parametrize("venue_id", TELLS)
@pytest.mark.parametrize(("withdraws", "state"), [(False, CheckState.PASSED), (True, CheckState.REFUSED)])
async def test_a_key_is_judged_by_what_the_venue_says_of_it(
    loopback: Loopback, venue_id: str, withdraws: bool, state: CheckState
) -> None:
    venue: Any = opened(telling(venue_id))
    venue.withdraws = withdraws
    keys = venue.keys
    given = Credentials(api_key=keys.api_key, secret=keys.secret, passphrase=keys.passphrase)
    said = await asyncio.to_thread(ask, record(loopback.mount(venue), venue_id), "main", given)
    outcome = judge(said, venue=venue_id.title())
    assert (outcome.state, "can withdraw" in outcome.reason) == (state, withdraws)
    assert {asset for asset, balance in said.balances.items() if balance.total} == {"AUR", "USDT"}


async def test_a_venue_that_cannot_be_reached_is_not_ready() -> None:
    given = Credentials(api_key=KEYS.api_key, secret=KEYS.secret)
    with pytest.raises(NotReady) as problem:
        await asyncio.to_thread(ask, record("http://127.0.0.1:9"), "main", given)
    assert KEYS.secret not in str(problem.value)
