"""Slots that the venue refuses: each waits longer every time, so that none eats the order rate of the others."""

from __future__ import annotations

import msgspec

from engine.execution.tracker import Slot
from engine.market.types import Quote
from engine.marketmaking.draft import name

LONGEST_WAIT_S = 30.0


class Refusals:
    """Which slots wait after refusals, until when (monotonic), and why."""

    def __init__(self) -> None:
        self._slots: dict[Slot, _Row] = {}

    def add(self, slot: Slot, reason: str, now: float) -> None:
        earlier = self._slots.get(slot)
        count = earlier.count + 1 if earlier else 1
        # The first refusal is often a post-only order that the market crossed: the next tick's price mends it.
        wait_s = 0.0 if count < 3 else grown(1.0, count - 3)
        self._slots[slot] = _Row(count, now + wait_s, reason.rstrip(".") or "no reason given")

    def forget(self, slot: Slot) -> None:
        """The venue took an order there."""
        self._slots.pop(slot, None)

    def sort_out(self, quotes: list[Quote], now: float) -> tuple[list[Quote], tuple[str, ...]]:
        """The quotes whose slot need not wait, and a sentence for each of the others."""
        if not self._slots:
            return quotes, ()
        ready: list[Quote] = []
        notes: list[str] = []
        for quote in quotes:
            row = self._slots.get((quote.side, quote.level))
            if row and now < row.until:
                who = name(quote.side, quote.level)
                notes.append(f"{who} waits after {row.count} refusals in a row: {row.reason}.")
            else:
                ready.append(quote)
        return ready, tuple(notes)


class _Row(msgspec.Struct, frozen=True):
    """A run of refusals in one slot."""

    count: int
    until: float
    reason: str


def grown(wait_s: float, failures: int) -> float:
    """The wait doubled with each failure, up to half a minute. A side may be refused for days: the count is unbounded,
    the exponent of a float is not."""
    return min(wait_s * 2.0 ** min(failures, 16), LONGEST_WAIT_S)
