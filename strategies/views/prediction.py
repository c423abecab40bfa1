"""The predicted book of a draft or a revision, against the mandate's obligations."""

from __future__ import annotations

from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from clients.pages import desk_page
from engine.core.decimals import ZERO
from strategies.access import access_strategy
from strategies.builder.layout import sheet_of
from strategies.builder.prediction import Prediction, predict
from strategies.builder.verdicts import Promise, grouped, picture, short, verdicts
from strategies.drafting import ground_of, obligations_in_force, usual_funding, with_market
from strategies.models import Strategy


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


def _answer(request: HttpRequest, strategy: Strategy, yaml: str) -> HttpResponse:
    ground = ground_of(strategy)
    sheet, funding = sheet_of(yaml, ground), usual_funding(strategy, yaml)
    if sheet.is_valid:
        predicted = predict(yaml, ground, funding)
    else:
        predicted = Prediction(reason="The draft has problems; a book is predicted once they are mended.")
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
        "picture": picture(predicted, bands) if predicted.orders else None,
        "verdicts": verdicts(predicted, promises, sheet, strategy.mandate.quote) if predicted.orders else [],
        "mid": f"{predicted.mid.normalize():f}",
        "facts": _facts(predicted, strategy),
        "funding": " and ".join(f"{grouped(amount)} {asset}" for asset, amount in funding.items()),
    }
    return render(request, "strategies/prediction.html", context)


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
