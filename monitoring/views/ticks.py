"""Why this quote: the last ticks of a deployment, and one of them opened in full. The desk's alone."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from clients.pages import desk_page
from monitoring import kept
from monitoring.opened import opened, runs
from strategies.access import access_deployment


@desk_page
def deployment_ticks(request: HttpRequest, pk: int) -> HttpResponse:
    """The list, as a panel. Whoever reads it asks: from here on ticks are explained until nobody does."""
    deployment = access_deployment(request.user, pk)
    kept.ask_why(deployment.pk)
    context = {"deployment": deployment, "runs": runs(kept.ticks(deployment.pk))}
    return render(request, "monitoring/ticks.html", context)


@desk_page
def deployment_tick(request: HttpRequest, pk: int, ts_ns: int) -> HttpResponse:
    """One tick, with the way to the one before and the one after."""
    deployment = access_deployment(request.user, pk)
    ticks = kept.ticks(deployment.pk)
    index = next((index for index, told in enumerate(ticks) if told.ts_ns == ts_ns), None)
    if index is None and not request.htmx:
        raise Http404("This tick is not kept any more.")
    context: dict[str, object] = {"nav": "deployments", "deployment": deployment}
    if index is not None:
        context |= {
            "tick": opened(ticks[index]),
            "newer": ticks[index - 1] if index else None,
            "older": ticks[index + 1] if index + 1 < len(ticks) else None,
        }
    return render(request, "monitoring/tick_opened.html" if request.htmx else "monitoring/tick.html", context)
