"""What ccxt raises, as what must be done next.

                                       a question               an order or a cancel
    nothing was sent                   NotReady                 NotReady, or Refused for what can never be sent
    a mapped, definite no              Refused                  Refused
    our credentials                    AuthRejected             AuthRejected
    clock or nonce                     NotReady                 NotReady: such a request is not carried out
    time-out, broken off, garbled,     NotReady                 OutcomeUnknown: it may rest there
    5xx, rate limit, maintenance,
    a code ccxt has no name for,
    whatever else is raised

Classes are told by name along their ancestry, so that nothing here imports the library. Its messages hold whole
addresses, with keys and signatures in the query: none is passed on as it is, and none is chained.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.core.errors import AuthRejected, EngineError, NotReady, OutcomeUnknown, Refused
from engine.market.types import RefusalKind
from engine.venues.ccxt.calls import Call

EXCERPT = 300
HIDDEN = "***"
_QUERY = re.compile(r"(\b(?:https?|wss?)://[^\s?]+)\?\S*")
_SIGNED = re.compile(r"\b(signature|sign|apikey|api_key|access_key|token|passphrase)(=|\"?:\s*\"?)[^\s&\",}]+", re.I)

_PERSON = frozenset(
    {"AuthenticationError", "PermissionDenied", "AccountSuspended", "RestrictedLocation", "ManualInteractionNeeded"}
)
_NOT_PROCESSED = frozenset({"InvalidNonce"})
_DEFINITE = frozenset(
    {"InsufficientFunds", "InvalidOrder", "BadRequest", "OperationRejected", "NotSupported", "ArgumentsRequired"}
)
"""With everything below them: codes of the venue that the library knows by name."""
_WOULD_TAKE = frozenset({"OrderImmediatelyFillable"})
_EXISTS = frozenset({"DuplicateOrderId"})
_GONE = frozenset({"OrderNotFound", "OrderNotCached"})
_SLOW_DOWN = frozenset({"RateLimitExceeded", "DDoSProtection"})


def kinds(error: BaseException) -> frozenset[str]:
    """The names of an error's class and of all above it."""
    return frozenset(cls.__name__ for cls in type(error).__mro__)


def is_gone(error: BaseException) -> bool:
    """The venue knows no such order, or no more: it may have filled."""
    return bool(kinds(error) & _GONE)


def slows_down(error: BaseException) -> bool:
    """The venue says that we ask too much."""
    return bool(kinds(error) & _SLOW_DOWN)


def refusal_kind(error: BaseException) -> RefusalKind:
    return RefusalKind.WOULD_TAKE if kinds(error) & _WOULD_TAKE else RefusalKind.OTHER


def remedy(error: Exception, call: Call, *, venue: str, secrets: Sequence[str] = ()) -> EngineError:
    """The house's error for what a question ended with. Never wraps an error of the house."""
    if isinstance(error, EngineError):
        return error
    names = kinds(error)
    said = f"{venue}: {call.what} failed: {type(error).__name__} {plain(error, secrets)}".rstrip()
    if names & _PERSON:
        return AuthRejected(said)
    if not call.sent:
        return Refused(f"{said}; nothing was sent") if names & _DEFINITE else NotReady(f"{said}; nothing was sent")
    if names & _NOT_PROCESSED and "ChecksumError" not in names:
        return NotReady(said)
    if names & _DEFINITE and not names & _EXISTS:
        return Refused(said)
    if call.is_write:
        return OutcomeUnknown(f"{said}; it may have taken effect")
    if "ExchangeError" in names and type(error).__name__ != "ExchangeError":
        return Refused(said)
    return NotReady(said)


def plain(error: BaseException, secrets: Sequence[str] = ()) -> str:
    """What an error says, without queries, signatures and whatever else is ours alone; not longer than an excerpt."""
    text = " ".join(str(error).split())
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _SIGNED.sub(rf"\1\2{HIDDEN}", _QUERY.sub(r"\1", text))
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "…"
