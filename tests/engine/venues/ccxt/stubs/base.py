"""What venues of this folder share: who asks, which page and window of a history, and the words for a no."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from tests.venues.records import Execution, Market, Order, Reject, Side
from tests.venues.wire import Ask, Keys, Venue, Wire

T = TypeVar("T", Order, Execution)
MS = 1_000_000
SIDES: tuple[Side, Side] = ("buy", "sell")


class Stub(Venue):
    """A venue's REST alone.

    words    the answer to each kind of refusal: status and payload; "stranger", "slow", "unheard" and "other" must be
             there
    depths   the depths of book it takes; empty: any
    """

    has_streams = False
    keys: ClassVar[Keys] = Keys(
        account="desk",
        api_key="desk-key-5b1c7f0a",
        secret="ZGVzay1zZWNyZXQtNWIxYzdmMGEtOWQ0ZQ==",
        passphrase="desk-phrase-77",
    )
    words: ClassVar[dict[str, tuple[int, object]]] = {}
    depths: ClassVar[tuple[int, ...]] = ()

    @property
    def market(self) -> Market:
        return next(iter(self.books.markets.values()))

    def best(self) -> tuple[Decimal, Decimal]:
        """Bid and ask."""
        bids, asks = (self.books.levels(self.market.symbol, side, 1) for side in SIDES)
        return bids[0][0], asks[0][0]

    # The no

    def authenticate(self, ask: Ask) -> Keys:
        if self.keys.api_key not in f"{ask.query}{ask.body}{' '.join(ask.headers.values())}":
            raise self.no("stranger")
        return self.keys

    def no(self, kind: str) -> Wire:
        status, payload = self.words.get(kind, self.words["other"])
        return Wire(payload, status=status)

    def refusal(self, reject: Reject, ask: Ask) -> Wire:
        return self.no(reject.kind)

    def unheard_of(self) -> Wire:
        return self.no("unheard")

    def rate_limited(self, retry_after_s: int) -> Wire:
        status, payload = self.words["slow"]
        return Wire(payload, status=status, headers={"Retry-After": str(retry_after_s)})

    # Asking

    def depth(self, ask: Ask, name: str) -> int:
        """How deep a book is wanted. Raises Wire for a depth that is not on offer."""
        wanted = ask.int(name, self.depths[0] if self.depths else 1000)
        if self.depths and wanted not in self.depths:
            raise self.no("other")
        return wanted

    def rises(self, nonce: Any) -> None:
        """Take a nonce that is higher than all before. Raises Wire."""
        if int(nonce) <= getattr(self, "_nonce", 0):
            raise self.no("nonce")
        self._nonce = int(nonce)

    @staticmethod
    def listed(
        found: Iterable[T],
        *,
        start_ms: int = 0,
        end_ms: int = 0,
        limit: int = 0,
        newest_first: bool = False,
        span_ms: int = 0,
    ) -> list[T]:
        """One page of a history, the newest or the oldest of a stretch of time; `span_ms`: not longer than so.

        Without a start the stretch ends now, or at its end; without an end it begins at the start.
        """
        items = sorted(found, key=_ns)
        if span_ms and start_ms:
            end_ms = min(end_ms or start_ms + span_ms, start_ms + span_ms)
        stretch = [one for one in items if start_ms <= _ns(one) // MS and (not end_ms or _ns(one) // MS <= end_ms)]
        if newest_first:
            stretch.reverse()
        return stretch[:limit] if limit else stretch


def _ns(one: Order | Execution) -> int:
    return one.created_ns if isinstance(one, Order) else one.ts_ns
