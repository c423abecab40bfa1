"""Bringing many deployments up without making the ticks of those that run late, or our own lease run out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from engine.core.clock import Clock

T = TypeVar("T")


class Pace:
    """Work that holds the loop: one piece at a time, and after each as long a rest as it took.

    A host that takes over a hundred deployments has seconds of reading and building before it. Done in one go, no lease
    is renewed meanwhile.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._rests_until = 0.0

    async def do(self, work: Callable[[], T]) -> T:
        """Run `work` when it is its turn and the loop has rested. Raises what it raises."""
        async with self._turn:
            await self._clock.sleep_until(self._rests_until)
            began = self._clock.monotonic()
            try:
                return work()
            finally:
                ended = self._clock.monotonic()
                self._rests_until = ended + (ended - began)
