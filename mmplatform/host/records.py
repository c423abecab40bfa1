"""What a host reads when it takes a deployment, and the few acts it records in the desk's own tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from clients.choices import ResumePolicy
from engine.accounting.session import SessionReport
from engine.core.clock import NS, utc
from engine.core.component import Identity
from engine.core.service import Restore
from engine.core.states import State
from engine.market.types import FINAL, OrderReport, OrderStatus, Side
from exchanges.vault import Binding, Sealed
from mmplatform.host.account import HeldAccount
from mmplatform.host.database import Connection
from mmplatform.host.lease import COVERS, FACTS, KILL_REASON
from strategies.blueprint import MarketFacts, RecordingFacts
from strategies.choices import Mode, Wanted


@dataclass(frozen=True, kw_only=True)
class Record:
    """A deployment as its rows describe it at the moment it was taken."""

    id: int
    client_id: int
    name: str
    mode: Mode
    yaml: str
    revision: str
    revision_id: int
    share: Decimal
    """The part of every size that is sent; less than one for a canary."""
    runs: tuple[int | None, Decimal | None]
    """Revision and share that a host last said it runs by."""
    identity: Identity
    market: MarketFacts
    funding: Mapping[str, Decimal]
    recording: RecordingFacts | None
    resumes: bool
    """Whether the mandate lets the desk go on by itself after a host was lost."""
    wanted: Wanted
    wanted_reason: str
    command: int
    is_pending: bool
    """A person's command that no host has carried out yet."""
    observed: State
    observed_reason: str
    kill_reason: str
    facts: str
    """As in `Standing`: what the service is built with."""
    account: HeldAccount
    restore: Restore

    @property
    def ground(self) -> tuple[Any, ...]:
        """All that a configuration is laid over: while it stays the same, a change of revision is all there is."""
        return self.mode, self.market, self.account, self.funding, self.recording


async def read(connection: Connection, deployment_id: int, token: int) -> Record | None:
    """Everything needed to run a deployment; None when it is not ours (any more)."""
    async with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            f"""
            select d.*, c.slug as client, m.slug as mandate, m.resume_policy, r.yaml, r.number,
                   s.name as strategy, v.slug as venue, v.component, k.symbol, k.base, k.quote, k.tick_size,
                   k.lot_size, k.min_size_base, k.min_notional_quote, k.maker_fee_bps, k.taker_fee_bps,
                   k.component_args, v.endpoint_override, a.name as account, {KILL_REASON} as kill_reason,
                   (select max(at) from exchanges_marketchange where market_id = k.id) as changed_at,
                   {FACTS} as facts, z.serial, z.key_id, z.version, z.wrapped_key, z.sealed
            from strategies_deployment d
            join clients_client c on c.id = d.client_id
            join clients_mandate m on m.id = d.mandate_id
            join strategies_revision r on r.id = d.revision_id
            join strategies_strategy s on s.id = r.strategy_id
            join exchanges_market k on k.id = d.market_id
            join exchanges_venue v on v.id = k.venue_id
            join exchanges_exchangeaccount a on a.id = d.account_id
            left join exchanges_sealedcredentials z on z.account_id = a.id and d.mode = 'live'
            where d.id = %s and d.token = %s
            """,
            (deployment_id, token),
        )
        row = await cursor.fetchone()
        if row is None:
            return None
        await cursor.execute("select asset, amount from strategies_paperfunding where deployment_id = %s", (row["id"],))
        funding = {each["asset"]: each["amount"] for each in await cursor.fetchall()}
        await cursor.execute(
            """
            select c.path, r.speed from monitoring_replayrun r join monitoring_recording c on c.id = r.recording_id
            where r.deployment_id = %s
            """,
            (row["id"],),
        )
        replay = await cursor.fetchone()
        restore = await _restore(cursor, row, funding)
    return Record(
        id=row["id"],
        client_id=row["client_id"],
        name=row["name"],
        mode=Mode(row["mode"]),
        yaml=row["yaml"],
        revision=f"{row['strategy']} r{row['number']}",
        revision_id=row["revision_id"],
        share=row["share"],
        runs=(row["runs_revision_id"], row["runs_share"]),
        identity=Identity(
            deployment_id=row["id"],
            client=row["client"],
            mandate=row["mandate"],
            venue=row["venue"],
            symbol=row["symbol"],
            token=token,
        ),
        market=MarketFacts(
            component=row["component"],
            symbol=row["symbol"],
            base=row["base"],
            quote=row["quote"],
            tick_size=row["tick_size"],
            lot_size=row["lot_size"],
            min_size_base=row["min_size_base"],
            min_notional_quote=row["min_notional_quote"],
            maker_fee_bps=row["maker_fee_bps"],
            taker_fee_bps=row["taker_fee_bps"],
            args=row["component_args"],
            endpoint_override=row["endpoint_override"],
            changed_at=row["changed_at"],
        ),
        funding=funding,
        recording=RecordingFacts(path=replay["path"], speed=replay["speed"]) if replay else None,
        resumes=row["resume_policy"] == ResumePolicy.RESUME,
        wanted=Wanted(row["wanted"]),
        wanted_reason=row["wanted_reason"],
        command=row["command"],
        is_pending=row["command"] > row["command_done"],
        observed=State(row["observed"]),
        observed_reason=row["observed_reason"],
        kill_reason=row["kill_reason"],
        facts=row["facts"],
        account=_account(row),
        restore=restore,
    )


def _account(row: Mapping[str, Any]) -> HeldAccount:
    if row["serial"] is None:
        return HeldAccount(name=row["account"])
    return HeldAccount(
        name=row["account"],
        binding=Binding(client_id=row["client_id"], account_id=row["account_id"], serial=row["serial"]),
        sealed=Sealed(
            key_id=row["key_id"], version=row["version"], wrapped_key=row["wrapped_key"], fields=row["sealed"]
        ),
    )


MOVED = """
    select asset, sum(change) as change
    from (
        select %(base)s as asset, case side when 'buy' then size_base else -size_base end as change
        from monitoring_fill where deployment_id = %(id)s
        union all
        select %(quote)s, case side when 'buy' then -price * size_base else price * size_base end
        from monitoring_fill where deployment_id = %(id)s
        union all
        select fee_asset, -fee from monitoring_fill where deployment_id = %(id)s
    ) as entries
    group by asset
"""
"""What a deployment's fills moved, by asset: the ledger's sums, read from the record."""

UNPRICED = """
    select asset, sum(amount) as amount
    from (
        select fee_asset as asset, fee_unpriced as amount
        from monitoring_fill where deployment_id = %(id)s and fee_unpriced is not null
        union all
        select asset, -amount from monitoring_feeconversion where deployment_id = %(id)s
    ) as fees
    group by asset having sum(amount) <> 0
"""
"""Fees that still wait for a rate."""


UNACCOUNTED = """
    select * from (
        select o.*, coalesce((
            select sum(f.size_base) from monitoring_fill f
            where f.deployment_id = o.deployment_id and f.client_order_id = o.client_order_id
              and f.at >= o.created_at - interval '1 minute'), 0) as booked_base
        from monitoring_order o
        where o.deployment_id = %(id)s and (
            o.status <> all(%(final)s) or (o.filled_base > 0 and o.created_at > now() - interval '1 hour'))
    ) as orders
    where status <> all(%(final)s) or filled_base > booked_base
    order by created_at, id
"""
"""Orders that may still change the position: not known to have ended, or ended with executions nobody recorded."""

TOLD_LATE = timedelta(minutes=10)
"""An execution may be heard of this long after it happened, and after later ones were recorded."""


async def _restore(cursor: Any, row: Mapping[str, Any], funding: Mapping[str, Decimal]) -> Restore:
    """What the last holder left. Paper balances are the funding and every fill since: the record is the venue."""
    key = {"id": row["id"], "base": row["base"], "quote": row["quote"]}
    await cursor.execute(
        "select * from monitoring_fill where deployment_id = %(id)s order by fills_total desc limit 1", key
    )
    last = await cursor.fetchone()
    await cursor.execute(UNACCOUNTED, {**key, "final": sorted(status.value for status in FINAL)})
    left = await cursor.fetchall()
    fill_ids: frozenset[str] = frozenset()
    if last:
        begin = min([last["at"], *(each["created_at"] for each in left)]) - TOLD_LATE
        await cursor.execute(
            "select fill_id from monitoring_fill where deployment_id = %s and at >= %s", (row["id"], begin)
        )
        fill_ids = frozenset(each["fill_id"] for each in await cursor.fetchall())
    await cursor.execute(MOVED, key)
    balances = dict(funding)
    for each in await cursor.fetchall():
        if each["asset"] in balances:
            balances[each["asset"]] += each["change"]
    await cursor.execute(UNPRICED, key)
    unpriced = {each["asset"]: each["amount"] for each in await cursor.fetchall()}
    await cursor.execute(
        "select * from monitoring_feeconversion where deployment_id = %(id)s order by number desc limit 1", key
    )
    conversion = await cursor.fetchone()
    orders = tuple(_report(each) for each in left)
    booked = {each["client_order_id"]: each["booked_base"] for each in left}
    peak = await _peak(cursor, row["id"]) if "killswitches.drawdown" in row["yaml"] else None
    if last is None:
        # None of its executions is older than the deployment: from the beginning of time a venue is asked for years.
        begin = row["created_at"] - TOLD_LATE
        return Restore(
            balances=balances, orders=orders, booked_base=booked, peak_pnl_quote=peak, fills_from_ns=_ns(begin)
        )
    is_later = conversion is not None and conversion["fills_total"] >= last["fills_total"]
    return Restore(
        position_base=last["position_base"],
        average_cost=last["average_cost"],
        cost_quote=last["cost_quote"],
        realised_total_quote=last["realised_total_quote"],
        # Fees priced since the last fill are in no fill's total yet.
        fees_total_quote=conversion["fees_total_quote"] if is_later else last["fees_total_quote"],
        volume_total_quote=last["volume_total_quote"],
        fills_total=last["fills_total"],
        unpriced_fees=unpriced,
        conversions_total=conversion["number"] if conversion else 0,
        last_fill_ns=_ns(last["at"]),
        fill_ids=fill_ids,
        fills_from_ns=_ns(begin),
        balances=balances,
        orders=orders,
        booked_base=booked,
        peak_pnl_quote=peak,
    )


PEAK = f"""
    with since as (
        select coalesce(max(k.reset_at), '-infinity') as reset
        from strategies_deployment d left join strategies_killswitch k on {COVERS} where d.id = %(id)s
    )
    select greatest(
        (select max(realised_quote + unrealised_quote - fees_quote)
         from monitoring_sample_hot, since where deployment_id = %(id)s and ts > reset),
        (select max(realised_quote_avg + unrealised_quote_avg - fees_quote_avg)
         from monitoring_sample_1m, since
         where deployment_id = %(id)s and ts > greatest(reset, clock_timestamp() - interval '1 day')),
        (select max(realised_quote_avg + unrealised_quote_avg - fees_quote_avg)
         from monitoring_sample_1h, since where deployment_id = %(id)s and ts > reset)) as peak
"""
"""The highest total PnL since a person last reset a switch that covers the deployment: by the second as far as seconds
are at hand, by the average minute for a day, by the average hour before. A take-over cannot wait for more."""


async def _peak(cursor: Any, deployment_id: int) -> Decimal | None:
    await cursor.execute(PEAK, {"id": deployment_id})
    peak = (await cursor.fetchone())["peak"]
    return None if peak is None else Decimal(str(peak))


def _ns(at: Any) -> int:
    return int(at.timestamp()) * NS + at.microsecond * 1000


def _report(row: Mapping[str, Any]) -> OrderReport:
    return OrderReport(
        ts_ns=_ns(row["created_at"]),
        client_order_id=row["client_order_id"],
        venue_order_id=row["venue_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        price=row["price"],
        size_base=row["size_base"],
        filled_base=row["filled_base"],
        status=OrderStatus(row["status"]),
    )


WHAT_CHANGED = """
    select replace(c.fact, '_', ' ') as fact, c.old, c.new
    from exchanges_marketchange c join strategies_deployment d on d.market_id = c.market_id
    where d.id = %(id)s and c.at > %(since)s order by c.id desc limit 5
"""


async def what_changed(connection: Connection, *, deployment_id: int, since: datetime | None) -> list[str]:
    """What the venue has changed about a deployment's market since then, each in words, the newest first."""
    begin = since or datetime.min.replace(tzinfo=UTC)
    cursor = await connection.execute(WHAT_CHANGED, {"id": deployment_id, "since": begin})
    return [f"{fact} {old or 'none'} → {new or 'none'}" for fact, old, new in await cursor.fetchall()]


async def want_paused(connection: Connection, *, deployment_id: int, token: int, reason: str) -> None:
    """The mandate says that after a lost host a person decides: what is wanted becomes PAUSED, audited as ours."""
    await connection.execute(
        """
        with paused as (
            update strategies_deployment
            set wanted = 'paused', wanted_reason = %(reason)s, wanted_by_id = null, wanted_at = clock_timestamp()
            where id = %(id)s and token = %(token)s and wanted = 'active'
            returning id, client_id, name
        )
        insert into clients_auditentry
            (at, actor_name, verb, object_type, object_id, object_name, client_id, old, new, reason)
        select clock_timestamp(), 'engine', 'deployment.paused', 'strategies.deployment', id::text, name, client_id,
               '"active"', '"paused"', %(reason)s
        from paused
        """,
        {"id": deployment_id, "token": token, "reason": reason},
    )


async def finish_replay(
    connection: Connection,
    *,
    deployment_id: int,
    token: int,
    problem: str,
    report: SessionReport | None,
) -> None:
    """The recording is over, or cannot be played any further: store the report and end the deployment, once."""
    async with connection.transaction():
        cursor = await connection.execute(
            """
            update strategies_deployment
            set ended_at = clock_timestamp(), wanted = 'paused', wanted_reason = %(reason)s,
                observed = case when observed in ('halted', 'faulted') then observed else 'paused' end,
                observed_reason = case when observed in ('halted', 'faulted') then observed_reason else %(reason)s end,
                observed_at = clock_timestamp(), slot_id = null, expires_at = clock_timestamp()
            where id = %(id)s and token = %(token)s and ended_at is null returning client_id, name
            """,
            {"id": deployment_id, "token": token, "reason": problem or "the recording is over"},
        )
        row = await cursor.fetchone()
        if row is None:
            return
        client_id, name = row
        await connection.execute(
            """
            insert into clients_auditentry
                (at, actor_name, verb, object_type, object_id, object_name, client_id, reason)
            values (clock_timestamp(), 'engine', 'deployment.ended', 'strategies.deployment', %s::text, %s, %s, %s)
            """,
            (deployment_id, name, client_id, problem or "the recording is over"),
        )
        await connection.execute(
            """
            update monitoring_replayrun
            set finished_at = clock_timestamp(), problem = %s, progress = case when %s = '' then 1 else progress end
            where deployment_id = %s
            """,
            (problem, problem, deployment_id),
        )
        if report is not None:
            await connection.execute(
                """
                insert into monitoring_sessionreport
                    (client_id, deployment_id, starts_at, ends_at, figures, origin, created_at)
                values (%s, %s, %s, %s, %s, 'tallied', clock_timestamp())
                """,
                (
                    client_id,
                    deployment_id,
                    utc(report.start_ns),
                    utc(report.end_ns),
                    Jsonb(msgspec.to_builtins(report)),
                ),
            )


async def write_stats(connection: Connection, *, slot_id: int, token: int, stats: Mapping[str, Any]) -> None:
    """The host's last word about itself."""
    await connection.execute(
        "update strategies_hostslot set stats = %s where id = %s and token = %s", (Jsonb(stats), slot_id, token)
    )


OUTBOX_COUNTED = 10_000

OUTBOX_BACKLOG = f"""
    select (select count(*) from (select from monitoring_outbox limit {OUTBOX_COUNTED}) as waiting),
           extract(epoch from clock_timestamp() - (select created_at from monitoring_outbox order by id limit 1))::float
"""


async def outbox_backlog(connection: Connection) -> dict[str, float | int | None]:
    """What waits for a relay on the whole desk: rows, counted to OUTBOX_COUNTED, and the age of the oldest."""
    cursor = await connection.execute(OUTBOX_BACKLOG)
    waiting, oldest_s = await cursor.fetchone() or (0, None)
    return {"outbox_waiting": waiting, "outbox_oldest_s": None if oldest_s is None else round(oldest_s, 1)}
