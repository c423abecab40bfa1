"""What a venue remembers of an account: asked in windows it allows and pages it cuts, put together whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.core.errors import NotReady, Refused
from engine.market.types import Fill, OrderReport
from engine.venues.ccxt.boundary import MS
from engine.venues.ccxt.errors import is_gone
from engine.venues.ccxt.library import Library

if TYPE_CHECKING:
    from engine.venues.ccxt.account import Account

MAX_PAGES = 500
DAY_MS = 86_400_000


async def open_orders(account: Account, symbol: str) -> list[OrderReport]:
    """What rests in a market. Raises NotReady when the list may be cut: then nothing missing from it has ended."""
    asked_ns = account.clock.now_ns()
    page = account.tuning.open_orders_page
    said: Sequence[Mapping[str, Any]] = await account.ask(
        f"fetch_open_orders {symbol}", lambda venue: venue.fetch_open_orders(symbol, None, page or None)
    )
    if page and len(said) >= page:
        raise NotReady(
            f"{account.name} lists {len(said)} open orders in {symbol}, as many as it lists at once: there may be more."
        )
    found = [account.boundary.order(one, now_ns=asked_ns, symbol=symbol, listed=True) for one in said]
    return [report for report in found if report.symbol == symbol and not report.status.is_final]


async def fills(account: Account, symbol: str, since_ns: int) -> list[Fill]:
    """Own executions at or after a stamp, oldest first. Raises Refused where the venue does not tell them."""
    library = account.library
    if not library.has.get("fetchMyTrades"):
        raise Refused(f"{account.name} lists no executions, so what was traded there cannot be accounted for.")
    window = _Window(account)
    since_ms, now_ms = since_ns // MS, account.clock.now_ns() // MS
    if window.remembers_ms:
        since_ms = max(since_ms, now_ms - window.remembers_ms)
    said: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    start_ms = since_ms
    for _ in range(MAX_PAGES):
        until_ms = start_ms + window.span_ms - 1 if window.span_ms else None
        page = await account.ask(f"fetch_my_trades {symbol}", window.question(symbol, start_ms, until_ms))
        fresh = {_identity(trade, number): trade for number, trade in enumerate(page)}
        news = [key for key in fresh if key not in said]
        said.update(fresh)
        last_ms = max((trade.get("timestamp") or 0 for trade in page), default=0)
        if news and window.page and len(page) >= window.page:
            # A page that is full goes on from its last stamp, which may have more of its own.
            start_ms = max(start_ms, last_ms)
        elif until_ms is not None and until_ms < now_ms:
            start_ms = until_ms + 1
        elif news and not window.page:
            start_ms = max(start_ms, last_ms)  # nobody knows how long a page is: an empty one is the end
        else:
            break
    else:
        raise NotReady(f"{account.name} went on listing executions in {symbol} after {MAX_PAGES} pages.")
    found = account.boundary.fills(said.values(), symbol=symbol)
    return [fill for fill in found if fill.ts_ns >= since_ns and fill.symbol == symbol]


class _Window:
    """How a venue lets its executions be asked for: by ccxt's features, unless the tuning knows better."""

    def __init__(self, account: Account) -> None:
        tuning, library = account.tuning, account.library
        kind = "spot" if account.venue.place.kind == "spot" else "swap"
        features = (library.features or {}).get(kind) or {}
        stated = (features.get("linear") or features if kind == "swap" else features).get("fetchMyTrades") or {}
        self.page = tuning.fills_page or int(stated.get("limit") or 0)
        self.span_ms = tuning.fills_window_s * 1000 or int(stated.get("untilDays") or 0) * DAY_MS
        if self.span_ms > 1000 * DAY_MS:
            self.span_ms = 0  # no limit worth a name
        self.remembers_ms = int(stated.get("daysBack") or 0) * DAY_MS

    def question(self, symbol: str, since_ms: int, until_ms: int | None) -> Any:
        params = {} if until_ms is None else {"until": until_ms}

        def ask(venue: Library) -> Any:
            return venue.fetch_my_trades(symbol, since_ms, self.page or None, params)

        return ask


def _identity(trade: Mapping[str, Any], number: int) -> tuple[Any, ...]:
    if trade.get("id"):
        return (trade["id"],)
    return (trade.get("order"), trade.get("timestamp"), trade.get("price"), trade.get("amount"), number)


async def closed_orders(account: Account, symbol: str, since_ns: int) -> list[OrderReport]:
    """Own orders that ended at or after a stamp, oldest first, as far back as the venue remembers."""
    has = account.library.has
    method = next(
        (
            method
            for name, method in (
                ("fetchCanceledAndClosedOrders", "fetch_canceled_and_closed_orders"),
                ("fetchClosedOrders", "fetch_closed_orders"),
                ("fetchOrders", "fetch_orders"),
            )
            if has.get(name)
        ),
        "",
    )
    if not method:
        raise Refused(f"{account.name} lists no orders that have ended.")
    asked_ns = account.clock.now_ns()
    said = await account.ask(f"{method} {symbol}", lambda venue: getattr(venue, method)(symbol, since_ns // MS, None))
    found = [account.boundary.order(one, now_ns=asked_ns, symbol=symbol) for one in said]
    return sorted((one for one in found if one.status.is_final and one.ts_ns >= since_ns), key=lambda one: one.ts_ns)


async def one_order(account: Account, symbol: str, client_order_id: str) -> OrderReport | None:
    """The venue's word on one order: by its own id where we know it, else by ours. None when it knows none."""
    venue_order_id = account.known.venue_id(client_order_id)
    params = {} if venue_order_id else {"clientOrderId": account.known.sent(client_order_id)}
    asked_ns = account.clock.now_ns()

    async def ask(venue: Library) -> Any:
        try:
            return await venue.fetch_order(venue_order_id or None, symbol, params)
        except Exception as error:  # the edge to the library: only what it calls gone is
            if is_gone(error):
                return None
            raise

    said = await account.ask(f"fetch_order {client_order_id}", ask)
    if said is None:
        return None
    report = account.boundary.order(said, now_ns=asked_ns, symbol=symbol)
    if report.client_order_id != client_order_id and not venue_order_id:
        raise NotReady(f"{account.name} was asked about {client_order_id} and told of {report.client_order_id}.")
    return report
