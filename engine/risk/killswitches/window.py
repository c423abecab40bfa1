"""Looking back: over a window of time, and for how long something has lasted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol, TypeVar

from engine.core.states import State
from engine.risk.base import RiskState


class Stamped(Protocol):
    """Something that happened at a monotonic time."""

    @property
    def at(self) -> float: ...


R = TypeVar("R", bound=Stamped)


class Window:
    """The last so many seconds, but nothing from before the last start: that a person has seen and settled."""

    __slots__ = ("_seconds", "_started_at")

    def __init__(self, seconds: Decimal) -> None:
        self._seconds = float(seconds)
        self._started_at = float("-inf")

    def opens_at(self, state: RiskState) -> float:
        """The moment after which things count. To be asked at every check, since it notices starts."""
        if state.state is State.STARTING:
            self._started_at = state.monotonic
        return max(self._started_at, state.monotonic - self._seconds)

    def within(self, records: deque[R], state: RiskState) -> Iterator[R]:
        """The records of the window, newest first."""
        opens_at = self.opens_at(state)
        for record in reversed(records):
            if record.at <= opens_at:
                return
            yield record


class Lasting:
    """For how long something has been so at every check. A start begins anew."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: float | None = None

    def seconds(self, state: RiskState, holds: bool) -> float | None:
        """Seconds since it began to hold; None while it does not."""
        if not holds or state.state is State.STARTING:
            self._since = None
        if not holds:
            return None
        if self._since is None:
            self._since = state.monotonic
        return state.monotonic - self._since


class Extremes:
    """Lowest and highest price of the last so many seconds.

    Two queues in which every price is more extreme than those after it, so that the extreme is always the first. Prices
    closer in time than a hundredth of the window share a place, which bounds both queues.
    """

    __slots__ = ("_apart", "_highs", "_lows", "_seconds")

    def __init__(self, seconds: Decimal) -> None:
        self._seconds = float(seconds)
        self._apart = self._seconds / 100
        self._lows: deque[tuple[float, Decimal]] = deque()
        self._highs: deque[tuple[float, Decimal]] = deque()

    def clear(self) -> None:
        self._lows.clear()
        self._highs.clear()

    def add(self, at: float, price: Decimal) -> tuple[Decimal, Decimal]:
        """Take the price of a moment and return lowest and highest, it included."""
        for queue in (self._lows, self._highs):
            while queue and queue[0][0] <= at - self._seconds:
                queue.popleft()
        while self._lows and self._lows[-1][1] >= price:
            self._lows.pop()
        while self._highs and self._highs[-1][1] <= price:
            self._highs.pop()
        for queue in (self._lows, self._highs):
            if not queue or at - queue[-1][0] >= self._apart:
                queue.append((at, price))
        return self._lows[0][1], self._highs[0][1]

    def __len__(self) -> int:
        return len(self._lows) + len(self._highs)
