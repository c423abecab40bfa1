"""One question asked at a fixed interval, and its newest answer, for however many want to know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.core.clock import Clock
from engine.core.errors import AuthRejected, EngineError, NotReady, Refused
from engine.core.scheduler import Job, Schedule
from engine.venues.channel import Channel

T = TypeVar("T")

LONGEST_WAIT_S = 60.0
"""Waits double from the interval up to this while a venue is not ready; a definite no is asked again this late."""


@dataclass(frozen=True, eq=False)
class Asker(Generic[T]):
    """One service's way to ask, with its own venue component.

    ask(known)     the answer, given the last one; raises the errors of `engine.core.errors`
    blame(error)   hears of a mistake in `ask`, for its service to fail and no other
    """

    ask: Callable[[T | None], Awaitable[T]]
    interval_s: float
    blame: Callable[[BaseException], None]


class Poll(Generic[T]):
    """Asks through the first of its askers, at the shortest interval any of them wants.

    In the hub it outlives the service that made it: when that leaves, the next one's venue component is asked.
    """

    def __init__(self, channel: Channel[T], *, clock: Clock, scheduler: Schedule) -> None:
        self.channel = channel
        self._clock = clock
        self._scheduler = scheduler
        self._askers: list[Asker[T]] = []
        self._asked: Asker[T] | None = None
        self._asking = False
        self._answered = False
        self._failures = 0
        self._not_before = 0.0
        self._gave_up = False
        self._job: Job | None = None

    @property
    def feed(self) -> Poll[T]:
        """What the hub hands out: readers join it."""
        return self

    async def start(self) -> None:
        """Nothing is asked before somebody joins."""

    async def stop(self) -> None:
        self._askers.clear()
        self._keep_time()

    def join(self, asker: Asker[T]) -> None:
        # Another may hold credentials that are still good.
        self._askers.append(asker)
        self._gave_up = False
        self._keep_time()
        if not self._answered:
            self._scheduler.once(0, self._first, name=f"{self.channel.name} first", on_error=self._failed_badly)

    def leave(self, asker: Asker[T]) -> None:
        """Safe to repeat."""
        if asker in self._askers:
            self._askers.remove(asker)
            self._keep_time()

    def _keep_time(self) -> None:
        interval_s = min((asker.interval_s for asker in self._askers), default=None)
        if self._job is not None and not self._job.cancelled and self._job.interval_s == interval_s:
            return
        if self._job is not None:
            self._job.cancel()
            self._job = None
        if interval_s is not None:
            self._job = self._scheduler.every(
                interval_s, self._turn, name=self.channel.name, on_error=self._failed_badly
            )

    async def _first(self) -> None:
        if not self._answered and not self._failures:  # else somebody who joined before has asked
            await self._turn()

    async def _turn(self) -> None:
        now = self._clock.monotonic()
        if self._asking or self._gave_up or now < self._not_before or not self._askers:
            return
        asker = self._asked = self._askers[0]
        self._asking = True
        try:
            answer = await asker.ask(self.channel.value)
        except EngineError as error:
            if asker in self._askers:  # else its venue was closed under the question
                self._failed(error, asker.interval_s)
            return
        finally:
            self._asking = False
        if asker in self._askers:
            self._answered, self._failures, self._not_before = True, 0, 0.0
            self.channel.put(answer)

    def _failed(self, error: EngineError, interval_s: float) -> None:
        if isinstance(error, AuthRejected):
            self._gave_up = True
            self.channel.fail(f"{error}; it is not asked again before a person has mended that")
            return
        wait_s = LONGEST_WAIT_S if isinstance(error, Refused) else min(interval_s * 2**self._failures, LONGEST_WAIT_S)
        if isinstance(error, NotReady) and error.retry_after_s is not None:
            wait_s = max(wait_s, error.retry_after_s)
        self._failures = min(self._failures + 1, 20)
        self._not_before = self._clock.monotonic() + wait_s
        self.channel.fail(str(error))

    def _failed_badly(self, error: BaseException) -> None:
        """A mistake in an asker's code: it is out, its service fails, the others go on."""
        asker = self._asked
        self.channel.fail(f"asking failed: {type(error).__name__} {error}")
        if asker is not None and asker in self._askers:
            self._askers.remove(asker)
            self._keep_time()
            asker.blame(error)
