"""Our own decimal context. The global one is never trusted: ccxt, among others, changes it."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

MONEY = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
"""28 significant digits. Set it on the running thread with `decimal.setcontext(MONEY.copy())` at every entry point."""

WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
"""80 digits, for formulas whose result is rounded to a tick: products of prices, sizes and factors stay exact."""

ZERO = Decimal(0)
ONE = Decimal(1)
BPS = Decimal(10_000)


def spoken(amount: Decimal, digits: int = 8) -> str:
    """A figure for a sentence: so many digits that count, no exponent, no trailing zeros. Never for a record."""
    return f"{Decimal(f'{amount:.{digits}g}').normalize(MONEY):f}"
