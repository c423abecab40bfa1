"""Upbit: no list of executions, ticks told market by market, history of a week at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.core.errors import NotReady
from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Steps, Tuning
from engine.venues.ccxt.tuned.by_order import executions

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
OPEN_AT_ONCE = 100
ENDED_AT_ONCE = 1000


class Tuned(Tuning):
    """Spot. What was executed is told of one order at a time: of every one that rests or has ended since."""

    has = frozenset({"fills"})
    lacks = frozenset({"fill_stream"})
    """Pushed executions have other ids than those an order tells: they would count twice."""
    ids = Separated(max_length=40)
    """Never the same twice, whatever became of the order (global-docs.upbit.com, "Order Create", which tells no length
    and no alphabet)."""
    id_names = ("identifier",)
    finds_by_client_id = True
    cancels_by_client_id = True
    asks_for_steps = True
    asks_after_create = True
    """A create says `wait`, whatever comes of it: a post-only order that would take is cancelled then (docs.upbit.com,
    "Place an order", `time_in_force`)."""
    open_orders_page = OPEN_AT_ONCE
    fills_window_s = 366 * 86_400
    closed_page = ENDED_AT_ONCE
    closed_window_s = 7 * 86_400 - 1
    book_limits = (30,)

    async def ask_steps(self, library: Any, market: Mapping[str, Any]) -> Steps:
        # The library says eight places of everything; the tick follows from the price, by a table of each currency.
        [said] = await library.publicGetOrderbookInstruments({"markets": market["id"]})
        return Steps(tick=Decimal(str(said["tick_size"])), lot=Decimal("1e-8"))

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        # The library names no order at all when it is given our id.
        named = {"uuid": venue_order_id} if venue_order_id else {"identifier": sent}
        found: Mapping[str, Any] = library.parse_order(await library.privateGetOrder(named))
        return found

    async def ask_cancel(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Any:
        named = {"uuid": venue_order_id} if venue_order_id else {"identifier": sent}
        return library.parse_order(await library.privateDeleteOrder(named))

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        # It tells whole seconds: what was made within the first one would be before the start, to the library.
        return await super().ask_ended(library, method, symbol, start_ms // 1000 * 1000, until_ms, page)

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        orders = [*await library.fetch_open_orders(symbol, None, OPEN_AT_ONCE)]
        if len(orders) >= OPEN_AT_ONCE:
            raise NotReady(f"Upbit lists {len(orders)} open orders in {symbol}, as many as at once: there may be more.")
        # Listed by when they were made: one may have rested for a day before it filled.
        for from_ms in range(start_ms // 1000 * 1000 - DAY_MS, library.milliseconds() + 1, WEEK_MS):
            for ask in (library.fetch_closed_orders, library.fetch_canceled_orders):
                ended = await ask(symbol, from_ms, ENDED_AT_ONCE, {"until": from_ms + WEEK_MS - 1})
                if len(ended) >= ENDED_AT_ONCE:
                    raise NotReady(f"Upbit ended more orders in {symbol} within a week than it lists at once.")
                orders += ended
        return await executions(library, symbol, orders)
