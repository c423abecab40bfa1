"""Gemini: a nonce in order, steps told market by market, no list of orders that have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.core.errors import NotReady
from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Steps, Tuning


class Tuned(Tuning):
    """Spot. Orders are named by Gemini's id alone; one that was never answered is found among those that rest."""

    ids = Separated(max_length=100)
    serial = True
    asks_for_steps = True
    cancel_is_final = True
    """The answer to a cancel is the order, cancelled, with what had filled of it."""
    fills_page = 500

    async def ask_steps(self, library: Any, market: Mapping[str, Any]) -> Steps:
        # The library asks about every one of its markets, or reads them off a web page.
        said = await library.publicGetV1SymbolsDetailsSymbol({"symbol": market["id"]})
        # What Gemini calls the tick is the size's.
        return Steps(
            tick=Decimal(str(said["quote_increment"])),
            lot=Decimal(str(said["tick_size"])),
            least=Decimal(str(said["min_order_size"])),
        )

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        since_ms = start_ms // 1000 * 1000  # Gemini counts seconds
        found = await library.fetch_my_trades(symbol, since_ms, page)
        if len(found) >= page:
            # A page that is full must begin where it was asked to, or there is no way to what it left out.
            [first] = await library.fetch_my_trades(symbol, since_ms, 1)
            stamps = [one["timestamp"] for one in found]
            if first["timestamp"] > min(stamps):
                raise NotReady("Gemini tells its newest executions first, so that older ones cannot be had.")
            if max(stamps) < since_ms + 1000:
                raise NotReady("Gemini lists more executions within a second than fit into one page.")
        # Who took is told in Gemini's own words, and the library does not read them.
        return [{**one, "takerOrMaker": "taker" if one["info"]["aggressor"] else "maker"} for one in found]
