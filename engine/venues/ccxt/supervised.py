"""What keeps a stream alive: it is begun again whatever ended it, with growing waits; each beginning is an epoch."""

from __future__ import annotations

import asyncio
import decimal
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Any

import structlog

from engine.core.clock import Clock
from engine.core.decimals import MONEY
from engine.core.errors import AuthRejected, EngineError, NotReady, Refused
from engine.venues.ccxt.errors import plain

log = structlog.get_logger(__name__)

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0
"""A stream that held for so long has earned the shortest wait again."""


class Supervised(ABC):
    """A stream that never ends by itself. `epoch` counts its beginnings: what was known in an older one may be old.

    Subclasses follow the stream in `follow`, which returns or raises when it breaks, and say in `broken` that nothing
    of it is to be trusted until it is back.
    """

    def __init__(self, name: str, *, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.epoch = 0
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    @abstractmethod
    async def follow(self) -> None:
        """Hear the stream from its beginning until it breaks."""

    @abstractmethod
    def broken(self, why: str) -> None:
        """The stream is away."""

    async def _run(self) -> None:
        decimal.setcontext(MONEY.copy())
        failures = 0
        while True:
            began = self.clock.monotonic()
            self.epoch += 1
            wait_s = 0.0
            try:
                await self.follow()
                why = "the venue closed the stream"
            except asyncio.CancelledError:
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                why = "its connection was closed, since another stream on it broke"
            except Exception as error:  # the edge to the library's streams: one strange message must not end them
                why = str(error) if isinstance(error, EngineError) else f"{type(error).__name__} {plain(error)}".strip()
                if isinstance(error, NotReady):
                    wait_s = error.retry_after_s or 0.0
                if isinstance(error, AuthRejected | Refused):
                    wait_s = LONGEST_WAIT_S
            failures = 0 if self.clock.monotonic() - began > STEADY_S else failures + 1
            wait_s = max(wait_s, min(FIRST_WAIT_S * 2 ** min(failures, 10), LONGEST_WAIT_S))
            self.broken(why)
            if failures <= 1:
                log.warning("a stream broke", stream=self.name, reason=why, epoch=self.epoch)
            await self.clock.sleep_until(self.clock.monotonic() + wait_s)


async def until_first_ends(*doing: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends, and raise what it raised."""
    tasks = [asyncio.ensure_future(one) for one in doing]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
