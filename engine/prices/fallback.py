"""prices.fallback: the first of several prices that is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from engine.core.component import Component
from engine.core.params import Items
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices.base import LeftOut, ask, names_of


class Fallback(Component):
    """The first price that is there, in the order given. A switch to a later one, and back, is told once."""

    def __init__(self, *, sources: Annotated[Sequence[PriceProvider], Items(ge=2, help="Best one first")]) -> None:
        self.sources = tuple(sources)

    async def load(self) -> None:
        self._names = names_of(self.sources)
        self._left_out = LeftOut(self.runtime, self.name)

    def price(self) -> Price | NoPrice:
        missing: dict[str, str] = {}
        for name, source in zip(self._names, self.sources, strict=True):
            price = ask(source)
            if isinstance(price, Price):
                self._left_out.tell(missing, priced=[name])
                return price
            missing[name] = price.reason
        self._left_out.tell(missing, priced=())
        return NoPrice(f"None of {len(self.sources)} prices is there. {' '.join(missing.values())}")
