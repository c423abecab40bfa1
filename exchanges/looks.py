"""Looks at books: asked for on a page, taken by a worker without keys, shown with their age."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import structlog
from celery import current_app
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from clients.access import Action, require
from clients.errors import Refusal
from clients.models import User
from engine.core.errors import EngineError
from engine.venues.still import SeenBook
from exchanges.choices import VenueKind
from exchanges.models import BookLook, Venue

log = structlog.get_logger(__name__)

TASK = "exchanges.look_at_books"
FRESH = datetime.timedelta(seconds=2)
"""A book seen so lately is not asked for again: two people who press at once get one answer."""
PATIENCE = datetime.timedelta(seconds=60)
"""After which somebody who waits is told that no worker answers."""

See = Callable[[Venue, str], SeenBook]
"""Look at a market's book at its venue. Raises EngineError, by remedy."""


@transaction.atomic
def look_ask(*, venue: Venue, symbol: str, actor: User) -> BookLook:
    """Have a worker look at a market's book. While one look is waited for, that one is the answer."""
    require(actor, Action.CHECK)
    if venue.kind not in (VenueKind.CENTRALISED, VenueKind.DECENTRALISED):
        raise Refusal(f"{venue} is a {venue.get_kind_display().lower()}: its book is made here.")
    now = timezone.now()
    values = {"asked_at": now, "asked_by": actor}
    look, is_new = BookLook.objects.select_for_update(of=("self",), no_key=True).get_or_create(
        venue=venue, symbol=symbol, defaults=values
    )
    is_fresh = look.seen_at is not None and not look.problem and now - look.seen_at < FRESH
    if not is_new and not look.is_waiting and not is_fresh:
        look.asked_at, look.asked_by = now, actor
        look.save(update_fields=["asked_at", "asked_by"])
    transaction.on_commit(_call_a_worker)
    return look


def _call_a_worker() -> None:
    """Now rather than at the next round of the beat."""
    try:
        current_app.send_task(TASK, expires=60, retry=False)
    except OperationalError as error:
        log.warning("no worker could be called to look at a book", error=str(error))


def looks_take(see: See) -> int:
    """Take every look that is waited for. Returns how many were taken, well or not."""
    count = 0
    waiting = Q(tried_at=None) | Q(asked_at__gt=F("tried_at"))
    for look in BookLook.objects.filter(waiting).select_related("venue").order_by("asked_at"):
        _take(look, see)
        count += 1
    return count


def _take(look: BookLook, see: See) -> None:
    book, problem = None, ""
    try:
        book = see(look.venue, look.symbol)
    except EngineError as error:
        problem = str(error)
    except Exception as error:  # the worker's edge: one venue's strange answer must not keep the others unseen
        log.error("a book could not be looked at", venue=look.venue.slug, symbol=look.symbol, exc_info=error)
        problem = f"{type(error).__name__} while looking; see the worker's log."
    values: dict[str, object] = {"tried_at": timezone.now(), "problem": problem}
    if book is not None:
        values |= {"book": book.plain(), "seen_at": timezone.now()}
    BookLook.objects.filter(pk=look.pk).update(**values)
