"""What prices made of other prices share: how they ask, and how they say that one of them is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.core.component import Runtime
from engine.market.types import NoPrice, Price
from engine.marketmaking.base import PriceProvider
from engine.metrics.events import Notice

CALM_S = 30.0
"""A source counts as back only after this long without being left out, so that one on the edge is told of once."""


def ask(provider: PriceProvider) -> Price | NoPrice:
    """What a provider says now. A price without source or time, or one that is not positive, is no price (E9)."""
    price = provider.price()
    if isinstance(price, NoPrice):
        return price
    if not price.value.is_finite() or price.value <= 0:
        return NoPrice(f"The price {price.value} from {price.source or 'an unnamed source'} is not a positive number.")
    if not price.source:
        return NoPrice(f"The price {price.value} names no source.")
    if price.ts_ns <= 0:
        return NoPrice(f"The price {price.value} from {price.source} says no time.")
    return price


def names_of(providers: Sequence[PriceProvider]) -> list[str]:
    """What people call them: their names in the file, or their places for those made by hand."""
    return [getattr(provider, "name", "") or f"source {place}" for place, provider in enumerate(providers, start=1)]


def oldest_ns(prices: Sequence[Price]) -> int:
    """A price made of several is as old as the oldest of them."""
    return min(price.ts_ns for price in prices)


class LeftOut:
    """Tells people once that a source is left out and once that it counts again: silence between.

    A source that has never had a price is not news, so a desk that starts before its venues do stays quiet.
    """

    def __init__(self, runtime: Runtime, owner: str) -> None:
        self._runtime = runtime
        self._owner = owner
        self._known: set[str] = set()
        self._last_out: dict[str, float] = {}

    def tell(self, reasons: Mapping[str, str], *, priced: Sequence[str]) -> None:
        """reasons: a sentence for each source that is left out now, by name; priced: those that have a price now."""
        self._known.update(priced)
        if not reasons and not self._last_out:
            return
        now = self._runtime.clock.monotonic()
        for name, reason in reasons.items():
            if name in self._known:
                if name not in self._last_out:
                    self._notice("warning", f"{self._owner} leaves {name} out: {reason}")
                self._last_out[name] = now
        for name, last in list(self._last_out.items()):
            if name not in reasons and now - last >= CALM_S:
                del self._last_out[name]
                self._notice("info", f"{self._owner} counts {name} again.")

    def _notice(self, level: str, text: str) -> None:
        self._runtime.record(Notice(ts_ns=self._runtime.clock.now_ns(), level=level, text=text))
