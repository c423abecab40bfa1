"""prices.cached: an answer used again for a short while."""

from __future__ import annotations

from typing import Annotated

from engine.core.params import Collaborator, Millis
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices.base import ask
from engine.prices.transform import OfOne


class Cached(OfOne):
    """Another price, asked at most once in a while: for one that is costly to ask. Its time stays the original one.

    That there is no price is never kept. A price may be used for that while after its source lost it.
    """

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price to ask less often")],
        keep_ms: Annotated[int, Millis(ge=1, le=60_000, live=True, help="How long an answer is used again")],
    ) -> None:
        super().__init__(price=price)
        self.keep_ms = keep_ms
        self._kept: Price | None = None
        self._asked_at = 0.0

    def price(self) -> Price | NoPrice:
        now = self.runtime.clock.monotonic()
        if self._kept is not None and now - self._asked_at < self.keep_ms / 1000:
            return self._kept
        price = ask(self.source)
        self._kept = price if isinstance(price, Price) else None
        self._asked_at = now
        return price
