"""What is estimated online from prices and trades: bounded in memory, by the monotonic clock, to 28 digits."""

from __future__ import annotations

from collections import deque
from decimal import Decimal

from engine.core.decimals import BPS, MONEY, ONE, WIDE, ZERO

_HALF = Decimal("0.5")
_EARLY = 0.9
"""Ticks come a little early or late: a sample this much of the interval after the last one counts."""


class Volatility:
    """An EWMA of squared log returns per second.

        v ← ½^(dt / half_life) × v + (1 − ½^(dt / half_life)) × ln(price / last)² / dt

    Dividing by dt keeps a gap in the data from looking like a leap.
    """

    __slots__ = ("_half_life_s", "_last", "_last_at", "_sample_s", "returns", "variance_per_s")

    def __init__(self, *, half_life_s: Decimal, sample_s: Decimal) -> None:
        self._half_life_s = half_life_s
        self._sample_s = float(sample_s)
        self._last = ZERO
        self._last_at = 0.0
        self.returns = 0
        """How many returns it has seen."""
        self.variance_per_s = ZERO

    def observe(self, at: float, price: Decimal) -> bool:
        """Take a price in when a sample is due; says whether the estimate changed."""
        if not self._last:
            self._last, self._last_at = price, at
            return False
        elapsed = at - self._last_at
        if elapsed < self._sample_s * _EARLY:
            return False
        seconds = MONEY.divide(Decimal(max(1, round(elapsed * 1000))), Decimal(1000))
        log_return = MONEY.ln(MONEY.divide(price, self._last))
        rate = MONEY.divide(MONEY.multiply(log_return, log_return), seconds)
        kept = MONEY.power(_HALF, MONEY.divide(seconds, self._half_life_s)) if self.returns else ZERO
        self.variance_per_s = MONEY.add(
            MONEY.multiply(kept, self.variance_per_s), MONEY.multiply(MONEY.subtract(ONE, kept), rate)
        )
        self._last, self._last_at = price, at
        self.returns += 1
        return True

    @property
    def sigma_bps(self) -> Decimal:
        """Basis points per √second."""
        return MONEY.multiply(MONEY.sqrt(self.variance_per_s), BPS)


class ArrivalDecay:
    """How fast trades thin out with their distance from mid, from the last of them: 1 over the mean distance.

    With arrivals falling as e^(−κ × distance), distances are distributed exponentially, and 1 over their mean is the
    most likely κ. `shortest` keeps trades at mid from making it infinite.
    """

    __slots__ = ("_distances", "_sum", "_trades")

    def __init__(self, *, trades: int) -> None:
        self._trades = trades
        self._distances: deque[Decimal] = deque()
        self._sum = ZERO

    @property
    def count(self) -> int:
        return len(self._distances)

    def observe(self, distance: Decimal) -> None:
        self._distances.append(distance)
        self._sum = WIDE.add(self._sum, distance)
        if len(self._distances) > self._trades:
            self._sum = WIDE.subtract(self._sum, self._distances.popleft())

    def kappa(self, shortest: Decimal) -> Decimal:
        """Per unit of quote currency. Raises ValueError before the first trade."""
        if not self._distances:
            raise ValueError("κ needs at least one trade, had none")
        return MONEY.divide(Decimal(len(self._distances)), max(self._sum, shortest * len(self._distances)))
