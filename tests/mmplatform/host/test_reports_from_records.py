"""A report built from the records says what one tallied live says: money to the last digit (S3)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal

import pytest
from django.db import connection

from engine.accounting.session import SessionReport, SessionTally
from engine.core.clock import utc
from engine.core.states import State
from engine.market.types import Side
from engine.metrics.events import FeesPriced, FillRecorded, StateChanged
from mmplatform.host.batch import Owner
from mmplatform.host.journal import Journal
from mmplatform.host.writer import Writer
from monitoring.models import Origin
from monitoring.models import SessionReport as Stored
from monitoring.sessions import LOST, report_of, reports_store, sessions_of, unpriced_fees
from strategies.models import Deployment
from tests.engine.accounting.test_fees_in_any_asset import BNB, show_rate
from tests.engine.desk import Desk as Engine
from tests.mmplatform.host.conftest import Desk, database_url

D = Decimal
LATER = datetime.timedelta(minutes=5)


@dataclass
class Played:
    """Two sessions of one engine, written as a host writes them; the tally is of the second alone."""

    deployment: Deployment
    live: SessionReport
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    events: list[object]


async def trade(engine: Engine, seconds: int) -> None:
    """Every second somebody hits a bid or lifts an offer, in turns, in part."""
    for second in range(seconds):
        side = Side.BUY if second % 3 else Side.SELL
        if prices := engine.prices(side):
            engine.venue.trade(prices[0], "0.00713" if second % 2 else "0.002", side.opposite)
        if second % 5 == 4:
            move = D(second % 7 - 3)
            engine.book(str(D("49999.99") + move), str(D("50000.01") + move))
        await engine.run(1)


@pytest.fixture
async def played(transactional_db: None, desk: Desk) -> Played:
    deployment = desk.deployment(token=7)
    desk.run(lambda: type(desk.market).objects.update(symbol="BTC/USDT", base="BTC"))
    engine = await Engine(components=BNB, args=', rates: {BNB: "@bnb"}', maker_fee="10").open()
    engine.venue.fee_asset, engine.venue.fee_asset_quote = "BNB", D(600)
    for _ in range(2):
        await engine.service.start("test")
        await engine.run(1)
        await trade(engine, 20)
        show_rate(engine, "612.34")  # only from here on is there a rate: first for what waited, then for what comes
        await trade(engine, 2)
        await engine.service.pause("enough")
        await engine.run(3)
    events = list(engine._memory.events)
    changes = [each for each in events if isinstance(each, StateChanged)]
    start = [each.ts_ns for each in changes if each.new is State.ACTIVE][-1]
    end = changes[-1].ts_ns
    tally = SessionTally()
    since = next(index for index, each in enumerate(events) if isinstance(each, StateChanged) and each.ts_ns == start)
    for event in events[since : events.index(changes[-1]) + 1]:
        tally.add(event)
    writer = Writer(database_url(), interval_s=0.05)
    writer.start()
    journal: Journal = writer.open(
        Owner(deployment_id=deployment.id, client_id=desk.client.id, token=7, base="BTC", quote="USDT")
    )
    for event in events:
        journal.emit(event)
    assert await writer.settle(within_s=20)
    await writer.stop()
    await engine.close()
    return Played(deployment, tally.report(), utc(start), utc(end), events)


MONEY = (
    *("volume_quote", "fills", "realised_quote", "unrealised_quote", "fees_quote", "net_quote", "inventory_delta_base"),
    *("captured_spread_bps", "fills_without_mid", "round_trips", "fees", "flows"),
    *("orders", "rejections", "orders_filled", "fill_rate", "start_ns", "end_ns"),
)
SHARES = ("active_share", "two_sided_share", "unobserved_share")


async def test_the_report_from_the_records_is_the_one_tallied_live(played: Played, desk: Desk) -> None:
    built = desk.run(lambda: report_of(fresh(played), played.starts_at, played.ends_at))
    live = played.live
    assert live.fills >= 10
    assert live.realised_quote
    assert live.round_trips.realised_quote
    assert live.round_trips.realised_quote != live.realised_quote  # it closes what the session before had bought
    for name in MONEY:
        assert getattr(built, name) == getattr(live, name), name
    within = D(1) / live.duration_s
    for name in SHARES:
        assert abs(getattr(built, name) - getattr(live, name)) <= within, name
    assert abs(built.bids.uptime_share - live.bids.uptime_share) <= within
    assert built.own_spread_bps is not None
    assert live.own_spread_bps is not None
    assert abs(built.own_spread_bps - live.own_spread_bps) < D("0.01")


async def test_the_parts_of_a_range_add_up_to_the_whole(played: Played, desk: Desk) -> None:
    cut = played.starts_at + (played.ends_at - played.starts_at) / 2
    tick = datetime.timedelta(microseconds=1)

    def parts() -> tuple[SessionReport, SessionReport, SessionReport]:
        deployment = fresh(played)
        return (
            report_of(deployment, played.starts_at, cut),
            report_of(deployment, cut + tick, played.ends_at),
            report_of(deployment, played.starts_at, played.ends_at),
        )

    first, second, whole = desk.run(parts)
    for name in ("volume_quote", "fills", "realised_quote", "fees_quote", "inventory_delta_base", "orders"):
        assert getattr(first, name) + getattr(second, name) == getattr(whole, name), name


async def test_fees_priced_later_are_in_the_report_of_the_session_that_booked_them(played: Played, desk: Desk) -> None:
    fills = [each for each in played.events if isinstance(each, FillRecorded)]
    priced = next(each for each in played.events if isinstance(each, FeesPriced))
    assert any(each.fee_unpriced for each in fills)
    assert any(each.fee_rate == D("612.34") for each in fills)
    first = desk.run(lambda: report_of(fresh(played), utc(fills[0].fill.ts_ns), utc(priced.ts_ns)))
    (fees,) = first.fees
    assert (fees.asset, fees.unpriced) == ("BNB", D(0))
    assert first.fees_quote == fees.booked_quote == priced.fees_total_quote
    assert desk.run(lambda: unpriced_fees(played.deployment.id)) == {}


async def test_each_session_is_found_and_reported_once(played: Played, desk: Desk) -> None:
    now = played.ends_at + LATER
    sessions = desk.run(lambda: sessions_of(fresh(played)))
    assert [each.ended_as for each in sessions] == ["paused", "paused"]
    assert (sessions[0].starts_at, sessions[0].ends_at) == (played.starts_at, played.ends_at)
    assert desk.run(lambda: reports_store(now=now)) == 2
    assert desk.run(lambda: reports_store(now=now)) == 0
    stored = desk.run(lambda: list(Stored.objects.order_by("starts_at")))
    assert [each.origin for each in stored] == [Origin.RECORDS] * 2
    assert D(stored[1].figures["realised_quote"]) == played.live.realised_quote


async def test_what_may_still_be_on_its_way_to_the_records_is_not_reported_yet(played: Played, desk: Desk) -> None:
    assert desk.run(lambda: reports_store(now=played.ends_at + datetime.timedelta(seconds=5))) == 1  # the first alone


async def test_a_session_whose_host_was_lost_ends_with_its_last_second(played: Played, desk: Desk) -> None:
    def lose() -> list[object]:
        with connection.cursor() as cursor:
            # As if the end had never been written.
            cursor.execute("alter table monitoring_deploymentevent disable trigger append_only")
            cursor.execute("delete from monitoring_deploymentevent where at > %s", [played.starts_at])
            cursor.execute("alter table monitoring_deploymentevent enable trigger append_only")
        return list(sessions_of(fresh(played)))

    lost = desk.run(lose)[0]
    assert lost.ended_as == LOST  # type: ignore[attr-defined]
    gap = played.ends_at - lost.ends_at  # type: ignore[attr-defined]
    assert datetime.timedelta(0) <= gap <= datetime.timedelta(seconds=1.5)


async def test_a_running_session_has_no_end(played: Played, desk: Desk) -> None:
    def run() -> object:
        with connection.cursor() as cursor:
            cursor.execute("alter table monitoring_deploymentevent disable trigger append_only")
            cursor.execute("delete from monitoring_deploymentevent where at > %s", [played.starts_at])
            cursor.execute("alter table monitoring_deploymentevent enable trigger append_only")
        Deployment.objects.filter(pk=played.deployment.pk).update(observed=State.ACTIVE.value)
        return sessions_of(fresh(played))[0]

    running = desk.run(run)
    assert running.ends_at is None  # type: ignore[attr-defined]


async def test_a_range_that_ends_before_it_begins_is_refused(played: Played, desk: Desk) -> None:
    with pytest.raises(ValueError, match="A report needs a beginning before its end"):
        desk.run(lambda: report_of(fresh(played), played.ends_at, played.starts_at))


def fresh(played: Played) -> Deployment:
    return Deployment.objects.select_related("market").get(pk=played.deployment.pk)
