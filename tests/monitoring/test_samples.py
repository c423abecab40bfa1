"""The life of a sample: written hot, moved to its day, rolled up, drawn, dropped."""

from __future__ import annotations

import datetime
import json
import threading
from decimal import Decimal

import pytest
from django.db import connection

from clients.tenancy import tenant
from engine.core.states import State
from engine.metrics.events import Sample
from monitoring.samples import (
    COLUMN_TYPES,
    COLUMNS,
    ROLL_1M,
    ROLLED,
    SERIES,
    drop_old_samples,
    ensure_partition,
    move_samples,
    row_of,
    series,
)
from monitoring.uptime import ROLL_KPI_1M
from strategies.choices import Mode
from strategies.models import Deployment
from tests.monitoring.samples import DAY, at, no_samples, record
from tests.world import World, make_world

__all__ = ["no_samples"]


def rows(sql: str, *parameters: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def count(table: str) -> int:
    return rows(f"SELECT count(*) FROM {table}")[0][0]


def columns_of(table: str) -> list[str]:
    return [
        name
        for (name,) in rows(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", table
        )
    ]


def test_the_tables_have_the_columns_the_code_writes(db: None) -> None:
    for table in ("monitoring_sample_hot", "monitoring_sample", "monitoring_sample_all"):
        assert set(columns_of(table)) == set(COLUMNS)
    rolled = {f"{name}_{what}" for name in ROLLED for what in ("avg", "min", "max")}
    for table in ("monitoring_sample_1m", "monitoring_sample_1h"):
        assert set(columns_of(table)) == {"deployment_id", "client_id", "ts", "samples"} | rolled
    assert len(COLUMNS) == len(COLUMN_TYPES)


def test_money_of_record_is_stored_without_rounding(db: None) -> None:
    rounded = rows(
        "SELECT attrelid::regclass::text, attname::text FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE atttypid = 'numeric'::regtype AND atttypmod <> -1 AND c.relkind = 'r' AND attnum > 0"
        " AND c.relnamespace = 'public'::regnamespace"
    )
    assert rounded == []


def test_what_was_not_observed_stays_none() -> None:
    row = dict(zip(COLUMNS, row_of(Sample(ts_ns=0, state=State.PAUSED), 7, 3), strict=True))
    assert (row["deployment_id"], row["client_id"], row["state"]) == (7, 3, "paused")
    assert row["ts"] == datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert (row["mid"], row["own_bid_depth_50"], row["own_ask_depth_2000"]) == (None, None, None)
    assert (row["position_base"], row["open_bids"]) == (0.0, 0.0)


def test_depth_tuples_fill_one_column_a_band() -> None:
    depth = tuple(Decimal(n) for n in range(1, 7))
    row = dict(zip(COLUMNS, row_of(Sample(ts_ns=0, state=State.ACTIVE, own_bid_depth_quote=depth), 1, 1), strict=True))
    assert [row[f"own_bid_depth_{band}"] for band in (50, 100, 200, 500, 1000, 2000)] == [1, 2, 3, 4, 5, 6]


def test_full_minutes_move_to_their_day_and_the_current_one_stays(world: World) -> None:
    record(world.acorn.deployment, at("11:58:30"), 120)
    assert move_samples(now=at("12:00:32")) == 90
    assert (count("monitoring_sample_hot"), count("monitoring_sample_20260310")) == (30, 90)
    assert count("monitoring_sample_all") == 120
    assert move_samples(now=at("12:00:40")) == 0


def test_rows_of_a_deployment_lie_together(world: World) -> None:
    for second in range(3):
        record(world.acorn.deployment, at(f"11:00:0{second}"), 1)
        record(world.cedar.deployment, at(f"11:00:0{second}"), 1)
    move_samples(now=at("11:05:00"))
    order = [pk for (pk,) in rows("SELECT deployment_id FROM monitoring_sample_20260310 ORDER BY ctid")]
    assert order == sorted(order)


def test_a_row_written_twice_counts_once(world: World) -> None:
    record(world.acorn.deployment, at("11:00:00"), 30)
    move_samples(now=at("11:05:00"))
    record(world.acorn.deployment, at("11:00:00"), 60)
    move_samples(now=at("11:06:00"))
    assert (count("monitoring_sample_hot"), count("monitoring_sample")) == (0, 60)
    assert rows("SELECT samples FROM monitoring_sample_1m") == [(60,)]


def test_a_backlog_over_midnight_lands_in_both_days(world: World) -> None:
    record(world.acorn.deployment, at("23:59:00"), 120)
    assert move_samples(now=DAY + datetime.timedelta(days=3)) == 120
    assert (count("monitoring_sample_20260310"), count("monitoring_sample_20260311")) == (60, 60)


def test_minutes_and_hours_are_rolled_up(world: World) -> None:
    record(world.acorn.deployment, at("11:00:00"), 60, mid=Decimal("2"))
    record(world.acorn.deployment, at("11:01:00"), 30, mid=Decimal("3"), own_spread_bps=None)
    move_samples(now=at("11:02:30"))
    assert rows("SELECT samples, mid_avg, mid_min, mid_max FROM monitoring_sample_1m ORDER BY ts") == [
        (60, 2.0, 2.0, 2.0),
        (30, 3.0, 3.0, 3.0),
    ]
    hour = rows("SELECT ts, samples, mid_avg, mid_min, mid_max, own_spread_bps_avg FROM monitoring_sample_1h")
    assert hour == [(at("11:00:00"), 90, pytest.approx(210 / 90), 2.0, 3.0, 40.0)]


@pytest.mark.parametrize("roll", [ROLL_1M, ROLL_KPI_1M])
def test_a_backlog_is_rolled_up_by_the_key_not_by_comparing_everything(world: World, roll: str) -> None:
    """A day's new partition has no statistics yet; planned badly, the hour after a stopped beat takes minutes."""
    for deployment in (world.acorn.deployment, world.cedar.deployment):
        record(deployment, at("11:00:00"), 3600)
    move_samples(now=at("11:30:05"))
    minutes = [at("11:00:00") + datetime.timedelta(minutes=minute) for minute in range(30)] * 2
    deployments = [pk for pk in (world.acorn.deployment.pk, world.cedar.deployment.pk) for _ in range(30)]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {roll}", [deployments, minutes])
        (explained,) = cursor.fetchone()
    (top,) = json.loads(explained) if isinstance(explained, str) else explained
    # Every minute against every sample would be 216,000; a sample against each of a few obligations is well under this.
    assert compared_in_vain(top["Plan"]) < 36_000


def compared_in_vain(node: dict) -> int:
    """Rows that a plan looked at and threw away."""
    removed = sum(value for name, value in node.items() if name.startswith("Rows Removed by"))
    return removed * node["Actual Loops"] + sum(compared_in_vain(child) for child in node.get("Plans", []))


def test_a_chart_has_equal_steps_and_shows_its_gaps(world: World) -> None:
    record(world.acorn.deployment, at("11:00:00"), 10, mid=Decimal("2"))
    record(world.acorn.deployment, at("11:00:20"), 10, mid=Decimal("4"))
    chart = series(world.acorn.deployment.pk, ["mid", "fills"], at("11:00:00"), at("11:00:30"), points=3)
    assert (chart.step_s, chart.source) == (10.0, "monitoring_sample_all")
    assert chart.ts == [at("11:00:00"), at("11:00:10"), at("11:00:20")]
    assert chart.values["mid"]["avg"] == [2.0, None, 4.0]
    assert chart.values["fills"]["max"] == [0.0, None, 0.0]


def test_a_long_chart_reads_the_rollup_and_what_is_still_hot(world: World) -> None:
    record(world.acorn.deployment, at("11:00:00"), 3600, mid=Decimal("2"))
    move_samples(now=at("12:00:10"))
    record(world.acorn.deployment, at("12:00:00"), 20, mid=Decimal("5"))
    chart = series(world.acorn.deployment.pk, ["mid"], at("11:00:00"), at("12:02:00"), points=60)
    assert (chart.source, chart.step_s) == ("monitoring_sample_1m", 120.0)
    assert chart.values["mid"]["avg"] == [2.0] * 30 + [5.0]
    by_hour = series(world.acorn.deployment.pk, ["mid"], at("00:00:00"), at("23:00:00"), points=23)
    assert by_hour.source == "monitoring_sample_1h"
    assert [value for value in by_hour.values["mid"]["max"] if value] == [2.0, 5.0]


def test_only_known_series_are_drawn(world: World) -> None:
    with pytest.raises(ValueError, match="no such series: mid; drop table"):
        series(world.acorn.deployment.pk, ["mid; drop table"], at("11:00:00"), at("12:00:00"))
    assert "state" not in SERIES


def test_a_client_reads_its_own_samples_only(world: World) -> None:
    for holding in (world.acorn, world.cedar):
        record(holding.deployment, at("11:00:00"), 90)
    move_samples(now=at("11:01:10"))
    with tenant(world.cedar.client.pk):
        for table in ("hot", "all", "1m", "1h"):
            assert rows(f"SELECT DISTINCT client_id FROM monitoring_sample_{table}") == [(world.cedar.client.pk,)]
        assert rows("SELECT DISTINCT client_id FROM monitoring_kpi_1m") == [(world.cedar.client.pk,)]
        mine = series(world.cedar.deployment.pk, ["mid"], at("11:00:00"), at("11:01:00"), points=1)
        others = series(world.acorn.deployment.pk, ["mid"], at("11:00:00"), at("11:01:00"), points=1)
    assert (mine.values["mid"]["avg"], others.values["mid"]["avg"]) == ([2.0], [None])


def test_partitions_are_not_granted_and_copy_is_refused(world: World) -> None:
    record(world.acorn.deployment, at("11:00:00"), 60)
    move_samples(now=at("11:05:00"))
    for table in ("monitoring_sample_20260310", "monitoring_sample_1m_202603", "monitoring_kpi_1m_202603"):
        assert rows("SELECT has_table_privilege('mm_portal', %s, 'SELECT')", table) == [(False,)]
    assert rows("SELECT has_table_privilege('mm_portal', 'monitoring_sample_hot', 'INSERT')") == [(False,)]


def test_old_days_are_dropped_but_not_those_of_younger_replays(world: World) -> None:
    replay = Deployment.objects.get(pk=world.cedar.deployment.pk)
    replay.pk, replay.mode, replay.name = None, Mode.REPLAY, "replay"
    replay.save()
    record(world.acorn.deployment, at("11:00:00"), 5)
    record(replay, at("11:00:00", day=DAY - datetime.timedelta(days=600)), 5)
    move_samples(now=at("12:00:00"))
    keep = datetime.timedelta(days=30)
    replay.created_at = DAY
    replay.save(update_fields=["created_at"])
    assert drop_old_samples(keep=keep, now=DAY + datetime.timedelta(days=20)) == []
    assert drop_old_samples(keep=keep, now=DAY + datetime.timedelta(days=40)) == [
        "monitoring_sample_20240718",
        "monitoring_sample_20260310",
    ]
    assert count("monitoring_sample_1m") == 2


@pytest.mark.django_db(transaction=True)
def test_one_mover_works_while_another_makes_the_same_partition(no_samples: None) -> None:
    world = make_world()
    record(world.acorn.deployment, at("11:00:00"), 50)
    moved: list[int] = []

    def move() -> None:
        ensure_partition("monitoring_sample", at("11:00:00"))
        moved.append(move_samples(now=at("12:00:00")))
        connection.close()

    threads = [threading.Thread(target=move) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(moved), count("monitoring_sample")) == (50, 50)
