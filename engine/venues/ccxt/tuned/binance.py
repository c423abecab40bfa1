"""Binance: weights in every answer, exact client ids, books only in some depths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Budget, MarketKind, Tuning, Usage

WEIGHT_OF_COST_1 = 5
"""ccxt counts a request of weight 5 or less as cost 1 or part of it: 50 ms of 6,000 weight a minute."""


class Tuned(Tuning):
    """Spot. ccxt's cost is a fifth of Binance's weight, of which an address has 6,000 a minute."""

    ids = Separated(max_length=36)
    id_names = ("origClientOrderId", "c", "C")
    finds_by_client_id = True
    cancels_by_client_id = True
    cancel_is_final = True
    amends = True
    amend_is_final = True
    budget = Budget(limit=1200, window_s=60)
    order_budget = Budget(limit=90, window_s=10)
    """100 in 10 s; the rest is for whoever else trades on the account."""
    fills_page = 1000
    fills_window_s = 86_400
    closed_page = 1000
    closed_window_s = 86_400
    """ccxt's features name none: from a start alone Binance lists one day."""
    book_limits = (5, 10, 20, 50, 100, 500, 1000, 5000)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            "fetchMarkets": {"types": [kind]},
            "fetchMargins": False,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        }

    def amends_in(self, market: Mapping[str, Any]) -> bool:
        return market.get("spot") is True and bool((market.get("info") or {}).get("amendAllowed"))

    async def ask_amend(
        self, library: Any, symbol: str, venue_order_id: str, sent: str, size: str
    ) -> Mapping[str, Any]:
        """ccxt has no name for it: what it calls an edit cancels and places anew. Without our id repeated, the order
        would be given another one."""
        market = library.market(symbol)
        name = {"orderId": venue_order_id} if venue_order_id else {"origClientOrderId": sent}
        params = {"symbol": market["id"], "newQty": size, "newClientOrderId": sent, **name}
        cost = {"cost": 4 / WEIGHT_OF_COST_1}
        said = await library.request("order/amend/keepPriority", ["private"], "PUT", params, cost)
        order = said["amendedOrder"]
        found: Mapping[str, Any] = library.parse_order(
            order | {"origQty": order["qty"], "cummulativeQuoteQty": order.get("cumulativeQuoteQty")}, market
        )
        return {**found, "lastUpdateTimestamp": said.get("transactTime")}

    def is_amend_refusal(self, text: str) -> bool:
        return '"code":-2038' in text

    def would_take(self, text: str) -> bool:
        return "immediately match and take" in text

    def is_auth(self, text: str) -> bool:
        """ccxt takes it for a ban once a key has worked. A ban comes as 418 or 429."""
        return '"code":-2015' in text or '"code":-1022' in text

    def usage(self, headers: Mapping[str, str]) -> Usage | None:
        used = headers.get("x-mbx-used-weight-1m", "")
        return Usage(used=int(used) / WEIGHT_OF_COST_1) if used.isdigit() else None
