"""The port by which events leave the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from engine.metrics.events import Event


@runtime_checkable
class Sink(Protocol):
    """Any component with `emit` hears every event of its service. It must be quick and must not raise."""

    def emit(self, event: Event) -> None: ...


@runtime_checkable
class Relay(Sink, Protocol):
    """A sink that hands events on. Those behind it hear through it alone; else they would hear everything twice."""

    behind: Sequence[Sink]
