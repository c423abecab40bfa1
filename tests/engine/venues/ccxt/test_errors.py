"""What a venue's trouble means for the one who asked: errors by their remedy. §7 of the error table in errors.py."""

from __future__ import annotations

import ccxt
import pytest

from engine.core.errors import AuthRejected, EngineError, NotReady, OutcomeUnknown, PermitLost, Refused
from engine.market.types import RefusalKind
from engine.venues.ccxt.calls import Call
from engine.venues.ccxt.errors import EXCERPT, is_gone, plain, refusal_kind, remedy
from engine.venues.ccxt.library import exact_class

exact_class("binance")  # brings the library in

READ, WRITE, UNSENT = (
    Call("asking", sent=True),
    Call("sending", is_write=True, sent=True),
    Call("sending", is_write=True),
)


@pytest.mark.parametrize(
    ("error", "read", "write", "unsent"),
    [
        (ccxt.RequestTimeout("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.NetworkError("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.ExchangeNotAvailable("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.OnMaintenance("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.RateLimitExceeded("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.DDoSProtection("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.BadResponse("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.NullResponse("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.InvalidNonce("x"), NotReady, NotReady, NotReady),
        (ccxt.ChecksumError("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.ExchangeError("a code nobody mapped"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.InsufficientFunds("x"), Refused, Refused, Refused),
        (ccxt.InvalidOrder("x"), Refused, Refused, Refused),
        (ccxt.OrderImmediatelyFillable("x"), Refused, Refused, Refused),
        (ccxt.BadSymbol("x"), Refused, Refused, Refused),
        (ccxt.MarketClosed("x"), Refused, Refused, Refused),
        (ccxt.ArgumentsRequired("x"), Refused, Refused, Refused),
        (ccxt.DuplicateOrderId("it exists"), Refused, OutcomeUnknown, Refused),
        (ccxt.AuthenticationError("x"), AuthRejected, AuthRejected, AuthRejected),
        (ccxt.PermissionDenied("x"), AuthRejected, AuthRejected, AuthRejected),
        (ccxt.AccountSuspended("x"), AuthRejected, AuthRejected, AuthRejected),
        (KeyError("price"), NotReady, OutcomeUnknown, NotReady),
        (TypeError("x"), NotReady, OutcomeUnknown, NotReady),
        (ccxt.CancelPending("x"), NotReady, OutcomeUnknown, NotReady),
    ],
)
def test_an_error_is_known_by_what_must_be_done_next(
    error: Exception, read: type[EngineError], write: type[EngineError], unsent: type[EngineError]
) -> None:
    assert [type(remedy(error, call, venue="v")) for call in (READ, WRITE, UNSENT)] == [read, write, unsent]


@pytest.mark.parametrize("ours", [NotReady("a", retry_after_s=3), PermitLost("b"), Refused("c")])
def test_an_error_of_the_house_passes_as_it_is(ours: EngineError) -> None:
    assert remedy(ours, WRITE, venue="v") is ours


def test_the_order_that_is_gone_and_the_order_that_would_take_are_told_from_others() -> None:
    assert is_gone(ccxt.OrderNotFound("x"))
    assert not is_gone(ccxt.InvalidOrder("x"))
    assert refusal_kind(ccxt.OrderImmediatelyFillable("x")) is RefusalKind.WOULD_TAKE
    assert refusal_kind(ccxt.InvalidOrder("x")) is RefusalKind.OTHER


@pytest.mark.parametrize(
    "text",
    [
        "binance GET https://api.binance.com/api/v3/order?symbol=X&signature=deadbeef0123&timestamp=1 400 Bad",
        '{"apiKey": "key-1234567", "sign":"deadbeef0123"}',
        "the key key-1234567 is not known",
        "token=deadbeef0123, signature: deadbeef0123",
    ],
)
def test_neither_keys_nor_signatures_stand_in_what_is_said(text: str) -> None:
    said = str(remedy(ccxt.ExchangeError(text), WRITE, venue="v", secrets=("key-1234567",)))
    assert "deadbeef0123" not in said
    assert "key-1234567" not in said


def test_a_page_of_html_is_cut_to_an_excerpt() -> None:
    assert len(plain(ccxt.ExchangeError("<html>" * 1000))) == EXCERPT + 1
