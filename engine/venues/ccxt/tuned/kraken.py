"""Kraken: a nonce that must arrive in order, ids of its own length, post-only that answers by cancelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.venues.ccxt.ids import AsUuid
from engine.venues.ccxt.tuned.base import Budget, Tuning, Whole


class Tuned(Tuning):
    """Spot. Client ids are UUIDs or 18 characters; ours take the UUID.

    ccxt asks about an order by `userref`, which is another thing than the `cl_ord_id` it sends: so orders in doubt are
    found in the list of open ones and in the executions. A cancel may name ours.
    """

    ids = AsUuid()
    id_names = ("cl_ord_id",)
    cancels_by_client_id = True
    cancels_every_market = True
    amends = True
    amend_is_final = True
    """One step within the matching engine: its answer is the amendment's own id."""
    serial = True
    budget = Budget(limit=20, window_s=20)
    """One a second of public data and of an account of the middle tier together. Orders and cancels cost nothing of
    it: they have counters of their own, by market."""
    book_limits = (10, 25, 100, 500, 1000)

    async def ask_amend(
        self, library: Any, symbol: str, venue_order_id: str, sent: str, size: str
    ) -> Mapping[str, Any]:
        name = {"txid": venue_order_id} if venue_order_id else {"cl_ord_id": sent}
        said: Mapping[str, Any] = (await library.private_post_amendorder({"order_qty": size, **name}))["result"]
        return {} if said.get("amend_id") else None  # type: ignore[return-value]

    def would_take(self, text: str) -> bool:
        return "Post only order" in text

    def is_refusal(self, text: str) -> bool:
        return "EOrder:" in text or "EGeneral:Invalid arguments" in text

    def refused_late(self, said: Mapping[str, Any]) -> str:
        """Asking about every order would cost as much of the budget as placing it: its end is pushed with a reason."""
        info = said.get("info")
        reason = info.get("reason") if isinstance(info, dict) else None
        return str(reason) if reason == "Post only order" else ""

    async def ask_fills(self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int) -> Whole:
        """By offset: a page holds fifty of all markets of the account, and stamps are asked in whole seconds."""
        rows = await _every(library.privatePostTradesHistory, "trades", start_ms, until_ms)
        return Whole(library.parse_trades(rows, library.market(symbol)))

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Whole:
        rows = await _every(library.privatePostClosedOrders, "closed", start_ms, until_ms)
        return Whole(library.parse_orders(rows, library.market(symbol)))

    def is_auth(self, text: str) -> bool:
        return "EAPI:Invalid key" in text or "EAPI:Invalid signature" in text

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        info = said.get("info")
        return "open" if isinstance(info, dict) and info.get("status") in ("pending", "pending_new") else None


async def _every(ask: Any, name: str, start_ms: int, until_ms: int | None) -> list[dict[str, Any]]:
    """Everything of a list since a moment, which Kraken takes to be before what it tells."""
    found: dict[str, dict[str, Any]] = {}
    window = {"start": start_ms // 1000 - 1} | ({} if until_ms is None else {"end": until_ms // 1000 + 1})
    while True:
        result = (await ask({**window, "ofs": len(found)}))["result"]
        news = {key: row for key, row in result[name].items() if key not in found}
        found.update(news)
        if not news or len(found) >= int(result["count"]):
            return [{"id": key, **row} for key, row in found.items()]
