"""OKX v5: ids of letters and digits, refusals within an answer, cancelled orders forgotten in two hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Budget, MarketKind, Tuning

GONE = frozenset({"51400", "51401", "51402", "51410", "51603"})
"""Cancelled already, filled, being cancelled, or never there."""


class Tuned(Tuning):
    """Spot. Of several orders at once each has a word of its own when some were taken; when none was, ccxt raises the
    word on one of them, and that holds for all.

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
    batch = 20
    cancel_batch = 20
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

    def refused(self, said: Mapping[str, Any]) -> str:
        info = said.get("info")
        if not isinstance(info, dict) or info.get("sCode") in (None, "0"):
            return ""
        return f"{info['sCode']} {info.get('sMsg')}"

    async def ask_cancels(self, library: Any, symbol: str, venue_order_ids: Sequence[str]) -> Mapping[str, str | None]:
        name = library.market(symbol)["id"]
        wanted = [{"instId": name, "ordId": one} for one in venue_order_ids]
        said = await library.private_post_trade_cancel_batch_orders(wanted)
        found: dict[str, str | None] = {}
        for one in said["data"]:
            code = one.get("sCode")
            found[str(one.get("ordId"))] = "" if code == "0" else None if code in GONE else f"{code} {one.get('sMsg')}"
        return found

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
