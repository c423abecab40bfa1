"""Time as the engine sees it. One clock object a runtime, so that a rehearsal can move it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

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
    """Await an answer for so long by the clock, then give it up. Raises TimeoutError."""
    answer = asyncio.ensure_future(call)
    over = asyncio.ensure_future(clock.sleep_until(clock.monotonic() + seconds))
    try:
        await asyncio.wait({answer, over}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise TimeoutError
        return answer.result()
    finally:
        over.cancel()
        answer.cancel()


def utc(ns: int) -> datetime:
    """The UTC datetime of a nanosecond stamp, microsecond resolution."""
    seconds, rest = divmod(ns, NS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
