"""Bybit v5: ids for an answer, a limit that is told under HTTP 200, and a history a week at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning

GONE = "170213"
_REJECTED = frozenset({"Rejected", "PartiallyFilledRejected"})


class Tuned(Tuning):
    """Spot of a unified account."""

    lacks = frozenset({"cancel_after"})
    """Its switch waits for the private stream to be cut, and is no timer: a process that hangs with its socket open
    would keep its quotes."""
    ids = Separated(max_length=36)
    id_names = ("orderLinkId",)
    finds_by_client_id = True
    """Among the latest 500 orders of the account, of any state: one in doubt is never older."""
    cancels_by_client_id = True
    asks_after_create = True
    """A create is answered before it is matched: a post-only order that would have traded is refused after that."""
    amends = True
    """A quantity that becomes less keeps the order's place."""
    left_alone_s = 1.0
    """Its limits are counted by the second, of an account and a path: told by a code, under HTTP 200."""
    batch = 10
    cancel_batch = 10
    open_orders_page = 50
    fills_page = 100
    fills_window_s = 7 * 86_400
    closed_by = ("fetch_canceled_and_closed_orders",)
    """`fetch_closed_orders` asks for those that filled, and tells none that was cancelled half way."""
    closed_page = 50
    closed_window_s = 7 * 86_400
    book_limits = (1, 50, 200)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            "fetchMarkets": {"types": [kind]},
            "fetchOrder": {"acknowledged": True},
        }

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        """ccxt calls closed what was cancelled half way."""
        info = said.get("info")
        word = info.get("orderStatus") if isinstance(info, dict) else None
        if word == "PartiallyFilledCanceled":
            return "canceled"
        return "rejected" if word in _REJECTED else None

    async def ask_cancels(self, library: Any, symbol: str, venue_order_ids: Sequence[str]) -> Mapping[str, str | None]:
        """What was said of each stands in a list of its own, in the same order."""
        name = library.market(symbol)["id"]
        wanted = [{"symbol": name, "orderId": one} for one in venue_order_ids]
        said = await library.private_post_v5_order_cancel_batch({"category": "spot", "request": wanted})
        found: dict[str, str | None] = {}
        for one, word in zip(said["result"]["list"], said["retExtInfo"]["list"], strict=True):
            code = str(word.get("code"))
            found[str(one.get("orderId"))] = (
                "" if code == "0" else None if code == GONE else f"{code} {word.get('msg')}"
            )
        return found

    async def ask_amend(
        self, library: Any, symbol: str, venue_order_id: str, sent: str, size: str
    ) -> Mapping[str, Any]:
        name = {"orderId": venue_order_id} if venue_order_id else {"orderLinkId": sent}
        params = {"category": "spot", "symbol": library.market(symbol)["id"], "qty": size, **name}
        said: Mapping[str, Any] = await library.private_post_v5_order_amend(params)
        return said

    def would_take(self, text: str) -> bool:
        return "170218" in text or "EC_PostOnlyWillTakeLiquidity" in text

    def refused(self, said: Mapping[str, Any]) -> str:
        info = said.get("info")
        if not isinstance(info, dict) or str(info.get("code", 0)) == "0":
            return ""
        return f"{info.get('code')} {info.get('msg')}"
