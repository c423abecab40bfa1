"""The host's own lines to the database: a few long-lived ones, each with one purpose, none of them Django's."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from psycopg.conninfo import make_conninfo

T = TypeVar("T")
Connection = psycopg.AsyncConnection

DATABASE_ERRORS = (psycopg.OperationalError, psycopg.InterfaceError, OSError, TimeoutError)
"""The database is away or broke off: wait and connect again. Anything else is about what was sent."""


async def connect(url: str, *, purpose: str, statement_timeout_s: float = 0.0) -> Connection:
    """Open an autocommit connection that notices a dead server within seconds."""
    conninfo = make_conninfo(
        url,
        connect_timeout=2,
        application_name=f"mm-host {purpose}",
        tcp_user_timeout=4000,
        keepalives_idle=2,
        keepalives_interval=1,
        keepalives_count=2,
        options=f"-c statement_timeout={int(statement_timeout_s * 1000)} -c jit=off",
    )
    return await psycopg.AsyncConnection.connect(conninfo, autocommit=True)


LATE_S = 0.05
"""By so much a timer may ring late on a loop that has time."""


class Line:
    """One connection, asked one question at a time, opened when needed and again after every failure.

    An answer that does not come within `timeout_s` is given up together with its connection: a server that hangs must
    look like one that is gone, and soon. When it is the loop that comes late, the answer may be lying there unread, and
    is waited for as much longer: a new connection would cost a busy host what it lacks.
    """

    def __init__(self, url: str, *, purpose: str, timeout_s: float) -> None:
        self._url = url
        self._purpose = purpose
        self._timeout_s = timeout_s
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._abandoned: set[asyncio.Task[None]] = set()

    async def ask(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `question` with the connection. Raises one of DATABASE_ERRORS when the database cannot answer."""
        async with self._turn:
            task = asyncio.ensure_future(self._put(question))
            try:
                overdue_at = time.monotonic() + self._timeout_s
                await asyncio.wait({task}, timeout=self._timeout_s)
                if not task.done() and (late_s := time.monotonic() - overdue_at) > LATE_S:
                    await asyncio.wait({task}, timeout=min(late_s, self._timeout_s))
            finally:
                if not task.done():
                    self._abandon(task)
            if not task.done() or task.cancelled():
                raise TimeoutError(f"the database did not answer within {self._timeout_s:g} s")
            error = task.exception()
            if isinstance(error, DATABASE_ERRORS):
                self._close()
            return task.result()

    async def close(self) -> None:
        self._close()
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=1)

    async def _put(self, question: Callable[[Connection], Awaitable[T]]) -> T:
        if self._connection is None:
            self._connection = await connect(self._url, purpose=self._purpose, statement_timeout_s=self._timeout_s)
        return await question(self._connection)

    def _abandon(self, task: asyncio.Future[T]) -> None:
        # Cancelling asks the server to stop, which may itself take seconds: beside us, not before us.
        task.cancel()
        self._close(after=task)

    def _close(self, after: asyncio.Future[T] | None = None) -> None:
        connection, self._connection = self._connection, None
        if connection is None and after is None:
            return
        closing = asyncio.get_running_loop().create_task(_close(connection, after))
        self._abandoned.add(closing)
        closing.add_done_callback(self._abandoned.discard)


async def _close(connection: Connection | None, after: asyncio.Future[T] | None) -> None:
    if after is not None:
        await asyncio.wait({after})
    if connection is not None:
        with contextlib.suppress(psycopg.Error, OSError):
            await connection.close()
