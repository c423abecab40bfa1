"""Markets as their venues list them: read on a schedule, every change kept with what was before.

What changes here reaches whatever runs by the market's `facts_version`, which hosts read with their lease: a service
is built anew with another tick, and halted where its market no longer trades.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from clients.access import Action, require
from clients.audit import audit
from clients.errors import Refusal
from clients.models import User
from engine.core.errors import EngineError
from engine.market.types import Instrument
from engine.venues.market_listing import Listing
from exchanges.choices import MarketState, VenueKind
from exchanges.models import Market, MarketChange, Venue

log = structlog.get_logger(__name__)

TASK = "exchanges.synchronise_markets"
EVERY = datetime.timedelta(minutes=10)
AGAIN = datetime.timedelta(minutes=2)
"""After an attempt that failed: a venue that is down must not keep the worker from the others."""
FACTS = ("tick_size", "lot_size", "min_size_base", "min_notional_quote")
"""What the venue decides. Fees are the desk's own, by its tier there, and are not touched."""
LEAST_SHARE = Decimal("0.5")
"""Of the markets known to trade. A list that is shorter is a venue in trouble, and no reason to halt everything."""

Read = Callable[[Venue], Listing]
"""Ask a venue what it trades. Raises EngineError, by remedy."""


@dataclass(frozen=True, kw_only=True)
class Synced:
    """What one reading of a venue came to."""

    listed: int
    changes: int


@transaction.atomic
def sync_ask(*, venue: Venue, actor: User) -> None:
    """Have a worker read the venue's markets at the next opportunity."""
    require(actor, Action.CHECK)
    if venue.kind != VenueKind.CENTRALISED:
        raise Refusal(f"{venue} is a {venue.get_kind_display().lower()}: its markets are made here.")
    Venue.objects.filter(pk=venue.pk).update(sync_asked_at=timezone.now())


@transaction.atomic
def venue_follow(*, venue: Venue, is_followed: bool, actor: User) -> None:
    """Whether the venue's markets are read on a schedule."""
    require(actor, Action.CONFIGURE)
    venue.refresh_from_db(from_queryset=Venue.objects.select_for_update(no_key=True))
    if venue.is_followed == is_followed:
        return
    audit("venue.followed", venue, actor=actor, old=venue.is_followed, new=is_followed)
    venue.is_followed = is_followed
    venue.save(update_fields=["is_followed"])


def due() -> list[Venue]:
    """The venues to read now: asked for, or followed (or with a live account) and not read for a while."""
    now = timezone.now()
    asked = Q(sync_asked_at__isnull=False) & (Q(sync_tried_at=None) | Q(sync_asked_at__gt=F("sync_tried_at")))
    followed = Q(is_followed=True) | Q(accounts__is_paper=False)
    followed &= Q(synced_at=None) | Q(synced_at__lt=now - EVERY)
    followed &= Q(sync_tried_at=None) | Q(sync_tried_at__lt=now - AGAIN)
    venues = Venue.objects.filter(kind=VenueKind.CENTRALISED).filter(asked | followed)
    return list(venues.distinct().order_by(F("synced_at").asc(nulls_first=True)))


def synchronise(venue: Venue, read: Read) -> Synced | None:
    """Read one venue and write down what is new; None, with the reason in its record, when that failed."""
    Venue.objects.filter(pk=venue.pk).update(sync_tried_at=timezone.now())
    try:
        listing = read(venue)
        return write(venue, listing)
    except (EngineError, Refusal) as error:
        problem = str(error)
    except Exception as error:  # the worker's edge: one venue's strange answer must not keep the others unread
        log.error("a venue's markets could not be read", venue=venue.slug, exc_info=error)
        problem = f"{type(error).__name__} while reading; see the worker's log."
    Venue.objects.filter(pk=venue.pk).update(sync_problem=problem)
    return None


@transaction.atomic
def write(venue: Venue, listing: Listing) -> Synced:
    """Bring the records up to a listing. Raises Refusal when it is too short to be believed."""
    now = timezone.now()
    venue = Venue.objects.select_for_update(no_key=True).get(pk=venue.pk)
    known = {market.symbol: market for market in venue.markets.select_for_update(no_key=True).order_by("pk")}
    listed = {each.instrument.symbol: each for each in listing.markets}
    _believe(venue, known, listed.keys())
    changes: list[MarketChange] = []
    new: list[Market] = []
    for symbol, each in listed.items():
        state = MarketState.TRADING if each.is_trading else MarketState.HALTED
        market = known.get(symbol)
        if market is None:
            new.append(_market(venue, each.instrument, state, now))
        else:
            changes += _compare(market, each.instrument, state, now)
    gone = [market for symbol, market in known.items() if symbol not in listed and symbol not in listing.left_out]
    for market in gone:
        changes += _compare(market, None, MarketState.DELISTED, now)
    Market.objects.bulk_create(new, batch_size=1000)
    if venue.synced_at is not None:  # the first reading finds everything new, which is no news
        changes += [MarketChange(market=market, at=now, fact="listed", new=market.state) for market in new]
    changed = {
        change.market.pk: change.market for change in changes if change.market.pk in {m.pk for m in known.values()}
    }
    for market in changed.values():
        market.facts_version += 1
        market.save(update_fields=[*FACTS, "state", "facts_version"])
    MarketChange.objects.bulk_create(changes)
    venue.markets.filter(symbol__in=listed).update(synced_at=now)
    venue.synced_at, venue.sync_problem = now, ""
    venue.latency_ms = _float(listing.round_trip_ms)
    venue.skew_ms = _float(listing.clock_skew_ms)
    venue.save(update_fields=["synced_at", "sync_problem", "latency_ms", "skew_ms"])
    return Synced(listed=len(listed), changes=len(changes))


def _believe(venue: Venue, known: dict[str, Market], listed: object) -> None:
    traded = [symbol for symbol, market in known.items() if market.state != MarketState.DELISTED]
    still = sum(symbol in listed for symbol in traded)  # type: ignore[operator]
    if traded and len(traded) > 1 and still < len(traded) * LEAST_SHARE:
        raise Refusal(
            f"{venue} lists {still} of the {len(traded)} markets known to trade there, which is too few to be "
            "believed: nothing was changed."
        )


def _market(venue: Venue, instrument: Instrument, state: MarketState, now: datetime.datetime) -> Market:
    return Market(
        venue=venue,
        symbol=instrument.symbol,
        base=instrument.base,
        quote=instrument.quote,
        maker_fee_bps=instrument.maker_fee_bps,
        taker_fee_bps=instrument.taker_fee_bps,
        state=state,
        synced_at=now,
        **{fact: getattr(instrument, fact) for fact in FACTS},
    )


def _compare(
    market: Market, instrument: Instrument | None, state: MarketState, now: datetime.datetime
) -> list[MarketChange]:
    """Bring a market up to date, unsaved, and return what changed."""
    changes = []
    news = {"state": state} | ({fact: getattr(instrument, fact) for fact in FACTS} if instrument is not None else {})
    for fact, new in news.items():
        old = getattr(market, fact)
        if old != new:
            changes.append(MarketChange(market=market, at=now, fact=fact, old=_text(old), new=_text(new)))
            setattr(market, fact, new)
    return changes


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
