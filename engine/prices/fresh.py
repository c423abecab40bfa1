"""prices.fresh: a stale price is no price."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from engine.core.clock import NS
from engine.core.params import Collaborator, Seconds
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices.transform import Transform


class Fresh(Transform):
    """Another price while its own time is recent. One from the future cannot be judged, so it is no price either."""

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price to look at")],
        max_age_s: Annotated[Decimal, Seconds(gt=0, live=True, help="Oldest usable time")],
    ) -> None:
        super().__init__(price=price)
        self.max_age_s = max_age_s

    def _changed(self, price: Price) -> Price | NoPrice:
        # A price carries a UTC stamp, perhaps a venue's, and nothing monotonic: stamps are all there is to compare.
        age_ns = self.runtime.clock.now_ns() - price.ts_ns
        max_age_ns = self.max_age_s * NS
        if age_ns > max_age_ns:
            return NoPrice(
                f"The price {price.value} from {price.source} is {age_ns / NS:.1f} s old, "
                f"older than {self.max_age_s} s."
            )
        if -age_ns > max_age_ns:
            return NoPrice(
                f"The price {price.value} from {price.source} is stamped {-age_ns / NS:.1f} s ahead of our clock, "
                f"more than {self.max_age_s} s."
            )
        return price
