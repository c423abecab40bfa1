"""Time as a recording tells it."""

from __future__ import annotations

import asyncio
import heapq
import time
from decimal import Decimal
from itertools import count

from engine.core.clock import NS


class ReplayClock:
    """A clock that stands still until it is moved: `now_ns` is the recording's time, `monotonic` seconds since its
    start.

    `speed` is market seconds a wall second; None is as fast as the machine allows. Whoever replays calls `start` once
    with the recording's first stamp, then `move_to`. Sleepers wake when the clock passes their time, so nobody who is
    awaited by the mover may sleep on it.
    """

    def __init__(self, speed: Decimal | None = None) -> None:
        self.speed = speed
        self._origin_ns = 0
        self._monotonic = 0.0
        self._now_ns = 0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._tickets = count()
        self._wall_origin = 0.0

    def start(self, ts_ns: int) -> None:
        """Stand at the recording's first stamp. Monotonic time keeps its zero."""
        self._origin_ns = ts_ns
        self._now_ns = ts_ns + round(self._monotonic * NS)

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic(self) -> float:
        return self._monotonic

    def at(self, ts_ns: int) -> float:
        """The monotonic time of a stamp."""
        return (ts_ns - self._origin_ns) / NS

    def move_to(self, monotonic: float) -> None:
        """Go forward to a time; an earlier one is ignored, since time here never runs backwards."""
        if monotonic <= self._monotonic:
            return
        self._monotonic = monotonic
        self._now_ns = self._origin_ns + round(monotonic * NS)
        while self._sleepers and self._sleepers[0][0] <= monotonic:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if not sleeper.done():
                sleeper.set_result(None)

    async def sleep_until(self, monotonic: float) -> None:
        if monotonic <= self._monotonic:
            await asyncio.sleep(0)
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (monotonic, next(self._tickets), sleeper))
        await sleeper

    # -- pacing by the wall ------------------------------------------------------------------------------------------

    def roll(self) -> None:
        """Begin to follow the wall from here: market time now is wall time now."""
        speed = float(self.speed) if self.speed is not None else 1.0
        self._wall_origin = time.monotonic() - self._monotonic / speed

    def due_in_s(self, monotonic: float) -> float:
        """Wall seconds until a market time is due at this speed; zero or less when it is due, or the speed is
        unlimited."""
        if self.speed is None:
            return 0.0
        return self._wall_origin + monotonic / float(self.speed) - time.monotonic()
