"""Venues: how well each is known to behave, what it offers, what it lists, and what it changed."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from clients.errors import Refusal
from clients.pages import desk_page, verbs
from exchanges.choices import VenueKind
from exchanges.markets import sync_ask, venue_follow
from exchanges.models import MarketChange, Venue
from exchanges.selectors import listed_venues, matrix, proofs, quality_of

MARKETS_SHOWN = 200
CHANGES_SHOWN = 30


@desk_page
def venues(request: HttpRequest) -> HttpResponse:
    rows = list(listed_venues())
    context = {"nav": "venues", "venues": rows, "abilities": ABILITIES}
    return render(request, "exchanges/venues.html", context)


class Ability(NamedTuple):
    """What a market maker asks of a venue: its word on the page, what it means, and what stands in where it lacks."""

    key: str
    word: str
    meaning: str
    instead: str = ""


ABILITIES = (
    Ability("book_stream", "book", "The book is streamed"),
    Ability("order_stream", "orders", "Own orders are streamed"),
    Ability("fill_stream", "fills", "Own executions are streamed"),
    Ability("client_ids", "ids", "Orders carry our own ids"),
    Ability("closed_orders", "history", "Orders that ended are listed"),
    Ability("cancel_after", "switch", "It has a dead man's switch"),
    Ability(
        "amends",
        "amend",
        "Orders are made smaller in their place",
        "an order that is too large is cancelled and placed anew, at the end of the queue",
    ),
    Ability("batch_create", "batch", "One request places several orders", "one request an order, all of them at once"),
    Ability(
        "batch_cancel",
        "batch cancel",
        "One request cancels several orders",
        "one request an order, all of them at once",
    ),
)


@desk_page
def venue(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Venue, slug=slug)
    quality = quality_of(found)
    wanted = request.GET.get("q", "").strip()
    markets = found.markets.order_by("symbol")
    for word in wanted.split():
        markets = markets.filter(symbol__icontains=word)
    context = {
        **_sync_context(request, found),
        "nav": "venues",
        "quality": quality,
        "abilities": ABILITIES,
        "proofs": proofs(quality) if quality is not None and quality.tier == "tuned" else [],
        "matrix": matrix(found),
        "markets": markets[:MARKETS_SHOWN],
        "count": markets.count(),
        "typed": wanted,
        "changes": MarketChange.objects.filter(market__venue=found).select_related("market")[:CHANGES_SHOWN],
        "accounts": found.accounts.select_related("client").order_by("client__name", "name"),
    }
    return render(request, "exchanges/venue.html", context)


@desk_page
def sync(request: HttpRequest, slug: str) -> HttpResponse:
    """The panel of the last synchronisation; POST asks for another."""
    found = get_object_or_404(Venue, slug=slug)
    problem = ""
    if request.method == "POST":
        try:
            sync_ask(venue=found, actor=request.user)
        except (Refusal, PermissionDenied) as refusal:
            problem = str(refusal)
        if not request.htmx:
            if problem:
                messages.error(request, problem)
            return redirect("exchanges:venue", slug)
        found.refresh_from_db()
    return render(request, "exchanges/venue_sync.html", {**_sync_context(request, found), "sync_refused": problem})


@desk_page
@require_POST
def follow(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Venue, slug=slug)
    try:
        venue_follow(venue=found, is_followed=request.POST.get("follow") == "1", actor=request.user)
    except PermissionDenied as refusal:
        messages.error(request, str(refusal))
    return redirect("exchanges:venue", slug)


def _sync_context(request: HttpRequest, venue: Venue) -> dict[str, object]:
    asked, tried = venue.sync_asked_at, venue.sync_tried_at
    return {
        "venue": venue,
        "may": verbs(request.user),
        "is_waiting": bool(asked and (tried is None or asked > tried)),
        "is_exchange": venue.kind == VenueKind.CENTRALISED,
    }
