"""HitBTC and what is built on it: our id is the only name of an order, and the end of one is told with a delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning


class Tuned(Tuning):
    """Spot. That an order is not found is no proof: for a while after its end it may stand in neither list."""

    has = frozenset({"client_ids"})
    """Under HitBTC's own name for them alone."""
    ids = Separated(max_length=32)
    id_param = "client_order_id"
    """The library hands on what it is given, and HitBTC would not know the library's name for it."""
    cancels_by_client_id = True
    cancel_is_final = True
    fills_page = 1000
    closed_by = ("history",)
    closed_page = 1000
    """Orders that never filled are forgotten after a day."""

    def options(self, kind: MarketKind) -> dict[str, Any]:
        return {"defaultType": "spot" if kind == "spot" else "swap"}

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        # A post-only order that would have taken expires, which the library calls failed.
        return "canceled" if said.get("status") == "failed" else None

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        name, market = venue_order_id or sent, library.market(symbol)
        ended = await library.privateGetSpotHistoryOrder({"client_order_id": name})
        found: Mapping[str, Any] = (
            library.parse_order(ended[0], market) if ended else await library.fetch_open_order(name, symbol)
        )
        return found

    async def ask_cancel(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Any:
        return await library.cancel_order(venue_order_id or sent, symbol)

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = await library.fetch_my_trades(symbol, start_ms, page, _till(until_ms))
        return found

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        # The library leaves out what expired.
        market = library.market(symbol)
        question = {"symbol": market["id"], "from": library.iso8601(start_ms), "limit": page}
        said = await library.privateGetSpotHistoryOrder(question | _till(until_ms))
        found: list[Mapping[str, Any]] = library.parse_orders(said, market)
        return found


def _till(until_ms: int | None) -> dict[str, int]:
    """The end of a question, which the library does not know how to say."""
    return {} if until_ms is None else {"till": until_ms}
