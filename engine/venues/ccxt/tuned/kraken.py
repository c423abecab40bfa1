"""Kraken: a nonce that must arrive in order, ids of its own length, post-only that answers by cancelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.venues.ccxt.ids import AsUuid
from engine.venues.ccxt.tuned.base import Budget, Tuning


class Tuned(Tuning):
    """Spot. Client ids are UUIDs or 18 characters; ours take the UUID.

    ccxt asks about an order by `userref`, which is another thing than the `cl_ord_id` it sends: so orders in doubt are
    found in the list of open ones and in the executions. A cancel may name ours.
    """

    ids = AsUuid()
    id_names = ("cl_ord_id",)
    cancels_by_client_id = True
    cancels_every_market = True
    serial = True
    budget = Budget(limit=20, window_s=20)
    """One a second of public data and of an account of the middle tier together. Orders and cancels cost nothing of
    it: they have counters of their own, by market."""
    fills_page = 50
    book_limits = (10, 25, 100, 500, 1000)

    def would_take(self, text: str) -> bool:
        return "Post only order" in text

    def is_refusal(self, text: str) -> bool:
        return "EOrder:" in text or "EGeneral:Invalid arguments" in text

    def is_auth(self, text: str) -> bool:
        return "EAPI:Invalid key" in text or "EAPI:Invalid signature" in text

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        info = said.get("info")
        return "open" if isinstance(info, dict) and info.get("status") in ("pending", "pending_new") else None
