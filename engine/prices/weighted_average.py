"""prices.weighted_average: the cross-venue reference, weighted by hand, by depth or by volume (Q5)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from engine.core.decimals import ONE
from engine.core.fit import Unfit
from engine.core.params import Bps, Count, Factor, Items, Option, Seconds
from engine.market.types import NoPrice
from engine.marketmaking.base import PriceProvider
from engine.prices.average import Average
from engine.prices.weights import Depths, Volumes, feeds_of


class WeightedAverage(Average):
    """The weighted average of several venues' prices, without those that stray from their median."""

    what = "weighted average"

    def __init__(
        self,
        *,
        sources: Annotated[Sequence[PriceProvider], Items(ge=2, help="One a venue")],
        weigh_by: Annotated[
            Literal["fixed", "depth", "volume"], Option(help="By the weights given, or by the base resting or traded")
        ] = "fixed",
        weights: Annotated[
            Sequence[Annotated[Decimal, Factor(gt=0)]], Items(help="One a source, in their order; none: all alike")
        ] = (),
        min_sources: Annotated[int, Count(ge=1, help="Fewer usable sources: no price")] = 2,
        max_deviation_bps: Annotated[
            Decimal, Bps(gt=0, help="A source further from the median of all is left out")
        ] = Decimal(50),
        depth_band_bps: Annotated[Decimal, Bps(gt=0, lt=10000, help="Depth counts this far from mid")] = Decimal(50),
        volume_window_s: Annotated[Decimal, Seconds(gt=0, le=86400, help="Volume counts this long")] = Decimal(300),
    ) -> None:
        super().__init__(sources, min_sources, max_deviation_bps)
        if weights and weigh_by != "fixed":
            raise Unfit(f"weights are given, but weigh_by is {weigh_by}", "Leave one of them out")
        if weights and len(weights) != len(sources):
            raise Unfit(f"weights must be as many as the {len(sources)} sources, were {len(weights)}")
        self.weigh_by = weigh_by
        self.weights = tuple(weights) or (ONE,) * len(sources)
        self.depth_band_bps = depth_band_bps
        self.volume_window_s = volume_window_s
        self._depths: Depths | None = None
        self._volumes: Volumes | None = None

    async def load(self) -> None:
        await super().load()
        if self.weigh_by == "fixed":
            return
        feeds = feeds_of(self.name, self._names, self.sources)
        if self.weigh_by == "depth":
            self._depths = Depths(feeds, self.depth_band_bps)
        else:
            self._volumes = Volumes(self.runtime, feeds, self.volume_window_s)

    async def unload(self) -> None:
        if self._volumes is not None:
            self._volumes.close()

    def _weight(self, place: int) -> Decimal | NoPrice:
        measured = self._depths or self._volumes
        return self.weights[place] if measured is None else measured.weight(place)
