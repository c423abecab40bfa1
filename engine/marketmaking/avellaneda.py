"""Avellaneda and Stoikov's formulas ("High-frequency trading in a limit order book", 2008). Worked figures:
docs/quoting.md."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from engine.core.decimals import MONEY, ONE, WIDE

_HALF = Decimal("0.5")


def reservation_price(
    *, mid: Decimal, inventory: Decimal, gamma: Decimal, variance: Decimal, left_s: Decimal
) -> Decimal:
    """Return r = s − q γ σ² τ: the price at which one would as soon buy as sell. Exact.

    inventory in units of the order size, variance (σ²) in quote² per second, left_s (τ) the horizon left.
    """
    risk = WIDE.multiply(WIDE.multiply(gamma, variance), left_s)
    return WIDE.subtract(mid, WIDE.multiply(inventory, risk))


def half_spread(*, gamma: Decimal, variance: Decimal, left_s: Decimal, kappa: Decimal) -> Decimal:
    """Return δ = ½ γ σ² τ + (1/γ) ln(1 + γ/κ), the logarithm at 28 digits. gamma and kappa positive.

    kappa (κ) is how fast arrivals fall with the distance, per unit of quote currency.
    """
    risk = WIDE.multiply(WIDE.multiply(WIDE.multiply(_HALF, gamma), variance), left_s)
    return WIDE.add(risk, WIDE.divide(_log_of_arrivals(gamma, kappa), gamma))


@lru_cache(maxsize=256)
def _log_of_arrivals(gamma: Decimal, kappa: Decimal) -> Decimal:
    # 1 + γ/κ at 80 digits: with a small γ the first 28 would hardly differ from 1.
    return MONEY.ln(WIDE.add(ONE, WIDE.divide(gamma, kappa)))
