"""MEXC v3: Binance's words with other meanings, ids that may be used twice, a week of history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning


class Tuned(Tuning):
    """Spot. It takes a client id it has seen: an order is never sent again to find out whether it arrived."""

    ids = Separated(max_length=32)
    finds_by_client_id = False
    """Told that there is no such order (-2013), quite often, of one just made (ccxt 21614): no proof of absence."""
    cancels_by_client_id = True
    batch = 20
    asks_after_create = True
    """A create is answered with an id and little else; a post-only order that would have traded is cancelled then."""
    fills_page = 100
    fills_window_s = 30 * 86_400
    """As far back as it goes. The newest come first, so a question must be able to name its end."""
    closed_by = ("fetch_orders",)
    """The one list there is, of every state."""
    closed_page = 1000
    closed_window_s = 7 * 86_400

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            "fetchMarkets": {"types": {"spot": kind == "spot", "swap": {"linear": kind == "linear", "inverse": False}}},
        }

    async def ask_places(self, library: Any, orders: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """ccxt does not read our id in an answer, and which order one is about must not be guessed by its place."""
        names = ("type", "side", "amount", "price")
        wanted = [
            library.create_spot_order_request(
                library.market(one["symbol"]), *(one[name] for name in names), None, one["params"]
            )
            for one in orders
        ]
        said = await library.spot_private_post_batchorders({"batchOrders": library.json(wanted)})
        answers = {one.get("newClientOrderId"): one for one in said}
        return [
            {"id": found.get("orderId"), "clientOrderId": sent["newClientOrderId"], "info": found}
            for sent in wanted
            for found in [answers.get(sent["newClientOrderId"], {})]
        ]

    def refused(self, said: Mapping[str, Any]) -> str:
        info = said.get("info")
        if not isinstance(info, dict) or info.get("orderId") or not info.get("code"):
            return ""
        return f"{info['code']} {info.get('msg')}"

    def is_auth(self, text: str) -> bool:
        """ccxt takes it for a bad question."""
        return any(f'"code":{code},' in text.replace(" ", "") for code in (10072, 700002))

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        """Its word for an order that was cancelled half way is not in ccxt's list."""
        info = said.get("info")
        return "canceled" if isinstance(info, dict) and info.get("status") == "PARTIALLY_CANCELED" else None

    def is_refusal(self, text: str) -> bool:
        """Codes of its documentation for an order not taken: trading halted, off the grid, too small or too far."""
        spaced = text.replace(" ", "")
        return any(f'"code":{code},' in spaced for code in (30000, 30001, 30002, 30003, 30010, 30014, 30016, 30018))
