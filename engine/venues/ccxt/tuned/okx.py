"""OKX v5: ids of letters and digits, refusals within an answer, cancelled orders forgotten in two hours."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Budget, MarketKind, Tuning


class Tuned(Tuning):
    """Spot. Orders go one a request: ccxt raises for a batch when one of it is refused, and says nothing of the rest.

    An order that was cancelled before anything of it filled is in no list after two hours, and may be asked about no
    longer: what we want to know of it, we keep.
    """

    ids = Separated(max_length=32, separator="x")
    id_names = ("clOrdId",)
    finds_by_client_id = True
    cancels_by_client_id = True
    asks_after_create = True
    """A post-only order that would have traded is accepted, and cancelled at once."""
    amends = True
    left_alone_s = 2.0
    """Its limits are counted within two seconds."""
    order_budget = Budget(limit=54, window_s=2)
    """60 in two seconds of one market; the rest is for whoever else trades on the account."""
    open_orders_page = 100
    fills_page = 100
    closed_by = ("fetch_closed_orders", "fetch_canceled_orders")
    closed_page = 100
    closed_window_s = 7 * 86_400
    book_limits = (1, 5, 10, 50, 100, 400)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            "fetchMarkets": {"types": ["spot" if kind == "spot" else "swap"]},
            "createOrder": "privatePostTradeOrder",
        }

    def mended_fill(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """OKX writes what is paid below zero; ccxt turns it round in lists, and not in what is pushed."""
        fee, info = said.get("fee"), said.get("info")
        if not isinstance(fee, dict) or not isinstance(info, dict) or not info.get("fillFee"):
            return said
        return {**said, "fee": {**fee, "cost": -Decimal(info["fillFee"])}, "fees": []}

    async def ask_amend(
        self, library: Any, symbol: str, venue_order_id: str, sent: str, size: str
    ) -> Mapping[str, Any]:
        """Taken means that it will be tried. An order for which that fails is left as it is, and not cancelled."""
        name = {"ordId": venue_order_id} if venue_order_id else {"clOrdId": sent}
        params = {"instId": library.market(symbol)["id"], "newSz": size, "cxlOnFail": False, **name}
        said: Mapping[str, Any] = await library.private_post_trade_amend_order(params)
        return said

    def would_take(self, text: str) -> bool:
        return "post only" in text.lower() or "post-only" in text.lower()
