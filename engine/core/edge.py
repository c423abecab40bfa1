"""Where the loop, which many share, calls the code of one: what would end the loop becomes that one's error."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from engine.core.errors import EngineError

T = TypeVar("T")

ENDINGS = (SystemExit, asyncio.CancelledError)
"""What passes every `except Exception`: the first ends the process, the second is taken for somebody's wish."""


class LeftTheLoop(EngineError):
    """Code of a service tried to end what is not its own, or was cancelled by nobody of ours."""


def is_our_wish(error: BaseException) -> bool:
    """Whether one of ENDINGS is the cancelling of the task that runs."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)


def as_failure(error: BaseException, name: str) -> LeftTheLoop:
    """One of ENDINGS that is nobody's wish, in words."""
    if isinstance(error, SystemExit):
        return LeftTheLoop(f"{name} wanted the whole process to end ({error.code})")
    return LeftTheLoop(f"{name} was cancelled, and not by us")


async def kept_in(coroutine: Coroutine[Any, Any, T], name: str) -> T:
    """Await code of a service as a task of its own. Raises LeftTheLoop instead of ENDINGS that are nobody's wish."""
    try:
        return await coroutine
    except ENDINGS as error:
        if is_our_wish(error):
            raise
        raise as_failure(error, name) from error
