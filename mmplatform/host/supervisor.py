"""Sees to it that every wanted slot has a host: the one thing that must never wait behind other work."""

from __future__ import annotations

import logging

from django.db import connection, transaction

from strategies.choices import SlotKind

log = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long a dispatched host may take to sit down before its slot is offered again."""


def ensure_slots(wanted: dict[str, int]) -> None:
    """Make the rows of `wanted` (kind -> number of slots) and stop wanting any beyond them."""
    names = [(f"{kind}-{number}", kind) for kind, count in wanted.items() for number in range(1, count + 1)]
    with transaction.atomic(), connection.cursor() as cursor:
        # Looks before it writes: the supervisor comes by every two seconds and rarely has anything to change.
        cursor.execute("select name from strategies_hostslot where desired")
        if {name for (name,) in cursor.fetchall()} == {name for name, _ in names}:
            return
        cursor.executemany(
            """
            insert into strategies_hostslot (name, kind, desired, owner, token, beats, stats)
            values (%s, %s, true, '', 0, 0, '{}')
            on conflict (name) do update set desired = true
            """,
            names,
        )
        cursor.execute(
            "update strategies_hostslot set desired = false where desired and name <> all(%s)",
            ([name for name, _ in names],),
        )


def vacant_slots() -> list[str]:
    """Names of wanted slots without a living host, each offered at most once every few seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            update strategies_hostslot set dispatched_at = clock_timestamp()
            where desired and (expires_at is null or expires_at < clock_timestamp())
              and (dispatched_at is null or dispatched_at < clock_timestamp() - make_interval(secs => %s))
            returning name
            """,
            (PATIENCE_S,),
        )
        return sorted(name for (name,) in cursor.fetchall())


def wanted_slots(engine: int, rehearsal: int) -> dict[str, int]:
    return {SlotKind.ENGINE.value: engine, SlotKind.REHEARSAL.value: rehearsal}
