"""Who takes: arrival times, signs and sizes of taker orders."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from engine.venues.simulated.profiles import DECAYS_PER_S, Profile

SECONDS_PER_DAY = 86_400.0
TAIL_SHARE = 0.02
_TAIL_Z = 2.0537489106318225
"""The normal quantile of 1 - TAIL_SHARE, where the power tail takes over from the log-normal body."""
LARGEST_TO_TAIL = 400.0
"""A size is cut at this multiple of where the tail begins: below index 2 its variance is infinite, a book is not."""


def activity(ts_s: float) -> float:
    """How busy the hour is, about 1; rises steeply after midnight UTC and dies away over some minutes.

    At 00:00 UTC prints on perpetual futures went from 150 to 1,450 per half minute (funding, daily candles).
    """
    since_midnight = ts_s % SECONDS_PER_DAY
    daily = 1.0 + 0.25 * math.sin(math.tau * (since_midnight / SECONDS_PER_DAY - 0.3))
    return daily + 3.0 * math.exp(-since_midnight / 120.0)


class Arrivals:
    """A Hawkes process with several exponentials, sampled exactly by thinning."""

    def __init__(self, profile: Profile, random: Random) -> None:
        self._random = random
        self._base = profile.taker_base_per_s
        self._weights = profile.taker_weights
        self._jumps = tuple(w * d for w, d in zip(profile.taker_weights, DECAYS_PER_S, strict=True))
        self.average_per_s = self._base / (1.0 - sum(self._weights))
        self._excitations = [w * self.average_per_s for w in self._weights]
        self.intensity_per_s = self.average_per_s

    def within(self, start_s: float, end_s: float) -> Iterator[float]:
        """Yield arrival times in [start, end), in order. State is left at `end`."""
        base = self._base * activity(start_s)
        excitations, jumps = self._excitations, self._jumps
        now = start_s
        bound = base + sum(excitations)
        while True:
            wait = self._random.expovariate(bound)
            if now + wait >= end_s:
                rest = end_s - now
                self._excitations = [x * math.exp(-d * rest) for x, d in zip(excitations, DECAYS_PER_S, strict=True)]
                return
            now += wait
            excitations = [x * math.exp(-d * wait) for x, d in zip(excitations, DECAYS_PER_S, strict=True)]
            intensity = base + sum(excitations)
            if self._random.random() * bound < intensity:
                self.intensity_per_s = intensity
                yield now
                excitations = [x + j for x, j in zip(excitations, jumps, strict=True)]
                intensity = base + sum(excitations)
            bound = intensity


class Signs:
    """Long memory of taker signs by order splitting: a few large parent orders are worked child by child.

    Lillo, Mike and Farmer 2005: with N parents and Pareto(a) lengths the autocorrelation is about N^(a-2)/a ·
    lag^(1-a).
    """

    def __init__(self, profile: Profile, random: Random) -> None:
        self._random = random
        self._tail = profile.sign_memory_tail
        self._parents = [self._new_parent(0.0) for _ in range(profile.sign_memory_orders)]

    def _new_parent(self, lean: float) -> list[int]:
        sign = 1 if self._random.random() < 0.5 + 0.5 * lean else -1
        return [sign, math.ceil(self._random.paretovariate(self._tail))]

    def next(self, lean: float, *, follow: float, last: int) -> int:
        """+1 for a buy, -1 for a sell. `lean` in [-1, 1] tilts the sign of parents that begin now.

        `follow` is the chance that this order belongs to the burst under way and repeats its sign, `last`.
        """
        if self._random.random() < follow:
            return last
        at = int(self._random.random() * len(self._parents))
        parent = self._parents[at]
        sign = parent[0]
        parent[1] -= 1
        if parent[1] <= 0:
            self._parents[at] = self._new_parent(lean)
        return sign


class Sizes:
    """Taker sizes in quote currency: a log-normal body and a power tail."""

    def __init__(self, profile: Profile, random: Random) -> None:
        self._random = random
        self._mean = profile.taker_log_mean
        self._sigma = profile.taker_log_sigma
        self._tail = profile.taker_tail
        self._tail_begins = math.exp(self._mean + _TAIL_Z * self._sigma)

    def next(self) -> float:
        if self._random.random() < TAIL_SHARE:
            return self._tail_begins * min(self._random.paretovariate(self._tail), LARGEST_TO_TAIL)
        while True:
            size = math.exp(self._random.gauss(self._mean, self._sigma))
            if size < self._tail_begins:
                return size
