"""Orders out and cancels: in the venue's own spelling, each answered by what is certain about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from engine.core.decimals import WIDE, ZERO
from engine.core.errors import AuthRejected, EngineError, NotReady, OutcomeUnknown, PermitLost, Refused
from engine.execution.rates import Priority
from engine.market.types import OrderReport, OrderRequest, OrderStatus, RefusalKind, Side
from engine.venues.base import Placed, PlaceRefused, PlaceUnknown
from engine.venues.ccxt import history
from engine.venues.ccxt.boundary import Unreadable
from engine.venues.ccxt.errors import is_gone, plain, refusal_kind
from engine.venues.ccxt.ids import spelled_in
from engine.venues.ccxt.library import Library

if TYPE_CHECKING:
    from engine.venues.ccxt.account import Account
    from engine.venues.ccxt.nameless import Nameless

Permitted = Callable[[], bool]
_SPOKEN = ("ExchangeError", "PermissionDenied")
_KNOWS_NONE = "The venue knows no such order any more: it may have filled."
_NEVER_RESTED = (OrderStatus.CANCELLED, OrderStatus.REJECTED)


class _Said(Refused):
    """The venue's definite no to an order, understood."""

    def __init__(self, reason: str, kind: RefusalKind) -> None:
        super().__init__(reason)
        self.kind = kind


async def place(account: Account, orders: Sequence[OrderRequest], permitted: Permitted) -> list[OrderReport]:
    """Place orders at once, or as many in a request as the venue takes.

    Raises only what holds for all of them and means that nothing rests: NotReady, PermitLost, AuthRejected.
    """
    account.placing(1)
    try:
        answers = await _answers(account, orders, permitted)
    finally:
        account.placing(-1)
    failures = [answer for answer in answers if isinstance(answer, EngineError)]
    if len(failures) == len(answers) and failures:
        raise failures[0]
    return [
        _refused(order, str(answer)) if isinstance(answer, EngineError) else answer
        for order, answer in zip(orders, answers, strict=True)
    ]


async def _answers(
    account: Account, orders: Sequence[OrderRequest], permitted: Permitted
) -> list[OrderReport | EngineError]:
    if account.nameless is not None:
        return [await _place_nameless(account, account.nameless, order, permitted) for order in orders]
    size = account.tuning.batch if account.venue.place.kind == "spot" else 0
    if size > 1 and len(orders) > 1:
        chunks = [orders[at : at + size] for at in range(0, len(orders), size)]
        answered = await asyncio.gather(*(_place_batch(account, chunk, permitted) for chunk in chunks))
        return [answer for chunk in answered for answer in chunk]
    return list(await asyncio.gather(*(_place_one(account, order, permitted) for order in orders)))


async def _place_one(account: Account, order: OrderRequest, permitted: Permitted) -> OrderReport | EngineError:
    try:
        arguments = _arguments(account, order)
        said = await account.ask(
            f"create_order {order.client_order_id}",
            lambda venue: _create(account, venue, order, arguments),
            priority=Priority.CREATE,
            is_write=True,
            permitted=permitted,
        )
        answer = _read_placed(account, order, said)
        if account.tuning.asks_after_create:
            answer = await _asked_after(account, order, answer)
    except _Said as no:
        return _refused(order, str(no), no.kind)
    except Refused as error:
        return _refused(order, str(error))
    except OutcomeUnknown as error:
        return _unknown(order, str(error))
    except (NotReady, PermitLost, AuthRejected) as error:
        return error
    return answer


async def _place_nameless(
    account: Account, nameless: Nameless, order: OrderRequest, permitted: Permitted
) -> OrderReport | EngineError:
    """Place one where the venue keeps no ids of ours: alone on its way, and not while another one is missing."""
    async with nameless.turn:
        if nameless.missing(order.symbol):
            try:
                await history.open_orders(account, order.symbol)  # which may find it
            except EngineError as error:
                return NotReady(str(error))
        if reason := nameless.missing(order.symbol):
            return NotReady(f"{account.name} keeps no ids of ours, so nothing is sent while {reason}")
        answer = await _place_one(account, order, permitted)
        if isinstance(answer, PlaceUnknown):
            nameless.lost(order, account.clock.monotonic())
        return answer


async def _create(account: Account, venue: Library, order: OrderRequest, arguments: tuple[Any, ...]) -> Any:
    """Send it, and tell a post-only order that would have traded from other refusals, while the library's own error is
    at hand."""
    try:
        return await venue.create_order(*arguments)
    except Exception as error:  # the edge to the library: what is not certain passes on as it is
        raise _understood(account, error) from None


def _understood(account: Account, error: Exception) -> Exception:
    text = plain(error)
    if refusal_kind(error) is RefusalKind.WOULD_TAKE or account.tuning.would_take(text):
        return _Said(text, RefusalKind.WOULD_TAKE)
    # Only where the venue itself has spoken: a connection that broke says nothing by its words.
    if type(error).__name__ in _SPOKEN and account.tuning.is_refusal(text):
        return _Said(text, RefusalKind.OTHER)
    return error


def _arguments(account: Account, order: OrderRequest) -> tuple[Any, ...]:
    """What ccxt is given: numbers as texts, exactly as they are, in the venue's unit. Raises Refused.

    What is off the market's grid is refused here, since ccxt would round it without a word.
    """
    if reason := account.withdrawn.get(order.symbol):
        raise Refused(reason)
    instrument = account.boundary.instruments[order.symbol]
    for name, value, step in (
        ("price", order.price, instrument.tick_size),
        ("size", order.size_base, instrument.lot_size),
    ):
        if WIDE.remainder(value, step):
            raise Refused(f"The {name} {value} is not a multiple of {step}, the step of {order.symbol}.")
    unit = account.unit(order.symbol)
    amount = order.size_base if unit is None else WIDE.divide(order.size_base, unit)
    try:
        spelled = account.known.sent(order.client_order_id)
    except ValueError as error:
        raise Refused(str(error)) from None
    params = account.tuning.order_params(order)
    if spelled:
        params = {**params, account.tuning.id_param: spelled}
    return order.symbol, "limit", order.side.value, _text(amount), _text(order.price), params


def _text(number: Decimal) -> str:
    return format(number.normalize(WIDE), "f")


def _read_placed(account: Account, order: OrderRequest, said: Any) -> OrderReport:
    """What the answer to a create says: an order with an id of its own, or nothing certain."""
    if not isinstance(said, Mapping):
        return _unknown(order, "The venue's answer to the order is no order.")
    if reason := account.tuning.refused(said):
        kind = RefusalKind.WOULD_TAKE if account.tuning.would_take(reason) else RefusalKind.OTHER
        return _refused(order, reason, kind)
    try:
        account.known.link(order.client_order_id, str(said.get("id") or ""))
        report = account.boundary.order(said, now_ns=account.clock.now_ns(), symbol=order.symbol, listed=True)
    except Unreadable as error:
        return _unknown(order, str(error))
    spelled = spelled_in(dict(said), *account.tuning.id_names)
    if spelled and account.known.ours("", spelled) not in ("", order.client_order_id):
        return _unknown(order, f"The venue answered with another order, {spelled[:60]}.")
    if report.status in (OrderStatus.CANCELLED, OrderStatus.REJECTED) and not report.filled_base:
        kind = RefusalKind.WOULD_TAKE if order.post_only else RefusalKind.OTHER
        return _refused(order, report.reason, kind)
    return Placed(
        ts_ns=report.ts_ns,
        client_order_id=order.client_order_id,
        venue_order_id=report.venue_order_id,
        symbol=order.symbol,
        side=order.side,
        price=order.price,
        size_base=order.size_base,
        filled_base=report.filled_base,
        status=report.status,
        reason=report.reason,
    )


async def _ask_after(account: Account, order: OrderRequest, placed: OrderReport) -> OrderReport:
    """What became of an order that was merely acknowledged. Its acknowledgement stands when that is not told."""
    try:
        report = await history.one_order(account, order.symbol, order.client_order_id)
    except EngineError:
        return placed
    if report is None or report.status is OrderStatus.UNKNOWN:
        return placed
    if report.status in _NEVER_RESTED and not report.filled_base and order.post_only:
        return _refused(
            order, f"The venue took the order and ended it at once. {report.reason}", RefusalKind.WOULD_TAKE
        )
    return replace(placed, status=report.status, filled_base=report.filled_base, ts_ns=report.ts_ns)


async def _place_batch(
    account: Account, orders: Sequence[OrderRequest], permitted: Permitted
) -> list[OrderReport | EngineError]:
    names = ("symbol", "type", "side", "amount", "price", "params")
    try:
        wanted = [dict(zip(names, _arguments(account, order), strict=True)) for order in orders]
        said = await account.ask(
            f"create_orders of {len(orders)}",
            lambda venue: account.tuning.ask_places(venue, wanted),
            priority=Priority.CREATE,
            is_write=True,
            permitted=permitted,
            orders=len(orders),
        )
    except Refused as error:
        return [_refused(order, str(error)) for order in orders]
    except OutcomeUnknown as error:
        return [_unknown(order, str(error)) for order in orders]
    except (NotReady, PermitLost, AuthRejected) as error:
        return [error for _ in orders]
    if not isinstance(said, Sequence) or len(said) != len(orders):
        return [_unknown(order, "The venue did not answer for each order of the batch.") for order in orders]
    answers = [_read_placed(account, *pair) for pair in zip(orders, _in_order(account, orders, said), strict=True)]
    if not account.tuning.asks_after_create:
        return list(answers)
    return await asyncio.gather(*(_asked_after(account, *pair) for pair in zip(orders, answers, strict=True)))


def _in_order(account: Account, orders: Sequence[OrderRequest], said: Sequence[Any]) -> Sequence[Any]:
    """The answers in the order of the questions, where each names our id: some venues tell refusals last."""
    by_id = {
        account.known.ours("", spelled_in(one, *account.tuning.id_names)): one for one in said if isinstance(one, dict)
    }
    ids = [order.client_order_id for order in orders]
    return [by_id[id] for id in ids] if by_id.keys() == set(ids) else said


async def _asked_after(account: Account, order: OrderRequest, answer: OrderReport) -> OrderReport:
    return await _ask_after(account, order, answer) if isinstance(answer, Placed) else answer


# Cancels


async def cancel(account: Account, symbol: str, client_order_ids: Sequence[str]) -> list[OrderReport]:
    """Cancel some orders of a market. Raises AuthRejected; any other trouble is UNKNOWN, order by order."""
    size = account.tuning.cancel_batch if account.venue.place.kind == "spot" else 0
    if size > 1 and len(client_order_ids) > 1 and all(map(account.known.venue_id, client_order_ids)):
        chunks = [client_order_ids[at : at + size] for at in range(0, len(client_order_ids), size)]
        answered = await asyncio.gather(*(_cancel_batch(account, symbol, chunk) for chunk in chunks))
        return [answer for chunk in answered for answer in chunk]
    return list(await asyncio.gather(*(_cancel_one(account, symbol, one) for one in client_order_ids)))


async def _cancel_one(account: Account, symbol: str, client_order_id: str) -> OrderReport:
    tuning = account.tuning
    gone = _gone(account, symbol, client_order_id)
    try:
        venue_order_id = account.known.venue_id(client_order_id)
        if not venue_order_id and not tuning.cancels_by_client_id:
            await history.open_orders(account, symbol)  # which teaches us the venue's ids
            venue_order_id = account.known.venue_id(client_order_id)
            if not venue_order_id:
                return replace(
                    gone, reason="The venue lists no such order, and cannot be asked to cancel it by our id."
                )
        said = await account.ask(
            f"cancel_order {client_order_id}",
            _cancelling(account, symbol, client_order_id, venue_order_id),
            priority=Priority.CANCEL,
            is_write=True,
        )
        if said is None:
            return replace(gone, reason=_KNOWS_NONE)
        if tuning.cancel_is_final:
            return _cancelled(account, symbol, client_order_id, said)
        return await history.one_order(account, symbol, client_order_id) or gone
    except AuthRejected:
        raise
    except EngineError as error:
        return replace(gone, reason=str(error))


def _cancelling(account: Account, symbol: str, client_order_id: str, venue_order_id: str) -> Any:
    sent = account.known.again(client_order_id)

    async def ask(venue: Library) -> Any:
        try:
            return await account.tuning.ask_cancel(venue, symbol, venue_order_id, sent)
        except Exception as error:  # the edge to the library: only what it calls gone is
            if is_gone(error):
                return None
            raise

    return ask


def _cancelled(account: Account, symbol: str, client_order_id: str, said: Any) -> OrderReport:
    """The end of an order, by a venue whose answer to a cancel is one. Raises Unreadable."""
    if not isinstance(said, Mapping):
        raise Unreadable("The venue's answer to the cancel is no order.")
    account.known.link(client_order_id, str(said.get("id") or ""))
    return account.boundary.order(said, now_ns=account.clock.now_ns(), symbol=symbol)


async def _cancel_batch(account: Account, symbol: str, client_order_ids: Sequence[str]) -> list[OrderReport]:
    """Cancel several at once; what became of each is told by its stream, or asked by whoever doubts it."""
    ids = [account.known.venue_id(one) for one in client_order_ids]
    try:
        said = await account.ask(
            f"cancel_orders of {len(ids)}",
            lambda venue: account.tuning.ask_cancels(venue, symbol, ids),
            priority=Priority.CANCEL,
            is_write=True,
            orders=len(ids),
        )
    except AuthRejected:
        raise
    except EngineError as error:
        said = dict.fromkeys(ids, str(error))
    return [_cancel_taken(account, symbol, one, said) for one in client_order_ids]


def _cancel_taken(account: Account, symbol: str, client_order_id: str, said: Mapping[str, str | None]) -> OrderReport:
    """What the answer to several cancels says of one: that it is on its way, or nothing certain."""
    gone = _gone(account, symbol, client_order_id)
    word = said.get(gone.venue_order_id, gone.reason)
    if word is None:
        return replace(gone, reason=_KNOWS_NONE)
    return replace(gone, reason=word) if word else replace(gone, status=OrderStatus.CANCELLING, reason="")


async def cancel_all(account: Account, symbol: str) -> None:
    """Cancel everything of the account in a market. Raises OutcomeUnknown unless every cancel was taken."""
    if account.library.has.get("cancelAllOrders") and not account.tuning.cancels_every_market:

        async def ask(venue: Library) -> None:
            try:
                await venue.cancel_all_orders(symbol)
            except Exception as error:  # the edge to the library: some venues refuse when nothing rests
                if not is_gone(error):
                    raise

        await account.ask(f"cancel_all_orders {symbol}", ask, priority=Priority.CANCEL, is_write=True)
        return
    resting = await history.open_orders(account, symbol)
    answers = await cancel(account, symbol, [report.client_order_id for report in resting])
    if left := [answer.client_order_id for answer in answers if answer.status is OrderStatus.UNKNOWN]:
        raise OutcomeUnknown(f"{account.name} was told to cancel all of {symbol}; not certain of {', '.join(left)}.")


# Answers


def _gone(account: Account, symbol: str, client_order_id: str) -> OrderReport:
    return OrderReport(
        ts_ns=account.clock.now_ns(),
        client_order_id=client_order_id,
        venue_order_id=account.known.venue_id(client_order_id),
        symbol=symbol,
        side=Side.BUY,
        price=ZERO,
        size_base=ZERO,
        filled_base=ZERO,
        status=OrderStatus.UNKNOWN,
        reason="The venue did not say what became of the order.",
    )


def _fields(order: OrderRequest, status: OrderStatus, reason: str) -> dict[str, Any]:
    return {
        "ts_ns": 0,
        "client_order_id": order.client_order_id,
        "venue_order_id": "",
        "symbol": order.symbol,
        "side": order.side,
        "price": order.price,
        "size_base": order.size_base,
        "filled_base": ZERO,
        "status": status,
        "reason": reason,
    }


def _refused(order: OrderRequest, reason: str, kind: RefusalKind = RefusalKind.OTHER) -> PlaceRefused:
    return PlaceRefused(**_fields(order, OrderStatus.REJECTED, reason), kind=kind)


def _unknown(order: OrderRequest, reason: str) -> PlaceUnknown:
    return PlaceUnknown(**_fields(order, OrderStatus.UNKNOWN, reason))
