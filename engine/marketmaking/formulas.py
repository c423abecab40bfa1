"""The arithmetic of quoting, pure and exact. Worked figures: docs/quoting.md.

Products run at 80 digits and quotients come last, so what is rounded to a tick is the exact value of the formula: a
price that falls on the tick stays on it.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate, repeat

from engine.core.decimals import WIDE, ZERO
from engine.marketmaking.draft import Steps
from engine.marketmaking.modifiers.formulas import of_price

_HALF_BPS = Decimal(20_000)


def inventory_bias(
    position: Decimal, max_position: Decimal, inventory_skew_factor: Decimal, half_spread: Decimal
) -> Decimal:
    """Return how far both quotes move down, in the currency of `half_spread`; long inventory gives a positive bias.

    bias = clamp(position / max_position, −1, +1) × inventory_skew_factor × half_spread
    position and max_position in the same currency, max_position > 0.
    """
    multiply = WIDE.multiply
    full = multiply(inventory_skew_factor, half_spread)
    if position >= max_position:
        return full
    if position <= -max_position:
        return -full
    return WIDE.divide(multiply(position, full), max_position)


def inventory_spread(
    *,
    mid: Decimal,
    position: Decimal,
    max_position: Decimal,
    base_spread_bps: Decimal,
    inventory_skew_factor: Decimal,
    num_levels: int,
    level_spacing_bps: Decimal,
) -> Steps:
    """Return the unrounded prices of each level in quote currency per base.

    spread = mid × base_spread_bps / 10000 and step = mid × level_spacing_bps / 10000;
    bid[l] = mid − spread/2 − bias − l × step, ask[l] = mid + spread/2 − bias + l × step.
    """
    half_spread = WIDE.divide(WIDE.multiply(mid, base_spread_bps), _HALF_BPS)
    bias = inventory_bias(position, max_position, inventory_skew_factor, half_spread)
    centre = WIDE.subtract(mid, bias)
    return _steps(centre, half_spread, of_price(mid, level_spacing_bps), num_levels)


def ladder(*, reference: Decimal, half_spread_bps: Decimal, levels: int, level_spacing_bps: Decimal) -> Steps:
    """Return the unrounded prices of an even ladder around the reference price."""
    half_spread = of_price(reference, half_spread_bps)
    return _steps(reference, half_spread, of_price(reference, level_spacing_bps), levels)


def _steps(centre: Decimal, half_spread: Decimal, step: Decimal, levels: int) -> Steps:
    distances = list(accumulate(repeat(step, levels - 1), initial=ZERO))
    return Steps(WIDE.subtract(centre, half_spread), WIDE.add(centre, half_spread), distances)
