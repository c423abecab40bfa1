"""WOO X: ids that are numbers, cancels that call themselves done when sent, errors the library takes for answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Numbered
from engine.venues.ccxt.tuned.base import Tuning

PAGE = 500
SHORTEST_S, LONGEST_S = 5, 900
_SENT = frozenset({"CANCEL_SENT", "CANCEL_ALL_SENT"})


class Tuned(Tuning):
    """Spot. What is cancelled is first merely told to be: until then it may fill."""

    ids = Numbered(bits=63)
    """From 0 to 9223372036854775807 (developer.woox.io, "Place order")."""
    cancels_by_client_id = True
    asks_after_create = True
    """A create tells no state, and post-only is decided after it."""
    open_orders_page = PAGE
    """Twenty-five, unless more are asked for."""
    fills_page = PAGE
    closed_by = ("fetch_orders",)
    closed_page = PAGE

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        info = said.get("info")
        return "canceling" if isinstance(info, dict) and info.get("status") in _SENT else None

    def complaint(self, answer: Any) -> str:
        # The library raises for the codes it knows; any other failure would be an empty list.
        if isinstance(answer, dict) and answer.get("success") is False:
            return f"it says no in words nobody knows, {answer.get('code')} {answer.get('message')}"
        return ""

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        # The library says how many under a name of another list.
        params = {"size": page} | ({} if until_ms is None else {"until": until_ms})
        found: list[Mapping[str, Any]] = await library.fetch_my_trades(symbol, start_ms, page, params)
        return found

    async def wind_up(self, library: Any, symbol: str, seconds: int) -> None:
        await library.cancel_all_orders_after(seconds and min(max(seconds, SHORTEST_S), LONGEST_S) * 1000)
