"""A market as ccxt describes it, as our `Instrument`: exact tick and lot whatever the venue's way to say precision."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.core.decimals import BPS, ONE, WIDE, ZERO
from engine.core.errors import Refused
from engine.market.types import Instrument

DECIMAL_PLACES, SIGNIFICANT_DIGITS, TICK_SIZE = 2, 3, 4
"""ccxt's names for how a venue states precision."""


def instrument_of(market: Mapping[str, Any], *, mode: int, price: Decimal | None = None) -> Instrument:
    """The instrument of a spot market or a linear contract. Raises Refused for what cannot be traded exactly.

    price   of now, needed where a venue takes so many significant digits: there the tick follows from the price
    Sizes are base currency: a contract's are its size in base currency times the number of contracts.
    """
    symbol = market["symbol"]
    if market.get("inverse"):
        raise Refused(f"{symbol} is settled in its base currency; only spot markets and linear contracts are traded.")
    unit = contract_size(market)
    limits = market.get("limits") or {}
    amount, cost = limits.get("amount") or {}, limits.get("cost") or {}
    precision = market.get("precision") or {}
    least = _positive(amount.get("min"))
    # Where prices have significant digits, sizes have places all the same.
    size_mode = DECIMAL_PLACES if mode == SIGNIFICANT_DIGITS else mode
    return Instrument(
        symbol=symbol,
        base=market["base"],
        quote=market["quote"],
        tick_size=_step(precision.get("price"), mode, price, f"the price of {symbol}"),
        lot_size=WIDE.multiply(_step(precision.get("amount"), size_mode, None, f"the size of {symbol}"), unit),
        min_size_base=None if least is None else WIDE.multiply(least, unit),
        min_notional_quote=_positive(cost.get("min")),
        maker_fee_bps=_bps(market.get("maker")),
        taker_fee_bps=_bps(market.get("taker")),
    )


def contract_size(market: Mapping[str, Any]) -> Decimal:
    """Base currency in one unit of what ccxt calls amount."""
    if not market.get("contract"):
        return ONE
    size = _positive(market.get("contractSize"))
    if size is None:
        raise Refused(f"The venue does not say how much one contract of {market['symbol']} is.")
    return size


def _step(stated: Any, mode: int, price: Decimal | None, what: str) -> Decimal:
    if not isinstance(stated, int | Decimal) or isinstance(stated, bool):
        raise Refused(f"The venue does not say how finely {what} may be given.")
    step = Decimal(stated)
    if mode == TICK_SIZE:
        if step <= 0:
            raise Refused(f"The venue says that {what} is a multiple of {step}.")
        return step
    if mode == DECIMAL_PLACES:
        return ONE.scaleb(-int(step), WIDE)
    if price is None or price <= 0:
        raise Refused(f"{what} is given in {step} significant digits, and there is no price to tell the step by.")
    return significant_step(price, int(step))


def significant_step(price: Decimal, digits: int) -> Decimal:
    """The step of prices with so many significant digits, fine enough for none up to a tenth above the price."""
    return ONE.scaleb(WIDE.multiply(price, Decimal("1.1")).adjusted() - digits + 1, WIDE)


def _positive(value: Any) -> Decimal | None:
    return value if isinstance(value, Decimal) and value > 0 else None


def _bps(share: Any) -> Decimal:
    return WIDE.multiply(share, BPS) if isinstance(share, Decimal) else ZERO
