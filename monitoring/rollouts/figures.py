"""What one deployment did in a span of time, from its samples: the same for a baseline and for a stage."""

from __future__ import annotations

import datetime
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from engine.core.states import State
from monitoring.models import DeploymentEvent
from monitoring.uptime import Attained, attained
from strategies.choices import Wanted
from strategies.models import Deployment

STOPPED = (State.HALTING, State.HALTED, State.FAULTED)
BAND_BPS = 200
"""Own depth is compared within this band, the one that tiles and charts show."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of a span, by the second. Shares are of the seconds that have a sample; a second that nobody saw is no evidence
    either way, and how many there are is a measure of its own."""

    span_s: float
    sampled_s: int
    two_sided_s: int
    spread_bps: float | None
    """Average of own best ask minus own best bid, while both rest."""
    depth_quote: float | None
    """Average within ±2 % of the thinner side."""
    attained: dict[str, float] = field(default_factory=dict)
    """By obligation in words, the share of seconds in which it was met."""

    @property
    def sampled(self) -> float:
        return min(self.sampled_s / self.span_s, 1.0) if self.span_s > 0 else 0.0

    @property
    def two_sided(self) -> float | None:
        return min(self.two_sided_s / self.sampled_s, 1.0) if self.sampled_s else None

    def kept(self) -> dict[str, Any]:
        """As a record keeps them."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How one deployment stands at this moment."""

    age_s: float | None
    """Of its newest sample; None when there is none since its stage began."""
    not_quoting_s: float
    loss_quote: float | None
    """From where its total PnL stood when the stage began down to its lowest since; None when it is not known."""
    trouble: str
    """Why it stopped by itself or was stopped: a switch that tripped, a halt, a fault."""


SPAN = f"""
    SELECT count(DISTINCT date_trunc('second', ts)),
           count(DISTINCT date_trunc('second', ts)) FILTER (WHERE own_bid IS NOT NULL AND own_ask IS NOT NULL),
           avg(own_spread_bps), avg(least(own_bid_depth_{BAND_BPS}, own_ask_depth_{BAND_BPS}))
    FROM monitoring_sample_all WHERE deployment_id = %s AND ts >= %s AND ts < %s
"""

NOW = """
    SELECT extract(epoch FROM %(now)s - max(ts))::float8,
           extract(epoch FROM %(now)s - coalesce(
               max(ts) FILTER (WHERE own_bid IS NOT NULL OR own_ask IS NOT NULL), %(since)s))::float8,
           (array_agg(pnl ORDER BY ts) FILTER (WHERE pnl IS NOT NULL))[1] - min(pnl)
    FROM (
        SELECT ts, own_bid, own_ask, realised_quote + unrealised_quote - fees_quote AS pnl
        FROM monitoring_sample_all WHERE deployment_id = %(deployment)s AND ts >= %(since)s
    ) AS stage
"""


def figures(deployment_id: int, start: datetime.datetime, end: datetime.datetime, *, part: Decimal) -> Figures:
    """part: of each size, which is also enough of the depth that is owed."""
    with connection.cursor() as cursor:
        cursor.execute(SPAN, [deployment_id, start, end])
        sampled, two_sided, spread, depth = cursor.fetchone()
    span_s = max((end - start).total_seconds(), 0.0)
    met: dict[str, float] = {}
    for each in attained(deployment_id, start, end, part=part):
        met[_line(each)] = met.get(_line(each), 0.0) + each.met_s
    return Figures(
        span_s=span_s,
        sampled_s=sampled,
        two_sided_s=two_sided,
        spread_bps=spread,
        depth_quote=depth,
        attained={line: min(seconds / sampled, 1.0) for line, seconds in met.items() if sampled},
    )


def standing(deployment: Deployment, *, since: datetime.datetime, now: datetime.datetime) -> Standing:
    """`since`: when its stage began. What stopped it is asked of its row and of its log of events."""
    with connection.cursor() as cursor:
        cursor.execute(NOW, {"deployment": deployment.pk, "since": since, "now": now})
        age_s, not_quoting_s, loss = cursor.fetchone()
    return Standing(
        age_s=None if age_s is None else max(age_s, 0.0),
        not_quoting_s=max(not_quoting_s, 0.0),
        loss_quote=loss,
        trouble=_trouble(deployment, since),
    )


def _trouble(deployment: Deployment, since: datetime.datetime) -> str:
    if deployment.ended_at is not None:
        return f"It has ended, at {deployment.ended_at:%H:%M:%S}."
    if deployment.wanted == Wanted.HALTED or deployment.observed in STOPPED:
        return f"It is {deployment.observed}: {deployment.observed_reason}"
    trips = DeploymentEvent.objects.filter(deployment=deployment, kind="risk", at__gte=since)
    if trip := trips.order_by("at").first():
        return f"A kill switch tripped at {trip.at:%H:%M:%S}: {trip.text}"
    return ""


def _line(each: Attained) -> str:
    """An obligation by what it is about; a changed threshold is another version of the same line."""
    return f"{each.kpi} owed" if each.band_bps is None else f"{each.kpi} owed within ±{each.band_bps.normalize():f} bps"
