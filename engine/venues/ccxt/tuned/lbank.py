"""LBank: executions by calendar days, orders by numbered pages, and one on its way out that is called done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.core.errors import NotReady
from engine.venues.ccxt.ids import Separated
from engine.venues.ccxt.tuned.base import MarketKind, Tuning, Whole

DAY_MS = 86_400_000
MOST_PAGES = 200
FILLS_PAGE = 100
BEING_CANCELLED = "4"


class Tuned(Tuning):
    """Spot. An HTTP error of any kind is an empty answer to the library: for an order that is unknown."""

    ids = Separated(max_length=32, separator="x")
    """Letters and digits alone, of which no hexadecimal one may part our numbers: the library shows ids of digits, and
    tells no rule."""
    id_names = ("custom_id",)
    cancels_by_client_id = True
    asks_after_create = True
    open_orders_page = 200
    fills_page = FILLS_PAGE
    fills_window_s = 30 * 86_400
    closed_by = ("fetch_orders",)
    closed_page = 200
    closed_window_s = 30 * 86_400
    book_limits = (200,)

    def options(self, kind: MarketKind) -> dict[str, Any]:
        # Of the other ways to ask, the library reads the answer as no balances at all.
        return {"fetchBalance": {"method": "spotPrivatePostSupplementUserInfoAccount"}}

    def status_of(self, said: Mapping[str, Any]) -> str | None:
        # The library calls an order closed whose cancelling has begun.
        info = said.get("info")
        return "canceling" if isinstance(info, dict) and str(info.get("status")) == BEING_CANCELLED else None

    async def ask_order(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Mapping[str, Any] | None:
        said = await library.spotPrivatePostSupplementOrdersInfo(_named(library, symbol, venue_order_id, sent))
        found: Mapping[str, Any] | None = library.parse_order(said["data"]) if said.get("data") else None
        return found

    async def ask_cancel(self, library: Any, symbol: str, venue_order_id: str, sent: str) -> Any:
        said = await library.spotPrivatePostSupplementCancelOrder(_named(library, symbol, venue_order_id, sent))
        return library.parse_order(said["data"])

    async def ask_fills(
        self, library: Any, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        """Two days at a time, from a day before on: LBank's days begin elsewhere than ours."""
        market, found = library.market(symbol), Whole()
        now_ms = library.milliseconds()
        for day_ms in range(start_ms - DAY_MS, min(until_ms or now_ms, now_ms) + 2 * DAY_MS, 2 * DAY_MS):
            question = {"start_date": library.ymd(day_ms, "-"), "end_date": library.ymd(day_ms + DAY_MS, "-")}
            last: dict[str, str] = {}
            for _ in range(MOST_PAGES):
                said = await library.spotPrivatePostTransactionHistory(
                    {"symbol": market["id"], "size": page, "direct": "next"} | question | last
                )
                part = said.get("data") or []
                found += library.parse_trades(part, market)
                if len(part) < page or last.get("from") == part[-1]["txUuid"]:
                    break
                last = {"from": part[-1]["txUuid"]}
            else:
                raise NotReady(f"LBank went on listing executions in {symbol} after {MOST_PAGES} pages.")
        return found

    async def ask_ended(
        self, library: Any, method: str, symbol: str, start_ms: int, until_ms: int | None, page: int
    ) -> Sequence[Mapping[str, Any]]:
        found = Whole()
        for number in range(1, MOST_PAGES):
            part = await library.fetch_orders(symbol, None, page, {"current_page": number})
            found += part
            if len(part) < page or min(one["timestamp"] for one in part) < start_ms:
                return found
        raise NotReady(f"LBank went on listing orders in {symbol} after {MOST_PAGES} pages.")


def _named(library: Any, symbol: str, venue_order_id: str, sent: str) -> dict[str, str]:
    """An order by one name. The library sends both, the unknown one as nothing."""
    market_id = library.market(symbol)["id"]
    return {"symbol": market_id} | ({"orderId": venue_order_id} if venue_order_id else {"origClientOrderId": sent})
