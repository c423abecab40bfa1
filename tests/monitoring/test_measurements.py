"""The life of a measurement: written hot, moved to its day, read by name and field, dropped; each client's its own."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client as Browser
from django.utils import timezone

from clients.tenancy import tenant
from engine.core.clock import NS, utc
from engine.metrics.events import Measurement
from monitoring.measurements import (
    COLUMN_TYPES,
    COLUMNS,
    course,
    drop_old_measurements,
    move_measurements,
    newest,
    row_of,
)
from strategies.models import Deployment
from tests.monitoring.samples import DAY, at
from tests.world import World

D = Decimal


def rows(sql: str, *parameters: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def measure(
    deployment: Deployment,
    when: datetime.datetime,
    *,
    name: str = "spread",
    source: str = "ours",
    **values: Decimal | None,
) -> None:
    """Write one by binary COPY, as a host does."""
    ts_ns = int(when.timestamp()) * NS
    measurement = Measurement(ts_ns=ts_ns, name=name, source=source, symbol="ACORN/USDT", values=values)
    with connection.cursor() as cursor:
        copy_sql = f"COPY monitoring_measurement_hot ({', '.join(COLUMNS)}) FROM STDIN (FORMAT binary)"
        with cursor.copy(copy_sql) as copy:
            copy.set_types(COLUMN_TYPES)
            copy.write_row(row_of(measurement, deployment.pk, deployment.client_id))


def test_figures_come_back_as_they_were_written(world: World) -> None:
    exact = D("0.1000000000000000000000000001")
    measure(world.acorn.deployment, at("11:00:00"), mid=exact, own_spread_bps=None, tiny=D("1E-18"))
    (seen,) = newest([world.acorn.deployment.pk], now=at("11:00:30"))
    assert seen.figures == {"mid": exact, "own_spread_bps": None, "tiny": D("1E-18")}
    assert str(seen.figures["mid"]) == str(exact)
    assert (seen.name, seen.source, seen.symbol, seen.ts) == ("spread", "ours", "ACORN/USDT", at("11:00:00"))


def test_infinity_is_not_observed_rather_than_a_row_the_database_refuses(world: World) -> None:
    measure(world.acorn.deployment, at("11:00:00"), mid=D("Infinity"), age=D("NaN"))
    assert newest([world.acorn.deployment.pk], now=at("11:00:30"))[0].figures == {"mid": None, "age": None}


def test_the_newest_of_every_collector_wherever_its_row_lies(world: World) -> None:
    ours = world.acorn.deployment
    measure(ours, at("11:00:00"), own_spread_bps=D(10))
    measure(ours, at("11:00:00"), source="theirs", own_spread_bps=D(11))
    move_measurements(now=at("11:05:00"))
    measure(ours, at("11:05:00"), own_spread_bps=D(20))
    measure(ours, at("11:05:00"), name="depth", own_bid_depth_200_quote=D(5))
    measure(world.cedar.deployment, at("11:05:00"), own_spread_bps=D(99))
    seen = {(each.name, each.source): each.figures for each in newest([ours.pk], now=at("11:05:30"))}
    assert seen == {
        ("spread", "ours"): {"own_spread_bps": D(20)},
        ("spread", "theirs"): {"own_spread_bps": D(11)},
        ("depth", "ours"): {"own_bid_depth_200_quote": D(5)},
    }
    assert [each.name for each in newest([ours.pk], names=["depth"], now=at("11:05:30"))] == ["depth"]
    assert newest([ours.pk], names=[], now=at("11:05:30")) == []


def test_what_has_been_silent_is_absent_and_never_passed_off_as_new(world: World) -> None:
    measure(world.acorn.deployment, at("11:00:00"), own_spread_bps=D(10))
    assert newest([world.acorn.deployment.pk], now=at("11:15:00")) == []
    assert newest([world.acorn.deployment.pk], within=datetime.timedelta(hours=1), now=at("11:15:00"))


def test_the_course_of_one_figure_tells_unobserved_from_unmeasured(world: World) -> None:
    ours = world.acorn.deployment
    for second, spread in ((0, D(10)), (10, D(20)), (60, None), (70, D(40)), (180, None)):
        measure(ours, at("11:00:00") + datetime.timedelta(seconds=second), own_spread_bps=spread)
    measure(ours, at("11:00:30"), mid=D(1))  # measured, but not this figure
    move_measurements(now=at("11:02:10"))
    steps = course(
        ours.pk,
        name="spread",
        field="own_spread_bps",
        start=at("11:00:00"),
        end=at("11:05:00"),
        step=datetime.timedelta(minutes=1),
    )
    assert [(s.ts, s.average, s.lowest, s.highest, s.observed, s.measured) for s in steps] == [
        (at("11:00:00"), 15, 10, 20, 2, 2),
        (at("11:01:00"), 40, 40, 40, 1, 2),
        (at("11:03:00"), None, None, None, 0, 1),
    ]
    assert {(s.source, s.symbol) for s in steps} == {("ours", "ACORN/USDT")}


@pytest.mark.parametrize(("end", "seconds"), [("11:00:00", 60), ("10:00:00", 60), ("12:00:00", 0)])
def test_a_course_without_span_or_step_is_refused(world: World, end: str, seconds: int) -> None:
    step = datetime.timedelta(seconds=seconds)
    with pytest.raises(ValueError, match="needs a span and a step"):
        course(world.acorn.deployment.pk, name="spread", field="mid", start=at("11:00:00"), end=at(end), step=step)


def test_full_minutes_move_to_their_day_once(world: World) -> None:
    ours = world.acorn.deployment
    measure(ours, at("23:59:00"), mid=D(1))
    measure(ours, at("23:59:00") + datetime.timedelta(minutes=1), mid=D(2))
    later = DAY + datetime.timedelta(days=3)
    assert move_measurements(now=later) == 2
    measure(ours, at("23:59:00"), mid=D(1))  # a writer that never heard whether its first try had worked
    assert move_measurements(now=later) == 1
    assert rows("SELECT count(*) FROM monitoring_measurement_20260310") == [(1,)]
    assert rows("SELECT count(*) FROM monitoring_measurement_20260311") == [(1,)]
    assert rows("SELECT count(*) FROM monitoring_measurement_hot") == [(0,)]


def test_the_minute_under_way_stays_hot(world: World) -> None:
    measure(world.acorn.deployment, at("11:00:10"), mid=D(1))
    assert move_measurements(now=at("11:00:50")) == 0
    assert rows("SELECT count(*) FROM monitoring_measurement_all") == [(1,)]


def test_old_days_are_dropped_and_young_ones_kept(world: World) -> None:
    measure(world.acorn.deployment, at("11:00:00"), mid=D(1))
    measure(world.acorn.deployment, at("11:00:00") + datetime.timedelta(days=1), mid=D(1))
    move_measurements(now=DAY + datetime.timedelta(days=3))
    keep = datetime.timedelta(days=45)
    assert drop_old_measurements(keep=keep, now=DAY + datetime.timedelta(days=46, hours=1)) == [
        "monitoring_measurement_20260310"
    ]
    assert rows("SELECT count(*) FROM monitoring_measurement") == [(1,)]


def test_sql_sees_one_row_a_figure(world: World) -> None:
    measure(world.acorn.deployment, at("11:00:00"), mid=D("1.50"), own_spread_bps=None)
    assert rows("SELECT name, field, value::text FROM monitoring_figure ORDER BY field") == [
        ("spread", "mid", "1.50"),
        ("spread", "own_spread_bps", None),
    ]


TABLES = ("monitoring_measurement_hot", "monitoring_measurement", "monitoring_measurement_all", "monitoring_figure")


@pytest.mark.parametrize("table", [*TABLES, "monitoring_outbox"])
def test_the_portal_is_not_granted_a_collectors_figures(world: World, table: str) -> None:
    with tenant(world.cedar.client.pk), pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        rows(f"SELECT * FROM {table}")


def test_and_even_granted_a_client_would_see_its_own_alone(world: World) -> None:
    for holding in (world.acorn, world.cedar):
        measure(holding.deployment, at("11:00:00"), mid=D(1))
        move_measurements(now=at("11:05:00"))
        measure(holding.deployment, at("11:05:00"), mid=D(2))
        outbox(holding.deployment)
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT SELECT ON {', '.join(TABLES)}, monitoring_outbox TO mm_portal")
    with tenant(world.cedar.client.pk):
        for table in (*TABLES, "monitoring_outbox"):
            assert rows(f"SELECT DISTINCT client_id FROM {table}") == [(world.cedar.client.pk,)], table


def outbox(deployment: Deployment) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO monitoring_outbox (client_id, deployment_id, token, sequence, kind, at, payload)"
            " VALUES (%s, %s, 1, 1, 'notice', now(), '{}')",
            [deployment.client_id, deployment.pk],
        )


def test_what_is_to_be_told_is_never_changed(world: World) -> None:
    outbox(world.acorn.deployment)
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE monitoring_outbox SET payload = '1'")


def test_the_stamp_of_a_row_is_that_of_the_measurement(world: World) -> None:
    measurement = Measurement(ts_ns=1_700_000_000_123_456_789, name="n", source="s", values={})
    row = dict(zip(COLUMNS, row_of(measurement, 7, 3), strict=True))
    assert (row["deployment_id"], row["client_id"], row["ts"]) == (7, 3, utc(1_700_000_000_123_456_789))


@pytest.fixture
def schema_before(transactional_db: None) -> Iterator[None]:
    """The database of the version before, with what it holds."""
    call_command("migrate", "monitoring", "0007", verbosity=0)
    yield
    call_command("migrate", verbosity=0)


def test_a_desk_of_the_version_before_is_brought_up_to_this_one(schema_before: None) -> None:
    assert rows("SELECT to_regclass('monitoring_measurement_hot'), to_regclass('monitoring_outbox')") == [(None, None)]
    call_command("migrate", verbosity=0)
    assert rows("SELECT count(*) FROM monitoring_figure") == rows("SELECT count(*) FROM monitoring_outbox") == [(0,)]
    assert rows("SELECT relrowsecurity FROM pg_class WHERE relname = 'monitoring_measurement_hot'") == [(True,)]


def test_the_deployments_page_shows_the_newest_of_every_collector_to_the_desk(world: World) -> None:
    ours = world.acorn.deployment
    now = timezone.now()
    measure(ours, now - datetime.timedelta(seconds=30), own_spread_bps=D("41"))
    measure(
        ours, now - datetime.timedelta(seconds=10), own_spread_bps=D("40.123456789"), mid=None, depth=D("1234567.8")
    )
    measure(world.cedar.deployment, now, own_spread_bps=D("77"))
    browser = Browser()
    browser.force_login(world.vera)
    assert f"/deployments/{ours.pk}/measurements/" in browser.get(f"/deployments/{ours.pk}/").content.decode()
    shown = re.sub(r"<[^>]+>", "", browser.get(f"/deployments/{ours.pk}/measurements/").content.decode())
    assert "spread ours ACORN/USDT" in shown
    for figure in ("own spread bps 40.1235", "mid –", "depth 1,234,570"):
        assert figure in shown
    assert "bps 41" not in shown
    assert "bps 77" not in shown


def test_without_collectors_the_page_says_how_to_have_some(world: World) -> None:
    browser = Browser()
    browser.force_login(world.vera)
    page = browser.get(f"/deployments/{world.acorn.deployment.pk}/measurements/").content.decode()
    assert "Nothing was measured in the last 15 minutes." in page
    assert "metrics.*" in page


@pytest.mark.parametrize("person", ["alice", "charlie"])
def test_a_clients_people_are_not_shown_a_collectors_figures(world: World, person: str) -> None:
    browser = Browser()
    browser.force_login(getattr(world, person))
    assert browser.get(f"/deployments/{world.acorn.deployment.pk}/measurements/").status_code in (403, 404)
