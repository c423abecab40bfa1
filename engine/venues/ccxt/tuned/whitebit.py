"""WhiteBIT: nonces within a window, history by offset and not by time, a dead man's switch of each market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning, Whole

PAGE = 100
MOST = 10_000
"""The farthest offset."""
SHORTEST_S, LONGEST_S = 5, 600


class Tuned(Tuning):
    """Spot. Its lists take no beginning: they are read from the newest on, until they are older than what is wanted."""

    ids = Separated(max_length=32)
    """Letters, digits, hyphens, dots and underscores; 32 are recommended (docs.whitebit.com, "Client Order ID")."""
    finds_by_client_id = True
    cancels_by_client_id = True
    cancel_is_final = True
    """The answer to a cancel is the order in its final state, and says so."""
    timer_of_market = True
    open_orders_page = PAGE
    closed_by = ("fetch_closed_orders",)
    book_limits = (100,)
    """Any up to a hundred is taken, more is refused."""

    def options(self, kind: MarketKind) -> dict[str, Any]:
        # A number within five seconds of now that has not been used, instead of one above all before: so requests
        # need not wait for each other.
        return {"defaultType": "spot" if kind == "spot" else "swap", "nonceWindow": True}

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        # The library calls whatever stands in the history closed, and what it has no name for it leaves out.
        info = said.get("info")
        word = info.get("status") if isinstance(info, dict) else None
        return {"OPEN": "open", "PARTIALLY_FILLED": "open", "CANCELED": "canceled", "FILLED": "closed"}.get(str(word))

    def is_refusal(self, text: str) -> bool:
        """Codes 30 to 37 are fields of an order that were not taken."""
        return any(f'"code":{code},' in text.replace(" ", "") for code in range(30, 38))

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        if venue_order_id:
            return await super().ask_order(library, symbol, venue_order_id, sent)
        # The library compares what it finds with the venue's id, which is what is not known.
        question = {"market": library.market(symbol)["id"], "clientOrderId": sent}
        resting = await library.v4PrivatePostOrders(question)
        ended = [] if resting else (await library.v4PrivatePostTradeAccountOrderHistory(question)).values()
        found = [*resting, *(order for orders in ended for order in orders)]
        return library.parse_order(found[0], library.market(symbol)) if found else None

    async def ask_cancel(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Any:
        if venue_order_id:
            return await super().ask_cancel(library, symbol, venue_order_id, sent)
        question = {"market": library.market(symbol)["id"], "clientOrderId": sent}
        return library.parse_order(await library.v4PrivatePostOrderCancel(question))

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        return await _back_to(start_ms, lambda part: library.fetch_my_trades(symbol, None, None, part))

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        return await _back_to(start_ms, lambda part: library.fetch_closed_orders(symbol, None, None, part))

    async def wind_up(self, library: Any, symbol: str, seconds: int) -> None:
        # The library stops it by the word "null", where WhiteBIT wants none.
        limit = str(min(max(seconds, SHORTEST_S), LONGEST_S)) if seconds else None
        await library.v4PrivatePostOrderKillSwitch({"market": library.market(symbol)["id"], "timeout": limit})


async def _back_to(start_ms: int, ask: Any) -> Whole:
    """Everything from the newest back to a stamp. What comes meanwhile shifts pages: some come twice, none never."""
    found = Whole()
    for offset in range(0, MOST, PAGE):
        part = await ask({"limit": PAGE, "offset": offset})
        found += part
        if len(part) < PAGE or min(one["timestamp"] for one in part) < start_ms:
            break
    return found
