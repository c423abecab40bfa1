"""The one pen of a host: every second, in one transaction, everything its deployments did, each under its token.

A row lock shared with the inserts' own (key share) keeps a new holder from taking over between our look at the token
and our commit. Rows of a holder that was replaced are refused, whatever they say. Every statement may be repeated: a
commit whose answer got lost is written again and changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable

import psycopg
import structlog
from psycopg.types.json import Jsonb

from engine.metrics.events import FillRecorded
from mmplatform.host.batch import Batch, Owner
from mmplatform.host.database import DATABASE_ERRORS, connect
from mmplatform.host.journal import Journal
from mmplatform.host.streams import LANDING, MEASUREMENTS, SAMPLES, write_orders

log = structlog.get_logger(__name__)

INTERVAL_S = 1.0
LONGEST_WAIT_S = 2.0
SECURE_S = 1.0
"""How long an order waits for its intent to be recorded; then it is not sent."""
REFUSED_ERRORS = (psycopg.Error, ValueError, TypeError, ArithmeticError)
"""The database takes no such row, or there is no way to say it to it. Whoever wrote it, the others are written."""

FILLS = """
    insert into monitoring_fill (client_id, deployment_id, fill_id, client_order_id, at, symbol, side, price, size_base,
        fee, fee_asset, is_maker, mid, fee_quote, realised_quote, position_base, average_cost, realised_total_quote,
        fees_total_quote, volume_total_quote, fills_total, cost_quote, fee_rate, fee_rate_source, fee_rate_at,
        fee_unpriced)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (deployment_id, fill_id) do nothing
"""

CONVERSIONS = """
    insert into monitoring_feeconversion (client_id, deployment_id, number, at, asset, amount, rate, rate_source,
        rate_at, fee_quote, fees_total_quote, fills_total)
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    on conflict (deployment_id, number) do nothing
"""

EVENTS = """
    insert into monitoring_deploymentevent (client_id, deployment_id, at, token, kind, level, text, detail)
    select new.* from (values (%s::bigint, %s::bigint, %s::timestamptz, %s::bigint, %s::text, %s::text, %s::text,
        %s::jsonb)) as new (client_id, deployment_id, at, token, kind, level, text, detail)
    where not exists (
        select from monitoring_deploymentevent old
        where old.deployment_id = new.deployment_id and old.at = new.at and old.token = new.token
          and old.kind = new.kind and old.text = new.text and old.detail = new.detail)
"""

BALANCES = """
    insert into monitoring_balance (client_id, deployment_id, asset, total, locked, at) values (%s, %s, %s, %s, %s, %s)
    on conflict (deployment_id, asset) do update set
        total = excluded.total, locked = excluded.locked, at = excluded.at
"""


OUTBOX = """
    insert into monitoring_outbox (client_id, deployment_id, token, sequence, kind, at, payload)
    values (%s, %s, %s, %s, %s, %s, %s)
    on conflict (deployment_id, token, sequence) do nothing
"""
"""A relay may have taken the row away already; written again after a lost answer, it is then told twice, never lost."""

OBSERVED = """
    update strategies_deployment set
        observed = coalesce(%(state)s, observed), observed_reason = coalesce(%(reason)s, observed_reason),
        observed_at = coalesce(%(at)s, observed_at), command_done = greatest(command_done, %(command)s),
        halt_ms = coalesce(%(halt_ms)s, halt_ms), halt_proven = coalesce(%(halt_proven)s, halt_proven)
    where id = %(id)s and token = %(token)s
"""

LATCH = """
    with latched as (
        insert into strategies_killswitch (scope, client_id, deployment_id, reason, engaged_at, reset_reason)
        select 'deployment', d.client_id, d.id, %(reason)s, clock_timestamp(), ''
        from strategies_deployment d
        where d.id = %(id)s and d.token = %(token)s and d.mode <> 'replay' and not exists (
            select from strategies_killswitch k
            where k.reset_at is null and k.scope = 'deployment' and k.deployment_id = d.id)
        returning id, client_id, reason
    )
    insert into clients_auditentry
        (at, actor_name, verb, object_type, object_id, object_name, client_id, new, reason)
    select clock_timestamp(), 'engine', 'kill_switch.engaged', 'strategies.killswitch', id::text,
           left('deployment: ' || reason, 300), client_id,
           jsonb_build_object('scope', 'deployment', 'deployment', %(id)s::bigint), reason
    from latched
"""
"""A switch of its own, also under a broader one: who resets that has not looked at this."""

ADOPTED = """
    with adopted as (
        update strategies_deployment
        set runs_revision_id = %(revision)s, runs_share = %(share)s, runs_since = %(at)s
        where id = %(id)s and token = %(token)s and runs_since is distinct from %(at)s
        returning id, client_id, name
    )
    insert into clients_auditentry
        (at, actor_name, verb, object_type, object_id, object_name, client_id, old, new, reason)
    select %(at)s, 'engine', 'deployment.revision_running', 'strategies.deployment', id::text, left(name, 300),
           client_id, %(old)s, %(new)s, %(reason)s
    from adopted
"""

PROGRESS = "update monitoring_replayrun set progress = %s where deployment_id = %s"


class Writer:
    """Journals in, rows out. `on_fenced` and `on_refused` tell the host about one holder, never raise."""

    def __init__(
        self,
        url: str,
        *,
        on_fenced: Callable[[Owner], None] = lambda owner: None,
        on_refused: Callable[[Owner, str], None] = lambda owner, reason: None,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self._url = url
        self._on_fenced = on_fenced
        self._on_refused = on_refused
        self._interval_s = interval_s
        self._journals: list[Journal] = []
        self._urgent = asyncio.Event()
        self._written = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection | None = None
        self._down_since: float | None = None
        self.rows = 0
        self._under_way: tuple[Journal, ...] = ()

    def open(self, owner: Owner, *, on_recorded: Callable[[FillRecorded], None] = lambda fill: None) -> Journal:
        """A journal for one holder; written until `close`."""
        journal = Journal(owner, urge=self._urgent.set, on_recorded=on_recorded)
        self._journals.append(journal)
        return journal

    def close(self, journal: Journal) -> None:
        """Forget a journal. Whatever it still holds is given up, so `settle` comes first."""
        if journal in self._journals:
            self._journals.remove(journal)

    @property
    def stalled_s(self) -> float:
        """For how long something that must not be lost has been waiting."""
        waiting = [
            journal.waiting_since
            for journal in self._journals
            if journal.waiting_since is not None and not journal.fenced
        ]
        return time.monotonic() - min(waiting) if waiting else 0.0

    @property
    def backlog(self) -> int:
        return sum(journal.backlog for journal in self._journals)

    def start(self) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._run(), name="writer")
        return self._task

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._disconnect()

    async def settle(self, *journals: Journal, within_s: float) -> bool:
        """Wait until everything these journals hold (all, when none is named) is written; False when time ran out."""
        wanted = journals or tuple(self._journals)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._written:
                self._urgent.set()
                await self._written.wait_for(lambda: all(self._is_written(journal) for journal in wanted))
        return all(self._is_written(journal) for journal in wanted)

    async def secure(self, journal: Journal, *, within_s: float = SECURE_S) -> str:
        """Wait for the commit that contains what a journal holds by now; why there was none in time, or empty.

        What gathers later is not waited for: an order must not starve behind a busy market.
        """
        wanted = journal.gathered
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s), self._written:
                self._urgent.set()
                await self._written.wait_for(lambda: journal.fenced or journal.safe >= wanted)
        if journal.fenced:
            return "Another holder has taken the deployment over."
        if journal.safe < wanted:
            return f"The intent could not be recorded within {within_s:g} s."
        return "The database refuses to record the intent." if 0 < wanted <= journal.refused else ""

    def _is_written(self, journal: Journal) -> bool:
        return journal.fenced or (journal.is_clean and journal not in self._under_way)

    async def _run(self) -> None:
        wait_s = 0.0
        while True:
            if wait_s:
                await asyncio.sleep(wait_s)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._interval_s):
                        await self._urgent.wait()
            self._urgent.clear()
            try:
                wrote = await self._write_all()
                wait_s = 0.0
                if wrote and self._down_since is not None:
                    log.info("records are written again", after_s=round(time.monotonic() - self._down_since, 1))
                    self._down_since = None
            except DATABASE_ERRORS as error:
                wait_s = min(max(wait_s * 2, 0.1), LONGEST_WAIT_S)
                if self._down_since is None:
                    self._down_since = time.monotonic()
                    log.error("records cannot be written; they are kept", error=str(error).strip())
                await self._disconnect()
            async with self._written:
                self._written.notify_all()

    async def _write_all(self) -> bool:
        """Write what there is; False when there was nothing."""
        taken = [(journal, journal.take()) for journal in self._journals if not journal.fenced and not journal.is_clean]
        if not taken:
            return False
        self._under_way = tuple(journal for journal, _ in taken)
        unwritten = dict(taken)
        try:
            if self._connection is None:
                self._connection = await connect(self._url, purpose="writer", statement_timeout_s=10)
                await self._connection.execute(LANDING)
            try:
                await self._write(self._connection, taken)
                for journal, batch in taken:
                    journal.wrote(batch)
                unwritten.clear()
            except DATABASE_ERRORS:
                raise
            except REFUSED_ERRORS as error:
                log.warning("a batch was refused; writing each deployment by itself", error=str(error).strip())
                for journal, batch in taken:
                    is_safe = await self._write_alone(self._connection, journal, batch)
                    if is_safe:
                        journal.wrote(batch)
                    else:
                        journal.lost()
                    del unwritten[journal]
        finally:
            for journal, batch in unwritten.items():
                journal.give_back(batch)
            self._under_way = ()
        return True

    async def _write_alone(self, connection: psycopg.AsyncConnection, journal: Journal, batch: Batch) -> bool:
        """One holder's rows in a transaction of their own. What the database refuses even so is logged in full."""
        try:
            await self._write(connection, [(journal, batch)], copying=False)
            return True
        except DATABASE_ERRORS:
            raise
        except REFUSED_ERRORS as error:
            reason = f"the database refuses its records: {str(error).strip()}"
            log.error(
                "records were refused and are lost but for this line",
                deployment=journal.owner.deployment_id,
                error=str(error).strip(),
                fills=batch.fills,
                conversions=batch.conversions,
                orders=list(batch.orders.values()),
                events=batch.events,
            )
            self._on_refused(journal.owner, reason)
            return False

    async def _write(
        self,
        connection: psycopg.AsyncConnection,
        taken: Iterable[tuple[Journal, Batch]],
        *,
        copying: bool = True,
    ) -> None:
        ours: list[tuple[Owner, Batch]] = []
        fenced: list[Journal] = []
        await connection.execute("begin")
        try:
            async with connection.cursor() as cursor:
                held = await self._held(cursor, [journal.owner.deployment_id for journal, _ in taken])
                for journal, batch in sorted(taken, key=lambda pair: pair[0].owner.deployment_id):
                    if held.get(journal.owner.deployment_id) == journal.owner.token:
                        ours.append((journal.owner, batch))
                    else:
                        fenced.append(journal)
                await self._insert(cursor, ours, copying=copying)
            await self._show_and_commit(connection, ours)
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                await connection.rollback()
            raise
        self.rows += sum(batch.rows for _, batch in ours)
        for journal in fenced:
            journal.fenced = True
            log.warning(
                "records of a replaced holder were refused",
                deployment=journal.owner.deployment_id,
                token=journal.owner.token,
                holder=held.get(journal.owner.deployment_id),
            )
            self._on_fenced(journal.owner)

    @staticmethod
    async def _held(cursor: psycopg.AsyncCursor, ids: list[int]) -> dict[int, int]:
        """Who holds each deployment, fixed until our transaction ends."""
        await cursor.execute(
            "select id, token from strategies_deployment where id = any(%s) order by id for key share", (ids,)
        )
        return dict(await cursor.fetchall())

    async def _insert(self, cursor: psycopg.AsyncCursor, ours: list[tuple[Owner, Batch]], *, copying: bool) -> None:
        batches = [batch for _, batch in ours]
        orders = [(owner, order) for owner, batch in ours for order in batch.orders.values()]
        fills = [row for batch in batches for row in batch.fills]
        events = [(*row[:-1], Jsonb(row[-1])) for batch in batches for row in batch.events]
        balances = [row for batch in batches for row in batch.balances.values()]
        conversions = [row for batch in batches for row in batch.conversions]
        outbox = [row for batch in batches for row in batch.outbox]
        await write_orders(cursor, orders, copying=copying)
        for statement, rows in (
            (FILLS, fills),
            (CONVERSIONS, conversions),
            (EVENTS, events),
            (BALANCES, balances),
            (OUTBOX, outbox),
        ):
            if rows:
                await cursor.executemany(statement, rows)
        for stream, rows in (
            (SAMPLES, [row for batch in batches for row in batch.samples]),
            (MEASUREMENTS, [row for batch in batches for row in batch.measurements]),
        ):
            if rows and copying:
                await stream.pour(cursor, rows)
            elif rows:
                await cursor.executemany(stream.again, rows)

    @staticmethod
    async def _show_and_commit(connection: psycopg.AsyncConnection, ours: list[tuple[Owner, Batch]]) -> None:
        """What deployments show of themselves, last of all: the only rows that others write too.

        One message for all of it and the commit, so that they are locked for as long as the database takes and not for
        as long as our loop does: renewals pass over what is locked, and after three of them a deployment falls silent.
        """
        latched = [
            {"id": owner.deployment_id, "token": owner.token, "reason": batch.latch}
            for owner, batch in ours
            if batch.latch
        ]
        observed = [
            {
                "state": batch.observed.state.value if batch.observed else None,
                "reason": batch.observed.reason if batch.observed else None,
                "at": batch.observed.at if batch.observed else None,
                "command": batch.command_done or 0,
                "halt_ms": batch.halt[0] if batch.halt else None,
                "halt_proven": batch.halt[1] if batch.halt else None,
                "id": owner.deployment_id,
                "token": owner.token,
            }
            for owner, batch in ours
            if batch.observed or batch.command_done is not None or batch.halt
        ]
        adopted = [
            {
                "revision": each.revision_id,
                "share": each.share,
                "at": each.at,
                "old": Jsonb(each.old),
                "new": Jsonb(each.new),
                "reason": each.reason,
                "id": owner.deployment_id,
                "token": owner.token,
            }
            for owner, batch in ours
            for each in batch.adopted
        ]
        progress = [(batch.progress, owner.deployment_id) for owner, batch in ours if batch.progress is not None]
        cursor = psycopg.AsyncClientCursor(connection)
        said = [
            cursor.mogrify(statement, row)
            for statement, rows in ((LATCH, latched), (PROGRESS, progress), (OBSERVED, observed), (ADOPTED, adopted))
            for row in rows
        ]
        await cursor.execute(";".join([*said, "commit"]))

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()
