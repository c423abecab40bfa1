"""Three kinds of market, each a set of figures measured on recordings of real venues.

Every figure is in bps of mid, seconds, or quote currency worth about a dollar; `notional_scale` of the component
converts the last for other quote currencies. What each profile must reproduce is checked in the tests, statistic by
statistic: time at one tick, share of steps in which the mid stands still, kurtosis, clustering and size of takers,
memory of their signs, and what a taker's trade costs the maker.
"""

from __future__ import annotations

import msgspec

DECAYS_PER_S: tuple[float, ...] = (300.0, 30.0, 3.0, 0.3, 0.03)
"""Five time scales of self-excitation, milliseconds to half a minute. One alone sees only the millisecond bursts."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """The character of one market."""

    name: str
    step_ms: int
    """How often the public book is published, as the venue's depth stream would."""

    taker_base_per_s: float
    """Taker orders a second that nothing excited. The observed rate is this over one minus the branching ratio."""
    taker_weights: tuple[float, ...]
    """Children per taker order on each scale of DECAYS_PER_S; their sum is the branching ratio, below one."""
    sign_memory_orders: int
    """How many parent orders are being worked at once: the first autocorrelation of signs is about one over this."""
    sign_memory_tail: float
    """Pareto index of the number of taker orders in a parent order; the autocorrelation decays as lag^(1 - index)."""
    taker_log_mean: float
    taker_log_sigma: float
    """Body of taker sizes: log-normal, in quote currency."""
    taker_tail: float
    """Pareto index of the largest 2 % of taker sizes."""

    push_probability: float
    """Chance that a lone taker order moves the mid its own way though it did not empty the queue: makers step back."""
    push_power: float
    """How that chance grows with the number of orders of one side in the burst: a power."""
    jump_bps: float
    """Median size of a move of the mid."""
    jump_sigma: float
    """Log-normal width of that size: what makes the kurtosis of 100 ms moves a few hundred."""
    revision_per_s: float
    """Moves of the mid without a trade, makers following other venues. They lean towards the slow component."""
    revert_bps: float
    """Distance from the slow component at which revisions mostly point back to it."""

    spread_bps: float
    """Median spread the makers of this market show; never less than one tick."""
    spread_sigma: float
    """Log-normal width of that spread over time."""
    spread_memory_s: float
    """How long a wide or narrow regime of the spread lasts."""
    heal_per_s: float
    """Rate at which a spread left open by a sweep closes again."""

    touch_quote: float
    """Median size at the best price."""
    touch_sigma: float
    depth_bps: tuple[float, ...]
    depth_quote: tuple[float, ...]
    """Resting notional of one side within each distance of the mid, cumulative."""
    levels: int
    """Price levels kept on a side."""
    level_sigma: float
    """Log-normal width of a level's size around the depth profile."""
    churn: int
    """Levels whose size changes in one step, away from trades."""


MAJOR = Profile(
    name="major",  # spot BTCUSDT and ETHUSDT, August 2024
    step_ms=100,
    taker_base_per_s=2.18,
    taker_weights=(0.187, 0.272, 0.144, 0.154, 0.047),
    sign_memory_orders=5,
    sign_memory_tail=1.5,
    taker_log_mean=5.30,
    taker_log_sigma=2.51,
    taker_tail=1.31,
    push_probability=0.045,
    push_power=1.5,
    jump_bps=0.16,
    jump_sigma=0.9,
    revision_per_s=0.15,
    revert_bps=8.0,
    spread_bps=0.0,
    spread_sigma=0.0,
    spread_memory_s=60.0,
    heal_per_s=18.0,
    touch_quote=40_000.0,
    touch_sigma=1.9,
    depth_bps=(0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 1000.0, 2500.0),
    depth_quote=(0.0, 0.25e6, 1.4e6, 2.8e6, 5.4e6, 7.5e6, 9.5e6, 14e6, 30e6, 50e6),
    levels=48,
    level_sigma=0.8,
    churn=8,
)

MID = Profile(
    name="mid",  # spot ETHBTC over two hours: three ticks in four at one tick, a taker order every two seconds
    step_ms=200,
    taker_base_per_s=0.163,
    taker_weights=(0.007, 0.0, 0.252, 0.125, 0.256),
    sign_memory_orders=3,
    sign_memory_tail=1.7,
    taker_log_mean=6.2,
    taker_log_sigma=2.03,
    taker_tail=3.0,
    push_probability=0.16,
    push_power=1.0,
    jump_bps=0.45,
    jump_sigma=0.8,
    revision_per_s=0.25,
    revert_bps=10.0,
    spread_bps=0.30,
    spread_sigma=0.75,
    spread_memory_s=20.0,
    heal_per_s=2.0,
    touch_quote=25_000.0,
    touch_sigma=1.4,
    depth_bps=(0.0, 1.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 1000.0, 2500.0),
    depth_quote=(0.0, 30e3, 100e3, 220e3, 440e3, 700e3, 900e3, 1.2e6, 2.0e6, 3.0e6),
    levels=36,
    level_sigma=0.9,
    churn=4,
)

THIN = Profile(
    name="thin",  # small caps: Bybit 1INCHUSDT's takers in a Bitget-class book with a spread of some 20 bps
    step_ms=500,
    taker_base_per_s=0.0198,
    taker_weights=(0.127, 0.148, 0.021, 0.147, 0.152),
    sign_memory_orders=3,
    sign_memory_tail=2.0,
    taker_log_mean=3.65,
    taker_log_sigma=1.49,
    taker_tail=1.9,
    push_probability=0.2,
    push_power=1.0,
    jump_bps=3.0,
    jump_sigma=0.8,
    revision_per_s=0.12,
    revert_bps=30.0,
    spread_bps=20.0,
    spread_sigma=0.45,
    spread_memory_s=120.0,
    heal_per_s=0.5,
    touch_quote=220.0,
    touch_sigma=1.0,
    depth_bps=(0.0, 10.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2500.0),
    depth_quote=(0.0, 250.0, 900.0, 2.5e3, 6e3, 14e3, 28e3, 45e3, 70e3),
    levels=28,
    level_sigma=1.0,
    churn=2,
)

PROFILES: dict[str, Profile] = {profile.name: profile for profile in (MAJOR, MID, THIN)}
