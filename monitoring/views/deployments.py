"""One deployment, live: what is wanted and observed, its quotes in the venue's book, and the controls."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from clients.pages import desk_page, verbs
from monitoring.views.watch import watch_context
from strategies.access import access_deployment
from strategies.choices import Mode
from strategies.selectors import covering, previous_revision
from strategies.views.controls import controls_for


@desk_page
def deployment(request: HttpRequest, pk: int) -> HttpResponse:
    found = access_deployment(request.user, pk)
    if found.mode == Mode.REPLAY and hasattr(found, "replay"):
        return redirect("monitoring:replay", found.replay.pk)
    context = {
        "nav": "deployments",
        "may": verbs(request.user),
        "switches": covering(found),
        "previous": previous_revision(found),
        "controls": controls_for(request),
        **watch_context(found),
    }
    return render(request, "monitoring/deployment.html", context)
