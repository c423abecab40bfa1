"""The predicted book of a draft or a revision, on a market of the reader's choice, against the mandate's obligations.

GET shows what is known now; POST asks a worker for another look at the books of the venues that the draft reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from clients.access import Action, may
from clients.errors import Refusal
from clients.pages import desk_page
from engine.core.clock import utc
from engine.core.decimals import ZERO
from engine.venues.still import SeenBook
from exchanges.looks import PATIENCE, look_ask
from exchanges.models import BookLook, Venue
from monitoring.models import Recording
from strategies.access import access_strategy
from strategies.blueprint import RecordingFacts
from strategies.builder import stages
from strategies.builder.ground import Ground
from strategies.builder.layout import sheet_of
from strategies.builder.prediction import Prediction, predict
from strategies.builder.stages import REAL, CannotStage, Place, Stage
from strategies.builder.verdicts import Promise, grouped, picture, short, verdicts
from strategies.drafting import ground_of, obligations_in_force, usual_funding, with_market
from strategies.models import Strategy

HERE, RECORDING = "market", "recording-"
MOMENTS = {"0": "from its beginning", "25": "a quarter in", "50": "half-way", "75": "three quarters in"}
"""Where in a recording one may look, in per cent of its length."""
OLD_S = 60
"""A book of a live market that was seen longer ago says little about now."""


@desk_page
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    strategy = with_market(access_strategy(request.user, pk))
    return _answer(request, strategy, strategy.draft_yaml)


@desk_page
def revision(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    strategy = with_market(access_strategy(request.user, pk))
    found = strategy.revisions.filter(number=number).first()
    if found is None:
        raise Http404("There is no such revision.")
    return _answer(request, strategy, found.yaml)


@dataclass(kw_only=True)
class Sight:
    """What a prediction stands on: how to make the stage, and what to tell of it."""

    stage: Callable[[Mapping[str, Decimal]], Stage] | None = None
    price: Decimal | None = None
    source: str = ""
    """The book in words, as the end of "One look at …"."""
    seen_at: datetime | None = None
    """When a live market was seen, the oldest of several; None for what has no age."""
    is_real: bool = False
    is_waiting: bool = False
    is_missing: bool = False
    problem: str = ""


def _answer(request: HttpRequest, strategy: Strategy, yaml: str) -> HttpResponse:
    chosen = request.POST if request.method == "POST" else request.GET
    on, at = chosen.get("on", HERE), chosen.get("at", "0")
    ground = ground_of(strategy)
    recordings = list(Recording.objects.filter(symbol=strategy.mandate.symbol, problem=""))
    recording = next((each for each in recordings if on == f"{RECORDING}{each.pk}"), None)
    sheet, sight, predicted = sheet_of(yaml, ground), Sight(), None
    if not sheet.is_valid:
        predicted = Prediction(reason="The draft has problems; a book is predicted once they are mended.")
    elif recording is not None:
        sight = _recorded(yaml, ground, recording, at if at in MOMENTS else "0")
    elif ground.market is not None and ground.market.component.startswith(REAL):
        sight = _real(request, yaml, ground)
    else:
        sight = Sight(stage=lambda funding: stages.simulated(yaml, ground, funding), source="a simulated book of it")
    funding = usual_funding(strategy, yaml, price=sight.price)
    if predicted is None and (make := sight.stage) is not None:
        predicted = predict(lambda: make(funding))
    promises = [
        Promise(
            kpi=each.kpi,
            max_spread_bps=each.max_spread_bps,
            band_bps=each.band_bps,
            min_depth_quote=each.min_depth_quote,
        )
        for each in obligations_in_force(strategy.mandate)
    ]
    bands: list[Decimal] = [each.band_bps for each in promises if each.band_bps is not None]
    context = {
        "strategy": strategy,
        "predicted": predicted,
        "sight": sight,
        "sources": _sources(strategy, recordings),
        "on": on if recording is not None else HERE,
        "moments": MOMENTS.items() if recording is not None else (),
        "at": at,
        "may_look": may(request.user, Action.CHECK),
        "is_old": sight.seen_at is not None and (timezone.now() - sight.seen_at).total_seconds() > OLD_S,
        "funding": " and ".join(f"{grouped(amount)} {asset}" for asset, amount in funding.items()),
    }
    if predicted is not None:
        context |= _shown(predicted, strategy, verdicts(predicted, promises, sheet, strategy.mandate.quote), bands)
    return render(request, "monitoring/prediction.html", context)


def _shown(predicted: Prediction, strategy: Strategy, judged: Any, bands: list[Decimal]) -> dict[str, Any]:
    return {
        "picture": picture(predicted, bands) if predicted.orders else None,
        "verdicts": judged if predicted.was_tried else [],
        "mid": f"{predicted.mid.normalize():f}",
        "moment": utc(predicted.seen_ns) if predicted.seen_ns else None,
        "facts": _facts(predicted, strategy) if predicted.orders else [],
    }


def _sources(strategy: Strategy, recordings: list[Recording]) -> list[tuple[str, str]]:
    market = strategy.market
    if market is None:
        here = "no market yet"
    elif market.venue.component.startswith(REAL):
        here = f"{market}, as last seen"
    else:
        here = f"{market}, simulated"
    return [(HERE, here)] + [(f"{RECORDING}{each.pk}", f"Recorded: {each.name}") for each in recordings]


def _recorded(yaml: str, ground: Ground, recording: Recording, at: str) -> Sight:
    length_s = Decimal(0)
    if recording.starts_at is not None and recording.ends_at is not None:
        length_s = Decimal(int((recording.ends_at - recording.starts_at).total_seconds()))
    facts = RecordingFacts(path=recording.path, skip_s=length_s * Decimal(at) / 100)
    return Sight(
        stage=lambda funding: stages.recorded(yaml, ground, funding, facts),
        price=stages.price_of(recording.path, recording.symbol),
        source=f"{recording.symbol} as recorded in {recording.name}",
    )


def _real(request: HttpRequest, yaml: str, ground: Ground) -> Sight:
    """The books the draft reads as they were last seen; asks for another look when that was posted."""
    sight = Sight(is_real=True)
    try:
        places = stages.places(yaml, ground)
        venues = {place: _venue(place[0]) for place in places}
    except (CannotStage, Refusal) as problem:
        sight.problem = str(problem)
        return sight
    if request.method == "POST":
        try:
            for (_, symbol), venue in venues.items():
                look_ask(venue=venue, symbol=symbol, actor=request.user)  # type: ignore[arg-type]
        except (Refusal, PermissionDenied) as refusal:
            sight.problem = str(refusal)
    looks = {place: BookLook.objects.filter(venue=venue, symbol=place[1]).first() for place, venue in venues.items()}
    known = [look for look in looks.values() if look is not None]
    sight.is_waiting = any(look.is_waiting for look in known)
    waited_since = min((look.asked_at for look in known if look.is_waiting), default=None)
    if waited_since is not None and timezone.now() - waited_since > PATIENCE:
        sight.is_waiting = False
        sight.problem = f"No worker has answered since {waited_since:%H:%M:%S} UTC: is the worker running?"
    failed = [look.problem for look in known if look.problem and not look.is_waiting]
    sight.problem = " ".join(filter(None, [sight.problem, *failed]))
    books: dict[Place, SeenBook] = {
        place: SeenBook.from_plain(look.book) for place, look in looks.items() if look is not None and look.book
    }
    sight.is_missing = len(books) < len(places)
    if sight.is_missing:
        return sight
    sight.seen_at = min((look.seen_at for look in known if look.seen_at is not None), default=None)
    own = next(
        (book for (component, _), book in books.items() if ground.market and component == ground.market.component), None
    )
    if own is not None and own.bids and own.asks:
        sight.price = (own.bids[0].price + own.asks[0].price) / 2
    sight.source = " and ".join(f"{symbol} at {venues[component, symbol]}" for component, symbol in places)
    sight.stage = lambda funding: stages.seen(yaml, ground, funding, books)
    return sight


def _venue(component: str) -> Venue:
    venue = Venue.objects.filter(component=component).order_by("pk").first()
    if venue is None:
        raise Refusal(f"The desk has no record of a venue reached by {component}, so its book cannot be looked at.")
    return venue


def _facts(predicted: Prediction, strategy: Strategy) -> list[tuple[str, str, str]]:
    """Label, figure and unit."""
    spread = predicted.spread_bps
    return [
        ("Our spread", "–" if spread is None else short(spread), "bps"),
        ("Market's spread", short(predicted.market_spread_bps), "bps"),
        ("Orders", str(len(predicted.orders)), ""),
        ("Furthest", short(max((each.distance_bps for each in predicted.orders), default=ZERO)), "bps"),
        ("Bound by bids", grouped(predicted.capital_quote), strategy.mandate.quote),
        ("Bound by asks", grouped(predicted.capital_base), strategy.mandate.base),
    ]
