"""Where samples live and how they age: hot, partitioned, rolled up, dropped. The tables are made by migration 0003.

This module is the one home of the mapping from `engine.metrics.events.Sample` to a row.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from engine.core.clock import utc
from engine.core.legible import legible
from engine.metrics.events import BANDS_BPS, Sample
from monitoring.uptime import LATE, ROLL_KPI_1H, ROLL_KPI_1M

TEXTS = ("state", "quoting_reason")

BANDS = {f"own_{side}_depth_quote": tuple(f"own_{side}_depth_{band}" for band in BANDS_BPS) for side in ("bid", "ask")}
"""The columns of the two depth tuples, one a band, in the order of BANDS_BPS."""


def _columns(fields: Iterable[str]) -> Iterator[str]:
    for name in fields:
        yield from BANDS.get(name, (name,))


FIELDS = tuple(name for name in Sample.__struct_fields__ if name not in ("ts_ns", *TEXTS))
SERIES = tuple(_columns(FIELDS))
"""Every number of a sample, double precision: what a chart may ask for."""

COLUMNS = ("deployment_id", "client_id", "ts", "state", *SERIES, "quoting_reason")
"""The columns of a row, in the order `row_of` gives them."""

COLUMN_TYPES = ("int4", "int4", "timestamptz", "text", *("float8" for _ in SERIES), "text")
"""For a binary COPY: `copy.set_types(COLUMN_TYPES)`."""

ROLLED = tuple(name for name in SERIES if name not in ("fills", "orders_sent", "cancels_sent", "tick_us"))
"""The series kept in rollups. Counters and tick times are read from the raw rows alone."""


_NUMBERS = attrgetter(*FIELDS)


def row_of(sample: Sample, deployment_id: int, client_id: int) -> tuple[Any, ...]:
    """The row of one sample, as COLUMNS has it. What was not observed stays None."""
    row: list[Any] = [deployment_id, client_id, utc(sample.ts_ns), str(sample.state)]
    for value in _NUMBERS(sample):
        if value is None:
            row.append(None)
        elif type(value) is tuple:  # the bands of one side, empty when there was nothing to measure them by
            row.extend(map(float, value) if value else _NO_BANDS)
        else:
            row.append(float(value))
    row.append(legible(sample.quoting_reason))
    return tuple(row)


_NO_BANDS = (None,) * len(BANDS_BPS)


TALLIED = (
    *("ts", "state", "mid", "market_spread_bps", "own_bid", "own_ask", "own_spread_bps"),
    *(column for columns in BANDS.values() for column in columns),
)
"""What a session report reads of a sample."""


def read_tallied(
    deployment_id: int, start: datetime.datetime, end: datetime.datetime, *, step_s: int = 1
) -> Iterator[tuple[Any, ...]]:
    """Rows of TALLIED in order of time, both ends included; with a step, one of every so many seconds."""
    picked = "" if step_s == 1 else " AND floor(extract(epoch FROM ts))::bigint %% %(step)s = 0"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(TALLIED)} FROM monitoring_sample_all WHERE deployment_id = %(deployment)s"
            f" AND ts >= %(start)s AND ts <= %(end)s{picked} ORDER BY ts",
            {"deployment": deployment_id, "start": start, "end": end, "step": step_s},
        )
        while rows := cursor.fetchmany(2000):
            yield from rows


DAILY = ("monitoring_sample", "monitoring_measurement")
"""Tables with a partition a day; the others have one a month."""


def ensure_partition(table: str, moment: datetime.datetime) -> None:
    """Make the partition of `table` that holds the moment. Safe to repeat and to run from several places at once."""
    start = moment.astimezone(datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if table in DAILY:
        end, name = start + datetime.timedelta(days=1), f"{table}_{start:%Y%m%d}"
    else:
        start = start.replace(day=1)
        end, name = (start + datetime.timedelta(days=32)).replace(day=1), f"{table}_{start:%Y%m}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('monitoring partitions'))")
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        if cursor.fetchone()[0]:
            return
        # Attached rather than created in place: attaching lets readers and writers of the table go on meanwhile.
        cursor.execute(
            f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS, "
            f"CONSTRAINT bounds CHECK (ts >= '{start.isoformat()}' AND ts < '{end.isoformat()}'))"
        )
        cursor.execute(
            f"ALTER TABLE {table} ATTACH PARTITION {name}"
            f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        )
        cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT bounds")


def move_samples(*, now: datetime.datetime | None = None) -> int:
    """Move every full minute from the hot table to its partition, sorted, and roll it up; the number of rows.

    An hour's rows are one transaction, so a reader sees each row once and each rolled-up minute whole. A backlog, such
    as a stopped beat leaves, is worked off hour by hour. One mover at a time: a second one returns 0 at once.
    """
    until = ((now or timezone.now()) - LATE).replace(second=0, microsecond=0)
    moved = 0
    for hour in hours_waiting("monitoring_sample_hot", until):
        for table in ("monitoring_sample", "monitoring_sample_1m", "monitoring_kpi_1m"):
            ensure_partition(table, hour)
        moved += _move_hour(hour, min(hour + datetime.timedelta(hours=1), until))
    return moved


def hours_waiting(table: str, until: datetime.datetime) -> list[datetime.datetime]:
    """The hours of which a hot table still holds rows from before a moment, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT date_trunc('hour', ts, 'UTC') FROM {table} WHERE ts < %s ORDER BY 1", [until])
        return [hour for (hour,) in cursor]


@transaction.atomic
def _move_hour(start: datetime.datetime, end: datetime.datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('monitoring mover'))")
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(MOVE, [start, end])
        touched = cursor.fetchall()
        if not touched:
            return 0
        deployments = [deployment for deployment, _, _ in touched]
        minutes = [minute for _, minute, _ in touched]
        for roll in (ROLL_1M, ROLL_1H, ROLL_KPI_1M, ROLL_KPI_1H):
            cursor.execute(roll, [deployments, minutes])
        return sum(rows for _, _, rows in touched)


MOVE = f"""
WITH moved AS (
    DELETE FROM monitoring_sample_hot WHERE ts >= %s AND ts < %s RETURNING {", ".join(COLUMNS)}
), kept AS (
    -- A row written twice, by a writer that never heard whether its first try had worked, counts once.
    INSERT INTO monitoring_sample ({", ".join(COLUMNS)})
    SELECT {", ".join(COLUMNS)} FROM moved ORDER BY deployment_id, ts
    ON CONFLICT (deployment_id, ts) DO NOTHING
)
SELECT deployment_id, date_trunc('minute', ts), count(*) FROM moved GROUP BY 1, 2 ORDER BY 1, 2
"""


def _weighted(name: str) -> str:
    """SQL of the average over rolled-up rows, each weighing as many samples as it has."""
    return f"sum({name}_avg * samples) / sum(samples) FILTER (WHERE {name}_avg IS NOT NULL)"


_TRIPLES = tuple((f"{name}_avg", f"{name}_min", f"{name}_max") for name in ROLLED)
_ROLLUP_COLUMNS = ", ".join(column for triple in _TRIPLES for column in triple)
_OVERWRITE = ", ".join(f"{c} = excluded.{c}" for c in ("samples", *(c for triple in _TRIPLES for c in triple)))

ROLL_1M = f"""
INSERT INTO monitoring_sample_1m (deployment_id, client_id, ts, samples, {_ROLLUP_COLUMNS})
SELECT touched.deployment_id, rolled.*
FROM unnest(%s::int[], %s::timestamptz[]) AS touched (deployment_id, minute)
CROSS JOIN LATERAL (
    SELECT min(client_id), touched.minute, count(*), {", ".join(f"avg({n}), min({n}), max({n})" for n in ROLLED)}
    FROM monitoring_sample s
    WHERE s.deployment_id = touched.deployment_id
      AND s.ts >= touched.minute AND s.ts < touched.minute + interval '1 minute'
) AS rolled
ON CONFLICT (deployment_id, ts) DO UPDATE SET {_OVERWRITE}
"""

ROLL_1H = f"""
INSERT INTO monitoring_sample_1h (deployment_id, client_id, ts, samples, {_ROLLUP_COLUMNS})
SELECT touched.deployment_id, rolled.*
FROM (
    SELECT DISTINCT deployment_id, date_trunc('hour', minute, 'UTC') AS hour
    FROM unnest(%s::int[], %s::timestamptz[]) AS pairs (deployment_id, minute)
) AS touched
CROSS JOIN LATERAL (
    SELECT min(client_id), touched.hour, sum(samples), {
    ", ".join(f"{_weighted(n)}, min({n}_min), max({n}_max)" for n in ROLLED)
}
    FROM monitoring_sample_1m m
    WHERE m.deployment_id = touched.deployment_id AND m.ts >= touched.hour AND m.ts < touched.hour + interval '1 hour'
) AS rolled
ON CONFLICT (deployment_id, ts) DO UPDATE SET {_OVERWRITE}
"""


def drop_old_samples(*, keep: datetime.timedelta, now: datetime.datetime | None = None) -> list[str]:
    """Drop the daily partitions of samples older than `keep`; their names. Rollups and counted seconds stay."""
    return drop_old_partitions("monitoring_sample", keep=keep, now=now)


def drop_old_partitions(table: str, *, keep: datetime.timedelta, now: datetime.datetime | None = None) -> list[str]:
    """Drop the daily partitions of a table older than `keep`; their names.

    A replay's rows carry the recording's dates: a day that a younger replay has written into is kept as long as it.
    """
    oldest = (now or timezone.now()) - keep
    dropped = []
    with connection.cursor() as cursor:
        cursor.execute("SELECT relid::regclass::text FROM pg_partition_tree(%s) WHERE isleaf ORDER BY 1", [table])
        for (partition,) in cursor.fetchall():
            day = datetime.datetime.strptime(partition[-8:], "%Y%m%d").replace(tzinfo=datetime.UTC)
            if day + datetime.timedelta(days=1) > oldest:
                continue
            cursor.execute(
                f"""
                SELECT EXISTS (
                    SELECT FROM strategies_deployment d
                    WHERE d.mode = 'replay' AND d.created_at >= %s
                      AND EXISTS (SELECT FROM {partition} s WHERE s.deployment_id = d.id)
                )
                """,
                [oldest],
            )
            if cursor.fetchone()[0]:
                continue
            with transaction.atomic():
                # The drop waits for readers, and everybody else waits behind it: rather try again another day.
                cursor.execute("SET LOCAL lock_timeout = '2s'")
                cursor.execute(f"DROP TABLE {partition}")
            dropped.append(partition)
    return dropped


@dataclass(frozen=True, slots=True)
class Series:
    """Points of a chart at equal steps. A step without a sample holds None: the gap is part of the truth."""

    step_s: float
    source: str
    """The table the points were read from; the page says how fine they are."""
    ts: list[datetime.datetime]
    values: dict[str, dict[str, list[float | None]]]
    """By column, then "avg", "min" and "max"."""


RAW = "monitoring_sample_all"
SECOND, MINUTE, HOUR = (datetime.timedelta(seconds=s) for s in (1, 60, 3600))


def series(
    deployment_id: int, columns: Sequence[str], start: datetime.datetime, end: datetime.datetime, points: int = 500
) -> Series:
    """Average, lowest and highest of some columns in up to `points` equal steps from start to end.

    Steps are whole seconds from raw rows, whole minutes or hours from the rollups (with what is still hot); averages of
    rollups weigh every minute by its samples. A column that is not rolled up is always read from raw rows.
    Raises ValueError for a column that is not in SERIES, or an empty span.
    """
    if unknown := [column for column in columns if column not in SERIES]:
        raise ValueError(f"no such series: {', '.join(unknown)}; there are {', '.join(SERIES)}")
    if end <= start or points < 1:
        raise ValueError(f"a chart needs a span and at least one point, was {start} to {end} in {points}")
    step = (end - start) / points
    rolled = all(column in ROLLED for column in columns)
    if rolled and step >= MINUTE:
        unit, source = (HOUR, "monitoring_sample_1h") if step >= HOUR else (MINUTE, "monitoring_sample_1m")
        rows, picked = _rolled_rows(source, columns)
    else:
        unit, source = SECOND, RAW
        rows, picked = RAW, ", ".join(f"avg({name}), min({name}), max({name})" for name in columns)
    step = unit * max(-(-step // unit), 1)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_bin(%(step)s, ts, %(start)s), {picked} FROM {rows}"
            " WHERE deployment_id = %(deployment)s AND ts >= %(start)s AND ts < %(end)s GROUP BY 1",
            {"step": step, "start": start, "end": end, "deployment": deployment_id},
        )
        found = {row[0]: row[1:] for row in cursor}
    ts = [start + index * step for index in range(-(-(end - start) // step))]
    nothing = (None,) * (3 * len(columns))
    points_of = [found.get(moment, nothing) for moment in ts]
    values = {
        name: {
            what: [row[3 * index + offset] for row in points_of] for offset, what in enumerate(("avg", "min", "max"))
        }
        for index, name in enumerate(columns)
    }
    return Series(step_s=step.total_seconds(), source=source, ts=ts, values=values)


def _rolled_rows(source: str, columns: Sequence[str]) -> tuple[str, str]:
    """A rollup with the hot rows rolled up on the fly, and what to pick from it for each column."""
    kept = ", ".join(f"{name}_avg, {name}_min, {name}_max" for name in columns)
    hot = ", ".join(f"avg({name}), min({name}), max({name})" for name in columns)
    rows = (
        f"(SELECT deployment_id, ts, samples, {kept} FROM {source} UNION ALL"
        f" SELECT deployment_id, min(ts), count(*), {hot} FROM monitoring_sample_hot"
        " WHERE deployment_id = %(deployment)s AND ts >= %(start)s AND ts < %(end)s"
        " GROUP BY deployment_id, date_trunc('minute', ts)) AS rolled"
    )
    picked = ", ".join(f"{_weighted(name)}, min({name}_min), max({name}_max)" for name in columns)
    return rows, picked
