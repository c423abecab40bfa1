"""A venue's request budget, and the line of those who want some of it: cancels first, and always.

`Budget` counts what was spent. The one here is of this process; another behind the same Protocol may be shared by the
workers of a fleet, since every call may wait. `Line` decides who is next.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from itertools import count
from typing import Protocol

import structlog

from engine.core.clock import Clock
from engine.core.errors import NotReady, Refused
from engine.core.scheduler import Job, Schedule

log = structlog.get_logger(__name__)


class Priority(IntEnum):
    """Who goes first when not all can. What takes risk off goes before what puts it on."""

    CANCEL = 0
    CREATE = 1
    RECONCILE = 2
    DATA = 3


_urgent: ContextVar[bool] = ContextVar("urgent", default=False)


@contextmanager
def urgently() -> Iterator[None]:
    """Whatever is asked of a venue inside goes as a cancel does: an order that was not listed cannot be cancelled."""
    token = _urgent.set(True)
    try:
        yield
    finally:
        _urgent.reset(token)


def urgency(priority: Priority) -> Priority:
    """The priority of a request, here and now."""
    return Priority.CANCEL if _urgent.get() else priority


class Budget(Protocol):
    """What may be spent within a window, wherever it is counted."""

    async def capacity(self, *, with_reserve: bool) -> int:
        """The largest weight that can ever pass."""
        ...

    async def take(self, weight: int, *, with_reserve: bool) -> float:
        """Spend, and return 0; or spend nothing, and return the seconds until it may be worth asking again."""
        ...

    async def observe(self, used: int, *, limit: int | None = None, reset_s: float | None = None) -> None:
        """The venue's own count in its current window, its limit, and when that window ends."""
        ...

    async def ban(self, seconds: float) -> None:
        """The venue wants to hear nothing for so long."""
        ...

    async def used(self) -> int:
        """What counts now."""
        ...


class SlidingWindow:
    """At most `limit` within any `window_s`, of which `reserve` is for cancels alone.

    A venue that counts in fixed windows is never exceeded either. What it counts beyond our own belongs to others on
    the same address, and is spent for us as well; what it counts less may still be on its way to it.
    """

    def __init__(self, clock: Clock, *, limit: int, window_s: float, reserve: int) -> None:
        self._clock = clock
        self._configured = self._limit = limit
        self._window_s = window_s
        self._reserve = reserve
        self._spent: list[tuple[float, int]] = []
        """A heap of (when it no longer counts, weight)."""
        self._used = 0
        self._banned_until = float("-inf")

    async def capacity(self, *, with_reserve: bool) -> int:
        return self._ceiling(with_reserve)

    async def take(self, weight: int, *, with_reserve: bool) -> float:
        now = self._clock.monotonic()
        self._forget(now)
        if now < self._banned_until:
            return self._banned_until - now
        excess = self._used + weight - self._ceiling(with_reserve)
        if excess <= 0:
            self._spend(now + self._window_s, weight)
            return 0.0
        for expires_at, spent in sorted(self._spent):
            excess -= spent
            if excess <= 0:
                return expires_at - now
        return self._window_s  # more than can ever pass at the limit of today

    async def observe(self, used: int, *, limit: int | None = None, reset_s: float | None = None) -> None:
        now = self._clock.monotonic()
        self._forget(now)
        if limit is not None:
            self._limit = max(1, min(limit, self._configured))
        if used > self._used:
            self._spend(now + (self._window_s if reset_s is None else reset_s), used - self._used)

    def note(self, weight: int) -> None:
        """Count what was spent by another count of the same budget."""
        now = self._clock.monotonic()
        self._forget(now)
        if weight > 0:
            self._spend(now + self._window_s, weight)

    async def ban(self, seconds: float) -> None:
        self._banned_until = max(self._banned_until, self._clock.monotonic() + seconds)

    async def used(self) -> int:
        self._forget(self._clock.monotonic())
        return self._used

    def _ceiling(self, with_reserve: bool) -> int:
        # A limit the venue has lowered keeps its share for cancels.
        reserve = -(-self._reserve * self._limit // self._configured)
        return self._limit if with_reserve else self._limit - reserve

    def _spend(self, expires_at: float, weight: int) -> None:
        heapq.heappush(self._spent, (expires_at, weight))
        self._used += weight

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0][0] <= now:
            self._used -= heapq.heappop(self._spent)[1]


@dataclass
class Turn:
    """What whoever has a turn knows and leaves behind: the last number the key has used."""

    last: int = 0


class KeyTurns(Protocol):
    """The turns of one key at a venue that takes requests in the order of their numbers only."""

    def taken(self) -> AbstractAsyncContextManager[Turn]:
        """Held from the number to the answer: nobody else's request of the key is on its way meanwhile."""
        ...


class NewBudget(Protocol):
    """Opens what processes share of a venue, by its name: everybody who opens the same one shares it."""

    def __call__(self, name: str, *, limit: int, window_s: float, reserve: int) -> Budget: ...

    def turns(self, name: str, *, longest_s: float) -> KeyTurns | None:
        """None where no other process is known of."""
        ...


class OwnBudgets:
    """Budgets of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, name: str, *, limit: int, window_s: float, reserve: int) -> Budget:
        return SlidingWindow(self._clock, limit=limit, window_s=window_s, reserve=reserve)

    def turns(self, name: str, *, longest_s: float) -> KeyTurns | None:
        return None


@dataclass(order=True)
class _Waiter:
    priority: Priority
    number: int
    weight: int = field(compare=False)
    deadline: float = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Line:
    """Those who wait for a budget, the most urgent first, and first come first served among equals.

    Nobody overtakes somebody more urgent, not even with a smaller request: else a large one would never pass. Cancels
    wait as long as it takes; others are sent away, when `max_waiting` of their kind wait or after `max_wait_s`.
    """

    def __init__(
        self,
        budget: Budget,
        *,
        name: str,
        clock: Clock,
        scheduler: Schedule,
        max_waiting: int,
        max_wait_s: float,
        terms: str = "",
    ) -> None:
        self.budget = budget
        self.terms = terms
        """In words, for those who share it to compare."""
        self._name = name
        self._clock = clock
        self._scheduler = scheduler
        self._max_waiting = max_waiting
        self._max_wait_s = max_wait_s
        self._waiting: list[_Waiter] = []
        self._numbers = count()
        self._serving = False
        self._again = False
        self._wake: Job | None = None

    @property
    def feed(self) -> Line:
        """What the hub hands out."""
        return self

    async def start(self) -> None:
        """Nothing runs until somebody waits."""

    async def stop(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
        for waiter in self._waiting:
            if not waiter.turn.done():
                waiter.turn.set_exception(NotReady(f"The budget {self._name} was closed; nothing was sent."))

    async def acquire(self, priority: Priority, weight: int = 1) -> None:
        """Return when `weight` may be spent, which it then is. Raises NotReady, or Refused for what can never pass."""
        if weight < 1:
            raise ValueError(f"the weight of a request must be at least 1, was {weight}")
        capacity = await self.budget.capacity(with_reserve=priority is Priority.CANCEL)
        if weight > capacity:
            raise Refused(
                f"A {priority.name.lower()} of weight {weight} can never pass: {self._name} lets {capacity} through."
            )
        waiting = Counter(waiter.priority for waiter in self._waiting if not waiter.turn.done())[priority]
        if priority is not Priority.CANCEL and waiting >= self._max_waiting:
            raise NotReady(
                f"{waiting} {priority.name.lower()} requests wait for {self._name} already, as many as may wait; "
                "nothing was sent."
            )
        deadline = float("inf") if priority is Priority.CANCEL else self._clock.monotonic() + self._max_wait_s
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, _Waiter(priority, next(self._numbers), weight, deadline, turn))
        try:
            await self._serve()
            await turn
        finally:
            turn.cancel()  # who no longer waits is passed over

    async def observe(self, used: int, *, limit: int | None = None, reset_s: float | None = None) -> None:
        """What the venue counted in its current window: its answers say so."""
        await self.budget.observe(used, limit=limit, reset_s=reset_s)

    async def left(self) -> Decimal:
        """The share of the budget that may be spent now, 0 to 1."""
        limit, used = await self.budget.capacity(with_reserve=True), await self.budget.used()
        return max(Decimal(0), 1 - Decimal(used) / limit)

    async def ban(self, seconds: float) -> None:
        """The venue asked to be left alone: nothing goes, cancels neither, since asking on makes a ban longer."""
        log.warning("the venue wants to be left alone", budget=self._name, seconds=seconds)
        await self.budget.ban(seconds)

    async def _serve(self) -> None:
        """Let pass whoever may, and come back when the next one may."""
        if self._serving:
            self._again = True
            return
        self._serving = True
        try:
            while (head := self._head()) is not None:
                self._again = False
                wait_s = await self.budget.take(head.weight, with_reserve=head.priority is Priority.CANCEL)
                if wait_s <= 0:
                    if not head.turn.done():
                        head.turn.set_result(None)
                elif not self._again:
                    self._come_back(wait_s)
                    return
        finally:
            self._serving = False

    def _head(self) -> _Waiter | None:
        """The first in line, after sending away those who waited too long."""
        now = self._clock.monotonic()
        for waiter in self._waiting:
            if waiter.deadline <= now and not waiter.turn.done():
                what = waiter.priority.name.lower()
                text = (
                    f"A {what} waited {self._max_wait_s:g} s for {self._name}, the longest allowed; nothing was sent."
                )
                waiter.turn.set_exception(NotReady(text))
        while self._waiting and self._waiting[0].turn.done():
            heapq.heappop(self._waiting)
        return self._waiting[0] if self._waiting else None

    def _come_back(self, wait_s: float) -> None:
        now = self._clock.monotonic()
        deadline = min(waiter.deadline for waiter in self._waiting if not waiter.turn.done())
        if self._wake is not None:
            self._wake.cancel()
        delay_s = max(0.0, min(wait_s, deadline - now))
        self._wake = self._scheduler.once(delay_s, self._serve, name=f"budget {self._name}")
