"""Bitvavo: UUIDs, an operator in every request, post-only that answers by cancelling, a timer for a group of orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.market.types import OrderRequest
from engine.venues.ccxt.ids import AsUuid
from engine.venues.ccxt.tuned.base import Budget, MarketKind, Tuning, Usage

OPERATOR = 1
"""Who trades, as Bitvavo must be told of every order: ours is a machine, and one name is enough."""
GROUP = 1
"""Of orders the dead man's switch cancels. An account has one group, and what is placed outside of it stays."""
SHORTEST_S, LONGEST_S = 10, 300
_NO = ('"errorCode":230', '"errorCode":231', '"errorCode":235')
"""The matching engine refused it; the market is paused; a hundred rest already. 101 and 107 to 109 say nothing."""


class Tuned(Tuning):
    """Spot. Of the history ccxt knows one list with every order in it, whatever became of it."""

    ids = AsUuid()
    finds_by_client_id = True
    cancels_by_client_id = True
    budget = Budget(limit=1000, window_s=60)
    """Weight points of a key; ccxt's cost is the weight."""
    fills_page = 1000
    fills_window_s = 86_400
    closed_by = ("fetch_orders",)
    closed_page = 1000

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"operatorId": OPERATOR}

    def order_params(self, request: OrderRequest) -> dict[str, Any]:
        return {"codGroupId": GROUP} | super().order_params(request)

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        info = said.get("info")
        return "rejected" if isinstance(info, dict) and info.get("status") == "rejected" else None

    def is_refusal(self, text: str) -> bool:
        return any(code in text.replace(" ", "") for code in _NO)

    async def wind_up(self, library: Any, symbol: str, seconds: int) -> None:
        """It cannot be stopped: wound up for the longest time there is, it goes off when nothing of ours rests."""
        await library.cancel_all_orders_after(min(max(seconds or LONGEST_S, SHORTEST_S), LONGEST_S) * 1000)

    def usage(self, headers: Mapping[str, str]) -> Usage | None:
        left, limit = (headers.get(f"bitvavo-ratelimit-{name}", "") for name in ("remaining", "limit"))
        if not left.isdigit() or not limit.isdigit():
            return None
        return Usage(used=float(int(limit) - int(left)), limit=float(limit))
