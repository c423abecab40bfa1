"""Every second of an obligation is met, breached or unobserved, and the three sum to the period (docs/kpi.md).

A second is observed when a sample of it exists that saw a trustworthy book. A missing second is unobserved and counts
against us: it is never met. Judged from our resting orders as the venue reports them, once a second.

Seconds are counted when samples leave the hot table (`monitoring.samples.move_samples`) and kept by minute and hour;
what is still hot is judged by the same SQL when somebody asks.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from engine.core.decimals import ONE
from engine.metrics.events import BANDS_BPS

LATE = datetime.timedelta(seconds=5)
"""How long a sample may take from its second to the table. Younger seconds are not judged yet."""

OLDEST_BOOK_MS = 10_000
"""A book not heard of for longer says nothing about the market: the default of killswitches.data_lag."""

LINES = """
    SELECT o.id AS obligation_id, o.mandate_id, o.kpi, o.version, o.band_bps, o.starts_at, o.target_share,
           o.max_spread_bps, o.min_depth_quote,
           lead(o.starts_at) OVER (PARTITION BY o.mandate_id, o.kpi, o.band_bps ORDER BY o.version) AS ends_at
    FROM clients_obligation o
"""
"""Obligations with the span each version is in force."""


def _depth(side: str) -> str:
    bands = " ".join(f"WHEN {band} THEN s.own_{side}_depth_{band}" for band in BANDS_BPS)
    return f"CASE l.band_bps {bands} END"


def _judged(samples: str, *, part: str = "1") -> str:
    """SQL of (deployment_id, client_id, obligation_id, kpi, second, observed, bid, ask) over rows of `samples`.

    part: SQL of the part of the owed depth that is asked for; a canary alone is ever judged by less than all of it.
    A band that samples do not measure leaves its depth unobserved. Two samples in one second must agree for the better.
    """
    return f"""
    SELECT s.deployment_id, s.client_id, l.obligation_id, l.kpi, date_trunc('second', s.ts) AS second,
           bool_and(s.mid IS NOT NULL AND coalesce(s.book_age_ms <= {OLDEST_BOOK_MS}, false)
                    AND (l.band_bps IS NULL OR depth.bid IS NOT NULL)) AS observed,
           bool_and(coalesce(CASE l.kpi
               WHEN 'spread' THEN s.own_spread_bps <= l.max_spread_bps
               WHEN 'depth' THEN depth.bid >= l.min_depth_quote * {part}
               ELSE CASE WHEN l.band_bps IS NULL THEN s.open_bids > 0 ELSE depth.bid > 0 END
           END, false)) AS bid,
           bool_and(coalesce(CASE l.kpi
               WHEN 'spread' THEN s.own_spread_bps <= l.max_spread_bps
               WHEN 'depth' THEN depth.ask >= l.min_depth_quote * {part}
               ELSE CASE WHEN l.band_bps IS NULL THEN s.open_asks > 0 ELSE depth.ask > 0 END
           END, false)) AS ask
    FROM {samples} s
    JOIN strategies_deployment d ON d.id = s.deployment_id
    JOIN ({LINES}) l ON l.mandate_id = d.mandate_id AND s.ts >= l.starts_at AND (l.ends_at IS NULL OR s.ts < l.ends_at)
    CROSS JOIN LATERAL (SELECT {_depth("bid")} AS bid, {_depth("ask")} AS ask) AS depth
    GROUP BY 1, 2, 3, 4, 5
    """


COUNTS = """
    count(*) FILTER (WHERE observed) AS observed_s,
    -- Uptime is the mean of both sides; the other obligations hold only where both sides do.
    CASE kpi
        WHEN 'uptime' THEN (count(*) FILTER (WHERE observed AND bid) + count(*) FILTER (WHERE observed AND ask)) / 2.0
        ELSE count(*) FILTER (WHERE observed AND bid AND ask)
    END AS met_s,
    count(*) FILTER (WHERE observed AND bid) AS met_bid_s,
    count(*) FILTER (WHERE observed AND ask) AS met_ask_s
"""

_COLUMNS = "deployment_id, client_id, obligation_id, ts, observed_s, met_s, met_bid_s, met_ask_s"
_OVERWRITE = ", ".join(f"{c} = excluded.{c}" for c in ("observed_s", "met_s", "met_bid_s", "met_ask_s"))

# OFFSET 0 has the primary key asked for each minute: left to itself, the planner knows nothing of a day's new partition
# and compares every row of it with every minute.
_TOUCHED = """(
    SELECT sample.*
    FROM unnest(%s::int[], %s::timestamptz[]) AS touched (deployment_id, minute)
    CROSS JOIN LATERAL (
        SELECT * FROM monitoring_sample s
        WHERE s.deployment_id = touched.deployment_id
          AND s.ts >= touched.minute AND s.ts < touched.minute + interval '1 minute'
        OFFSET 0
    ) AS sample
)"""

ROLL_KPI_1M = f"""
INSERT INTO monitoring_kpi_1m ({_COLUMNS})
SELECT deployment_id, client_id, obligation_id, date_trunc('minute', second), {COUNTS}
FROM ({_judged(_TOUCHED)}) AS judged
GROUP BY deployment_id, client_id, obligation_id, date_trunc('minute', second), kpi
ON CONFLICT (deployment_id, obligation_id, ts) DO UPDATE SET {_OVERWRITE}
"""
"""Parameters: deployments and minutes, pairwise, whose samples have just been moved."""

ROLL_KPI_1H = f"""
INSERT INTO monitoring_kpi_1h ({_COLUMNS})
SELECT k.deployment_id, k.client_id, k.obligation_id, touched.hour,
       sum(k.observed_s), sum(k.met_s), sum(k.met_bid_s), sum(k.met_ask_s)
FROM (
    SELECT DISTINCT deployment_id, date_trunc('hour', minute, 'UTC') AS hour
    FROM unnest(%s::int[], %s::timestamptz[]) AS pairs (deployment_id, minute)
) AS touched
JOIN monitoring_kpi_1m k ON k.deployment_id = touched.deployment_id
 AND k.ts >= touched.hour AND k.ts < touched.hour + interval '1 hour'
GROUP BY 1, 2, 3, 4
ON CONFLICT (deployment_id, obligation_id, ts) DO UPDATE SET {_OVERWRITE}
"""

_HOT = """(
    SELECT * FROM monitoring_sample_hot
    WHERE deployment_id = ANY(%(deployments)s) AND ts >= %(start)s AND ts < %(as_of)s
)"""

UPTIME = f"""
WITH due AS (
    SELECT d.id AS deployment_id, l.*,
           greatest(%(start)s, l.starts_at, d.created_at) AS since,
           least(%(as_of)s, l.ends_at, d.ended_at) AS until,
           least(%(end)s, l.ends_at) AS closes
    FROM strategies_deployment d
    JOIN ({LINES}) l ON l.mandate_id = d.mandate_id
    WHERE d.id = ANY(%(deployments)s)
), counted AS (
    SELECT deployment_id, obligation_id, sum(observed_s) AS observed_s, sum(met_s) AS met_s,
           sum(met_bid_s) AS met_bid_s, sum(met_ask_s) AS met_ask_s
    FROM monitoring_kpi_1h
    WHERE deployment_id = ANY(%(deployments)s) AND ts >= %(start)s AND ts < %(as_of)s
    GROUP BY 1, 2
), hot AS (
    SELECT deployment_id, obligation_id, {COUNTS}
    FROM ({_judged(_HOT)}) AS judged
    GROUP BY deployment_id, obligation_id, kpi
)
SELECT due.deployment_id, due.obligation_id, due.kpi, due.version, due.max_spread_bps, due.band_bps,
       due.min_depth_quote, due.target_share, due.since, due.until,
       extract(epoch FROM due.until - due.since)::float8,
       extract(epoch FROM due.closes - due.since)::float8,
       coalesce(c.observed_s, 0) + coalesce(h.observed_s, 0), coalesce(c.met_s, 0) + coalesce(h.met_s, 0)::float8,
       coalesce(c.met_bid_s, 0) + coalesce(h.met_bid_s, 0), coalesce(c.met_ask_s, 0) + coalesce(h.met_ask_s, 0)
FROM due
LEFT JOIN counted c ON c.deployment_id = due.deployment_id AND c.obligation_id = due.obligation_id
LEFT JOIN hot h ON h.deployment_id = due.deployment_id AND h.obligation_id = due.obligation_id
WHERE due.since < due.until
ORDER BY due.deployment_id, array_position(ARRAY['spread', 'depth', 'uptime'], due.kpi::text), due.band_bps, due.version
"""


_SPAN = """(
    SELECT * FROM monitoring_sample_all
    WHERE deployment_id = %(deployment)s AND ts >= %(start)s AND ts < %(end)s
)"""

ATTAINED = f"""
    SELECT o.kpi, o.band_bps, o.max_spread_bps, o.min_depth_quote, counted.met_s::float8
    FROM (
        SELECT obligation_id, {COUNTS} FROM ({_judged(_SPAN, part="%(part)s::numeric")}) AS judged
        GROUP BY obligation_id, kpi
    ) AS counted
    JOIN clients_obligation o ON o.id = counted.obligation_id
    ORDER BY array_position(ARRAY['spread', 'depth', 'uptime'], o.kpi::text), o.band_bps, o.version
"""


@dataclass(frozen=True, slots=True)
class Attained:
    """How many seconds of a span an obligation was met in, by one deployment."""

    kpi: str
    band_bps: Decimal | None
    max_spread_bps: Decimal | None
    min_depth_quote: Decimal | None
    met_s: float


def attained(
    deployment_id: int, start: datetime.datetime, end: datetime.datetime, *, part: Decimal = ONE
) -> list[Attained]:
    """Every obligation that seconds of the span were judged by; `part` of the owed depth is enough, as for a canary."""
    parameters = {"deployment": deployment_id, "start": start, "end": end, "part": part}
    with connection.cursor() as cursor:
        cursor.execute(ATTAINED, parameters)
        return [Attained(*row) for row in cursor]


@dataclass(frozen=True, slots=True)
class ObligationUptime:
    """The seconds of one version of one obligation on one deployment from `since` to `until`, sampled once a second."""

    deployment_id: int
    obligation_id: int
    kpi: str
    version: int
    max_spread_bps: Decimal | None
    band_bps: Decimal | None
    min_depth_quote: Decimal | None
    target_share: Decimal
    since: datetime.datetime
    until: datetime.datetime
    period_s: float
    whole_period_s: float
    """From `since` to the end of the calendar period (or of this version): what the budget is a share of."""
    observed_s: float
    met_s: float
    met_bid_s: float
    met_ask_s: float

    @property
    def breached_s(self) -> float:
        return self.observed_s - self.met_s

    @property
    def unobserved_s(self) -> float:
        return max(self.period_s - self.observed_s, 0.0)

    @property
    def share(self) -> float:
        """Met seconds over all seconds, 0 to 1: unobserved time counts against us."""
        return min(self.met_s / self.period_s, 1.0)

    @property
    def unobserved_share(self) -> float:
        return self.unobserved_s / self.period_s

    @property
    def holds(self) -> bool:
        return self.share >= float(self.target_share)

    @property
    def budget_s(self) -> float:
        """Seconds that may be missed in the whole period: (1 − target) × period."""
        return float(1 - self.target_share) * self.whole_period_s

    @property
    def spent_s(self) -> float:
        return max(self.period_s - self.met_s, 0.0)

    @property
    def budget_left_s(self) -> float:
        """Negative once the obligation can no longer be kept in this period."""
        return self.budget_s - self.spent_s


def uptime(
    deployments: Iterable[int],
    *,
    start: datetime.datetime,
    end: datetime.datetime,
    now: datetime.datetime | None = None,
) -> list[ObligationUptime]:
    """Every obligation in force between start and end (UTC, whole hours), judged as far as seconds can be judged now.

    One query for any number of deployments. An obligation counts from its own start, or the deployment's.
    """
    as_of = min(end, ((now or timezone.now()) - LATE).replace(microsecond=0))
    parameters = {"deployments": list(deployments), "start": start, "end": end, "as_of": as_of}
    with connection.cursor() as cursor:
        cursor.execute(UPTIME, parameters)
        return [ObligationUptime(*row) for row in cursor]


def uptime_today(deployments: Iterable[int], *, now: datetime.datetime | None = None) -> list[ObligationUptime]:
    """The current UTC day."""
    start = (now or timezone.now()).astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return uptime(deployments, start=start, end=start + datetime.timedelta(days=1), now=now)


def uptime_this_month(deployments: Iterable[int], *, now: datetime.datetime | None = None) -> list[ObligationUptime]:
    """The current UTC calendar month; its `budget_left_s` is what pages show as the budget left."""
    start = (now or timezone.now()).astimezone(datetime.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return uptime(deployments, start=start, end=(start + datetime.timedelta(days=32)).replace(day=1), now=now)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of an obligation's state band; `due_s` is 60 but for the minutes in which it began or the day ends."""

    ts: datetime.datetime
    due_s: float
    observed_s: float
    met_s: float

    @property
    def state(self) -> str:
        """The worst that held for a second or more: breached, else unobserved, else met."""
        if self.observed_s - self.met_s >= 1:
            return "breached"
        # One second may fall between two samples that are taken a second apart.
        return "unobserved" if self.due_s - self.observed_s > 1 else "met"


def state_band(figure: ObligationUptime) -> Sequence[Minute]:
    """The minutes of one uptime figure, oldest first, none left out. Minutes not yet rolled up are not in it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT minute,
                   extract(epoch FROM least(minute + interval '1 minute', %(until)s)
                                      - greatest(minute, %(since)s))::float8,
                   coalesce(k.observed_s, 0), coalesce(k.met_s, 0)
            FROM generate_series(
                date_trunc('minute', %(since)s::timestamptz),
                (SELECT coalesce(min(ts), %(until)s) - interval '1 microsecond' FROM monitoring_sample_hot
                 WHERE deployment_id = %(deployment)s AND ts >= %(since)s AND ts < %(until)s),
                interval '1 minute') AS minute
            LEFT JOIN monitoring_kpi_1m k
              ON k.deployment_id = %(deployment)s AND k.obligation_id = %(obligation)s AND k.ts = minute
            ORDER BY minute
            """,
            {
                "since": figure.since,
                "until": figure.until,
                "deployment": figure.deployment_id,
                "obligation": figure.obligation_id,
            },
        )
        return [Minute(*row) for row in cursor]
