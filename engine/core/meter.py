"""How much a service may tell the outside: a flood of notices must not drown the records of its neighbours (Q6)."""

from __future__ import annotations

import msgspec

from engine.core.clock import Clock
from engine.metrics.events import (
    FeesPriced,
    FillRecorded,
    HaltCompleted,
    OrderChanged,
    RecordingEnded,
    RecordingProgress,
    RiskTriggered,
    StateChanged,
)

PER_SECOND = 500
"""A busy service tells a few dozen."""

_ALWAYS = (
    FeesPriced, FillRecorded, HaltCompleted, OrderChanged, RecordingEnded, RecordingProgress, RiskTriggered,
    StateChanged,
)  # fmt: skip
"""What money hangs on is never held back; the guard's order rate bounds it."""


class Meter:
    """Counts what one service tells in each second of its clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._second = 0
        self._told = 0
        self._left_out = 0
        self._to_tell = 0

    def admits(self, event: msgspec.Struct) -> bool:
        if isinstance(event, _ALWAYS):
            return True
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._told = second, 0
            self._to_tell += self._left_out
            self._left_out = 0
        self._told += 1
        if self._told > PER_SECOND:
            self._left_out += 1
            return False
        return True

    def held_back(self) -> str:
        """A sentence about what was left out in the seconds before, once; usually empty."""
        if not self._to_tell:
            return ""
        count, self._to_tell = self._to_tell, 0
        return f"{count} events were not recorded: more than {PER_SECOND} came within a second."
