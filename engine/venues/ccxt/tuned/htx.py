"""HTX: an id for an answer, cancelled orders forgotten in two hours, two days of history at a time."""

from __future__ import annotations

from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning


class Tuned(Tuning):
    """Spot. A client id may be used again after a day; ours never is.

    An order that was cancelled before anything of it filled is in no list after two hours: what we want to know of it,
    we keep.
    """

    ids = Separated(max_length=64)
    id_names = ("client-order-id",)
    finds_by_client_id = True
    cancels_by_client_id = True
    """The answer is well whatever was found, so the order is asked about after."""
    asks_after_create = True
    """A create is answered with an id alone; a post-only order that would have traded is cancelled then."""
    open_orders_page = 500
    fills_page = 500
    fills_window_s = 2 * 86_400
    closed_by = ("fetch_orders",)
    """Of every state at once."""
    closed_page = 100
    closed_window_s = 2 * 86_400
    book_limits = (5, 10, 20, 150)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            "fetchMarkets": {"types": {"spot": kind == "spot", "linear": kind == "linear", "inverse": False}},
        }

    def is_refusal(self, text: str) -> bool:
        """Its codes in words for an order that was not taken, of which ccxt names a part."""
        refusals = (
            "order-invalid-",
            "order-amount-over-limit",
            "invalid-amount",
            "order-holding-limit",
            "symbol-trading",
        )
        return any(f'"err-code":"{code}' in text.replace(" ", "") for code in refusals)

    async def wind_up(self, library: Any, symbol: str, seconds: int) -> None:
        """5 seconds at least, 0 stops it."""
        await library.cancel_all_orders_after((max(seconds, 5) if seconds else 0) * 1000)
