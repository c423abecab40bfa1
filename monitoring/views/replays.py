"""Replays: recordings, runs on them, a run live, and its session report."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from clients.access import Action, may, require
from clients.errors import Refusal
from clients.pages import desk_page, verbs
from monitoring.forms import ReplayForm
from monitoring.models import Recording, ReplayRun, SessionReport
from monitoring.report import rows_of
from monitoring.services import replay_start
from monitoring.views.watch import watch_context
from strategies.access import access_deployment
from strategies.selectors import covering
from strategies.views.controls import controls_for

RUNS_SHOWN = 100


@desk_page
def replays(request: HttpRequest) -> HttpResponse:
    """Runs and recordings; POST starts a run and goes to its page."""
    sent = request.POST if request.method == "POST" else None
    form = ReplayForm(sent) if may(request.user, Action.REPLAY) else None
    if request.method == "POST":
        require(request.user, Action.REPLAY)
        run = _started(request, form)
        if run is not None:
            return redirect("monitoring:replay", run.pk)
    runs = ReplayRun.objects.select_related("recording", "deployment__mandate", "started_by")[:RUNS_SHOWN]
    context = {"nav": "replays", "runs": runs, "recordings": Recording.objects.all(), "form": form}
    return render(request, "monitoring/replays.html", context, status=422 if form and form.errors else 200)


def _started(request: HttpRequest, form: ReplayForm) -> ReplayRun | None:
    """The run, or None with the reason in the form."""
    if not form.is_valid():
        return None
    try:
        return replay_start(actor=request.user, reason="Started from the replays page", **form.cleaned_data)
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return None


@desk_page
def replay(request: HttpRequest, pk: int) -> HttpResponse:
    run = _run(request, pk)
    context = {
        **watch_context(run.deployment, replay=True),
        "nav": "replays",
        "replay": run,
        "reports": run.deployment.reports.all(),
        "may": verbs(request.user),
        "switches": covering(run.deployment),
        "controls": controls_for(request),
    }
    return render(request, "monitoring/deployment.html", context)


@desk_page
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """The newest session report of a run."""
    run = _run(request, pk)
    found = SessionReport.objects.filter(deployment=run.deployment).first()
    context = {
        "nav": "replays",
        "replay": run,
        "report": found,
        "sections": rows_of(found.figures, run.deployment.market) if found else [],
    }
    return render(request, "monitoring/replay_report.html", context)


def _run(request: HttpRequest, pk: int) -> ReplayRun:
    run = ReplayRun.objects.select_related("recording", "started_by").filter(pk=pk).first()
    if run is None:
        raise Http404("There is no such replay.")
    run.deployment = access_deployment(request.user, run.deployment_id)
    return run
