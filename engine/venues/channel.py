"""The newest of one thing a venue says, with its time and source, and whether more is to come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import msgspec
import structlog

from engine.core.clock import Clock

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value and when we heard it: `ts_ns` UTC, `received_at` monotonic seconds."""

    value: T
    ts_ns: int
    received_at: float
    source: str


class NoReading(msgspec.Struct, frozen=True):
    """Why there is no value to act on, as a sentence."""

    reason: str


class Channel(Generic[T]):
    """Kept by one writer, read by any number of readers.

    `problem` says why nothing newer comes, empty while all is well; what was read before keeps its age. Both changes
    are logged, once each. Callbacks run synchronously and must be quick; components register theirs through
    `runtime.hearing`, since other services may hear the same channel.
    """

    def __init__(self, *, name: str, source: str, clock: Clock) -> None:
        self.name = name
        self.source = source
        self.reading: Reading[T] | None = None
        self.problem = ""
        self.on_change: list[Callable[[Reading[T]], None]] = []
        self.on_problem: list[Callable[[str], None]] = []
        """Hears the problem when one begins, and an empty string when it is over."""
        self._clock = clock
        self._broken_at = 0.0

    @property
    def value(self) -> T | None:
        return None if self.reading is None else self.reading.value

    def put(self, value: T) -> None:
        """Take what the venue said just now. Readers hear of it only when it is something else than before."""
        clock, old = self._clock, self.reading
        self.reading = Reading(value, clock.now_ns(), clock.monotonic(), self.source)
        self._recover()
        if old is None or old.value != value:
            for hear in tuple(self.on_change):
                hear(self.reading)

    def confirm(self) -> None:
        """The venue is there and has nothing new to say."""
        if self.reading is not None:
            self.reading = replace(self.reading, ts_ns=self._clock.now_ns(), received_at=self._clock.monotonic())
        self._recover()

    def fail(self, problem: str) -> None:
        """Nothing newer comes for now, and why."""
        began, self.problem = not self.problem, problem
        if began:
            self._broken_at = self._clock.monotonic()
            log.warning("nothing is heard", of=self.name, source=self.source, reason=problem)
            for hear in tuple(self.on_problem):
                hear(problem)

    def fresh(self, max_age_s: float) -> T | NoReading:
        """The value, unless there is none or it was heard longer ago than max_age_s."""
        because = f": {self.problem}" if self.problem else ""
        if self.reading is None:
            return NoReading(f"No {self.name} from {self.source} yet{because}.")
        age_s = self._clock.monotonic() - self.reading.received_at
        if age_s > max_age_s:
            return NoReading(
                f"The {self.name} from {self.source} was heard {age_s:.1f} s ago, longer than {max_age_s:g} s{because}."
            )
        return self.reading.value

    def _recover(self) -> None:
        if not self.problem:
            return
        self.problem = ""
        away_s = round(self._clock.monotonic() - self._broken_at, 3)
        log.info("it is heard again", of=self.name, source=self.source, away_s=away_s)
        for hear in tuple(self.on_problem):
            hear("")
