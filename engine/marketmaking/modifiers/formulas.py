"""The arithmetic of modifiers, pure. Worked figures: docs/quoting.md.

Products run at 80 digits and the one quotient comes last. Shifts and widths are quote currency per base, factors have
no unit; each is within the bound it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from engine.core.decimals import BPS, MONEY, ONE, WIDE, ZERO
from engine.market.types import Side
from engine.marketmaking.base import Inventory, QuoteContext
from engine.marketmaking.draft import FLOOR, Rung

_HALF = Decimal("0.5")


def of_price(price: Decimal, bps: Decimal) -> Decimal:
    """A number of basis points of a price, in quote per base."""
    return WIDE.multiply(price, bps).scaleb(-4, WIDE)


def clamp(value: Decimal, bound: Decimal) -> Decimal:
    """The nearest value within ±bound."""
    return min(bound, max(bound.copy_negate(), value))


def base_value_gap(inventory: Inventory, price: Decimal, target_ratio: Decimal) -> tuple[Decimal, Decimal]:
    """Return (value of base beyond target, value of everything) in quote currency.

    ratio = base × price / (base × price + quote), and gap / total = ratio − target: the quotient is left to the caller.
    """
    value = WIDE.multiply(inventory.base_total, price)
    total = WIDE.add(value, inventory.quote_total)
    return WIDE.subtract(value, WIDE.multiply(target_ratio, total)), total


def ratio_in_words(context: QuoteContext, target_ratio: Decimal) -> str:
    """Where the inventory stands against its target; empty while no balances are known."""
    if not context.inventory.is_known:
        return ""
    gap, total = base_value_gap(context.inventory, context.reference.value, target_ratio)
    if total <= 0:
        return f"The account is empty; the target is {target_ratio}"
    ratio = WIDE.add(WIDE.divide(gap, total), target_ratio)
    return f"The base is {ratio:.4f} of the account's value, the target {target_ratio}"


def shade(
    *, gap: Decimal, total: Decimal, band_ratio: Decimal, shift_bps: Decimal, max_shift_bps: Decimal, price: Decimal
) -> Decimal:
    """Return how far both sides move up: −shift_bps × (ratio − target) / band of the price, within ±max_shift_bps.

    gap and total as `base_value_gap` gives them; base above target gives a negative shift. Zero for an empty account.
    """
    bound = of_price(price, max_shift_bps)
    if total <= 0:
        return ZERO
    moved = WIDE.multiply(WIDE.multiply(shift_bps, gap), price).copy_negate()
    return clamp(WIDE.divide(moved, WIDE.multiply(WIDE.multiply(band_ratio, total), BPS)), bound)


def distance_factor(
    *, gap: Decimal, total: Decimal, band_ratio: Decimal, widening: Decimal, max_factor: Decimal
) -> Decimal:
    """Return 1 + widening × |ratio − target| / band, at most max_factor."""
    if total <= 0:
        return ONE
    more = WIDE.divide(WIDE.multiply(widening, gap.copy_abs()), WIDE.multiply(band_ratio, total))
    return min(max_factor, WIDE.add(ONE, more))


def ratio_factor(now: Decimal, reference: Decimal, max_factor: Decimal) -> Decimal:
    """Return max(1, now / reference), at most max_factor. reference > 0."""
    return min(max_factor, max(ONE, WIDE.divide(now, reference)))


def depth_factor(*, depth: Decimal, reference: Decimal, exponent: Decimal, max_factor: Decimal) -> Decimal:
    """Return max(1, reference / depth) ^ exponent, at most max_factor; an empty book gives max_factor."""
    if depth <= 0:
        return max_factor
    if depth >= reference:
        return ONE
    thinner = WIDE.divide(reference, depth)
    if exponent == ONE:
        return min(max_factor, thinner)
    grown = MONEY.sqrt(thinner) if exponent == _HALF else MONEY.power(thinner, exponent)
    return min(max_factor, grown)


def flow_shift(*, bought: Decimal, sold: Decimal, max_shift_bps: Decimal, price: Decimal) -> Decimal:
    """Return max_shift_bps × (bought − sold) / (bought + sold) of the price; zero without trades."""
    total = WIDE.add(bought, sold)
    if total <= 0:
        return ZERO
    moved = WIDE.multiply(WIDE.multiply(max_shift_bps, WIDE.subtract(bought, sold)), price)
    return WIDE.divide(moved, WIDE.multiply(total, BPS))


def lowest_sale(cost: Decimal, fee_bps: Decimal, profit_bps: Decimal) -> Decimal:
    """The price at which selling what cost `cost` leaves the profit: p (1 − fee) = cost (1 + fee + profit)."""
    return WIDE.divide(WIDE.multiply(cost, WIDE.add(BPS, WIDE.add(fee_bps, profit_bps))), WIDE.subtract(BPS, fee_bps))


def highest_purchase(proceeds: Decimal, fee_bps: Decimal, profit_bps: Decimal) -> Decimal:
    """The price at which buying back what was sold at `proceeds` leaves the profit: p (1 + fee + profit) = proceeds
    (1 − fee)."""
    return WIDE.divide(
        WIDE.multiply(proceeds, WIDE.subtract(BPS, fee_bps)), WIDE.add(BPS, WIDE.add(fee_bps, profit_bps))
    )


def round_trip_widening(bid: Decimal, ask: Decimal, fee_bps: Decimal, profit_bps: Decimal) -> Decimal:
    """How far each side must move outwards for a bid and an ask that both fill to leave the profit; not negative.

    (ask + w) (1 − fee) = (bid − w) (1 + fee + profit), profit being of what was paid.
    """
    pays = WIDE.add(BPS, WIDE.add(fee_bps, profit_bps))
    gets = WIDE.subtract(BPS, fee_bps)
    missing = WIDE.subtract(WIDE.multiply(bid, pays), WIDE.multiply(ask, gets))
    return WIDE.divide(missing, WIDE.add(pays, gets)) if missing > 0 else ZERO


def affordable(
    rungs: Sequence[Rung], offset: Decimal, side: Side, available: Decimal, fee_bps: Decimal = ZERO
) -> list[Rung]:
    """What of a side the account can pay for, innermost first; the last one that fits in part is made smaller.

    available is quote currency for bids, base for asks. A bid also speaks for its fee.
    """
    kept: list[Rung] = []
    left = available
    for rung in rungs:
        if left <= 0:
            break
        cost = _cost(rung, WIDE.add(rung.price, offset), side, fee_bps)
        if cost > left:
            rung = msgspec.structs.replace(rung, size=FLOOR.divide(WIDE.multiply(rung.size, left), cost))
        kept.append(rung)
        left = WIDE.subtract(left, cost)
    return kept


def _cost(rung: Rung, price: Decimal, side: Side, fee_bps: Decimal) -> Decimal:
    if price <= 0:
        return ZERO  # it will not be posted
    if side is Side.SELL:
        return rung.size_base(price)
    notional = rung.notional_quote(price)
    return WIDE.add(notional, of_price(notional, fee_bps)) if fee_bps > 0 else notional
