"""Asks venues, from a worker: loads the venue's component by itself, asks, and lets go of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from django.conf import settings
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from engine.core.alone import Commons, alone, commons
from engine.core.clock import SystemClock
from engine.core.component import Component
from engine.core.errors import EngineError, NotReady, Refused
from engine.core.params import parameters_of
from engine.core.plugins import BrokenComponent, Registry, UnknownComponent
from engine.venues.account_report import AccountReport, ReportsAccount
from engine.venues.base import MarketSource
from engine.venues.credentials import Credentials, Keyring, no_credentials
from engine.venues.market_listing import Listing, ListsMarkets
from engine.venues.still import SeenBook
from exchanges.models import Venue

T = TypeVar("T")

PATIENCE_S = 45.0
"""A venue that loads a few thousand markets over a slow line takes ten."""
BOOK_WITHIN_S = 15.0
LEVELS = 400
"""Of a book, a side: more than any venue streams by default."""


@sensitive_variables("credentials")
def ask(venue: Venue, account: str, credentials: Credentials) -> AccountReport:
    """What the venue says about an account. Raises EngineError, by remedy."""

    async def question(component: Component) -> AccountReport:
        if not isinstance(component, ReportsAccount):
            raise Refused(f"{venue.component} cannot be asked about an account.")
        return await component.account_report()

    return visit(venue, question, account=account, credentials=lambda name: credentials)


def read_markets(venue: Venue) -> Listing:
    """What the venue trades. Raises EngineError, by remedy."""

    async def question(component: Component) -> Listing:
        if not isinstance(component, ListsMarkets):
            raise Refused(f"{venue.component} cannot be asked what it trades.")
        return await component.listing()

    return visit(venue, question)


def look_at_book(venue: Venue, symbol: str) -> SeenBook:
    """The book of one market as it is now. Raises EngineError, by remedy."""

    async def question(component: Component) -> SeenBook:
        if not isinstance(component, MarketSource):
            raise Refused(f"{venue.component} shows no books.")
        feed, clock = component.feed(symbol), component.runtime.clock
        give_up_at = clock.monotonic() + BOOK_WITHIN_S
        while feed.received_at is None or feed.problem or feed.book.mid is None:
            if clock.monotonic() > give_up_at:
                raise NotReady(f"{venue} showed no book of {symbol} within {BOOK_WITHIN_S:g} s. {feed.problem}".strip())
            await clock.sleep_until(clock.monotonic() + 0.02)
        return SeenBook.of(feed, ts_ns=clock.now_ns(), levels=LEVELS)

    return visit(venue, question)


def visit(
    venue: Venue,
    question: Callable[[Any], Awaitable[T]],
    *,
    account: str = "",
    credentials: Keyring = no_credentials,
    registry: Registry | None = None,
) -> T:
    """Load the venue's component, ask one question, and let go. Raises EngineError, by remedy."""
    component = component_of(venue, account=account, registry=registry)

    async def within() -> T:
        async with (
            among_hosts() as among,
            alone(component, name=venue.slug, credentials=credentials, among=among) as loaded,
        ):
            return await question(loaded)

    try:
        return asyncio.run(asyncio.wait_for(within(), PATIENCE_S))
    except TimeoutError:
        raise NotReady(f"{venue} did not answer within {PATIENCE_S:g} s.") from None


@asynccontextmanager
async def among_hosts() -> AsyncIterator[Commons]:
    """With the request budgets and the turns of keys that hosts have: asking neither takes what orders need, nor uses a
    number in between theirs."""
    if not settings.REDIS_URL:
        async with commons() as own:
            yield own
        return
    open_budgets = import_string(settings.SHARED_BUDGETS)
    shared = open_budgets(settings.REDIS_URL, workers=settings.ENGINE_SLOTS, clock=SystemClock())
    try:
        async with commons(new_budget=shared) as among:
            yield among
    finally:
        await shared.close()


def component_of(venue: Venue, *, account: str = "", registry: Registry | None = None, **wanted: str) -> Any:
    """The venue's component as its record has it, not yet loaded. Raises EngineError, by remedy."""
    try:
        cls = (registry or Registry.installed()).get(venue.component)
    except (UnknownComponent, BrokenComponent) as error:
        raise EngineError(f"{venue} cannot be asked: {error}.") from None
    return _built(cls, venue, {"account": account, "endpoint_override": venue.endpoint_override, **wanted})


def _built(cls: type, venue: Venue, wanted: dict[str, str]) -> Any:
    known = {parameter.name: parameter for parameter in parameters_of(cls)}
    given = {name: value for name, value in wanted.items() if value and name in known}
    if missing := [name for name, parameter in known.items() if parameter.required and name not in given]:
        raise Refused(f"{venue} cannot be asked by itself: {venue.component} needs {', '.join(missing)}.")
    return cls(**given)
