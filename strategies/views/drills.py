"""Kill drills: what is planned, who planned it, and what each one has shown."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from clients.errors import Refusal
from clients.pages import desk_page, verbs
from strategies import drills as verb
from strategies.forms import DrillPlanForm, ReasonForm
from strategies.models import Drill, DrillPlan

HISTORY = 100


@desk_page
def drills(request: HttpRequest) -> HttpResponse:
    """Every plan and the latest drills; a plan is made by POST."""
    form = DrillPlanForm(request.POST or None, deployments=verb.drilled())
    if request.method == "POST":
        return _plan(request, form)
    context = {
        "nav": "kill",
        "plans": verb.plans(),
        "drills": Drill.objects.select_related("deployment", "client", "switch")[:HISTORY],
        "alarms": verb.alarms(),
        "form": form,
        "may": verbs(request.user),
    }
    return render(request, "strategies/drills.html", context)


def _plan(request: HttpRequest, form: DrillPlanForm) -> HttpResponse:
    try:
        if not form.is_valid():
            raise Refusal(form.sentence())
        plan = verb.drill_plan_set(actor=request.user, **form.cleaned_data)
    except (Refusal, PermissionDenied) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Planned: {plan}. The first is held now.")
    return redirect("strategies:drills")


@desk_page
@require_POST
def end_plan(request: HttpRequest, pk: int) -> HttpResponse:
    """Hold no more drills by a plan."""
    plan = get_object_or_404(DrillPlan, pk=pk)
    form = ReasonForm(request.POST)
    try:
        if not form.is_valid():
            raise Refusal(form.sentence())
        verb.drill_plan_end(plan=plan, actor=request.user, reason=form.cleaned_data["reason"])
    except (Refusal, PermissionDenied) as refusal:
        messages.error(request, str(refusal))
    return redirect("strategies:drills")
