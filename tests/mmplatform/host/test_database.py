"""A server that hangs is given up; one that answered while the loop was held is not."""

from __future__ import annotations

import time

import pytest
from django.conf import settings

from mmplatform.host.database import DATABASE_ERRORS, Connection, Line

pytestmark = pytest.mark.usefixtures("desk")


async def answer(connection: Connection) -> int:
    cursor = await connection.execute("select pg_backend_pid()")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def test_an_answer_under_way_while_the_loop_is_held_is_waited_for_and_the_connection_kept() -> None:
    line = Line(settings.DATABASE_URL, purpose="test", timeout_s=0.3)
    before = await line.ask(answer)

    async def in_two_steps(connection: Connection) -> int:
        await connection.execute("select 1")
        time.sleep(0.6)  # noqa: ASYNC251  whatever holds a loop
        await connection.execute("select pg_sleep(0.05)")
        return await answer(connection)

    assert await line.ask(in_two_steps) == before
    await line.close()


async def test_a_server_that_hangs_is_given_up_in_time() -> None:
    line = Line(settings.DATABASE_URL, purpose="test", timeout_s=0.3)
    before = await line.ask(answer)
    began = time.monotonic()
    with pytest.raises(DATABASE_ERRORS):
        await line.ask(lambda connection: connection.execute("select pg_sleep(30)"))
    assert time.monotonic() - began < 10
    assert await line.ask(answer) != before
    await line.close()
