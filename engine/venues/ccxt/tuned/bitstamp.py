"""Bitstamp: the size that is left where others say the whole, and a post-only wish that ccxt would send to nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.core.decimals import WIDE, ZERO
from engine.core.errors import NotReady
from engine.market.types import OrderRequest
from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Tuning, Whole

MOST = 200_000
"""The farthest offset."""
REMEMBERS_S = 30 * 86_400


class Tuned(Tuning):
    """Spot. It lists no orders that have ended; one by one they may be asked about, and executions tell the rest."""

    ids = Separated(max_length=36)
    finds_by_client_id = True
    cancels_by_client_id = True
    fills_page = 1000

    def order_params(self, request: OrderRequest) -> dict[str, Any]:
        """ccxt hands `postOnly` on as it is, a word Bitstamp does not know: the order would take."""
        return {"moc_order": True} if request.post_only else {}

    def mended(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Its lists name what is left where ccxt reads the whole; and asked about one order, it names no size."""
        info = said.get("info")
        if not isinstance(info, dict):
            return said
        if info.get("amount_at_create"):
            whole, left = Decimal(info["amount_at_create"]), Decimal(info["amount"])
        elif info.get("amount_remaining") is not None:
            left = Decimal(info["amount_remaining"])
            whole = WIDE.add(said.get("filled") or ZERO, left)
        else:
            return said
        return {**said, "amount": whole, "filled": WIDE.subtract(whole, left), "remaining": left}

    def would_take(self, text: str) -> bool:
        return "maker-or-cancel" in text.lower() or "post-only" in text.lower()

    def is_refusal(self, text: str) -> bool:
        """An answer that says error and why: the order was not placed."""
        return '"status":"error","reason":' in text.replace(" ", "")

    async def ask_cancel(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Any:
        if venue_order_id:
            return await super().ask_cancel(library, symbol, venue_order_id, sent)
        # ccxt would send our id as the venue's.
        return library.parse_order(await library.privatePostCancelOrder({"client_order_id": sent}))

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        """By offset from a second on, which ccxt does not ask for: it would show the newest page and no other."""
        market = library.market(symbol)
        start_s = max(start_ms // 1000, library.milliseconds() // 1000 - REMEMBERS_S + 60)
        found = Whole()
        for offset in range(0, MOST, page):
            question = {
                "pair": market["id"],
                "since_timestamp": start_s,
                "sort": "asc",
                "limit": page,
                "offset": offset,
            }
            part = await library.privatePostUserTransactionsPair(question)
            found += library.parse_trades([one for one in part if str(one.get("type")) == "2"], market)
            if len(part) < page:
                return found
        raise NotReady(f"Bitstamp lists more than {MOST} executions in {symbol}.")
