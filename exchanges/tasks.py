"""What the beat, or a page, asks of the default worker: venues are asked from here, never from the web process."""

from __future__ import annotations

from celery import shared_task

from exchanges import catalogue, checks, looks, markets
from exchanges.catalogue import claims_of, claims_read
from exchanges.checks import checks_run
from exchanges.inspection import ask, look_at_book, read_markets
from exchanges.looks import looks_take
from exchanges.markets import due, synchronise

AT_ONCE = 2
"""Each may take its time, and whoever waits for a check of an account waits behind them."""


@shared_task(name=checks.TASK, ignore_result=True)
def check_accounts() -> int:
    """Make every check that was asked for. Called when one is; the beat looks for what nobody was called for."""
    return checks_run(ask)


@shared_task(name=looks.TASK, ignore_result=True)
def look_at_books() -> int:
    """Take every look at a book that was asked for. Returns how many."""
    return looks_take(look_at_book)


@shared_task(name=markets.TASK, ignore_result=True)
def synchronise_markets() -> int:
    """Read a few of the venues that are due, the one unread for longest first. Returns how many were read."""
    return sum(synchronise(venue, read_markets) is not None for venue in due()[:AT_ONCE])


@shared_task(name=catalogue.TASK, ignore_result=True)
def read_claims() -> int:
    """Read a few of the venues of which nobody knows yet what the library claims. Returns how many were read."""
    return claims_read(claims_of)
