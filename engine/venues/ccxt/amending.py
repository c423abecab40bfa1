"""Orders made smaller in their place: each in the venue's own way, each answered by what is certain about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import asdict

from engine.core.decimals import WIDE, ZERO
from engine.core.errors import AuthRejected, EngineError, NotReady, OutcomeUnknown, PermitLost, Refused
from engine.execution.rates import Priority
from engine.market.types import Amendment, OrderReport, OrderStatus, Side
from engine.venues.base import Amended, AmendRefused, AmendUnknown
from engine.venues.ccxt.boundary import Unreadable
from engine.venues.ccxt.errors import is_gone, plain
from engine.venues.ccxt.library import Library

if TYPE_CHECKING:
    from engine.venues.ccxt.account import Account

Answer = TypeVar("Answer", bound=OrderReport)
_SPOKEN = ("ExchangeError", "PermissionDenied")


def amends(account: Account, symbol: str) -> bool:
    """Whether the venue does so in this market."""
    return account.tuning.amends and account.tuning.amends_in(account.library.market(symbol))


async def amend(account: Account, amendments: Sequence[Amendment], permitted: Callable[[], bool]) -> list[OrderReport]:
    """Each by itself. Raises only what holds for all of them and means that none was sent: NotReady, PermitLost,
    AuthRejected."""
    answers = await asyncio.gather(*(_amend_one(account, one, permitted) for one in amendments))
    failures = [answer for answer in answers if isinstance(answer, EngineError)]
    if len(failures) == len(answers) and failures:
        raise failures[0]
    return [
        _as(AmendRefused, account, one, str(answer)) if isinstance(answer, EngineError) else answer
        for one, answer in zip(amendments, answers, strict=True)
    ]


async def _amend_one(
    account: Account, amendment: Amendment, permitted: Callable[[], bool]
) -> OrderReport | EngineError:
    try:
        size = _spelled(account, amendment)
        said = await account.ask(
            f"amend_order {amendment.client_order_id}",
            lambda venue: _asked(account, venue, amendment, size),
            priority=Priority.CREATE,
            is_write=True,
            permitted=permitted,
        )
        return _read(account, amendment, said)
    except _Gone:
        return _as(AmendUnknown, account, amendment, "The venue knows no such order any more: it may have filled.")
    except Refused as error:
        return _as(AmendRefused, account, amendment, str(error))
    except (OutcomeUnknown, Unreadable) as error:
        return _as(AmendUnknown, account, amendment, str(error))
    except (NotReady, PermitLost, AuthRejected) as error:
        return error


class _Gone(Refused):
    """The venue knows no such order."""


async def _asked(account: Account, venue: Library, amendment: Amendment, size: str) -> Any:
    tuning, id = account.tuning, amendment.client_order_id
    try:
        return await tuning.ask_amend(venue, amendment.symbol, account.known.venue_id(id), account.known.sent(id), size)
    except Exception as error:  # the edge to the library: what is not certain passes on as it is
        text = plain(error)
        if is_gone(error):
            raise _Gone(text) from None
        # Only where the venue itself has spoken: a connection that broke says nothing by its words.
        if type(error).__name__ in _SPOKEN and tuning.is_amend_refusal(text):
            raise Refused(text) from None
        raise


def _spelled(account: Account, amendment: Amendment) -> str:
    """The whole size in the venue's unit. Raises Refused for one off the market's grid, which ccxt would round."""
    step = account.boundary.instruments[amendment.symbol].lot_size
    if WIDE.remainder(amendment.size_base, step):
        raise Refused(f"The size {amendment.size_base} is not a multiple of {step}, the step of {amendment.symbol}.")
    unit = account.unit(amendment.symbol)
    size = amendment.size_base if unit is None else WIDE.divide(amendment.size_base, unit)
    return format(size.normalize(WIDE), "f")


def _read(account: Account, amendment: Amendment, said: Any) -> OrderReport:
    """What the answer says: the order as it is now, or that it was done, or that it will be. Raises Unreadable."""
    if not isinstance(said, Mapping):
        raise Unreadable("The venue's answer to the amendment is none.")
    if said.get("amount") is None:
        size = amendment.size_base if account.tuning.amend_is_final else ZERO
        return _as(Amended, account, amendment, "", status=OrderStatus.OPEN, size_base=size)
    report = account.boundary.order(
        said, now_ns=account.clock.now_ns(), symbol=amendment.symbol, listed=account.tuning.amend_is_final
    )
    if report.client_order_id != amendment.client_order_id:
        raise Unreadable(f"The venue answered with another order, {report.client_order_id[:60]}.")
    return Amended(**asdict(report))


def _as(
    kind: type[Answer],
    account: Account,
    amendment: Amendment,
    reason: str,
    *,
    status: OrderStatus = OrderStatus.UNKNOWN,
    size_base: Decimal = ZERO,
) -> Answer:
    """An answer without a stamp and without numbers of its own: it says nothing else of the order."""
    return kind(
        ts_ns=0,
        client_order_id=amendment.client_order_id,
        venue_order_id=account.known.venue_id(amendment.client_order_id),
        symbol=amendment.symbol,
        side=Side.BUY,
        price=ZERO,
        size_base=size_base,
        filled_base=ZERO,
        status=status,
        reason=reason,
    )
