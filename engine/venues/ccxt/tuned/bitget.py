"""Bitget v2: ids for an answer, post-only orders that are cancelled at once, history three months at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning

GONE = "43001"


class Tuned(Tuning):
    """Spot. Of several orders at once it tells which were taken and which were not, each under our id."""

    ids = Separated(max_length=40)
    id_names = ("clientOid",)
    finds_by_client_id = True
    cancels_by_client_id = True
    asks_after_create = True
    """A create is answered with ids, before it is matched."""
    batch = 50
    cancel_batch = 50
    open_orders_page = 100
    fills_page = 100
    fills_window_s = 90 * 86_400 - 1
    closed_by = ("fetch_canceled_and_closed_orders",)
    closed_page = 100
    closed_window_s = 90 * 86_400 - 1
    book_limits = (1, 5, 15, 50, 100, 150)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {
            "defaultType": "spot" if kind == "spot" else "swap",
            "fetchMarkets": {"types": ["spot" if kind == "spot" else "swap"]},
            "uta": False,
        }

    def mended(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is pushed names the last execution and all of them; ccxt takes the last one for all."""
        info = said.get("info")
        if not isinstance(info, dict) or "baseVolume" not in info or not info.get("accBaseVolume"):
            return said
        return {**said, "filled": Decimal(info["accBaseVolume"])}

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any]:
        """With an id that is text in any case: ccxt joins it to the sentence when there is no such order."""
        params = {} if venue_order_id else {"clientOrderId": sent}
        found: Mapping[str, Any] = await library.fetch_order(venue_order_id, symbol, params)
        return found

    async def ask_places(self, library: Any, orders: Sequence[dict[str, Any]]) -> Sequence[Any]:
        """ccxt leaves out those that were refused."""
        names = ("symbol", "type", "side", "amount", "price", "params")
        wanted = [library.create_order_request(*(one[name] for name in names)) for one in orders]
        market = library.market(orders[0]["symbol"])
        params = {"symbol": market["id"], "orderList": wanted}
        said = (await library.private_spot_post_v2_spot_trade_batch_orders(params))["data"]
        told = (*said["successList"], *said["failureList"])
        return [{"id": one.get("orderId"), "clientOrderId": one.get("clientOid"), "info": one} for one in told]

    async def ask_cancels(self, library: Any, symbol: str, venue_order_ids: Sequence[str]) -> Mapping[str, str | None]:
        wanted = {"symbol": library.market(symbol)["id"], "orderList": [{"orderId": one} for one in venue_order_ids]}
        said = (await library.private_spot_post_v2_spot_trade_batch_cancel_order(wanted))["data"]
        found: dict[str, str | None] = {str(one["orderId"]): "" for one in said["successList"]}
        for one in said["failureList"]:
            code = one.get("errorCode")
            found[str(one["orderId"])] = None if code == GONE else f"{code} {one.get('errorMsg')}"
        return found

    def refused(self, said: Mapping[str, Any]) -> str:
        info = said.get("info")
        if not isinstance(info, dict) or not info.get("errorCode"):
            return ""
        return f"{info['errorCode']} {info.get('errorMsg')}"
