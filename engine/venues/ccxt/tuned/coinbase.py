"""Coinbase Advanced Trade: refusals under HTTP 200, an id of ours that ccxt replaces, balances without what is held."""

from __future__ import annotations

import re
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning

_REASON = re.compile(r'"(?:error|failure_reason|preview_failure_reason)"\s*:\s*"([A-Z_]+)"')


class Tuned(Tuning):
    """Spot. It cannot be asked about an order by our id: one in doubt is found among those that rest, and in fills."""

    lacks = frozenset({"time"})
    """It tells whole seconds, which are too coarse to hold two clocks against each other."""
    ids = Separated(max_length=128)
    id_param = "client_order_id"
    """By its usual name ccxt sends one of its own beside it."""
    id_names = ("client_order_id",)
    open_orders_page = 1000
    fills_page = 3000
    closed_by = ("fetch_orders",)
    """Of every state; by state, ccxt has none for those that expired or failed."""
    closed_page = 1000

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            # ccxt asks the older accounts, where what orders hold counts as free.
            "fetchBalance": "v3PrivateGetBrokerageAccounts",
        }

    def is_auth(self, text: str) -> bool:
        """A key that cannot even sign."""
        return "Unable to load PEM file" in text

    def would_take(self, text: str) -> bool:
        return "INVALID_LIMIT_PRICE_POST_ONLY" in text

    def is_refusal(self, text: str) -> bool:
        """An answer that calls itself unsuccessful, for a reason it knows."""
        reasons = {reason for reason in _REASON.findall(text) if not reason.startswith("UNKNOWN_")}
        return "error_response" in text and bool(reasons)
