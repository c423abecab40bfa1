"""Poloniex: creates that answer an id, cancels that call themselves done when sent, history ccxt cannot ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning

WEEK_S = 7 * 86_400
OPEN_AT_ONCE = 2000
GONE = frozenset({"21301", "21305"})
_MEANS = {"PENDING_CANCEL": "canceling", "FAILED": "rejected", "NEW": "open", "PARTIALLY_FILLED": "open"}


class Tuned(Tuning):
    """Spot. An order that is being cancelled may still fill, so PENDING_CANCEL is no end."""

    ids = Separated(max_length=64)
    """Letters, digits, hyphens and underscores, at most 64 (api-docs.poloniex.com, "Create Order")."""
    finds_by_client_id = True
    cancels_by_client_id = True
    asks_after_create = True
    """A create says nothing but the id."""
    batch = 20
    cancel_batch = 20
    open_orders_page = OPEN_AT_ONCE
    fills_page = 100
    fills_window_s = WEEK_S
    closed_by = ("orders_history",)
    closed_page = 100
    closed_window_s = WEEK_S
    book_limits = (5, 10, 20, 50, 100, 150)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"defaultType": "spot" if kind == "spot" else "swap"}

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        info = said.get("info")
        return _MEANS.get(str(info.get("state"))) if isinstance(info, dict) else None

    def refused(self, said: Mapping[str, Any]) -> str:
        info = said.get("info")
        if not isinstance(info, dict) or info.get("id") or info.get("code") in (None, 200, "200"):
            return ""
        return f"Poloniex refused it: {info.get('message')} ({info['code']})."

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        # The library names the order by what it was asked about, which may be ours.
        said = await library.fetch_order(venue_order_id or f"cid:{sent}", symbol)
        return {**said, "id": str(said["info"]["id"])}

    async def ask_cancel(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Any:
        # The library sends our id without the mark that it is one.
        return await library.cancel_order(venue_order_id or f"cid:{sent}", symbol)

    async def ask_cancels(self, library: Any, symbol: str, venue_order_ids: Sequence[str]) -> Mapping[str, str | None]:
        found: dict[str, str | None] = {}
        for one in await library.private_delete_orders_cancelbyids({"orderIds": list(venue_order_ids)}):
            code = str(one.get("code"))
            found[str(one["orderId"])] = (
                "" if code == "200" else None if code in GONE else f"{code} {one.get('message')}"
            )
        return found

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        # Without `symbols` a page holds every market's, and a short one of ours would prove nothing.
        params = {"symbols": library.market(symbol)["id"], "until": until_ms}
        found: list[Mapping[str, Any]] = await library.fetch_my_trades(symbol, start_ms, page, params)
        return found

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        # The library lists what has ended of contracts alone.
        market = library.market(symbol)
        said = await library.privateGetOrdersHistory(
            {"symbol": market["id"], "startTime": start_ms, "endTime": until_ms, "limit": page}
        )
        found: list[Mapping[str, Any]] = library.parse_orders(said, market)
        return found
