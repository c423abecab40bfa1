"""What happened lately between a deployment and its venue, for checks and modifiers that look back.

Everything is bounded and stamped by the monotonic clock, so that a look back is a few steps from the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from itertools import takewhile
from typing import Any, TypeVar

import msgspec

from engine.market.types import Fill, RefusalKind


class OwnFill(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of ours as it was heard. `mid` is the reference price at that moment, None without one."""

    at: float
    fill: Fill
    mid: Decimal | None
    level: int | None = None
    """The order's level; None for an order of an earlier holder."""
    completes: bool = True
    """Whether nothing of the order is left."""


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A venue's definite no to an order."""

    at: float
    reason: str
    kind: RefusalKind = RefusalKind.OTHER


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's first word on something we sent, `seconds` later."""

    at: float
    seconds: float


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Something we sent was not answered within the response timeout."""

    at: float
    what: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """Orders or cancels handed to the venue at one moment; an amendment counts as an order."""

    at: float
    orders: int = 0
    cancels: int = 0


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A confirmed difference between our books and the venue's."""

    asset: str
    expected: Decimal
    found: Decimal
    value_quote: Decimal | None
    """The difference in quote currency, always positive; None when there is no price for the asset."""
    since: float

    @property
    def difference(self) -> Decimal:
        return self.found - self.expected


KEPT = 1_000

T = TypeVar("T")


class Activity:
    """One deployment's, since this holder loaded. Newest last."""

    __slots__ = ("answers", "fills", "mismatch", "rejections", "sent", "silences", "skew_s")

    def __init__(self) -> None:
        self.fills: deque[OwnFill] = deque(maxlen=KEPT)
        self.rejections: deque[Rejection] = deque(maxlen=KEPT)
        self.answers: deque[Answer] = deque(maxlen=KEPT)
        self.silences: deque[Silence] = deque(maxlen=KEPT)
        self.sent: deque[Sent] = deque(maxlen=KEPT)
        self.mismatch: Mismatch | None = None
        """The gravest confirmed difference between our books and the venue's, None when they agree."""
        self.skew_s: float | None = None
        """The venue's clock minus ours; None when nobody measures it."""


def since(records: Iterable[T], at: float) -> list[T]:
    """What was recorded at or after a moment, newest first. For a deque of records with `at`."""
    newest_first: Iterable[Any] = reversed(records)  # type: ignore[call-overload]
    return list(takewhile(lambda record: record.at >= at, newest_first))
