"""What a value came to over time, each figure counting for as long as it held."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from engine.core.decimals import WIDE, ZERO


class Held:
    """Values and how long they held, summed as they come: asking for a window costs the same however long it is.

    None begins a stretch that was not observed, which counts for nothing. Moments are whole nanoseconds and sums exact.
    """

    def __init__(self) -> None:
        self._points: deque[tuple[int, Decimal | None, Decimal, int]] = deque()
        """(moment, value from there on, value × time before it, observed time before it)."""

    def add(self, now: int, value: Decimal | None) -> None:
        """From now on this value holds. Moments never run backwards."""
        area, observed = self._upto(now)
        self._points.append((now, value, area, observed))

    def forget(self, start: int) -> None:
        """Give up what came before a moment, but for the value that holds into it."""
        while len(self._points) > 1 and self._points[1][0] <= start:
            self._points.popleft()

    def since(self, start: int, now: int) -> tuple[Decimal, int]:
        """(value × time, observed time) from a moment until now; what came before must be forgotten."""
        if not self._points:
            return ZERO, 0
        first, value, area_before, observed_before = self._points[0]
        if value is not None and start > first:
            area_before = WIDE.fma(value, start - first, area_before)
            observed_before += start - first
        area, observed = self._upto(now)
        return WIDE.subtract(area, area_before), observed - observed_before

    def _upto(self, now: int) -> tuple[Decimal, int]:
        if not self._points:
            return ZERO, 0
        last, value, area, observed = self._points[-1]
        if value is None:
            return area, observed
        return WIDE.fma(value, now - last, area), observed + now - last
