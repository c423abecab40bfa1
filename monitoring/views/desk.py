"""The desk: every deployment at a glance, worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from clients.access import Action, may
from clients.choices import Kpi
from clients.pages import desk_page, verbs
from engine.core.states import State
from monitoring.history import pnl_at_midnight, recent_spreads
from monitoring.models import DeploymentEvent
from monitoring.tiles import tiles, watched
from monitoring.uptime import uptime_this_month, uptime_today
from strategies.choices import KillScope
from strategies.selectors import engaged

EVENTS_SHOWN = 20
SPARK_S = 120
PASSING = [state.value for state in (State.STARTING, State.PAUSING, State.HALTING)]
"""States on the way to another: the desk's list names where they led."""


def desk(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated and not may(request.user, Action.VIEW):
        return redirect("monitoring:portal")
    return _desk(request)


@desk_page
def _desk(request: HttpRequest) -> HttpResponse:
    deployments = watched(request.user)
    shown = tiles(deployments)
    switches = list(engaged())
    context = {
        "nav": "desk",
        "may": verbs(request.user),
        "live_path": "/ws/desk/",
        "tiles": shown,
        "counts": Counter(each.observed for each in deployments),
        "switches": switches,
        "firm_halted": any(each.scope == KillScope.FIRM for each in switches),
        "demo": bool(deployments) and all(each.client.is_demo for each in deployments),
        "clients": sorted({tile.client for tile in shown}),
        "venues": sorted({tile.venue for tile in shown}),
        "tags": sorted({tag for tile in shown for tag in tile.tags.split()}),
        "states": [state.value for state in (State.ACTIVE, State.PAUSED, State.HALTED, State.FAULTED)],
    }
    return render(request, "monitoring/desk.html", context)


@desk_page
def desk_events(request: HttpRequest) -> HttpResponse:
    """The latest events of everything on the desk, as a partial."""
    watched_ids = [each.pk for each in watched(request.user)]
    events = DeploymentEvent.objects.filter(deployment_id__in=watched_ids).select_related("deployment")
    events = events.exclude(kind="state", detail__new__in=PASSING)[:EVENTS_SHOWN]
    return render(request, "monitoring/desk_events.html", {"events": events})


@desk_page
def desk_kpis(request: HttpRequest) -> HttpResponse:
    """What the tiles and the strip show beside live frames: uptime and budget, midnight's PnL, kill switches."""
    ids = [each.pk for each in watched(request.user)]
    scopes = [each.scope for each in engaged()]
    return JsonResponse(
        {
            "deployments": uptime_figures(ids),
            "pnl_at_midnight": pnl_at_midnight(ids),
            "switches": {"engaged": len(scopes), "firm_halted": KillScope.FIRM in scopes},
        }
    )


@desk_page
def desk_spreads(request: HttpRequest) -> HttpResponse:
    """The last two minutes of own spreads, for the small lines of the tiles."""
    ids = [each.pk for each in watched(request.user)]
    return JsonResponse({"spreads": recent_spreads(ids, seconds=SPARK_S)})


def uptime_figures(ids: Sequence[int]) -> list[dict[str, object]]:
    """What a tile shows of its spread obligation; deployments whose mandate owes no spread are left out."""
    now = timezone.now()
    months = {each.deployment_id: each for each in uptime_this_month(ids, now=now) if each.kpi == Kpi.SPREAD}
    return [
        {
            "dep": each.deployment_id,
            "share": each.share,
            "holds": each.holds,
            "unobserved_share": each.unobserved_share,
            "budget_s": months[each.deployment_id].budget_s,
            "budget_left_s": months[each.deployment_id].budget_left_s,
        }
        for each in uptime_today(ids, now=now)
        if each.kpi == Kpi.SPREAD and each.deployment_id in months
    ]
