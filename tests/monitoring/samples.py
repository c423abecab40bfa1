"""Samples as a host would write them, for tests."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.db import connection

from engine.core.clock import NS
from engine.core.states import State
from engine.metrics.events import BANDS_BPS, Sample
from monitoring.samples import COLUMN_TYPES, COLUMNS, row_of
from strategies.models import Deployment

DAY = datetime.datetime(2026, 3, 10, tzinfo=datetime.UTC)


def at(clock: str, day: datetime.datetime = DAY) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time.fromisoformat(clock), datetime.UTC)


def quoting(**changes: object) -> dict[str, object]:
    """A second in which everything the test world's obligations ask for holds."""
    depth = tuple(Decimal(band) * 10 for band in BANDS_BPS)
    return {
        "state": State.ACTIVE,
        "mid": Decimal("2"),
        "own_bid": Decimal("1.996"),
        "own_ask": Decimal("2.004"),
        "own_spread_bps": Decimal("40"),
        "own_bid_depth_quote": depth,
        "own_ask_depth_quote": depth,
        "open_bids": 3,
        "open_asks": 3,
        "book_age_ms": 120.0,
        **changes,
    }


def record(deployment: Deployment, start: datetime.datetime, seconds: int, **changes: object) -> None:
    """Write one sample a second by binary COPY."""
    first = int(start.timestamp()) * NS + start.microsecond * 1000
    with connection.cursor() as cursor:
        copy_sql = f"COPY monitoring_sample_hot ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
        with cursor.copy(copy_sql) as copy:
            copy.set_types(COLUMN_TYPES)
            for second in range(seconds):
                sample = Sample(ts_ns=first + second * NS, **quoting(**changes))  # type: ignore[arg-type]
                copy.write_row(row_of(sample, deployment.pk, deployment.client_id))


def empty_the_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE monitoring_sample_hot, monitoring_sample, monitoring_sample_1m, monitoring_sample_1h,"
            " monitoring_kpi_1m, monitoring_kpi_1h"
        )


@pytest.fixture
def no_samples(transactional_db: None) -> Iterator[None]:
    """For tests that commit: Django does not empty tables it does not know."""
    empty_the_tables()
    yield
    empty_the_tables()
