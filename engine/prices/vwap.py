"""prices.vwap: the prices of several venues, each weighted with what was traded there."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated

from engine.core.params import Bps, Count, Items, Seconds
from engine.market.types import NoPrice
from engine.marketmaking.base import PriceProvider
from engine.prices.average import Average
from engine.prices.weights import Volumes, feeds_of


class Vwap(Average):
    """The average of several venues' prices by their volume of late, without those that stray from their median."""

    what = "volume-weighted average"

    def __init__(
        self,
        *,
        sources: Annotated[Sequence[PriceProvider], Items(ge=2, help="One a venue; each reads one market")],
        window_s: Annotated[Decimal, Seconds(gt=0, le=86400, help="Volume counts this long")] = Decimal(300),
        min_sources: Annotated[int, Count(ge=1, help="Fewer usable sources: no price")] = 2,
        max_deviation_bps: Annotated[
            Decimal, Bps(gt=0, help="A source further from the median of all is left out")
        ] = Decimal(50),
    ) -> None:
        super().__init__(sources, min_sources, max_deviation_bps)
        self.window_s = window_s
        self._volumes: Volumes | None = None

    async def load(self) -> None:
        await super().load()
        self._volumes = Volumes(self.runtime, feeds_of(self.name, self._names, self.sources), self.window_s)

    async def unload(self) -> None:
        if self._volumes is not None:
            self._volumes.close()

    def _weight(self, place: int) -> Decimal | NoPrice:
        assert self._volumes is not None  # loaded
        return self._volumes.weight(place)
