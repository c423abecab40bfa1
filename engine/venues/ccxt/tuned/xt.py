"""XT: creates that answer an id, cancels that answer another one, questions whose end the library does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning

PAGE = 100


class Tuned(Tuning):
    """Spot. An order is asked about after its cancel, since the answer names the cancel alone."""

    ids = Separated(max_length=32, separator="_")
    """Letters, digits and underscores, as few as most venues take: the library does not tell XT's rule."""
    asks_after_create = True
    fills_page = PAGE
    closed_by = ("history",)
    closed_page = PAGE

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"defaultType": "spot" if kind == "spot" else "swap"}

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        if venue_order_id:
            return await super().ask_order(library, symbol, venue_order_id, sent)
        # The library asks by XT's id alone.
        said = await library.privateSpotGetOrder({"clientOrderId": sent})
        found: Mapping[str, Any] = library.parse_order(said["result"], library.market(symbol))
        return found

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = await library.fetch_my_trades(symbol, start_ms, page, _end(until_ms))
        return found

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        # The library does not say how many either.
        params = {"limit": page, "hiddenCanceled": "false"} | _end(until_ms)
        found: list[Mapping[str, Any]] = await library.fetch_orders(symbol, start_ms, page, params)
        return found


def _end(until_ms: int | None) -> dict[str, int]:
    return {} if until_ms is None else {"endTime": until_ms}
