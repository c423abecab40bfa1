"""Reads over the samples that pages need beside charts and uptime."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.db import connection
from django.utils import timezone

EXTENT = "SELECT min(ts), max(ts) FROM monitoring_sample_all WHERE deployment_id = %s"

# The last figure of the day before, by the primary key: one step a deployment, however long its history.
AT_MIDNIGHT = """
SELECT w.deployment_id, s.realised_quote + s.unrealised_quote - s.fees_quote
FROM unnest(%s::int[]) AS w (deployment_id)
CROSS JOIN LATERAL (
    SELECT realised_quote, unrealised_quote, fees_quote FROM monitoring_sample_all
    WHERE deployment_id = w.deployment_id AND ts >= %s AND ts < %s AND unrealised_quote IS NOT NULL
    ORDER BY ts DESC LIMIT 1
) AS s"""


SPREADS = """
SELECT deployment_id, floor(extract(epoch FROM ts - %s))::int, min(own_spread_bps) FROM monitoring_sample_all
WHERE deployment_id = ANY(%s) AND ts >= %s GROUP BY 1, 2"""


def recent_spreads(
    deployments: Sequence[int], *, seconds: int, now: datetime.datetime | None = None
) -> dict[int, list[float | None]]:
    """Own spread in bps of each of the last seconds, by deployment, oldest first; None where none was observed.

    The newest two seconds are left to the live frames, since their samples may still be on the way.
    """
    start = (now or timezone.now()) - datetime.timedelta(seconds=seconds)
    spreads: dict[int, list[float | None]] = {pk: [None] * (seconds - 2) for pk in deployments}
    with connection.cursor() as cursor:
        cursor.execute(SPREADS, [start, list(deployments), start])
        for pk, second, spread in cursor.fetchall():
            if 0 <= second < seconds - 2:
                spreads[pk][second] = spread
    return spreads


def extent(deployment_id: int) -> tuple[datetime.datetime, datetime.datetime] | None:
    """First and last sample of a deployment, in market time; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(EXTENT, [deployment_id])
        first, last = cursor.fetchone()
    return None if first is None else (first, last)


def pnl_at_midnight(deployments: Sequence[int], *, now: datetime.datetime | None = None) -> dict[int, float]:
    """Session PnL at the start of the UTC day, quote currency, by deployment.

    Absent where nothing was observed during the day before: then the whole session counts as today's.
    """
    now = now or timezone.now()
    midnight = now.astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(AT_MIDNIGHT, [list(deployments), midnight - datetime.timedelta(days=1), midnight])
        return dict(cursor.fetchall())
