"""KuCoin: a create that answers with an id alone, and a partly cancelled order that calls itself done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning, Usage


class Tuned(Tuning):
    """Spot, high-frequency account. Its budget is counted per account and told in every answer."""

    ids = Separated(max_length=40)
    finds_by_client_id = True
    cancels_by_client_id = True
    asks_after_create = True
    """A post-only order that would have traded is accepted at first, and cancelled at once."""
    batch = 20
    pushes_no_fees = True
    fills_page = 100
    fills_window_s = 7 * 86_400
    book_limits = (20, 100)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"defaultType": "spot" if kind == "spot" else "swap", "hf": True, "uta": False}

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        info = said.get("info")
        active = info.get("active", info.get("isActive")) if isinstance(info, dict) else None
        if active is None:
            return None
        return "open" if active in (True, "true") else "closed"

    async def ask_places(self, library: Any, orders: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """ccxt looks for the answers where this account has none."""
        names = ("symbol", "type", "side", "amount", "price", "params")
        wanted = [library.create_spot_order_request(*(one[name] for name in names)) for one in orders]
        said = (await library.private_post_hf_orders_multi({"orderList": wanted}))["data"]
        return [{"id": one.get("orderId"), "clientOrderId": one.get("clientOid"), "info": one} for one in said]

    def refused(self, said: Mapping[str, Any]) -> str:
        info = said.get("info")
        if not isinstance(info, dict) or info.get("success") is not False:
            return ""
        return str(info.get("failMsg"))

    def would_take(self, text: str) -> bool:
        return "post only" in text.lower() and "immediately" in text.lower()

    def usage(self, headers: Mapping[str, str]) -> Usage | None:
        try:
            limit = int(headers["gw-ratelimit-limit"])
            left = int(headers["gw-ratelimit-remaining"])
            reset_s = int(headers["gw-ratelimit-reset"]) / 1000
        except (KeyError, ValueError):
            return None
        return Usage(used=float(limit - left), limit=float(limit), reset_s=reset_s)
