"""Executions of a venue that lists none: those of every order that may have had one, each with its share of the fee."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from engine.core.decimals import WIDE
from engine.venues.ccxt.tuned.base import Whole

FEE_STEP = Decimal("1e-18")


async def executions(library: Any, symbol: str, orders: Iterable[Mapping[str, Any]]) -> Whole:
    """Ask about each order with a filled size. A fee told in one sum is shared by what each execution cost."""
    found = Whole()
    for order in {one["id"]: one for one in orders if one.get("filled")}.values():
        whole = await library.fetch_order(order["id"], symbol)
        trades, fee = whole.get("trades") or [], whole.get("fee") or {}
        paid, cost = fee.get("cost"), sum((trade["cost"] for trade in trades), Decimal(0))
        for trade in trades:
            share: dict[str, Any] = {}
            if paid is not None and cost:
                part = WIDE.divide(WIDE.multiply(Decimal(paid), trade["cost"]), cost)
                share = {"fee": fee | {"cost": part.quantize(FEE_STEP, context=WIDE)}, "fees": []}
            named = {"order": order["id"], "clientOrderId": order.get("clientOrderId"), "symbol": symbol}
            found.append({**trade, **named, **share})
    return found
