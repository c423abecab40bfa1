"""Time that moves only when told."""

from __future__ import annotations

import asyncio
import heapq

from engine.core.clock import NS

TURNS = 25
"""Turns of the event loop after which it counts as settled although something is still ready to run."""


async def settle() -> None:
    """Give every ready task its turn, until none is ready any more."""
    # asyncio tells nobody what is ready; a loop that keeps it elsewhere gets every turn.
    ready = getattr(asyncio.get_running_loop(), "_ready", _ALWAYS)
    for _ in range(TURNS):
        await asyncio.sleep(0)
        if not ready:
            return


class ManualClock:
    """Time that moves only when told. Sleepers wake in order of their time."""

    def __init__(self, *, now_ns: int = 1_700_000_000 * NS, monotonic: float = 1000.0) -> None:
        self._now_ns = now_ns
        self._start = self._monotonic = monotonic
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._sleeps = 0

    def now_ns(self) -> int:
        return self._now_ns + round((self._monotonic - self._start) * NS)

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep_until(self, monotonic: float) -> None:
        if monotonic <= self._monotonic:
            await asyncio.sleep(0)
            return
        self._sleeps += 1
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (monotonic, self._sleeps, woken))
        await woken

    def move_to(self, monotonic: float) -> None:
        """Set the time and wake whoever waited for it; they run at the next turn. Raises ValueError for the past."""
        if monotonic < self._monotonic:
            raise ValueError(f"time cannot go back from {self._monotonic} to {monotonic}")
        self._monotonic = monotonic
        while self._sleepers and self._sleepers[0][0] <= monotonic:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

    def set_wall(self, seconds: float) -> None:
        """Move what the wall clock says, forth or back; no time passes."""
        self._now_ns += round(seconds * NS)

    async def advance(self, seconds: float) -> None:
        """Let time pass: stop at every sleeper's moment on the way and let it act there."""
        end = self._monotonic + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.move_to(max(self._sleepers[0][0], self._monotonic))
            await settle()
        self.move_to(end)
        await settle()


_ALWAYS = (None,)
