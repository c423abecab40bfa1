"""The slow component of a simulated price: a function of UTC time and seed alone.

Two processes, or one before and after a restart, therefore agree on the level without talking to each other.
"""

from __future__ import annotations

import hashlib
import math

PERIODS_S: tuple[float, ...] = (173_000.0, 61_000.0, 23_000.0, 8_600.0, 3_100.0)
"""Two days to fifty minutes, no small common multiple, so that days differ."""
AMPLITUDES: tuple[float, ...] = (0.010, 0.006, 0.004, 0.002, 0.001)
"""In log price: at most ±2.3 % together."""


class Anchor:
    """log(price / anchor price) at a time, from seeded sinusoids of fixed period and amplitude."""

    def __init__(self, seed: str) -> None:
        digest = hashlib.sha256(seed.encode()).digest()
        self._waves = tuple(
            (amplitude, math.tau / period, math.tau * int.from_bytes(digest[4 * i : 4 * i + 4]) / 2**32)
            for i, (amplitude, period) in enumerate(zip(AMPLITUDES, PERIODS_S, strict=True))
        )

    def log_offset(self, ts_s: float) -> float:
        return sum(amplitude * math.sin(rate * ts_s + phase) for amplitude, rate, phase in self._waves)
