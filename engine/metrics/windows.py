"""The last seconds of something, in figures. Memory is bounded, whatever happens within them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from decimal import Decimal

MOST = 10_000


class Window:
    """Values of the last `span_s` seconds; of more than MOST the oldest are given up."""

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._values: deque[tuple[float, float]] = deque(maxlen=MOST)

    def add(self, at: float, value: float) -> None:
        self._values.append((at, value))

    def values(self, now: float) -> list[float]:
        """What is left of them at a monotonic time, smallest first."""
        while self._values and self._values[0][0] <= now - self._span_s:
            self._values.popleft()
        return sorted(value for _, value in self._values)


class Counter:
    """How often something happened within the last `span_s` seconds, by whole seconds."""

    def __init__(self, span_s: int) -> None:
        self._span_s = span_s
        self._seconds: deque[list[int]] = deque()

    def add(self, at: float) -> None:
        second = math.floor(at)
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1][1] += 1
        else:
            self._forget(second)
            self._seconds.append([second, 1])

    def count(self, now: float) -> int:
        self._forget(math.floor(now))
        return sum(times for _, times in self._seconds)

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - self._span_s:
            self._seconds.popleft()


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of all do not exceed (nearest rank); None of nothing.

    Never a value nobody measured: of 1 to 100, p50 is 50 and p99 is 99.
    """
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(name: str, values: Sequence[float], unit: str) -> dict[str, Decimal | None]:
    """`name_p50_unit`, `name_p99_unit` and `name_max_unit` of values in order, to a thousandth."""
    figures = {"p50": quantile(values, 0.5), "p99": quantile(values, 0.99), "max": values[-1] if values else None}
    return {f"{name}_{which}_{unit}": rounded(value) for which, value in figures.items()}


def rounded(value: float | None) -> Decimal | None:
    """A measured float as a decimal, to a thousandth: a clock's further digits are noise."""
    return None if value is None else Decimal(f"{value:.3f}")
