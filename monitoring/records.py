"""What the records say about deployments: read once for everybody who watches, told when it changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from strategies.models import Deployment

log = logging.getLogger(__name__)

EVERY_S = 0.5
Record = dict[str, Any]
Hear = Callable[[int, Record], None]
"""Called on the loop with a deployment's key and its record, at once and after every change."""

FIELDS = (
    "wanted",
    "wanted_reason",
    "observed",
    "observed_reason",
    "command",
    "command_done",
    "halt_ms",
    "halt_proven",
    "token",
)


class RecordWatch:
    """One query every half second a web process, however many browsers watch.

    `held` says whether an unexpired lease stands behind what is observed. While the database is away nothing is told;
    what was last known stays on the pages, which age by themselves.
    """

    def __init__(self, *, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._hearers: dict[Hear, frozenset[int]] = {}
        self._known: dict[int, Record] = {}
        self._task: asyncio.Task[None] | None = None

    def follow(self, hear: Hear, ids: Iterable[int]) -> None:
        self._hearers[hear] = frozenset(ids)
        for pk in self._hearers[hear]:
            if pk in self._known:
                hear(pk, self._known[pk])
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="record watch")

    def leave(self, hear: Hear) -> None:
        self._hearers.pop(hear, None)

    async def _run(self) -> None:
        away = False
        while self._hearers:
            watched = frozenset().union(*self._hearers.values())
            try:
                found = await read(watched)
                if away:
                    log.info("record watch reads again")
                away = False
            except (DatabaseError, InterfaceError) as error:
                if not away:
                    log.warning("record watch cannot read, pages keep what they know: %s", error)
                away = True
                await asyncio.sleep(2.0)
                continue
            self._tell(found)
            await asyncio.sleep(self._every_s)
        self._known.clear()

    def _tell(self, found: dict[int, Record]) -> None:
        changed = {pk: record for pk, record in found.items() if _told(self._known.get(pk)) != _told(record)}
        self._known = found
        for hear, ids in tuple(self._hearers.items()):
            for pk in ids & changed.keys():
                hear(pk, changed[pk])


def _told(record: Record | None) -> Record | None:
    """The record without what ticks by itself: a lease renewed every second is news every other second."""
    return None if record is None else {**record, "lease_left_ms": None}


@database_sync_to_async
def read(ids: Iterable[int]) -> dict[int, Record]:
    now = timezone.now()
    rows = Deployment.objects.filter(pk__in=ids).values(
        "pk", "expires_at", "slot__name", "wanted_by__username", *FIELDS
    )
    return {row.pop("pk"): _record(row, now) for row in rows}


def _record(row: Record, now: Any) -> Record:
    expires_at = row.pop("expires_at")
    # Changes with every other renewal, so that a page can tell a lease that is kept from one that runs out.
    row["renewal"] = None if expires_at is None else int(expires_at.timestamp()) // 2
    left_ms = None if expires_at is None else round((expires_at - now).total_seconds() * 1000)
    row["slot"] = row.pop("slot__name") or ""
    row["wanted_by"] = row.pop("wanted_by__username") or ""
    return row | {"lease_left_ms": left_ms, "held": left_ms is not None and left_ms > 0}


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, RecordWatch] = WeakKeyDictionary()


def record_watch() -> RecordWatch:
    """The watch of the running loop; a web process has one."""
    loop = asyncio.get_running_loop()
    if loop not in _watches:
        _watches[loop] = RecordWatch()
    return _watches[loop]
