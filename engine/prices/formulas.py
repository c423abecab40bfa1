"""The arithmetic of prices, pure. Worked figures: docs/prices.md.

Sums and products run at 80 digits and the quotient comes last, rounded once to the 28 digits of a price. Rounding never
changes an order, so an average of prices lies between the lowest and the highest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from engine.core.decimals import BPS, MONEY, ONE, WIDE, ZERO
from engine.market.types import Level

_LN_HALF = WIDE.ln(Decimal("0.5"))


def micro(bid: Decimal, bid_size: Decimal, ask: Decimal, ask_size: Decimal) -> Decimal:
    """Return (bid × ask_size + ask × bid_size) / (bid_size + ask_size), which lies nearer the thinner side."""
    return weighted_average((bid, ask), (ask_size, bid_size))


def base_for(levels: Iterable[Level], notional_quote: Decimal) -> Decimal | None:
    """Return the base traded when an order walks the levels until their prices times sizes come to a notional.

    Unrounded (80 digits); None when the levels hold less.
    """
    left, base = notional_quote, ZERO
    for level in levels:
        worth = WIDE.multiply(level.price, level.size_base)
        if worth >= left:
            return WIDE.add(base, WIDE.divide(left, level.price))
        left = WIDE.subtract(left, worth)
        base = WIDE.add(base, level.size_base)
    return None


def vamp(notional_quote: Decimal, sold_base: Decimal, bought_base: Decimal) -> Decimal:
    """Return (notional / sold + notional / bought) / 2, the mid of two average prices."""
    both = WIDE.multiply(notional_quote, WIDE.add(sold_base, bought_base))
    return MONEY.divide(both, WIDE.multiply(2, WIDE.multiply(sold_base, bought_base)))


def weighted_average(values: Sequence[Decimal], weights: Sequence[Decimal]) -> Decimal:
    """Return Σ w × v / Σ w. Weights are not negative and their sum is positive."""
    total = products = ZERO
    for value, weight in zip(values, weights, strict=True):
        total = WIDE.add(total, weight)
        products = WIDE.fma(value, weight, products)
    return MONEY.divide(products, total)


def median(values: Iterable[Decimal]) -> Decimal:
    """Return the middle value, or half way between the two in the middle. Raises IndexError for no values."""
    return middle(sorted(values))


def middle(ordered: Sequence[Decimal]) -> Decimal:
    """Return the median of values that are in order already."""
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return MONEY.divide(WIDE.add(ordered[half - 1], ordered[half]), 2)


def apart_bps(one: Decimal, other: Decimal, of: Decimal) -> Decimal:
    """Return how far two prices are apart, in bps of a third or of one of them, without sign."""
    return MONEY.divide(WIDE.multiply(WIDE.subtract(one, other).copy_abs(), BPS), of)


def is_apart(one: Decimal, other: Decimal, of: Decimal, limit_bps: Decimal) -> bool:
    """Return whether two prices are further apart than a limit. Exact: at the limit they are not."""
    return WIDE.multiply(WIDE.subtract(one, other).copy_abs(), BPS) > WIDE.multiply(limit_bps, of)


def cross_rate(rates: Iterable[Decimal]) -> Decimal:
    """Return the product: BTC/USDC × USDC/USDT is BTC/USDT."""
    product = ONE
    for rate in rates:
        product = WIDE.multiply(product, rate)
    return MONEY.plus(product)


def inverse(rate: Decimal) -> Decimal:
    """Return 1 / rate: USDT/BTC from BTC/USDT."""
    return MONEY.divide(ONE, rate)


def offset(price: Decimal, offset_bps: Decimal, offset_price: Decimal) -> Decimal:
    """Return price × (1 + offset_bps / 10000) + offset_price."""
    moved = WIDE.multiply(price, WIDE.add(BPS, offset_bps))
    return MONEY.divide(WIDE.fma(offset_price, BPS, moved), BPS)


def ewma(average: Decimal, value: Decimal, elapsed_ns: int, half_life_ns: int) -> Decimal:
    """Return value + (average − value) × ½^(elapsed / half_life): half of an old difference is gone a half-life later.

    Nothing elapsed leaves the average as it was, and a value that stands may be looked at any number of times between.
    """
    if elapsed_ns <= 0:
        return average
    kept = MONEY.exp(WIDE.divide(WIDE.multiply(_LN_HALF, elapsed_ns), half_life_ns))
    return MONEY.plus(WIDE.fma(kept, WIDE.subtract(average, value), value))
