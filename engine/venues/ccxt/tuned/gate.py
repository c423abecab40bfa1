"""Gate v4: ids behind a `t-`, errors by a label, history a month at a time and by pages of whole seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Budget, MarketKind, Tuning, numbered

GONE = frozenset({"ORDER_NOT_FOUND", "ORDER_CLOSED", "ORDER_CANCELLED"})


class Tuned(Tuning):
    """Spot. Times are whole seconds in its questions, and one may hold more than a page: pages go by number."""

    has = frozenset({"cancel_after"})
    ids = Separated(max_length=28, prefix="t-")
    """Gate takes 28 characters behind the prefix; ccxt counts the prefix in."""
    id_names = ("text",)
    cancel_is_final = True
    amends = True
    amend_is_final = True
    order_budget = Budget(limit=9, window_s=1)
    """10 a second of an account; the rest is for whoever else trades on it."""
    batch = 10
    cancel_batch = 20
    open_orders_page = 100
    fills_page = 1000
    fills_window_s = 30 * 86_400
    closed_by = ("fetch_closed_orders",)
    """Gate calls finished whatever no longer rests, and ccxt asks for just that."""
    closed_page = 100
    closed_window_s = 30 * 86_400
    book_limits = (10, 20, 50, 100, 1000)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            "fetchMarkets": {"types": ["spot" if kind == "spot" else "swap"]},
        }

    def refused(self, said: Mapping[str, Any]) -> str:
        info = said.get("info")
        if not isinstance(info, dict) or info.get("succeeded") is not False:
            return ""
        return f"{info.get('label')} {info.get('message')}"

    async def ask_cancels(self, library: Any, symbol: str, venue_order_ids: Sequence[str]) -> Mapping[str, str | None]:
        name = library.market(symbol)["id"]
        wanted = [{"currency_pair": name, "id": one} for one in venue_order_ids]
        found: dict[str, str | None] = {}
        for one in await library.private_spot_post_cancel_batch_orders(wanted):
            taken, label = one.get("succeeded") is True, one.get("label")
            found[str(one["id"])] = "" if taken else None if label in GONE else f"{label} {one.get('message')}"
        return found

    async def ask_amend(
        self, library: Any, symbol: str, venue_order_id: str, sent: str, size: str
    ) -> Mapping[str, Any]:
        market = library.market(symbol)
        params = {"order_id": venue_order_id or sent, "currency_pair": market["id"], "account": "spot", "amount": size}
        found: Mapping[str, Any] = library.parse_order(await library.private_spot_patch_orders_order_id(params), market)
        return found

    def would_take(self, text: str) -> bool:
        return "POC_FILL_IMMEDIATELY" in text

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        return await self._listed(library.fetch_my_trades, symbol, start_ms, until_ms, page)

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        return await self._listed(library.fetch_closed_orders, symbol, start_ms, until_ms, page)

    @staticmethod
    async def _listed(ask: Any, symbol: str, start_ms: int, until_ms: int | None, page: int) -> Sequence[Any]:
        until = {} if until_ms is None else {"until": until_ms}
        return await numbered(lambda number: ask(symbol, start_ms, page, {"page": number, **until}), page)

    async def wind_up(self, library: Any, symbol: str, seconds: int) -> None:
        """A countdown that ccxt has no name for; 5 seconds at least, 0 stops it."""
        await library.private_spot_post_countdown_cancel_all({"timeout": max(seconds, 5) if seconds else 0})
