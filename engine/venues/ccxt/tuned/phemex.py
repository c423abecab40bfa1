"""Phemex: post-only by its own word alone, scaled whole numbers, history of two days at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.market.types import OrderRequest
from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning

TWO_DAYS_S = 2 * 86_400


class Tuned(Tuning):
    """Spot. What it answers about one order is of its archive, which lags: that it knows none proves nothing."""

    ids = Separated(max_length=40)
    id_names = ("clOrdID",)
    cancels_by_client_id = True
    asks_after_create = True
    """A create is answered before it is matched."""
    fills_page = 200
    fills_window_s = TWO_DAYS_S
    closed_by = ("history",)
    closed_page = 200
    closed_window_s = TWO_DAYS_S

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"defaultType": "spot" if kind == "spot" else "swap"}

    def order_params(self, request: OrderRequest) -> dict[str, Any]:
        # What the library calls postOnly it hands on, and Phemex does not know it: such an order would take.
        return {"timeInForce": "PostOnly"} if request.post_only else {}

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = await library.fetch_my_trades(symbol, start_ms, page, _end(until_ms))
        return found

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        market = library.market(symbol)
        question = {"symbol": market["id"], "start": start_ms, "limit": page} | _end(until_ms)
        said = (await library.privateGetExchangeSpotOrder(question))["data"]
        found: list[Mapping[str, Any]] = library.parse_orders(said["rows"], market)
        return found


def _end(until_ms: int | None) -> dict[str, int]:
    """The end of a question, which the library does not know how to say."""
    return {} if until_ms is None else {"end": until_ms}
