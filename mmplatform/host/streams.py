"""How rows get into their tables by the hundred: by COPY, which costs a third of a statement a row, here and there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from engine.core.clock import utc
from engine.core.legible import legible
from mmplatform.host.batch import Owner, SeenOrder
from monitoring import measurements, samples

IN_ONE_GO = 500
"""So many rows, some ten milliseconds, are poured before whatever else is due gets its turn. Not fewer: a turn of a
busy host takes longer than that, and what waits for its rows to be on record waits for all of those turns."""


@dataclass(frozen=True)
class Stream:
    """A table that rows are appended to in runs: by COPY, or one by one when some may be there already."""

    table: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def copy(self) -> str:
        return f"copy {self.table} ({', '.join(self.columns)}) from stdin (format binary)"

    @property
    def again(self) -> str:
        marks = ", ".join(["%s"] * len(self.columns))
        return f"insert into {self.table} ({', '.join(self.columns)}) values ({marks}) on conflict do nothing"

    async def pour(self, cursor: psycopg.AsyncCursor, rows: Iterable[tuple[Any, ...]]) -> None:
        """Append rows that are new for certain."""
        async with cursor.copy(self.copy) as copy:
            copy.set_types(self.types)
            for number, row in enumerate(rows, 1):
                await copy.write_row(row)
                if number % IN_ONE_GO == 0:
                    await asyncio.sleep(0)


SAMPLES = Stream("monitoring_sample_hot", samples.COLUMNS, samples.COLUMN_TYPES)
MEASUREMENTS = Stream("monitoring_measurement_hot", measurements.COLUMNS, measurements.COLUMN_TYPES)

_ORDER = {
    "client_id": "int4",
    "deployment_id": "int4",
    "client_order_id": "text",
    "venue_order_id": "text",
    "token": "int8",
    "symbol": "text",
    "side": "text",
    "level": "int4",
    "price": "numeric",
    "size_base": "numeric",
    "filled_base": "numeric",
    "status": "text",
    "reason": "text",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
_NAMES = ", ".join(_ORDER)
_UPDATED = """
    on conflict (deployment_id, client_order_id) do update set
        venue_order_id = excluded.venue_order_id, size_base = excluded.size_base, filled_base = excluded.filled_base,
        status = excluded.status, reason = excluded.reason, updated_at = excluded.updated_at
"""
"""The token of an order stays that of the holder who sent it, whoever cancels it."""

ORDERS = f"insert into monitoring_order ({_NAMES}) values ({', '.join(['%s'] * len(_ORDER))}) {_UPDATED}"

LANDED = Stream("landed_orders", tuple(_ORDER), tuple(_ORDER.values()))
"""A table of the connection's own, empty outside a transaction, from which orders go on to where they belong."""

LANDING = f"""
    create temporary table landed_orders ({", ".join(f"{name} {kind}" for name, kind in _ORDER.items())})
    on commit delete rows
"""
FROM_LANDED = f"insert into monitoring_order ({_NAMES}) select {_NAMES} from landed_orders {_UPDATED}"

FEW_ORDERS = 10
"""So many leave sooner one by one: an order may be waiting for its intent to be on record."""


async def write_orders(cursor: psycopg.AsyncCursor, seen: Sequence[tuple[Owner, SeenOrder]], *, copying: bool) -> None:
    """Write the newest state of each order; a connection prepared by LANDING takes many at once."""
    rows = (_row_of(owner, order) for owner, order in seen)
    if copying and len(seen) > FEW_ORDERS:
        await LANDED.pour(cursor, rows)
        await cursor.execute(FROM_LANDED)
    elif seen:
        await cursor.executemany(ORDERS, rows)


def _row_of(owner: Owner, seen: SeenOrder) -> tuple[Any, ...]:
    """In the order of _ORDER. Made when it is written, since most orders change again before."""
    change, first_seen_ns = seen
    return (
        owner.client_id,
        owner.deployment_id,
        change.client_order_id,
        change.venue_order_id,
        owner.token,
        change.symbol,
        change.side.value,
        change.level,
        change.price,
        change.size_base,
        change.filled_base,
        change.new.value,
        legible(change.reason),
        utc(first_seen_ns),
        utc(change.ts_ns),
    )
