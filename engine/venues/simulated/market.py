"""The simulated market itself: an efficient price that stands still and then jumps, makers who follow it, takers who
move it.

A simulation of the world, so it may use floats and ticks; what leaves it are whole ticks and lots.

How a step works. Taker orders arrive in bursts (Hawkes) with long-memory signs and heavy-tailed sizes and eat the queue
at the touch. One that empties a level, or that frightens the makers, moves the efficient price its own way: whoever
was resting there sold just before the price rose. That is the adverse selection of a real book, and it is what makes
a quote at the touch of a major lose. Between trades the makers revise their quotes after other venues, leaning
towards the slow component of the price (`anchor`), refill what was eaten, and let queues breathe.
"""

from __future__ import annotations

import math
from random import Random

from engine.venues.simulated.anchor import Anchor
from engine.venues.simulated.flow import Arrivals, Signs, Sizes
from engine.venues.simulated.ladder import Ladder
from engine.venues.simulated.profiles import Profile

LONGEST_STEP_S = 5.0
"""A process that was frozen longer resumes with fresh state at the slow component's level; the past is not
simulated."""
MOST_WALK_BPS = 40.0
"""How far one taker order walks; what is left of it is cancelled, as a venue's price protection would."""

PRESSURE_MEMORY_S = 0.05
"""How long makers count takers of one side as one burst."""

LEVELS_PER_SLOT = 2.0
"""How many levels a slot of distance holds on average."""

Print = tuple[float, int, int, int]
"""(seconds since the start, sign of the taker, tick, lots)."""


class SimulatedMarket:
    """State of one market. `step` moves it to a time and returns the prints on the way, oldest first."""

    def __init__(
        self, *, profile: Profile, seed: str, anchor_ticks: float, lots_per_quote_at_tick: float, start_s: float
    ) -> None:
        """anchor_ticks: the anchor price in ticks. lots_per_quote_at_tick: lots that one unit of quote buys at one
        tick."""
        self.profile = profile
        self.bids, self.asks = Ladder(), Ladder()
        self._seed = seed
        self._anchor = Anchor(seed)
        self._anchor_ticks = anchor_ticks
        self._lots_scale = lots_per_quote_at_tick
        self._edges, self._wanted = _slots(profile, 1e4 / anchor_ticks)
        self._restart(start_s)

    def _restart(self, start_s: float) -> None:
        self.now_s = start_s
        self._random = Random(f"{self._seed}|{start_s:.3f}")
        self._arrivals = Arrivals(self.profile, self._random)
        self._signs = Signs(self.profile, self._random)
        self._sizes = Sizes(self.profile, self._random)
        self._pressure, self._taken_s = 0.0, start_s
        self._spread_state = self._random.gauss(0.0, 1.0)
        self._fair = self._level(start_s)
        self._spread_ticks = self._new_spread()
        self.bids.drop_beyond(-(2**62))
        self.asks.drop_beyond(-(2**62))
        self._requote()

    # -- prices -------------------------------------------------------------------------------------------------------

    def _level(self, ts_s: float) -> float:
        return self._anchor_ticks * math.exp(self._anchor.log_offset(ts_s))

    @property
    def fair_ticks(self) -> float:
        """The efficient mid, in ticks; quotes follow it, not always at once."""
        return self._fair

    @property
    def spread_ticks(self) -> int:
        return self.asks.best + self.bids.best

    def _lean(self) -> float:
        """-1 when the price stands far above its slow component, +1 far below."""
        off_bps = (self._fair / self._level(self.now_s) - 1.0) * 1e4
        return -math.tanh(off_bps / self.profile.revert_bps)

    def _jump(self, direction: int, *, scale: float = 1.0, least_ticks: float = 0.0) -> None:
        """Move the efficient price by a whole number of ticks, drawn without bias so that coarse ticks keep the
        mean."""
        profile = self.profile
        bps = scale * profile.jump_bps * math.exp(profile.jump_sigma * self._random.gauss(0.0, 1.0))
        ticks = max(self._fair * min(bps, MOST_WALK_BPS) / 1e4, least_ticks)
        self._fair = max(self._fair + direction * int(ticks + self._random.random()), 50.0)

    def _new_spread(self) -> int:
        profile = self.profile
        if not profile.spread_bps:
            return 1
        bps = profile.spread_bps * math.exp(profile.spread_sigma * self._spread_state)
        return max(1, int(self._fair * bps / 1e4 + self._random.random()))

    # -- makers -------------------------------------------------------------------------------------------------------

    def _requote(self) -> None:
        """Bring both touches back around the efficient price, one target spread apart."""
        bid = math.floor(self._fair - self._spread_ticks / 2 + 0.5)
        ask = bid + self._spread_ticks
        moved = False
        for ladder, key in ((self.bids, -bid), (self.asks, ask)):
            if ladder.keys and ladder.keys[0] == key:
                continue
            moved = True
            ladder.drop_inside(key)
            if key not in ladder.sizes:
                ladder.put(key, self._touch_lots(key))
        if moved:
            self._shape()

    def _touch_lots(self, key: int) -> int:
        quote = self.profile.touch_quote * math.exp(self.profile.touch_sigma * self._random.gauss(0.0, 1.0))
        return self._lots(quote, key)

    def _lots(self, quote: float, key: int) -> int:
        return max(1, int(quote * self._lots_scale / abs(key) + self._random.random()))

    def _level_lots(self, slot: int, key: int) -> int:
        sigma = self.profile.level_sigma
        noise = math.exp(sigma * self._random.gauss(0.0, 1.0) - 0.5 * sigma * sigma)
        return self._lots(self._wanted[slot] * noise / LEVELS_PER_SLOT, key)

    def _shape(self) -> None:
        """Keep one or two levels in every slot of distance, and none beyond the last: gaps fill, crowds thin out."""
        random = self._random
        mid = (self.asks.keys[0] - self.bids.keys[0]) / 2
        for ladder, sign in ((self.bids, -1), (self.asks, 1)):
            keys = ladder.keys
            inner = keys[0] + 1
            at = 1
            for slot, edge in enumerate(self._edges):
                outer = math.ceil(sign * mid + mid * edge) + 1
                if outer <= inner:
                    continue
                if sign < 0 and outer > 0:
                    break
                first = at
                while at < len(keys) and keys[at] < outer:
                    at += 1
                if at == first:
                    key = inner + int(random.random() * (outer - inner))
                    ladder.put(key, self._level_lots(slot, key))
                    at += 1
                elif at - first > 2:
                    ladder.drop(keys[first + int(random.random() * (at - first))])
                    at -= 1
                inner = outer
            ladder.drop_beyond(inner)

    def _breathe(self) -> None:
        """Orders come and go: the touch queues drift about their usual size, some deeper levels change."""
        random, profile = self._random, self.profile
        usual = math.log(profile.touch_quote)
        for ladder in (self.bids, self.asks):
            keys, sizes = ladder.keys, ladder.sizes
            best = keys[0]
            if random.random() < 0.6:
                quote = sizes[best] * abs(best) / self._lots_scale
                log_quote = 0.8 * math.log(quote) + 0.2 * usual + 0.6 * profile.touch_sigma * random.gauss(0.0, 1.0)
                ladder.put(best, self._lots(math.exp(log_quote), best))
            for _ in range(profile.churn // 2):
                at = int(random.random() ** 1.5 * (len(keys) - 1)) + 1
                if at < len(keys):
                    key = keys[at]
                    factor = math.exp(0.5 * profile.level_sigma * random.gauss(0.0, 1.0))
                    slot = self._slot_of(key, best)
                    pulled = 0.7 * sizes[key] * factor + 0.3 * self._level_lots(slot, key)
                    ladder.put(key, int(pulled + random.random()))

    def _slot_of(self, key: int, best: int) -> int:
        distance = (key - best + self.spread_ticks / 2) / abs(best)
        for slot, edge in enumerate(self._edges):
            if distance <= edge:
                return slot
        return len(self._edges) - 1

    # -- takers -------------------------------------------------------------------------------------------------------

    def _take(self, at_s: float, prints: list[Print]) -> None:
        profile, random = self.profile, self._random
        faded = self._pressure * math.exp((self._taken_s - at_s) / PRESSURE_MEMORY_S)
        sign = self._signs.next(0.3 * self._lean(), follow=1.0 - 1.0 / (1.0 + abs(faded)), last=1 if faded > 0 else -1)
        self._pressure, self._taken_s = faded + sign, at_s
        pressure = max(sign * self._pressure, 0.0)
        ladder = self.asks if sign > 0 else self.bids
        before = ladder.keys[0]
        lots = self._lots(self._sizes.next(), before)
        limit = before + int(abs(before) * MOST_WALK_BPS / 1e4)
        for key, traded in ladder.take(lots, limit):
            prints.append((at_s, sign, sign * key, traded))
        walked = ladder.keys[0] - before
        if walked:
            # A level is gone: makers on the other side follow more often than the level is refilled.
            if random.random() < 0.65:
                self._jump(sign, least_ticks=min(walked, self._fair * MOST_WALK_BPS / 1e4))
        elif random.random() < profile.push_probability * pressure**profile.push_power:
            self._jump(sign, scale=max(pressure, 1.0) ** 0.5)

    # -- time ---------------------------------------------------------------------------------------------------------

    def step(self, to_s: float) -> list[Print]:
        """Move to a time (seconds since the epoch) and return the prints on the way."""
        if to_s <= self.now_s:
            return []
        if to_s - self.now_s > LONGEST_STEP_S:
            self._restart(to_s)
            return []
        profile, random = self.profile, self._random
        elapsed = to_s - self.now_s
        prints: list[Print] = []
        fair, heal = self._fair, 1.0 - math.exp(-profile.heal_per_s * elapsed)
        for at_s in self._arrivals.within(self.now_s, to_s):
            self._take(at_s, prints)
            if self._fair != fair:
                fair = self._fair
                if random.random() < heal:
                    self._requote()
        self.now_s = to_s
        if random.random() < profile.revision_per_s * elapsed:
            self._jump(1 if random.random() < 0.5 + 0.5 * self._lean() else -1)
        if profile.spread_bps and random.random() < 4.0 * elapsed / profile.spread_memory_s:
            self._spread_state = 0.78 * self._spread_state + 0.626 * random.gauss(0.0, 1.0)
            self._spread_ticks = self._new_spread()
        if random.random() < heal:
            self._requote()
        self._breathe()
        return prints


def _slots(profile: Profile, tick_bps: float) -> tuple[list[float], list[float]]:
    """Slots of distance from the mid: outer edges as fractions, and the notional wanted in each."""
    nearest = max(tick_bps * 2.0, 0.3 if profile.depth_bps[1] <= 1.0 else profile.depth_bps[1])
    ratio = (profile.depth_bps[-1] / nearest) ** (1.0 / (profile.levels - 1))
    edges, wanted, below = [], [], 0.0
    for slot in range(profile.levels):
        edge = nearest * ratio**slot
        within = _interpolate(profile.depth_bps, profile.depth_quote, edge)
        edges.append(edge / 1e4)
        wanted.append(max(within - below, 0.0))
        below = within
    return edges, wanted


def _interpolate(xs: tuple[float, ...], ys: tuple[float, ...], x: float) -> float:
    for left in range(len(xs) - 1):
        if x <= xs[left + 1]:
            return ys[left] + (ys[left + 1] - ys[left]) * (x - xs[left]) / (xs[left + 1] - xs[left])
    return ys[-1]
