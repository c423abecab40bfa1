"""What prices over time share: samples of one other price, taken on a timer of their own.

How often the service asks must not change the answer, so only the timer adds samples. Whoever asks is told of the
samples and of the price now, which counts once beside them unless it is the last sample still.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Decimal
from typing import Annotated

from engine.core.clock import NS
from engine.core.fit import Unfit
from engine.core.params import Collaborator, Millis
from engine.core.scheduler import Job
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices.base import ask
from engine.prices.transform import OfOne

MOST_SAMPLES = 3600
"""A window of more is refused: its memory and its median would cost more than they tell."""


def check_samples(window_s: Decimal, sample_ms: int) -> None:
    """Raises Unfit for a window of more samples than are worth keeping."""
    samples = window_s * 1000 / sample_ms
    if samples > MOST_SAMPLES:
        raise Unfit(
            f"window_s {window_s} holds {samples:.0f} samples of sample_ms {sample_ms}, more than {MOST_SAMPLES}",
            "Take them less often",
        )


class Sampled(OfOne, ABC):
    """A price over time, as old as the newest price in it: what it tells is about now. No price now, no price."""

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price to follow")],
        sample_ms: Annotated[int, Millis(ge=10, le=60_000)],
    ) -> None:
        super().__init__(price=price)
        self.sample_ms = sample_ms
        self._job: Job | None = None

    async def load(self) -> None:
        self._job = self.runtime.scheduler.every(self.sample_ms / 1000, self._sample, name=f"sample {self.name}")

    async def unload(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def price(self) -> Price | NoPrice:
        price = ask(self.source)
        return price if isinstance(price, NoPrice) else self._over_time(self._now(), price)

    async def _sample(self) -> None:
        price = ask(self.source)
        self._add(self._now(), price if isinstance(price, Price) else None)

    def _now(self) -> int:
        """Monotonic nanoseconds: whole numbers, so that a window's edge is exact."""
        return round(self.runtime.clock.monotonic() * NS)

    @abstractmethod
    def _add(self, now: int, price: Price | None) -> None:
        """One more sample, None when there was no price."""

    @abstractmethod
    def _over_time(self, now: int, price: Price) -> Price | NoPrice:
        """The answer, given the price there is now."""
