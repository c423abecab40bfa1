"""History of one deployment for charts. A step without a sample is null: the gap is part of the truth."""

from __future__ import annotations

import datetime

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from clients.pages import whole_number
from monitoring.history import extent
from monitoring.samples import series as read_series
from monitoring.scope import access_watchable, reading_as, shows_pnl
from strategies.choices import Mode
from strategies.models import Deployment

COLUMNS = ("own_spread_bps", "market_spread_bps", "mid", "own_bid", "own_ask", "inventory_ratio")
PNL_COLUMNS = ("realised_quote", "unrealised_quote", "fees_quote")
LONGEST_MINUTES = 31 * 24 * 60
POINTS = 900


@login_required
def series(request: HttpRequest, pk: int) -> HttpResponse:
    """`minutes` back from now, or from the newest market time of a replay; `all` is the whole of it."""
    deployment = access_watchable(request.user, pk)
    with_pnl = shows_pnl(request.user, deployment)
    columns = COLUMNS + (PNL_COLUMNS if with_pnl else ())
    with reading_as(request.user, deployment.client_id):
        span = _span(deployment, request.GET.get("minutes", "15"))
        if span is None:
            return JsonResponse({"step_s": 1, "t": [], "series": {}})
        found = read_series(deployment.pk, columns, *span, points=POINTS)
    values = {name: found.values[name]["avg"] for name in COLUMNS}
    if with_pnl:
        parts = zip(*(found.values[name]["avg"] for name in PNL_COLUMNS), strict=True)
        values["pnl_quote"] = [None if open_ is None else done + open_ - fees for done, open_, fees in parts]
    # What has not been written yet is no gap: the line ends at the last sample, and live frames carry it on.
    known = max(
        (index + 1 for line in values.values() for index, value in enumerate(line) if value is not None), default=0
    )
    times = [round(moment.timestamp() * 1000) for moment in found.ts[:known]]
    return JsonResponse(
        {"step_s": found.step_s, "t": times, "series": {name: line[:known] for name, line in values.items()}}
    )


def _span(deployment: Deployment, minutes: str) -> tuple[datetime.datetime, datetime.datetime] | None:
    """Start and end of the chart; None where nothing was ever recorded. A replay lives in its recording's time."""
    end = timezone.now()
    if deployment.mode == Mode.REPLAY or minutes == "all":
        recorded = extent(deployment.pk)
        if recorded is None:
            return None
        first, last = recorded
        end = last + datetime.timedelta(seconds=1)
        if minutes == "all":
            return first, end
    chosen = min(whole_number(minutes) or 15, LONGEST_MINUTES)
    start = end - datetime.timedelta(minutes=chosen)
    # On a grid of whole seconds, so that live frames carry on where the history ends.
    return start.replace(microsecond=0), end.replace(microsecond=0)
