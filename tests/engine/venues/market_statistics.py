"""Statistics of a simulated market, computed as they were on the recordings."""

from __future__ import annotations

import itertools
import math
from statistics import fmean

from engine.venues.simulated.market import SimulatedMarket
from engine.venues.simulated.profiles import PROFILES

START_S = 1_700_000_000.0


class MarketStatistics:
    """One run of a profile: mids and spreads on the grid of its steps, and its taker orders."""

    def __init__(self, profile: str, *, seconds: int, tick_bps: float, price: float, seed: str = "7") -> None:
        character = PROFILES[profile]
        tick, lot = price * tick_bps / 1e4, 0.6 / price
        self.tick_bps = tick_bps
        self.step_s = character.step_ms / 1000
        self.seconds = seconds
        market = SimulatedMarket(
            profile=character,
            seed=seed,
            anchor_ticks=price / tick,
            lots_per_quote_at_tick=1 / (tick * lot),
            start_s=START_S,
        )
        self.mids: list[float] = []
        self.spreads: list[int] = []
        self.takers: list[list[float]] = []
        """[seconds, sign, quote size, step] of each taker order, prints of one moment merged."""
        self.depth_20_bps: list[float] = []
        for step in range(1, int(seconds / self.step_s) + 1):
            for at_s, sign, ticks, lots in market.step(START_S + step * self.step_s):
                quote = ticks * tick * lots * lot
                if self.takers and self.takers[-1][:2] == [at_s, sign]:
                    self.takers[-1][2] += quote
                else:
                    self.takers.append([at_s, sign, quote, step - 1])
            self.mids.append((market.asks.best - market.bids.best) / 2)
            self.spreads.append(market.spread_ticks)
            if step % 50 == 0:
                edge = self.mids[-1] * 1.002
                self.depth_20_bps.append(
                    sum(market.asks.sizes[k] * k for k in market.asks.keys if k <= edge) * tick * lot
                )

    @property
    def share_at_one_tick(self) -> float:
        return fmean(spread == 1 for spread in self.spreads)

    def spread_bps(self, quantile: float) -> float:
        return sorted(self.spreads)[int(len(self.spreads) * quantile)] * self.tick_bps

    def moves(self, seconds: float) -> list[float]:
        """Log moves of the mid over consecutive intervals, bps."""
        every = round(seconds / self.step_s)
        mids = self.mids[::every]
        return [math.log(after / before) * 1e4 for before, after in itertools.pairwise(mids)]

    def unchanged(self, seconds: float) -> float:
        return fmean(move == 0 for move in self.moves(seconds))

    def deviation(self, seconds: float) -> float:
        return fmean(move * move for move in self.moves(seconds)) ** 0.5

    def kurtosis(self, seconds: float) -> float:
        moves = self.moves(seconds)
        return fmean(move**4 for move in moves) / fmean(move * move for move in moves) ** 2

    @property
    def takers_per_s(self) -> float:
        return len(self.takers) / self.seconds

    @property
    def arrival_variation(self) -> float:
        """Coefficient of variation of the time between taker orders; one for a Poisson process."""
        waits = [after[0] - before[0] for before, after in zip(self.takers, self.takers[1:], strict=False)]
        mean = fmean(waits)
        return fmean((wait - mean) ** 2 for wait in waits) ** 0.5 / mean

    def sign_correlation(self, lag: int) -> float:
        signs = [taker[1] for taker in self.takers]
        return fmean(a * b for a, b in zip(signs, signs[lag:], strict=False))

    @property
    def hill(self) -> float:
        """Tail index of the largest 2 % of taker sizes."""
        sizes = sorted(taker[2] for taker in self.takers)
        tail = sizes[int(len(sizes) * 0.98) :]
        return 1 / fmean(math.log(size / tail[0]) for size in tail[1:])

    def size(self, quantile: float) -> float:
        sizes = sorted(taker[2] for taker in self.takers)
        return sizes[int(len(sizes) * quantile)]

    def markout(self, seconds: float) -> float:
        """Mean move of the mid with the taker over a time, bps: what its maker loses before the half-spread."""
        ahead = round(seconds / self.step_s) - 1
        losses = []
        for _, sign, _, step in self.takers:
            before, after = int(step) - 1, int(step) + ahead
            if before >= 0 and after < len(self.mids):
                losses.append(sign * (self.mids[after] / self.mids[before] - 1) * 1e4)
        return fmean(losses)
