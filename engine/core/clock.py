"""Time as the engine sees it. One clock object a runtime, so that a rehearsal can move it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from engine.core.errors import OutcomeUnknown

NS = 1_000_000_000
T = TypeVar("T")


class Clock(Protocol):
    """UTC for stamps, monotonic for intervals. Under replay both follow the recording."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds; only differences mean anything."""
        ...

    async def sleep_until(self, monotonic: float) -> None:
        """Return once `monotonic()` has reached the given value."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep_until(self, monotonic: float) -> None:
        delay = monotonic - time.monotonic()
        await asyncio.sleep(delay if delay > 0 else 0)


async def within(seconds: float, call: Coroutine[Any, Any, T], *, clock: Clock) -> T:
    """Await an answer for so long by the clock, then give it up.

    Raises TimeoutError, or OutcomeUnknown when what should have answered was cancelled by somebody else.
    """
    answer = asyncio.ensure_future(call)
    over = asyncio.ensure_future(clock.sleep_until(clock.monotonic() + seconds))
    try:
        await asyncio.wait({answer, over}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise TimeoutError
        if answer.cancelled():
            raise OutcomeUnknown("The call was cancelled on its way, and not by us.")
        return answer.result()
    finally:
        over.cancel()
        answer.cancel()


def earliest_ns(clock: Clock, *, ts_ns: int, at: float) -> int:
    """The UTC stamp of a past moment, even if the wall clock has been set right since: what it said at the time, or
    what it says now of a moment so long ago by the monotonic clock, whichever is earlier."""
    return min(ts_ns, clock.now_ns() - round((clock.monotonic() - at) * NS))


def utc(ns: int) -> datetime:
    """The UTC datetime of a nanosecond stamp, microsecond resolution."""
    seconds, rest = divmod(ns, NS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
