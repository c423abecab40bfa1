"""BingX: numbers as floats in every request, an order asked about under another name than it was given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning

SHORTEST_S, LONGEST_S = 10, 120
WEEK_S = 7 * 86_400


class Tuned(Tuning):
    """Spot. What no float spells exactly is refused before it is sent, as everywhere. Executions are told for a day."""

    ids = Separated(max_length=40, separator="_")
    """Letters, digits and the underscore; BingX makes them lower case, as ours are."""
    finds_by_client_id = True
    cancels_by_client_id = True
    asks_after_create = True
    fills_page = 1000
    fills_window_s = 86_400
    closed_page = 100
    closed_window_s = WEEK_S

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"defaultType": "spot" if kind == "spot" else "swap"}

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        if venue_order_id:
            return await super().ask_order(library, symbol, venue_order_id, sent)
        # The library would ask about an order called None.
        market = library.market(symbol)
        said = await library.spotV1PrivateGetTradeQuery({"symbol": market["id"], "clientOrderID": sent})
        found: Mapping[str, Any] = library.parse_order(said["data"], market)
        return found

    async def wind_up(self, library: Any, symbol: str, seconds: int) -> None:
        await library.cancel_all_orders_after(seconds and min(max(seconds, SHORTEST_S), LONGEST_S) * 1000)
