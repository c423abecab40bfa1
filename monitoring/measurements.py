"""Where measurements live and how they are read. The tables are made by migration 0008 and age like samples.

This module is the one home of the mapping from `engine.metrics.events.Measurement` to a row.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from engine.core.clock import utc
from engine.core.legible import legible
from engine.metrics.events import Measurement
from monitoring.samples import drop_old_partitions, ensure_partition, hours_waiting
from monitoring.uptime import LATE

COLUMNS = ("deployment_id", "client_id", "ts", "name", "source", "symbol", "figures")
COLUMN_TYPES = ("int4", "int4", "timestamptz", "text", "text", "text", "jsonb")

RECENT = datetime.timedelta(minutes=15)
"""A collector that has been silent for longer has no newest measurement, only a last one."""

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(dict[str, Decimal | None]).decode


def row_of(measurement: Measurement, deployment_id: int, client_id: int) -> tuple[Any, ...]:
    """The row of one measurement, as COLUMNS has it. What was not observed stays null."""
    figures = {field: _finite(value) for field, value in measurement.values.items()}
    return (
        deployment_id,
        client_id,
        utc(measurement.ts_ns),
        legible(measurement.name),
        legible(measurement.source),
        legible(measurement.symbol),
        Jsonb(figures, dumps=_encode),
    )


def _finite(value: Decimal | None) -> Decimal | None:
    """Infinity is no JSON number, and a row that the database refuses would take a deployment's records with it."""
    return value if value is not None and value.is_finite() else None


# Ageing


def move_measurements(*, now: datetime.datetime | None = None) -> int:
    """Move every full minute from the hot table to its partition, sorted; the number of rows."""
    until = ((now or timezone.now()) - LATE).replace(second=0, microsecond=0)
    moved = 0
    for hour in hours_waiting("monitoring_measurement_hot", until):
        ensure_partition("monitoring_measurement", hour)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(MOVE, [hour, min(hour + datetime.timedelta(hours=1), until)])
            moved += cursor.fetchone()[0]
    return moved


MOVE = f"""
WITH moved AS (
    DELETE FROM monitoring_measurement_hot WHERE ts >= %s AND ts < %s RETURNING {", ".join(COLUMNS)}
), kept AS (
    -- A row written twice, by a writer that never heard whether its first try had worked, counts once.
    INSERT INTO monitoring_measurement ({", ".join(COLUMNS)})
    SELECT {", ".join(COLUMNS)} FROM moved ORDER BY deployment_id, name, source, symbol, ts
    ON CONFLICT (deployment_id, name, source, symbol, ts) DO NOTHING
)
SELECT count(*) FROM moved
"""


def drop_old_measurements(*, keep: datetime.timedelta, now: datetime.datetime | None = None) -> list[str]:
    """Drop the daily partitions of measurements older than `keep`; their names."""
    return drop_old_partitions("monitoring_measurement", keep=keep, now=now)


# Reading


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest measurement of one collector; `figures` are exact, None where nothing was observed."""

    deployment_id: int
    ts: datetime.datetime
    name: str
    source: str
    symbol: str
    figures: Mapping[str, Decimal | None]


NEWEST = """
SELECT DISTINCT ON (deployment_id, name, source, symbol) deployment_id, ts, name, source, symbol, figures::text
FROM monitoring_measurement_all
WHERE deployment_id = ANY(%(deployments)s) AND ts > %(since)s AND ts <= %(now)s
  AND (%(names)s::text[] IS NULL OR name = ANY(%(names)s))
ORDER BY deployment_id, name, source, symbol, ts DESC
"""


def newest(
    deployments: Sequence[int],
    *,
    names: Sequence[str] | None = None,
    within: datetime.timedelta = RECENT,
    now: datetime.datetime | None = None,
) -> list[Newest]:
    """The newest measurement of every collector that measured `within` this long ago; of these names, or of all.

    What has been silent for longer is absent: the caller says so, and never shows an old figure as today's.
    """
    now = now or timezone.now()
    wanted = {
        "deployments": list(deployments),
        "names": None if names is None else list(names),
        "since": now - within,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, wanted)
        return [Newest(*row[:-1], figures=_decode(row[-1])) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Step:
    """One figure over one step of time. `observed` of `measured` times there was a value to see."""

    ts: datetime.datetime
    source: str
    symbol: str
    average: float | None
    lowest: float | None
    highest: float | None
    observed: int
    measured: int


COURSE = """
SELECT date_bin(%(step)s, ts, %(start)s), source, symbol, avg(value), min(value), max(value), count(value), count(*)
FROM (
    SELECT ts, source, symbol, (figures ->> %(field)s)::double precision AS value FROM monitoring_measurement_all
    WHERE deployment_id = %(deployment)s AND name = %(name)s AND ts >= %(start)s AND ts < %(end)s
      AND figures ? %(field)s
) AS seen
GROUP BY 1, 2, 3 ORDER BY 2, 3, 1
"""


def course(
    deployment_id: int,
    *,
    name: str,
    field: str,
    start: datetime.datetime,
    end: datetime.datetime,
    step: datetime.timedelta,
) -> list[Step]:
    """One figure of one deployment over time, by collector and market, then by time. A step nobody measured is absent.

    Raises ValueError for an empty span or step.
    """
    if end <= start or step <= datetime.timedelta(0):
        raise ValueError(f"a course needs a span and a step, was {start} to {end} by {step}")
    asked = {"deployment": deployment_id, "name": name, "field": field, "start": start, "end": end, "step": step}
    with connection.cursor() as cursor:
        cursor.execute(COURSE, asked)
        return [Step(*row) for row in cursor.fetchall()]
