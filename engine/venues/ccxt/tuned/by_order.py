"""Executions of a venue that lists none: those of every order that may have had one, each with its share of the fee."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.core.decimals import WIDE
from engine.venues.ccxt.tuned.base import Whole

FEE_STEP = Decimal("1e-18")

Parts = tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]
"""An order's executions, and the fee of all of them."""


def as_read(whole: Mapping[str, Any]) -> Parts:
    """As the library reads them of an order."""
    return whole.get("trades") or [], whole.get("fee") or {}


async def executions(
    library: Any,
    symbol: str,
    orders: Iterable[Mapping[str, Any]],
    *,
    parts: Callable[[Mapping[str, Any]], Parts] = as_read,
) -> Whole:
    """Ask about each order with a filled size. A fee told in one sum is shared by what each execution cost."""
    found = Whole()
    for order in {one["id"]: one for one in orders if one.get("filled")}.values():
        whole = await library.fetch_order(order["id"], symbol)
        trades, fee = parts(whole)
        paid, cost = fee.get("cost"), sum((trade["cost"] for trade in trades), Decimal(0))
        for trade in trades:
            share: dict[str, Any] = {}
            if paid is not None and cost:
                part = WIDE.divide(WIDE.multiply(Decimal(paid), trade["cost"]), cost)
                share = {"fee": {**fee, "cost": part.quantize(FEE_STEP, context=WIDE)}, "fees": []}
            named = {"order": order["id"], "clientOrderId": order.get("clientOrderId"), "symbol": symbol}
            found.append({**trade, **named, **share})
    return found
