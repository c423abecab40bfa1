"""prices.window_min, prices.window_max and prices.window_median: lowest, highest and middle price of late."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, insort
from collections import deque
from decimal import Decimal
from typing import Annotated

import msgspec

from engine.core.clock import NS
from engine.core.fit import Unfit
from engine.core.params import Collaborator, Count, Millis, Seconds
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.prices import formulas
from engine.prices.sampled import Sampled, check_samples


class Window(Sampled):
    """One number of the samples of the last `window_s` seconds and of the price now."""

    what: str

    def __init__(
        self,
        *,
        price: Annotated[PriceProvider, Collaborator(help="The price to follow")],
        window_s: Annotated[Decimal, Seconds(gt=0, le=86400, help="Samples this old no longer count")] = Decimal(60),
        sample_ms: Annotated[int, Millis(ge=10, le=60_000, help="Time from sample to sample")] = 1000,
        min_samples: Annotated[int, Count(ge=1, help="Fewer, the price now included: no price")] = 1,
    ) -> None:
        super().__init__(price=price, sample_ms=sample_ms)
        check_samples(window_s, sample_ms)
        if min_samples > window_s * 1000 / sample_ms:
            raise Unfit(f"min_samples {min_samples} of {sample_ms} ms each never come together in {window_s} s")
        self.window_s = window_s
        self.min_samples = min_samples
        self._window_ns = int(window_s * NS)
        self._samples: deque[tuple[int, Price]] = deque()
        self._ordered: list[Decimal] = []
        """The values of the samples, lowest first."""

    def _add(self, now: int, price: Price | None) -> None:
        self._forget(now)
        if price is not None:
            self._samples.append((now, price))
            insort(self._ordered, price.value)

    def _over_time(self, now: int, price: Price) -> Price | NoPrice:
        self._forget(now)
        ordered = self._ordered
        last = self._samples[-1][1] if self._samples else None
        if last is None or (last.ts_ns, last.value) != (price.ts_ns, price.value):
            ordered = ordered.copy()
            insort(ordered, price.value)
        if len(ordered) < self.min_samples:
            return NoPrice(
                f"The {self.what} of {price.source} has {len(ordered)} samples within {self.window_s} s, "
                f"under min_samples {self.min_samples}."
            )
        return msgspec.structs.replace(
            price, value=self._pick(ordered), source=f"{self.what} over {self.window_s} s of {price.source}"
        )

    def _forget(self, now: int) -> None:
        while self._samples and now - self._samples[0][0] >= self._window_ns:
            _, price = self._samples.popleft()
            del self._ordered[bisect_left(self._ordered, price.value)]

    @abstractmethod
    def _pick(self, ordered: list[Decimal]) -> Decimal:
        """One value of several, lowest first; there is at least one."""


class WindowMin(Window):
    """The lowest price of the last seconds, the one now included."""

    what = "lowest"

    def _pick(self, ordered: list[Decimal]) -> Decimal:
        return ordered[0]


class WindowMax(Window):
    """The highest price of the last seconds, the one now included."""

    what = "highest"

    def _pick(self, ordered: list[Decimal]) -> Decimal:
        return ordered[-1]


class WindowMedian(Window):
    """The middle price of the last seconds, the one now included: a spike shorter than half of them leaves no trace."""

    what = "median"

    def _pick(self, ordered: list[Decimal]) -> Decimal:
        return formulas.middle(ordered)
