"""Crypto.com Exchange: answers with an id alone, history a day at a time, and an id of ours that ccxt would drop."""

from __future__ import annotations

from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning


class Tuned(Tuning):
    """Spot. Its clock is nowhere to be asked for."""

    ids = Separated(max_length=36)
    id_param = "client_oid"
    """ccxt takes `clientOrderId` and throws it away: an order would go out without a name."""
    id_names = ("client_oid",)
    asks_after_create = True
    """A create is acknowledged first; a post-only order that would have traded ends as rejected after that."""
    fills_page = 100
    fills_window_s = 86_400
    closed_by = ("fetch_orders",)
    """The one list there is: of every state. ccxt's others are made of it."""
    closed_page = 100
    closed_window_s = 86_400
    book_limits = (10, 50)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"defaultType": "spot" if kind == "spot" else "swap"}

    def is_refusal(self, text: str) -> bool:
        """Codes of its documentation that ccxt has no name for: a used id, and an account that may not trade."""
        return any(f'"code":{code},' in text.replace(" ", "") for code in (204, 208, 209, 211, 230))
