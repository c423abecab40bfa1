"""Bitfinex v2: a nonce that must rise, numbers for ids, cancels of every market, and a status that is a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.venues.ccxt.ids import Numbered
from engine.venues.ccxt.tuned.base import Tuning


class Tuned(Tuning):
    """Spot. Of orders that ended it remembers two weeks.

    An id of ours is a number, which says nothing to a process that has not sent it: after a restart an order that was
    never answered is a stranger's.
    """

    ids = Numbered(bits=45)
    serial = True
    cancels_every_market = True
    asks_after_create = True
    """A post-only order that would have traded is accepted, and cancelled at once."""
    fills_page = 1000
    closed_by = ("fetch_closed_orders",)
    """Whatever no longer rests."""
    closed_page = 2500
    book_limits = (1, 25, 100)

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        """A sentence, of which ccxt knows the first word, and not of all."""
        info = said.get("info")
        words = str(info[13]).split(" was: ")[0] if isinstance(info, list) and len(info) > 13 else ""
        if "CANCELED" in words or words.startswith("INSUFFICIENT"):
            return "canceled"
        return "rejected" if words.startswith("RSN_") else None

    def is_refusal(self, text: str) -> bool:
        """One code is for whatever is wrong, and ccxt takes it for a permission we lack."""
        return "Invalid order" in text

    def is_auth(self, text: str) -> bool:
        return "apikey: invalid" in text

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        """Among those that rest, and where it is no longer one of them, among those that ended."""
        question = {"symbol": library.market(symbol)["id"], "id": [int(venue_order_id or 0)]}
        rows = await library.privatePostAuthROrdersSymbol(question)
        if not rows:
            rows = await library.privatePostAuthROrdersSymbolHist(question)
        if not rows:
            return await super().ask_order(library, symbol, venue_order_id, sent)
        read: Mapping[str, Any] = library.parse_order({"result": rows[0]}, library.market(symbol))
        return read

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        until = {} if until_ms is None else {"end": until_ms}
        found: Sequence[Mapping[str, Any]] = await library.fetch_my_trades(symbol, start_ms, page, until)
        return found
