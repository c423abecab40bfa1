"""The arithmetic of quoting, pure and exact. Worked figures: docs/quoting.md.

Products run at 80 digits and quotients come last, so what is rounded to a tick is the exact value of the formula: a
price that falls on the tick stays on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from engine.core.decimals import WIDE, ZERO
from engine.market.rounding import Rounding
from engine.market.types import Quote, QuoteSet, Side

_HALF_BPS = Decimal(20_000)
_BPS = Decimal(10_000)


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
) -> list[tuple[Decimal, Decimal]]:
    """Return the unrounded (bid, ask) of each level, innermost first, in quote currency per base.

    spread = mid × base_spread_bps / 10000 and step = mid × level_spacing_bps / 10000;
    bid[l] = mid − spread/2 − bias − l × step, ask[l] = mid + spread/2 − bias + l × step.
    """
    half_spread = WIDE.divide(WIDE.multiply(mid, base_spread_bps), _HALF_BPS)
    bias = inventory_bias(position, max_position, inventory_skew_factor, half_spread)
    centre = WIDE.subtract(mid, bias)
    return _steps(centre, half_spread, WIDE.divide(WIDE.multiply(mid, level_spacing_bps), _BPS), num_levels)


def ladder(
    *, reference: Decimal, half_spread_bps: Decimal, levels: int, level_spacing_bps: Decimal
) -> list[tuple[Decimal, Decimal]]:
    """Return the unrounded (bid, ask) of each level of an even ladder around the reference price, innermost first."""
    half_spread = WIDE.divide(WIDE.multiply(reference, half_spread_bps), _BPS)
    step = WIDE.divide(WIDE.multiply(reference, level_spacing_bps), _BPS)
    return _steps(reference, half_spread, step, levels)


def _steps(centre: Decimal, half_spread: Decimal, step: Decimal, levels: int) -> list[tuple[Decimal, Decimal]]:
    add, subtract = WIDE.add, WIDE.subtract
    pairs = []
    offset = half_spread
    for _ in range(levels):
        pairs.append((subtract(centre, offset), add(centre, offset)))
        offset = add(offset, step)
    return pairs


def post(
    prices: Sequence[tuple[Decimal, Decimal]],
    rounding: Rounding,
    *,
    size_base: Decimal | None = None,
    size_quote: Decimal | None = None,
) -> QuoteSet:
    """Round unrounded (bid, ask) levels to orders the venue accepts, each of the given size in base or in quote.

    A size in quote is divided by the order's own rounded price, so its notional never exceeds it. Orders under the
    venue's minimums are left out with a note; when none is left, the set says so.
    """
    quotes: list[Quote] = []
    notes: list[str] = []
    fixed = None if size_base is None else rounding.size(size_base)
    for level, (bid, ask) in enumerate(prices):
        for side, unrounded in ((Side.BUY, bid), (Side.SELL, ask)):
            price = rounding.price(side, unrounded)
            if price <= 0:
                notes.append(f"{name(side, level)} not posted: its price would be {price}, which is not positive.")
                continue
            size = fixed if fixed is not None else rounding.size_for(size_quote or ZERO, price)
            quote = Quote(side=side, level=level, price=price, size_base=size)
            too_small = rounding.below_minimum(quote)
            if too_small:
                notes.append(f"{name(side, level)} not posted: {too_small}.")
            else:
                quotes.append(quote)
    reason = "" if quotes else " ".join(notes)
    return QuoteSet(quotes=tuple(quotes), reason=reason, notes=tuple(notes))


def name(side: Side, level: int) -> str:
    """How notes call an order: "Bid 1" is the innermost bid."""
    return f"{'Bid' if side is Side.BUY else 'Ask'} {level + 1}"
