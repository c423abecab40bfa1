"""The writer: rows under a token, once, whatever happens between us and the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import psycopg
import pytest

from engine.core.states import State, Trigger
from engine.market.types import Fill, OrderStatus, Side
from engine.metrics.events import (
    FeesPriced,
    FillRecorded,
    HaltCompleted,
    Measurement,
    Notice,
    OrderChanged,
    RiskTriggered,
    Sample,
    StateChanged,
)
from mmplatform.host import records
from mmplatform.host.batch import OUTBOX_KEPT, SAMPLES_KEPT, Owner
from mmplatform.host.journal import Journal
from mmplatform.host.streams import FEW_ORDERS
from mmplatform.host.writer import Writer
from tests.mmplatform.host.conftest import database_url

NOW_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000


def fill(number: int, *, side: Side = Side.BUY, fill_id: str = "") -> FillRecorded:
    return FillRecorded(
        fill=Fill(
            ts_ns=NOW_NS + number * SECOND_NS,
            fill_id=fill_id or f"f{number}",
            client_order_id="mm-1-1-1",
            venue_order_id="v1",
            symbol="AURORA/USDT",
            side=side,
            price=Decimal("0.0312"),
            size_base=Decimal("10.5"),
            fee=Decimal("0.000327600"),
            fee_asset="USDT",
        ),
        mid=Decimal("0.03125"),
        realised_quote=Decimal(0),
        fee_quote=Decimal("0.000327600"),
        position_base=Decimal("10.5") * number,
        average_cost=Decimal("0.0312"),
        realised_total_quote=Decimal(0),
        fees_total_quote=Decimal("0.000327600") * number,
        volume_total_quote=Decimal("0.3276") * number,
        fills_total=number,
    )


def order(status: OrderStatus, *, key: str = "mm-1-1-1", at_s: int = 0, filled: str = "0") -> OrderChanged:
    return OrderChanged(
        ts_ns=NOW_NS + at_s * SECOND_NS,
        client_order_id=key,
        venue_order_id="v1",
        symbol="AURORA/USDT",
        side=Side.BUY,
        level=0,
        price=Decimal("0.0312"),
        size_base=Decimal("21"),
        filled_base=Decimal(filled),
        old=None,
        new=status,
        reason="",
    )


def sample(at_s: int) -> Sample:
    return Sample(
        ts_ns=NOW_NS + at_s * SECOND_NS,
        state=State.ACTIVE,
        mid=Decimal("0.03125"),
        base_total=Decimal("10010.5"),
        quote_total=Decimal("4999.6720724"),
    )


def halting(reason: str) -> StateChanged:
    return StateChanged(ts_ns=NOW_NS, old=State.ACTIVE, new=State.HALTING, trigger=Trigger.HALT, reason=reason)


class Told:
    """What the writer told its host."""

    def __init__(self) -> None:
        self.fenced: list[Owner] = []
        self.refused: list[str] = []
        self.recorded: list[str] = []


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def writer(transactional_db: None, told: Told) -> AsyncIterator[Writer]:
    writer = Writer(
        database_url(),
        on_fenced=told.fenced.append,
        on_refused=lambda owner, reason: told.refused.append(reason),
        interval_s=0.05,
    )
    writer.start()
    yield writer
    await writer.stop()


@pytest.fixture
def journal(desk, writer, told) -> Journal:
    deployment = desk.deployment(token=7)
    return writer.open(
        Owner(deployment_id=deployment.id, client_id=desk.client.id, token=7, base="AURORA", quote="USDT"),
        on_recorded=lambda recorded: told.recorded.append(recorded.fill.fill_id),
    )


async def rows(connect, query: str) -> list[tuple]:
    connection = await connect()
    return await (await connection.execute(query)).fetchall()


async def test_everything_a_second_brought_is_written_together_and_exactly(writer, journal, connect) -> None:
    journal.emit(order(OrderStatus.OPEN))
    journal.emit(fill(1))
    journal.emit(order(OrderStatus.PARTIALLY_FILLED, at_s=1, filled="10.5"))
    journal.emit(sample(1))
    journal.emit(Notice(ts_ns=NOW_NS, level="warning", text="Thin."))
    assert await writer.settle(within_s=5)
    (written,) = await rows(connect, "select status, filled_base, token, updated_at - created_at from monitoring_order")
    assert written[:3] == ("partially_filled", Decimal("10.5"), 7)
    assert written[3].total_seconds() == 1
    assert await rows(connect, "select fee::text, fills_total from monitoring_fill") == [("0.000327600", 1)]
    assert await rows(connect, "select level, kind, text from monitoring_deploymentevent") == [
        ("warning", "notice", "Thin.")
    ]
    assert await rows(connect, "select asset, total, locked from monitoring_balance order by 1") == [
        ("AURORA", Decimal("10010.5"), Decimal(0)),
        ("USDT", Decimal("4999.6720724"), Decimal("10.5") * Decimal("0.0312")),
    ]
    assert await rows(connect, "select mid, state from monitoring_sample_hot") == [(0.03125, "active")]


async def test_the_same_rows_written_twice_change_nothing(writer, journal, connect) -> None:
    for _ in range(2):  # as after a commit whose answer got lost
        journal._last_sample_ts = None
        journal.emit(order(OrderStatus.OPEN))
        journal.emit(fill(1))
        journal.emit(sample(1))
        journal.emit(halting("limit"))
        assert await writer.settle(within_s=5)
    for table in ("order", "fill", "deploymentevent", "sample_hot"):
        assert await rows(connect, f"select count(*) from monitoring_{table}") == [(1,)]
    assert await rows(connect, "select count(*) from strategies_killswitch") == [(1,)]


async def test_many_orders_at_once_are_written_as_exactly_as_one(writer, journal, connect) -> None:
    keys = [f"mm-1-1-{number}" for number in range(3 * FEW_ORDERS)]
    for key in keys:
        journal.emit(order(OrderStatus.OPEN, key=key))
    assert await writer.settle(within_s=5)
    for number, key in enumerate(keys):
        journal.emit(order(OrderStatus.PARTIALLY_FILLED, key=key, at_s=2, filled=f"{number}.5"))
    assert await writer.settle(within_s=5)
    written = await rows(
        connect,
        "select client_order_id, status, filled_base::text, token, updated_at - created_at from monitoring_order "
        "order by monitoring_order.filled_base",
    )
    assert [row[:4] for row in written] == [
        (key, "partially_filled", f"{number}.5", 7) for number, key in enumerate(keys)
    ]
    assert {row[4].total_seconds() for row in written} == {2}


async def test_an_order_that_became_smaller_is_recorded_with_its_new_size(writer, journal, connect) -> None:
    journal.emit(order(OrderStatus.OPEN))
    assert await writer.settle(within_s=5)
    journal.emit(msgspec.structs.replace(order(OrderStatus.OPEN, at_s=1), size_base=Decimal("12.5")))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select size_base::text, status from monitoring_order") == [("12.5", "open")]


async def test_an_order_that_cannot_be_sent_among_many_costs_only_its_own_holder_theirs(
    desk, writer, journal, told, connect
) -> None:
    other = desk.deployment(token=9)
    healthy = writer.open(Owner(deployment_id=other.id, client_id=desk.client.id, token=9, base="AURORA", quote="USDT"))
    for number in range(2 * FEW_ORDERS):
        journal.emit(order(OrderStatus.OPEN, key=f"half a character \ud83d {number}"))
        healthy.emit(order(OrderStatus.OPEN, key=f"mm-2-9-{number}"))
    assert await writer.settle(within_s=5)
    assert len(told.refused) == 1
    assert await rows(connect, "select deployment_id, count(*) from monitoring_order group by 1") == [
        (other.id, 2 * FEW_ORDERS)
    ]


def paid_in_bnb(number: int, **changes: object) -> FillRecorded:
    recorded = fill(number)
    paid = msgspec.structs.replace(recorded.fill, fee=Decimal("0.0005"), fee_asset="BNB")
    return msgspec.structs.replace(recorded, fill=paid, **changes)


def priced(number: int, *, amount: str, fills_total: int, fees_total: str) -> FeesPriced:
    return FeesPriced(
        ts_ns=NOW_NS + 10 * SECOND_NS,
        symbol="AURORA/USDT",
        number=number,
        asset="BNB",
        amount=Decimal(amount),
        rate=Decimal("612.34"),
        rate_source="venue mid",
        rate_ns=NOW_NS + 9 * SECOND_NS,
        fee_quote=Decimal(amount) * Decimal("612.34"),
        fees_total_quote=Decimal(fees_total),
        fills_total=fills_total,
    )


async def test_a_conversion_is_written_with_its_rate_its_source_and_its_time(writer, journal, connect) -> None:
    rated = {"fee_rate": Decimal("612.34"), "fee_rate_source": "venue mid", "fee_rate_ns": NOW_NS}
    for _ in range(2):  # written again changes nothing
        journal.emit(paid_in_bnb(1, cost_quote=Decimal("0.32760000000000000001"), **rated))
        journal.emit(paid_in_bnb(2, fee_unpriced=Decimal("0.0005")))
        journal.emit(priced(1, amount="0.0005", fills_total=2, fees_total="1"))
        assert await writer.settle(within_s=5)
    query = "select cost_quote, fee_rate, fee_rate_source, extract(epoch from fee_rate_at), fee_unpriced"
    assert await rows(connect, f"{query} from monitoring_fill order by fills_total") == [
        (Decimal("0.32760000000000000001"), Decimal("612.34"), "venue mid", NOW_NS // SECOND_NS, None),
        (None, None, None, None, Decimal("0.0005")),
    ]
    query = "select number, asset, amount, rate, rate_source, extract(epoch from rate_at), fee_quote"
    assert await rows(connect, f"{query} from monitoring_feeconversion") == [
        (1, "BNB", Decimal("0.0005"), Decimal("612.34"), "venue mid", NOW_NS // SECOND_NS + 9, Decimal("0.30617"))
    ]
    assert await rows(connect, "select text from monitoring_deploymentevent where kind = 'notice'") == [
        ("Fees of 0.0005 BNB are booked now, at 612.34 USDT (venue mid): 0.30617 USDT.",)
    ]


async def test_the_next_holder_knows_what_is_unpriced_and_what_was_booked_since_the_last_fill(
    writer, journal, connect
) -> None:
    async def restore():
        assert await writer.settle(within_s=5)
        return (await records.read(await connect(), journal.owner.deployment_id, 7)).restore

    for number in (1, 2):
        journal.emit(paid_in_bnb(number, fee_unpriced=Decimal("0.0005"), cost_quote=Decimal("0.1") * number))
    found = await restore()
    assert (found.unpriced_fees, found.conversions_total) == ({"BNB": Decimal("0.0010")}, 0)
    assert found.cost_quote == Decimal("0.2")
    booked_before = found.fees_total_quote

    journal.emit(priced(1, amount="0.0010", fills_total=2, fees_total="5"))
    found = await restore()
    assert (found.unpriced_fees, found.conversions_total, found.fees_total_quote) == ({}, 1, Decimal(5))
    assert booked_before != Decimal(5)

    journal.emit(paid_in_bnb(3, fee_unpriced=Decimal("0.0005"), fees_total_quote=Decimal(6)))
    found = await restore()
    assert (found.unpriced_fees, found.fees_total_quote) == ({"BNB": Decimal("0.0005")}, Decimal(6))


async def test_a_conversion_is_never_changed_or_removed(writer, journal, connect) -> None:
    journal.emit(priced(1, amount="1", fills_total=0, fees_total="5"))
    assert await writer.settle(within_s=5)
    for statement in ("update monitoring_feeconversion set rate = 1", "delete from monitoring_feeconversion"):
        connection = await connect()
        with pytest.raises(psycopg.errors.RestrictViolation, match="never changed or removed"):
            await connection.execute(statement)


async def test_a_fill_is_told_when_it_is_in_the_record_and_not_before(writer, journal, told) -> None:
    journal.emit(fill(1))
    assert told.recorded == []
    assert await writer.settle(within_s=5)
    assert told.recorded == ["f1"]


async def test_a_fill_that_is_refused_is_never_told(desk, writer, journal, told, connect) -> None:
    connection = await connect()
    await connection.execute("update strategies_deployment set token = 8")
    journal.emit(fill(1))
    assert await writer.settle(within_s=5)
    assert told.recorded == []


async def test_rows_of_a_replaced_holder_are_refused(desk, writer, journal, told, connect) -> None:
    connection = await connect()
    await connection.execute("update strategies_deployment set token = 8, observed_reason = 'mine now'")
    journal.emit(order(OrderStatus.OPEN))
    journal.emit(fill(1))
    journal.emit(sample(1))
    journal.emit(halting("the zombie says so"))
    assert await writer.settle(within_s=5)
    assert [owner.token for owner in told.fenced] == [7]
    for table in ("order", "fill", "deploymentevent", "sample_hot"):
        assert await rows(connect, f"select count(*) from monitoring_{table}") == [(0,)]
    assert await rows(connect, "select observed_reason from strategies_deployment") == [("mine now",)]
    assert await rows(connect, "select count(*) from strategies_killswitch") == [(0,)]


async def test_a_take_over_waits_for_a_write_in_flight(desk, journal, connect) -> None:
    holder, successor = await connect(), await connect()
    async with holder.transaction():
        await holder.execute("select from strategies_deployment for key share")  # as the writer does
        taken = asyncio.ensure_future(successor.execute("select from strategies_deployment for update"))
        done, _ = await asyncio.wait({taken}, timeout=0.2)
        assert not done
        renewed = await connect()
        await asyncio.wait_for(renewed.execute("update strategies_deployment set expires_at = now()"), 1)
    await asyncio.wait_for(taken, 2)


async def test_one_holder_refused_does_not_hold_up_the_others(desk, writer, journal, told, connect) -> None:
    other = desk.deployment(token=9)
    healthy = writer.open(Owner(deployment_id=other.id, client_id=desk.client.id, token=9, base="AURORA", quote="USDT"))
    journal.emit(fill(1))
    assert await writer.settle(within_s=5)
    journal.emit(fill(1, fill_id="another fill with the same number"))
    healthy.emit(fill(1))
    assert await writer.settle(within_s=5)
    assert len(told.refused) == 1
    assert "fills_are_numbered" in told.refused[0]
    assert await rows(connect, f"select fill_id from monitoring_fill where deployment_id = {other.id}") == [("f1",)]


async def test_a_row_that_cannot_even_be_sent_does_not_end_the_writing_of_the_others(
    desk, writer, journal, told, connect
) -> None:
    other = desk.deployment(token=9)
    healthy = writer.open(Owner(deployment_id=other.id, client_id=desk.client.id, token=9, base="AURORA", quote="USDT"))
    journal.emit(fill(1, fill_id="half a character \ud83d"))
    healthy.emit(fill(1))
    assert await writer.settle(within_s=5)
    assert len(told.refused) == 1
    assert await rows(connect, f"select fill_id from monitoring_fill where deployment_id = {other.id}") == [("f1",)]
    healthy.emit(fill(2))
    assert await writer.settle(within_s=5)


async def test_a_broken_connection_delays_and_loses_nothing(writer, journal, connect) -> None:
    journal.emit(fill(1))
    assert await writer.settle(within_s=5)
    connection = await connect()
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'mm-host writer'"
    )
    journal.emit(fill(2))
    journal.emit(order(OrderStatus.OPEN))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select fills_total from monitoring_fill order by 1") == [(1,), (2,)]
    assert writer.stalled_s == 0


async def test_what_cannot_be_written_is_kept_and_its_age_known(desk, told) -> None:
    nowhere = Writer("postgresql://postgres@127.0.0.1:1/postgres", interval_s=0.01)
    journal = nowhere.open(Owner(deployment_id=1, client_id=1, token=1, base="A", quote="B"))
    nowhere.start()
    try:
        journal.emit(fill(1))
        journal.emit(order(OrderStatus.OPEN))
        for second in range(SAMPLES_KEPT + 50):
            journal.emit(sample(second))
        assert not await nowhere.settle(within_s=0.3)
        journal.emit(fill(2))
        journal.emit(order(OrderStatus.CANCELLED, at_s=1))
        assert not await nowhere.settle(within_s=0.3)
        assert nowhere.stalled_s > 0.5
        batch = journal.take()
        assert [row[2] for row in batch.fills] == ["f1", "f2"]
        assert [order.change.new.value for order in batch.orders.values()] == ["cancelled"]
        assert len(batch.samples) == SAMPLES_KEPT  # the oldest were given up
    finally:
        await nowhere.stop()


async def test_a_trip_is_latched_with_the_state_and_audited_in_the_engines_name(writer, journal, connect) -> None:
    journal.emit(RiskTriggered(ts_ns=NOW_NS, switch="loss", reason="loss of 501 is over 500", value=Decimal(501)))
    journal.emit(halting("loss of 501 is over 500"))
    journal.emit(
        HaltCompleted(requested_ns=NOW_NS, completed_ns=NOW_NS + 1_500_000, orders_cancelled=4, proven_clean=True)
    )
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select scope, reason, engaged_by_id from strategies_killswitch") == [
        ("deployment", "loss of 501 is over 500", None)
    ]
    assert await rows(connect, "select actor_name, verb, reason from clients_auditentry") == [
        ("engine", "kill_switch.engaged", "loss of 501 is over 500")
    ]
    assert await rows(connect, "select observed, halt_ms, halt_proven from strategies_deployment") == [
        ("halting", 1.5, True)
    ]
    events = await rows(
        connect, "select kind, level, text, detail->>'value' from monitoring_deploymentevent order by id"
    )
    assert events[0] == ("risk", "error", "loss of 501 is over 500", "501")
    assert events[2][2] == "4 orders cancelled in 1.5 ms; the venue confirms that nothing rests."


async def test_what_several_show_of_themselves_is_written_for_each(desk, writer, journal, connect) -> None:
    others = [desk.deployment(token=9) for _ in range(3)]
    open_for = [
        writer.open(Owner(deployment_id=each.id, client_id=desk.client.id, token=9, base="AURORA", quote="USDT"))
        for each in others
    ]
    journal.observe(State.PAUSED, "by Ann")
    open_for[0].emit(halting("loss"))
    open_for[1].emit(halting("drawdown"))
    open_for[1].emit(
        HaltCompleted(requested_ns=NOW_NS, completed_ns=NOW_NS + 2_500_000, orders_cancelled=0, proven_clean=False)
    )
    open_for[2].carried_out(3)
    assert await writer.settle(within_s=5)
    assert await rows(
        connect,
        "select observed, observed_reason, halt_ms, halt_proven, command_done from strategies_deployment order by id",
    ) == [
        ("paused", "by Ann", None, None, 0),
        ("halting", "loss", None, None, 0),
        ("halting", "drawdown", 2.5, False, 0),
        ("paused", "not started", None, None, 3),
    ]
    assert await rows(connect, "select deployment_id, reason from strategies_killswitch order by 1") == [
        (others[0].id, "loss"),
        (others[1].id, "drawdown"),
    ]


async def engage_for_the_firm(connect) -> None:
    connection = await connect()
    await connection.execute(
        "insert into strategies_killswitch (scope, reason, engaged_at, reset_reason)"
        " values ('firm', 'drill', now(), '')"
    )


async def test_a_commanded_halt_is_not_latched_twice(desk, writer, journal, connect) -> None:
    await engage_for_the_firm(connect)
    with journal.commanded("drill"):
        journal.emit(halting("drill"))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select scope from strategies_killswitch") == [("firm",)]


async def test_a_halt_that_was_commanded_does_not_undo_a_reset_that_overtook_it(desk, writer, journal, connect) -> None:
    """A host comes back and halts as the record said; a person has reset the switch while it was on its way."""
    with journal.commanded("drill"):
        journal.emit(halting("drill"))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select observed from strategies_deployment") == [("halting",)]
    assert await rows(connect, "select scope from strategies_killswitch") == []
    journal.emit(halting("drill"))  # not by command: a trip that happens to say the same
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select scope from strategies_killswitch") == [("deployment",)]


async def test_a_trip_of_its_own_outlasts_the_broader_switch_that_covers_it(desk, writer, journal, connect) -> None:
    """Else the reset of the firm's switch would reset a loss that nobody has looked at."""
    await engage_for_the_firm(connect)
    journal.kill_reason = "drill"
    journal.emit(halting("drill"))  # the manual switch of the file, at a tick before the command was heard
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select scope from strategies_killswitch") == [("firm",)]
    journal.emit(halting("loss of 501 is over 500"))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select scope, reason from strategies_killswitch order by id") == [
        ("firm", "drill"),
        ("deployment", "loss of 501 is over 500"),
    ]
    journal.emit(halting("loss of 501 is over 500"))
    assert await writer.settle(within_s=5)
    assert len(await rows(connect, "select id from strategies_killswitch")) == 2


async def test_the_next_holder_finds_position_balances_and_orders(desk, writer, journal, connect) -> None:
    journal.emit(order(OrderStatus.OPEN, key="mm-1-7-1"))
    journal.emit(order(OrderStatus.CANCELLED, key="mm-1-7-2"))
    for number in (1, 2):
        journal.emit(fill(number))
    assert await writer.settle(within_s=5)
    connection = await connect()
    record = await records.read(connection, journal.owner.deployment_id, 7)
    restore = record.restore
    assert (restore.fills_total, restore.position_base) == (2, Decimal("21.0"))
    assert restore.last_fill_ns == NOW_NS + 2 * SECOND_NS
    assert restore.fill_ids == {"f1", "f2"}
    assert restore.fills_from_ns is not None
    assert restore.fills_from_ns < NOW_NS
    assert restore.balances == {
        "AURORA": Decimal("10000") + 21,
        "USDT": Decimal("5000") - 2 * Decimal("10.5") * Decimal("0.0312") - 2 * Decimal("0.000327600"),
    }
    assert [(o.client_order_id, o.status, o.price) for o in restore.orders] == [
        ("mm-1-7-1", OrderStatus.OPEN, Decimal("0.0312"))
    ]
    assert await records.read(connection, journal.owner.deployment_id, 6) is None


async def test_no_write_is_lost_when_the_writer_is_asked_to_settle_while_writing(writer, journal, connect) -> None:
    for number in range(1, 201):
        journal.emit(fill(number))
        if number % 20 == 0:
            await asyncio.sleep(0)
            await writer.settle(journal, within_s=5)
    assert await rows(connect, "select count(*), max(fills_total) from monitoring_fill") == [(200, 200)]


async def test_a_replaced_holder_that_still_talks_does_not_make_the_host_fall_silent(
    desk, writer, journal, told, connect
) -> None:
    connection = await connect()
    await connection.execute("update strategies_deployment set token = 8")
    journal.emit(fill(1))
    assert await writer.settle(within_s=5)
    assert told.fenced == [journal.owner]
    journal.observe(State.FAULTED, "its venue takes long to let go")  # while it is being taken down
    await asyncio.sleep(0.2)
    assert writer.stalled_s == 0


async def test_the_next_holder_knows_every_fill_it_may_be_told_again(desk, writer, journal, connect) -> None:
    """Fills may be told late: the last recorded one need not be the latest, and those after it are recorded too."""
    for count, number in enumerate((1, 3, 2), start=1):
        journal.emit(msgspec.structs.replace(fill(number), fills_total=count))
    await writer.settle(within_s=5)
    connection = await connect()
    record = await records.read(connection, journal.owner.deployment_id, 7)
    assert record.restore.last_fill_ns == NOW_NS + 2 * SECOND_NS
    assert record.restore.fill_ids == {"f1", "f2", "f3"}


def measurement(at_s: int, name: str = "spread", **values: Decimal | None) -> Measurement:
    return Measurement(
        ts_ns=NOW_NS + at_s * SECOND_NS, name=name, source="ours", symbol="AURORA/USDT", values=values or {"mid": None}
    )


async def test_measurements_are_written_with_the_rest_and_keep_their_digits(writer, journal, connect) -> None:
    journal.emit(measurement(1, own_spread_bps=Decimal("40.0000000000000000000000001"), mid=None))
    journal.emit(measurement(1, "depth", own_bid_depth_200_quote=Decimal(0)))
    journal.emit(sample(1))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select name, field, value::text from monitoring_figure order by 1, 2") == [
        ("depth", "own_bid_depth_200_quote", "0"),
        ("spread", "mid", None),
        ("spread", "own_spread_bps", "40.0000000000000000000000001"),
    ]


async def test_a_measurement_written_twice_counts_once(writer, journal, told, connect) -> None:
    for _ in range(2):  # as after a commit whose answer got lost
        journal._last_measured.clear()
        journal.emit(measurement(1))
        assert await writer.settle(within_s=5)
    journal.emit(measurement(1))  # a second one at the same moment
    journal.emit(measurement(2))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select count(*) from monitoring_measurement_hot") == [(2,)]
    assert told.refused == []


async def test_what_is_told_is_written_with_what_happened_and_exactly(writer, journal, connect) -> None:
    journal.emit(fill(1))
    journal.publish(fill(1))
    assert await writer.settle(within_s=5)
    assert await rows(
        connect,
        "select kind, token, sequence, payload->>'type', payload->'fill'->>'price', payload->'fill'->>'fee',"
        " at = (select at from monitoring_fill), xmin = (select xmin from monitoring_fill) from monitoring_outbox",
    ) == [("fill", 7, 1, "fill", "0.0312", "0.000327600", True, True)]


async def test_nobody_is_told_what_was_refused(desk, writer, journal, connect) -> None:
    connection = await connect()
    await connection.execute("update strategies_deployment set token = 8")
    journal.emit(fill(1))
    journal.publish(fill(1))
    assert await writer.settle(within_s=5)
    assert await rows(connect, "select count(*) from monitoring_outbox") == [(0,)]


async def test_what_is_told_twice_over_stands_there_once(writer, journal, connect) -> None:
    for _ in range(2):
        journal._published = 0
        journal.publish(fill(1))
        assert await writer.settle(within_s=5)
    assert await rows(connect, "select sequence from monitoring_outbox") == [(1,)]


async def test_the_backlog_of_the_outbox_and_its_age_are_known(writer, journal, connect) -> None:
    connection = await connect()
    assert await records.outbox_backlog(connection) == {"outbox_waiting": 0, "outbox_oldest_s": None}
    for number in (1, 2, 3):
        journal.publish(fill(number))
    assert await writer.settle(within_s=5)
    backlog = await records.outbox_backlog(connection)
    assert backlog["outbox_waiting"] == 3
    assert backlog["outbox_oldest_s"] >= 0
    await connection.execute("delete from monitoring_outbox where sequence < 3")  # as a relay does
    assert (await records.outbox_backlog(connection))["outbox_waiting"] == 1


async def test_with_the_database_away_measurements_and_outbox_are_bounded_and_a_gap_shows(desk) -> None:
    nowhere = Writer("postgresql://postgres@127.0.0.1:1/postgres", interval_s=0.01)
    journal = nowhere.open(Owner(deployment_id=1, client_id=1, token=1, base="A", quote="B"))
    for second in range(SAMPLES_KEPT + 50):
        journal.emit(measurement(second))
    for number in range(OUTBOX_KEPT + 50):
        journal.publish(Notice(ts_ns=NOW_NS, level="info", text=str(number)))
    kept = journal.take()
    assert (len(kept.measurements), len(kept.outbox)) == (SAMPLES_KEPT, OUTBOX_KEPT)
    assert kept.outbox[0][3] == 51
    journal.give_back(kept)
    journal.publish(Notice(ts_ns=NOW_NS, level="info", text="one more"))
    assert (len(journal.take().outbox), journal.fenced) == (OUTBOX_KEPT, False)
