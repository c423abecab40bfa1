"""prices.twap: the average of a price over time, each value counting for as long as it held."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec

from engine.core.clock import NS
from engine.core.decimals import MONEY, ZERO
from engine.core.fit import Unfit
from engine.core.params import Collaborator, Millis, Seconds
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices.held import Held
from engine.prices.sampled import Sampled, check_samples


class Twap(Sampled):
    """The time-weighted average of a price. Stretches without one count for nothing, rather than for the last one."""

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price to follow")],
        window_s: Annotated[Decimal, Seconds(gt=0, le=86400, help="How far back it reaches")] = Decimal(60),
        sample_ms: Annotated[int, Millis(ge=10, le=60_000, help="Time from sample to sample")] = 1000,
        min_observed_s: Annotated[Decimal, Seconds(ge=0, help="Less time with a price in the window: no price")] = ZERO,
    ) -> None:
        super().__init__(price=price, sample_ms=sample_ms)
        check_samples(window_s, sample_ms)
        if min_observed_s > window_s:
            raise Unfit(f"min_observed_s must be at most window_s {window_s}, was {min_observed_s}")
        self.window_s = window_s
        self.min_observed_s = min_observed_s
        self._window_ns = int(window_s * NS)
        self._held = Held()

    def _add(self, now: int, price: Price | None) -> None:
        self._held.forget(now - self._window_ns)
        self._held.add(now, None if price is None else price.value)

    def _over_time(self, now: int, price: Price) -> Price | NoPrice:
        self._held.forget(now - self._window_ns)
        area, observed_ns = self._held.since(now - self._window_ns, now)
        if observed_ns < self.min_observed_s * NS:
            return NoPrice(
                f"{price.source} was observed for {observed_ns / NS:.1f} s of the last {self.window_s} s, "
                f"under min_observed_s {self.min_observed_s}."
            )
        return msgspec.structs.replace(
            price,
            value=MONEY.divide(area, observed_ns) if observed_ns else price.value,
            source=f"time-weighted average over {self.window_s} s of {price.source}",
        )
