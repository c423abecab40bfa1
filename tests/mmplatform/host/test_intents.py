"""No order leaves for a venue elsewhere before the record knows of it (Q11), and the next holder acts on that (Q9)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from engine.core.plugins import Registry
from engine.market.types import OrderReport, OrderRequest, OrderStatus
from engine.venues.paper.exchange import PaperExchange
from mmplatform.host import records
from mmplatform.host.batch import Owner
from mmplatform.host.journal import Journal
from mmplatform.host.writer import Writer
from tests.mmplatform.host.conftest import Desk
from tests.mmplatform.host.test_host import Watch, watch  # noqa: F401  a fixture
from tests.mmplatform.host.test_writer import fill, journal, order, rows, told, writer  # noqa: F401  fixtures


async def test_an_intent_is_secure_when_the_database_holds_it_and_not_before(
    writer: Writer,  # noqa: F811
    journal: Journal,  # noqa: F811
    connect,
) -> None:
    journal.emit(order(OrderStatus.PENDING))
    assert await rows(connect, "select status from monitoring_order") == []
    assert await writer.secure(journal) == ""
    assert await rows(connect, "select status, token from monitoring_order") == [("pending", 7)]


async def test_nothing_new_is_secure_at_once(writer: Writer, journal: Journal) -> None:  # noqa: F811
    assert await writer.secure(journal, within_s=0) == ""


async def test_a_replaced_holder_is_told_that_it_is_one(desk: Desk, writer: Writer, journal: Journal, connect) -> None:  # noqa: F811
    connection = await connect()
    await connection.execute("update strategies_deployment set token = 8")
    journal.emit(order(OrderStatus.PENDING))
    assert await writer.secure(journal) == "Another holder has taken the deployment over."
    assert await rows(connect, "select count(*) from monitoring_order") == [(0,)]


async def test_an_intent_that_cannot_be_recorded_in_time_is_said_to_be_none(desk: Desk) -> None:
    nowhere = Writer("postgresql://postgres@127.0.0.1:1/postgres", interval_s=0.01)
    unheard = nowhere.open(Owner(deployment_id=1, client_id=1, token=1, base="A", quote="B"))
    nowhere.start()
    try:
        unheard.emit(order(OrderStatus.PENDING))
        assert await nowhere.secure(unheard, within_s=0.1) == "The intent could not be recorded within 0.1 s."
    finally:
        await nowhere.stop()


async def test_an_intent_the_database_refuses_is_not_taken_for_recorded(
    writer: Writer,  # noqa: F811
    journal: Journal,  # noqa: F811
) -> None:
    journal.emit(fill(1))
    assert await writer.secure(journal) == ""
    journal.emit(fill(1, fill_id="another fill with the same number"))
    journal.emit(order(OrderStatus.PENDING))
    assert await writer.secure(journal) == "The database refuses to record the intent."
    journal.emit(order(OrderStatus.PENDING, key="mm-1-1-2"))
    assert await writer.secure(journal) == ""


async def test_the_next_holder_is_given_what_has_not_been_accounted_for(
    desk: Desk,
    writer: Writer,  # noqa: F811
    journal: Journal,  # noqa: F811
    connect,
) -> None:
    journal.emit(order(OrderStatus.PENDING, key="mm-1-7-1"))
    journal.emit(order(OrderStatus.PENDING, key="mm-1-7-2"))
    journal.emit(order(OrderStatus.OPEN, key="mm-1-7-2", at_s=5, filled="10.5"))
    journal.emit(fill(1))  # of mm-1-1-1, which is accounted for by it
    journal.emit(order(OrderStatus.CANCELLED, at_s=6, filled="10.5"))
    journal.emit(order(OrderStatus.FILLED, key="mm-1-7-3", filled="21"))
    assert await writer.settle(within_s=5)
    connection = await connect()
    await connection.execute("update monitoring_order set created_at = now() where client_order_id = 'mm-1-7-3'")
    record = await records.read(connection, journal.owner.deployment_id, 7)
    assert record is not None
    left = {report.client_order_id: (report.status.value, str(report.filled_base)) for report in record.restore.orders}
    assert left == {"mm-1-7-1": ("pending", "0"), "mm-1-7-2": ("open", "10.5"), "mm-1-7-3": ("filled", "21")}
    assert set(map(str, record.restore.booked_base.values())) == {"0"}
    created = {report.client_order_id: report.ts_ns for report in record.restore.orders}
    assert created["mm-1-7-1"] == created["mm-1-7-2"]


class Far(PaperExchange):
    """Paper at the end of a line: an order rests there when the record knows of it, and the answer never comes."""

    immediate = False
    seen: list[tuple[str, int]] = []

    async def place(self, orders: Sequence[OrderRequest]) -> Sequence[OrderReport]:
        await super().place(orders)
        ids = [each.client_order_id for each in orders]
        count = Watch.one(None, "select count(*) from monitoring_order where client_order_id = any(%s)", ids)  # type: ignore[arg-type]
        self.seen += [(each, count) for each in ids]
        await asyncio.Event().wait()
        raise AssertionError("nobody answers")


@pytest.fixture
def registry() -> Registry:
    Far.seen.clear()
    return Registry.installed().with_components({"exchanges.paper": Far})


async def test_a_host_killed_while_a_venue_has_not_answered_leaves_enough_for_the_next_to_clear_up(
    watch: Watch,  # noqa: F811
    desk: Desk,
    registry: Registry,
) -> None:
    deployment = desk.deployment()
    watch.command("start", deployment)
    async with watch.host(registry=registry) as host:
        await watch.until(lambda: Far.seen)
        # As after a kill: somebody else holds it, and what this host knows is gone.
        watch.one("update strategies_hostslot set token = nextval('mm_fence') returning id")
        watch.one(
            "update strategies_deployment set token = nextval('mm_fence'), expires_at = now() - interval '1 minute' "
            "returning id"
        )
        await watch.until(lambda: not host.hosted)
    sent = dict(Far.seen)
    assert len(sent) == 4
    assert set(sent.values()) == {4}, "an order left before its intent was recorded"
    assert watch.one("select count(*) from monitoring_order where status = 'pending'") == 4

    async with watch.host():
        # On paper the record is the venue: all four rest there, are found, and are gone before anything is quoted.
        await watch.until(lambda: watch.one("select count(*) from monitoring_order where status = 'cancelled'") >= 4)
        ended = watch.one("select array_agg(status) from monitoring_order where client_order_id = any(%s)", [*sent])
        assert set(ended) == {"cancelled"}
