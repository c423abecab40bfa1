"""Session reports of one deployment: any range from the records, and those stored when a session ended."""

from __future__ import annotations

import datetime

import msgspec
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from clients.access import Visitor
from clients.pages import verbs
from monitoring.models import Origin, SessionReport
from monitoring.report import rows_of
from monitoring.scope import access_watchable, reading_as, shows_pnl
from monitoring.sessions import converted, report_of, sessions_of
from strategies.models import Deployment

SESSIONS_SHOWN = 20
CONVERSIONS_SHOWN = 100
LONGEST = datetime.timedelta(days=366)
RECENTLY = datetime.timedelta(days=7)


@login_required
def deployment_sessions(request: HttpRequest, pk: int) -> HttpResponse:
    """The latest sessions with their main figures, as a partial; the one that runs first."""
    deployment = _reportable(request.user, pk)
    with reading_as(request.user, deployment.client_id):
        stored = list(SessionReport.objects.filter(deployment_id=deployment.pk)[:SESSIONS_SHOWN])
        known = {each.starts_at for each in stored}
        recent = sessions_of(deployment, since=timezone.now() - RECENTLY)
        waiting = [each for each in recent if each.starts_at not in known]
    context = {"deployment": deployment, "market": deployment.market, "reports": stored, "waiting": waiting}
    return render(request, "monitoring/sessions.html", context)


@login_required
def deployment_report(request: HttpRequest, pk: int) -> HttpResponse:
    """The report of a range, `from` to `to` in UTC; left out, the latest session. It needs no running engine."""
    deployment = _reportable(request.user, pk)
    with reading_as(request.user, deployment.client_id):
        start, end, problem = _range(request, deployment)
        context: dict[str, object] = {"deployment": deployment, "start": start, "end": end, "problem": problem}
        if not problem:
            figures = msgspec.to_builtins(report_of(deployment, start, end))
            context |= _report_context(deployment, figures, start, end)
    context |= {"by_records": True, "may": verbs(request.user), "nav": "deployments"}
    return render(request, "monitoring/deployment_report.html", context, status=422 if problem else 200)


@login_required
def stored_report(request: HttpRequest, pk: int, report: int) -> HttpResponse:
    """A report as it was stored when its session ended."""
    deployment = _reportable(request.user, pk)
    with reading_as(request.user, deployment.client_id):
        found = get_object_or_404(SessionReport, pk=report, deployment_id=deployment.pk)
        context: dict[str, object] = {
            "deployment": deployment,
            "start": found.starts_at,
            "end": found.ends_at,
            "stored": found,
            "may": verbs(request.user),
            "nav": "deployments",
            "by_records": found.origin == Origin.RECORDS,
            **_report_context(deployment, found.figures, found.starts_at, found.ends_at),
        }
    return render(request, "monitoring/deployment_report.html", context)


def _reportable(user: Visitor, pk: int) -> Deployment:
    """A report is about profit: a client reads it where the mandate shares that."""
    deployment = access_watchable(user, pk)
    if not shows_pnl(user, deployment):
        raise Http404("There is no such report.")
    return deployment


def _report_context(
    deployment: Deployment, figures: dict[str, object], start: datetime.datetime, end: datetime.datetime
) -> dict[str, object]:
    return {
        "figures": figures,
        "sections": rows_of(figures, deployment.market),
        "market": deployment.market,
        "conversions": converted(deployment, start, end, limit=CONVERSIONS_SHOWN),
    }


def _range(request: HttpRequest, deployment: Deployment) -> tuple[datetime.datetime, datetime.datetime, str]:
    """Start, end, and what is wrong with them as a sentence."""
    now = timezone.now()
    latest = next(iter(sessions_of(deployment, since=now - RECENTLY)), None)
    start = latest.starts_at if latest else max(deployment.created_at, now - datetime.timedelta(hours=1))
    end = (latest.ends_at if latest else None) or now
    asked = {name: request.GET.get(name, "") for name in ("from", "to")}
    try:
        start, end = _moment(asked["from"]) or start, _moment(asked["to"]) or end
    except ValueError as error:
        return start, end, f"A moment is written as 2026-03-10T14:30, in UTC; was {error}."
    end = min(end, now)
    if end <= start:
        return start, end, "The beginning must lie before the end, and before now."
    if end - start > LONGEST:
        return start, end, f"A report covers {LONGEST.days} days at most, was {(end - start).days} days."
    return start, end, ""


def _moment(typed: str) -> datetime.datetime | None:
    """A moment from an address, UTC unless it says otherwise. Raises ValueError for what is none."""
    if not typed:
        return None
    try:
        # A plus in an address arrives as a space, and so may the one between day and hour.
        found = parse_datetime(typed.replace(" ", "+")) or parse_datetime(typed)
    except ValueError:
        found = None  # written well, but there is no such day
    if found is None:
        raise ValueError(typed)
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)
