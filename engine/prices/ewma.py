"""prices.ewma: a price that follows another one at leisure."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from engine.core.clock import NS
from engine.core.params import Collaborator, Millis, Seconds
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices import formulas
from engine.prices.sampled import Sampled


class Ewma(Sampled):
    """The exponentially weighted average of a price: each half-life, half of the distance to it is gone."""

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price to follow")],
        half_life_s: Annotated[Decimal, Seconds(gt=0, le=86400, help="Until half of a move is followed")] = Decimal(10),
        sample_ms: Annotated[int, Millis(ge=10, le=60_000, help="Time from sample to sample")] = 1000,
    ) -> None:
        super().__init__(price=price, sample_ms=sample_ms)
        self.half_life_s = half_life_s
        self._half_life_ns = int(half_life_s * NS)
        self._average: Decimal | None = None
        self._since = 0

    def _add(self, now: int, price: Price | None) -> None:
        if price is not None:
            self._average, self._since = self._at(now, price), now

    def _over_time(self, now: int, price: Price) -> Price | NoPrice:
        return msgspec.structs.replace(
            price, value=self._at(now, price), source=f"average with half-life {self.half_life_s} s of {price.source}"
        )

    def _at(self, now: int, price: Price) -> Decimal:
        if self._average is None:
            return price.value
        return formulas.ewma(self._average, price.value, now - self._since, self._half_life_ns)
