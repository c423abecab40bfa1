"""How deployments work: latency, rates, components. A panel of one deployment, and figures of all for the list."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from clients.pages import desk_page
from monitoring.working import Working, working
from strategies.access import access_deployment, visible_deployments
from strategies.choices import Mode


@desk_page
def deployment_working(request: HttpRequest, pk: int) -> HttpResponse:
    (found,) = working([access_deployment(request.user, pk)])
    return render(request, "monitoring/working.html", {"working": found, "deployment": found.deployment})


@desk_page
def deployments_working(request: HttpRequest) -> HttpResponse:
    """Of every running deployment the person may see, by its key."""
    seen = visible_deployments(request.user).filter(ended_at=None).exclude(mode=Mode.REPLAY)
    listed = working(seen.select_related("slot", "revision", "runs_revision"))
    return JsonResponse({"deployments": {each.deployment.pk: _figures(each) for each in listed}})


def _figures(each: Working) -> dict[str, Any]:
    row, vitals = each.deployment, each.standing.vitals if each.standing is not None else None
    left_s = None if row.expires_at is None else (row.expires_at - timezone.now()).total_seconds()
    return {
        "slot": row.slot.name if row.slot is not None else "",
        "lease_left_ms": None if left_s is None else round(left_s * 1000),
        "revision": row.revision.number,
        "runs": row.runs_revision.number if row.runs_revision is not None else None,
        "age_ms": None if each.age_s is None else round(each.age_s * 1000),
        "is_stale": each.is_stale,
        "late_p50_ms": vitals and vitals.tick_late_p50_ms,
        "late_p99_ms": vitals and vitals.tick_late_p99_ms,
        "answer_p50_ms": vitals and vitals.answer_p50_ms,
        "answer_p99_ms": vitals and vitals.answer_p99_ms,
        "answers": vitals and vitals.answers,
        "orders_per_min": vitals and vitals.orders_per_min,
        "orders_budget_per_min": vitals and vitals.orders_budget_per_min,
        "parts": each.counts,
        "failed": [f"{part.name}: {part.problem or part.state.value}" for part in each.failed],
    }
