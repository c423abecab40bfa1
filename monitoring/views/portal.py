"""The client's own pages: their mandates and nobody else's. Every read happens as that client in the database too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from clients.access import access_mandate, visible_clients
from clients.models import Client, Mandate
from clients.tenancy import tenant
from monitoring.history import recent_spreads
from monitoring.scope import FULFILLING
from monitoring.targets import Targets, targets
from monitoring.tiles import TILE_BAND_BPS
from monitoring.views.desk import SPARK_S, uptime_figures
from monitoring.views.mandates import kpi_context
from monitoring.views.watch import watch_context
from strategies.models import Deployment

Figures = TypeVar("Figures")


@login_required
def portal(request: HttpRequest) -> HttpResponse:
    """Every mandate of every client the person belongs to."""
    listed: list[tuple[Client, list[tuple[Mandate, Targets, Deployment | None]]]] = []
    for client in visible_clients(request.user).order_by("name"):
        with tenant(client.pk):
            rows = Mandate.objects.filter(client_id=client.pk).prefetch_related("obligations")
            listed.append((client, [(each, targets(each, band_bps=TILE_BAND_BPS), _deployment(each)) for each in rows]))
    context = {"nav": "portal", "clients": listed, "live_path": "/ws/desk/"}
    return render(request, "monitoring/portal.html", context)


@login_required
def portal_mandate(request: HttpRequest, slug: str) -> HttpResponse:
    found = access_mandate(request.user, slug)
    with tenant(found.client_id):
        context: dict[str, object] = {"nav": "portal", "mandate": found, "client": found.client}
        deployment = _deployment(found)
        if deployment is not None:
            context |= watch_context(deployment, shows_pnl=found.shares_pnl)
        context |= kpi_context(found, deployment)
    return render(request, "monitoring/portal_mandate.html", context)


@login_required
def portal_kpis(request: HttpRequest, slug: str) -> HttpResponse:
    found = access_mandate(request.user, slug)
    with tenant(found.client_id):
        context = kpi_context(found, _deployment(found))
    return render(request, "monitoring/kpis.html", context)


@login_required
def portal_uptime(request: HttpRequest) -> HttpResponse:
    """Uptime and budget of every tile."""
    figures = _of_each_client(request, uptime_figures)
    return JsonResponse({"deployments": [figure for each in figures for figure in each]})


@login_required
def portal_spreads(request: HttpRequest) -> HttpResponse:
    """The last two minutes of spreads of every tile."""
    spreads: dict[int, list[float | None]] = {}
    for each in _of_each_client(request, lambda ids: recent_spreads(ids, seconds=SPARK_S)):
        spreads |= each
    return JsonResponse({"spreads": spreads})


def _of_each_client(request: HttpRequest, read: Callable[[list[int]], Figures]) -> list[Figures]:
    """What `read` says of the running deployments of each client of the person, the database bound to that client."""
    found = []
    for client in visible_clients(request.user):
        with tenant(client.pk):
            running = Deployment.objects.filter(client_id=client.pk, ended_at=None, mode__in=FULFILLING)
            found.append(read(list(running.values_list("pk", flat=True))))
    return found


def _deployment(mandate: Mandate) -> Deployment | None:
    """What fulfils the mandate now. Rehearsals and shadows are the desk's own business."""
    running = Deployment.objects.filter(mandate_id=mandate.pk, ended_at=None, mode__in=FULFILLING)
    chosen = sorted(running.select_related("market__venue"), key=lambda each: (each.wanted != "active", each.pk))
    if not chosen:
        return None
    chosen[0].mandate = mandate
    return chosen[0]
