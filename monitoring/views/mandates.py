"""Mandates for the desk: what is owed, how the day stands, and the deployments that fulfil it."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from clients.access import access_mandate, visible_mandates
from clients.models import Mandate
from clients.pages import desk_page, verbs, whole_number
from monitoring.stateband import kpi_days
from monitoring.targets import in_force
from monitoring.tiles import watched
from monitoring.uptime import uptime_this_month, uptime_today
from monitoring.views.watch import watch_context
from strategies.access import visible_deployments
from strategies.choices import Mode
from strategies.models import Deployment
from strategies.selectors import covering
from strategies.views.controls import controls_for


@desk_page
def mandates(request: HttpRequest) -> HttpResponse:
    rows = visible_mandates(request.user).prefetch_related("obligations").order_by("client__name", "name")
    running: dict[int, list[Deployment]] = {}
    for deployment in watched(request.user):
        running.setdefault(deployment.mandate_id, []).append(deployment)
    now = timezone.now()
    listed = [(each, in_force(each.obligations.all(), now), running.get(each.pk, [])) for each in rows]
    return render(
        request, "monitoring/mandates.html", {"nav": "mandates", "mandates": listed, "may": verbs(request.user)}
    )


@desk_page
def mandate(request: HttpRequest, slug: str) -> HttpResponse:
    found = access_mandate(request.user, slug)
    deployments = deployments_of(request, found)
    chosen = _chosen(request, deployments)
    context: dict[str, object] = {
        "nav": "mandates",
        "mandate": found,
        "deployments": deployments,
        "chosen": chosen,
        "may": verbs(request.user),
        "obligations": found.obligations.order_by("kpi", "band_bps", "-version"),
        "in_force": {each.pk for each in in_force(found.obligations.all(), timezone.now())},
    }
    if chosen is not None:
        context |= watch_context(chosen) | {"switches": covering(chosen), "controls": controls_for(request)}
    return render(request, "monitoring/mandate.html", context)


@desk_page
def mandate_kpis(request: HttpRequest, slug: str) -> HttpResponse:
    """The gauges and state bands of the day, as a partial that refreshes by itself."""
    found = access_mandate(request.user, slug)
    return render(request, "monitoring/kpis.html", kpi_context(found, _chosen(request, deployments_of(request, found))))


def kpi_context(mandate: Mandate, deployment: Deployment | None) -> dict[str, object]:
    """Context of the gauges: every obligation in force, as measured on one deployment."""
    days = []
    if deployment is not None:
        now = timezone.now()  # one moment for both: midnight may lie between two
        days = kpi_days(uptime_today([deployment.pk], now=now), uptime_this_month([deployment.pk], now=now))
    return {"mandate": mandate, "days": days, "measured_on": deployment}


def deployments_of(request: HttpRequest, mandate: Mandate) -> list[Deployment]:
    """The mandate's deployments a person may see, replays left out: those are rehearsals, not fulfilment."""
    return list(
        visible_deployments(request.user)
        .filter(mandate=mandate)
        .exclude(mode=Mode.REPLAY)
        .order_by("ended_at", "-wanted", "name")
    )


def _chosen(request: HttpRequest, deployments: list[Deployment]) -> Deployment | None:
    """The deployment the page shows live: the one named in the address, else the one at work."""
    if wanted := request.GET.get("deployment", ""):
        named = next((each for each in deployments if each.pk == whole_number(wanted)), None)
        if named is None:
            raise Http404("There is no such deployment.")
        return named
    at_work = [each for each in deployments if each.ended_at is None]
    at_work.sort(key=lambda each: (each.wanted != "active", each.mode == Mode.SHADOW, each.pk))
    return at_work[0] if at_work else None
