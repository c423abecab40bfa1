"""What a venue remembers of an account: asked in windows it allows and pages it cuts, put together whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from engine.core.errors import NotReady, Refused
from engine.market.types import Fill, OrderReport
from engine.venues.ccxt.boundary import MS
from engine.venues.ccxt.errors import is_gone
from engine.venues.ccxt.library import Library
from engine.venues.ccxt.quality import qualities
from engine.venues.ccxt.tuned.base import Whole

if TYPE_CHECKING:
    from engine.venues.ccxt.account import Account

MAX_PAGES = 500
DAY_MS = 86_400_000
RESTED_MS = DAY_MS
"""Orders that ended are asked for from so long before: quotes rest for minutes, others seldom for longer."""


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
    if account.nameless is not None:
        found = account.nameless.recognised(symbol, found, account.known, account.clock.monotonic())
    return [report for report in found if report.symbol == symbol and not report.status.is_final]


async def fills(account: Account, symbol: str, since_ns: int) -> list[Fill]:
    """Own executions at or after a stamp, oldest first. Raises Refused where the venue does not tell them."""
    if not qualities()[account.venue.place.venue_id].can("fills"):
        raise Refused(f"{account.name} lists no executions, so what was traded there cannot be accounted for.")
    tuning = account.tuning
    limits = _limits(account, "fetchMyTrades", page=tuning.fills_page, span_s=tuning.fills_window_s)
    said = await _whole(account, "executions", tuning.ask_fills, symbol, limits, since_ns // MS)
    found = account.boundary.fills(said, symbol=symbol)
    return [fill for fill in found if fill.ts_ns >= since_ns and fill.symbol == symbol]


async def closed_orders(account: Account, symbol: str, since_ns: int) -> list[OrderReport]:
    """Own orders that ended at or after a stamp, oldest first, as far back as the venue remembers."""
    tuning, asked_ns = account.tuning, account.clock.now_ns()
    found: dict[str, OrderReport] = {}
    for method in tuning.closed_by or _lists_of_ended(account.library):
        feature = "fetchOrders" if method == "fetch_orders" else "fetchClosedOrders"
        limits = _limits(account, feature, page=tuning.closed_page, span_s=tuning.closed_window_s)
        # Venues tell orders by when they were made, and one may have rested for long before it ended.
        ask = partial(tuning.ask_ended, method=method)
        for one in await _whole(account, method, ask, symbol, limits, since_ns // MS - RESTED_MS):
            report = account.boundary.order(one, now_ns=asked_ns, symbol=symbol)
            found[report.venue_order_id] = report
    ended = (one for one in found.values() if one.symbol == symbol and one.status.is_final and one.ts_ns >= since_ns)
    return sorted(ended, key=lambda one: one.ts_ns)


def _lists_of_ended(library: Library) -> tuple[str, ...]:
    """Which of ccxt's lists hold, together, every order that has ended. Raises Refused where there is none."""
    has = library.has
    if has.get("fetchCanceledAndClosedOrders") is True:
        return ("fetch_canceled_and_closed_orders",)
    if has.get("fetchOrders") is True:
        return ("fetch_orders",)
    found = [("fetchClosedOrders", "fetch_closed_orders"), ("fetchCanceledOrders", "fetch_canceled_orders")]
    lists = tuple(method for name, method in found if has.get(name))
    if not lists:
        raise Refused(f"{library.id} lists no orders that have ended.")
    return lists


@dataclass(frozen=True, slots=True)
class _Limits:
    """How a venue lets its history be asked for. `page` and `span_ms` are 0 where it does not say, or sets none."""

    page: int
    span_ms: int
    remembers_ms: int
    has_end: bool
    """A question may name its end."""


def _limits(account: Account, feature: str, *, page: int, span_s: int) -> _Limits:
    """By the tuning, or else by ccxt's features."""
    kind = "spot" if account.venue.place.kind == "spot" else "swap"
    features = (account.library.features or {}).get(kind) or {}
    stated = (features.get("linear") or features if kind == "swap" else features).get(feature) or {}
    days = stated.get("untilDays") or 0
    return _Limits(
        page=page or int(stated.get("limit") or 0),
        span_ms=span_s * 1000 or (int(days * DAY_MS) if days < 1000 else 0),
        remembers_ms=int((stated.get("daysBack") or 0) * DAY_MS),
        has_end=bool(days or span_s),
    )


async def _whole(
    account: Account, what: str, ask: Callable[..., Any], symbol: str, limits: _Limits, since_ms: int
) -> list[Mapping[str, Any]]:
    """Everything a venue lists since a stamp, each once, whether its pages begin with the newest or the oldest.

    Raises NotReady when it cannot be had whole.
    """
    now_ms = account.clock.now_ns() // MS
    if limits.remembers_ms:
        since_ms = max(since_ms, now_ms - limits.remembers_ms + 1000)
    said: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    spans = _spans(since_ms, now_ms, limits.span_ms)
    for _ in range(MAX_PAGES):
        if not spans:
            return list(said.values())
        start_ms, until_ms = spans.pop(0)
        question = partial(ask, symbol=symbol, start_ms=start_ms, until_ms=until_ms, page=limits.page)
        page = await account.ask(f"{what} of {symbol}", question)
        fresh = {_identity(one, number): one for number, one in enumerate(page)}
        is_news = any(key not in said for key in fresh)
        said.update(fresh)
        if isinstance(page, Whole) or (limits.page and len(page) < limits.page):
            continue
        if not is_news:
            if limits.page:
                raise NotReady(f"{account.name} lists more in {symbol} at one moment than fits into one page.")
            continue
        stamps = [one.get("timestamp") or 0 for one in page]
        oldest_ms, newest_ms = min(stamps), max(stamps)
        if limits.page and oldest_ms == newest_ms:
            raise NotReady(f"{account.name} lists more in {symbol} within a millisecond than fits into one page.")
        # What a full page left out is older than it or newer, or shares a stamp at its ends.
        spans.insert(0, (max(start_ms, newest_ms), until_ms))
        if limits.has_end and start_ms <= oldest_ms:
            spans.insert(0, (start_ms, oldest_ms))
    raise NotReady(f"{account.name} went on listing {what} of {symbol} after {MAX_PAGES} pages.")


def _spans(since_ms: int, now_ms: int, span_ms: int) -> list[tuple[int, int | None]]:
    """The stretches of time to ask for one by one, where only so much may be asked for at once."""
    if not span_ms:
        return [(since_ms, None)]
    starts = range(since_ms, max(now_ms, since_ms) + 1, span_ms)
    return [(start_ms, start_ms + span_ms - 1) for start_ms in starts]


def _identity(one: Mapping[str, Any], number: int) -> tuple[Any, ...]:
    if one.get("id"):
        return (one["id"],)
    return (one.get("order"), one.get("timestamp"), one.get("price"), one.get("amount"), number)


async def one_order(account: Account, symbol: str, client_order_id: str) -> OrderReport | None:
    """The venue's word on one order: by its own id where we know it, else by ours. None when it knows none."""
    venue_order_id = account.known.venue_id(client_order_id)
    sent = account.known.again(client_order_id)
    asked_ns = account.clock.now_ns()

    async def ask(venue: Library) -> Any:
        try:
            return await account.tuning.ask_order(venue, symbol, venue_order_id, sent)
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
