"""Tables of one deployment that other pages load by address: fills, orders, events, measurements."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from clients.pages import desk_page
from monitoring.measurements import newest
from monitoring.models import DeploymentEvent, Fill, Order
from monitoring.scope import access_watchable, reading_as, shows_pnl
from strategies.access import access_deployment

SHOWN = 60


@login_required
def deployment_fills(request: HttpRequest, pk: int) -> HttpResponse:
    """Fills are the client's too; realised PnL only where the mandate shares it."""
    deployment = access_watchable(request.user, pk)
    with reading_as(request.user, deployment.client_id):
        fills = list(Fill.objects.filter(deployment_id=deployment.pk)[:SHOWN])
    context = {"fills": fills, "market": deployment.market, "shows_pnl": shows_pnl(request.user, deployment)}
    return render(request, "monitoring/fills.html", context)


@desk_page
def deployment_orders(request: HttpRequest, pk: int) -> HttpResponse:
    deployment = access_deployment(request.user, pk)
    orders = Order.objects.filter(deployment=deployment)[:SHOWN]
    return render(request, "monitoring/orders.html", {"orders": orders, "market": deployment.market})


@desk_page
def deployment_events(request: HttpRequest, pk: int) -> HttpResponse:
    deployment = access_deployment(request.user, pk)
    events = DeploymentEvent.objects.filter(deployment=deployment)[:SHOWN]
    return render(request, "monitoring/events.html", {"events": events})


@desk_page
def deployment_measurements(request: HttpRequest, pk: int) -> HttpResponse:
    deployment = access_deployment(request.user, pk)
    return render(request, "monitoring/measurements.html", {"measured": newest([deployment.pk])})
