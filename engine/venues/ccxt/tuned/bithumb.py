"""Bithumb: no list of executions, ticks told nowhere, codes the library has no name for, history by page alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import gcd
from typing import Any

from engine.core.errors import NotReady
from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import Steps, Tuning, Whole
from engine.venues.ccxt.tuned.by_order import Parts, executions

DAY_MS = 86_400_000
AT_ONCE = 100
MOST_PAGES = 200
SIZE_PLACES = 4
LEAST_LEVELS = 5
STATES = {"fetch_closed_orders": "done", "fetch_canceled_orders": "cancel"}


class Tuned(Tuning):
    """Spot, by its second API. What was executed is told of one order at a time, as at Upbit.

    By its documentation (apidocs.bithumb.com) an order is asked about by its uuid or by our id, and a post-only one
    that would take is taken at first and comes back cancelled ("Individual order"). Its codes stand in "Main error
    codes", which names none for an order beyond one's means. How long an id of ours may be is not told there.
    """

    has = frozenset({"fills"})
    ids = Separated(max_length=36)
    finds_by_client_id = True
    """An order it has not worked on yet is `order_not_ready`, and no absent one."""
    cancels_by_client_id = True
    asks_for_steps = True
    listed_steps = Steps(tick=Decimal("1e-8"), lot=Decimal("1e-4"))
    asks_after_create = True
    """A create answers with an id alone."""
    open_orders_page = AT_ONCE
    fills_window_s = 366 * 86_400
    closed_by = tuple(STATES)
    closed_page = AT_ONCE
    book_limits = (30,)
    codes = {
        "order_not_found": "OrderNotFound",
        "invalid_parameter": "BadRequest",
        "invalid_price": "InvalidOrder",
        "invalid_price_ask": "InvalidOrder",
        "invalid_price_bid": "InvalidOrder",
        "under_price_limit_ask": "InvalidOrder",
        "under_price_limit_bid": "InvalidOrder",
        "cross_trading": "InvalidOrder",
        "jwt_verification": "AuthenticationError",
        "expired_jwt": "AuthenticationError",
        "invalid_query_payload": "AuthenticationError",
        "NotAllowIP": "PermissionDenied",
        "out_of_scope": "PermissionDenied",
        "blocked_member_id": "AccountSuspended",
    }

    async def ask_steps(self, library: Any, market: Mapping[str, Any]) -> Steps:
        # Its ticks follow from the price by a table that no question answers, and the library says four digits of
        # everything. But every price that rests is a multiple of the tick, so what divides them all is one as well.
        said = await library.fetch_order_book(market["symbol"])
        prices = [level[0] for side in ("bids", "asks") for level in said[side]]
        if len(prices) < LEAST_LEVELS:
            raise NotReady(f"Bithumb's book of {market['symbol']} has {len(prices)} levels, too few to tell its tick.")
        return Steps(tick=common_step(prices), lot=Decimal(1).scaleb(-SIZE_PLACES), size_places=SIZE_PLACES)

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        return await _pages(library, symbol, STATES[method], start_ms, page or AT_ONCE)

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        orders = [*await library.fetch_open_orders(symbol, None, AT_ONCE)]
        if len(orders) >= AT_ONCE:
            raise NotReady(f"Bithumb lists {len(orders)} open orders in {symbol}, as many as it does at once.")
        for state in STATES.values():  # listed by when they were made: one may have rested for a day before it filled
            orders += await _pages(library, symbol, state, start_ms - DAY_MS, AT_ONCE)
        quote = library.market(symbol)["quote"]
        return await executions(library, symbol, orders, parts=lambda whole: _parts(whole["info"], quote))


async def _pages(library: Any, symbol: str, state: str, since_ms: int, page: int) -> Whole:
    """Orders in a state, newest first, until they are older than a stamp. Raises NotReady where that does not end."""
    found = Whole()
    for number in range(1, MOST_PAGES + 1):
        part = await library.fetch_orders(symbol, None, page, {"state": state, "page": number})
        found += part
        if len(part) < page or min(one["timestamp"] for one in part) < since_ms:
            return found
    raise NotReady(f"Bithumb went on listing orders in {symbol} after {MOST_PAGES} pages.")


def _parts(order: Mapping[str, Any], quote: str) -> Parts:
    """An order's executions and the fee that was paid for all of them. The library knows their older form alone, and
    takes for the fee what was set aside for it."""
    trades = [
        {
            "id": trade["uuid"],
            "side": "buy" if trade["side"] == "bid" else "sell",
            "price": Decimal(trade["price"]),
            "amount": Decimal(trade["volume"]),
            "cost": Decimal(trade["funds"]),
            "timestamp": round(datetime.fromisoformat(trade["created_at"]).timestamp() * 1000),
            "info": trade,
        }
        for trade in order["trades"]
    ]
    return trades, {"cost": order["paid_fee"], "currency": quote}


def common_step(prices: Sequence[Decimal]) -> Decimal:
    """The largest number that divides every price: 99.98 and 100.04 give 0.02. Raises ValueError without a price."""
    exponent = min(int(price.as_tuple().exponent) for price in prices)
    step = gcd(*(int(price.scaleb(-exponent)) for price in prices))
    if not step:
        raise ValueError("no step without a price")
    return Decimal(step).scaleb(exponent)
