"""What is asked of a venue now and then rather than while it is traded on: an account's report, the list of markets."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from engine.core.errors import EngineError
from engine.venues.account_report import AccountReport
from engine.venues.ccxt.markets import instrument_of
from engine.venues.ccxt.permissions import key_permissions
from engine.venues.market_listing import ListedMarket, Listing

if TYPE_CHECKING:
    from engine.venues.ccxt.account import Account
    from engine.venues.ccxt.public import PublicVenue


async def account_report(account: Account) -> AccountReport:
    """Ask what the key may do and what the account holds. Raises the errors of `engine.core.errors`."""
    clock, venue = account.clock, account.venue
    asked = clock.monotonic()
    balances = await account.balances()
    took_s = clock.monotonic() - asked
    permissions = await key_permissions(account)
    return AccountReport(
        permissions=permissions,
        clock_skew_ms=_ms(venue.skew_s),
        round_trip_ms=_ms(took_s),
        budget_left=await venue.line.left(),
        balances=balances,
    )


def listing(venue: PublicVenue) -> Listing:
    """The markets as they were loaded: those of the venue's kind that can be traded exactly, and why others cannot."""
    found: list[ListedMarket] = []
    left_out: dict[str, str] = {}
    for symbol, market in venue.library.markets.items():
        if not market.get("spot" if venue.place.kind == "spot" else "linear"):
            continue
        if (listed := venue.tuning.listed_steps) is not None:
            market = {**market, "precision": {"price": listed.tick, "amount": listed.lot}}
        try:
            instrument = instrument_of(market, mode=venue.library.precisionMode)
        except EngineError as error:
            left_out[symbol] = str(error)
            continue
        found.append(ListedMarket(instrument=instrument, is_trading=market.get("active") is not False))
    return Listing(
        markets=tuple(found), left_out=left_out, clock_skew_ms=_ms(venue.skew_s), round_trip_ms=_ms(venue.round_trip_s)
    )


def _ms(seconds: float | None) -> Decimal | None:
    return None if seconds is None else Decimal(f"{seconds * 1000:.1f}")
