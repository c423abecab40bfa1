"""The life of a deployment as one table: (state, trigger) -> state. Every state carries a reason a person can read."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from engine.core.errors import EngineError


class State(StrEnum):
    PAUSED = "paused"
    STARTING = "starting"
    ACTIVE = "active"
    PAUSING = "pausing"
    HALTING = "halting"
    HALTED = "halted"
    FAULTED = "faulted"


class Trigger(StrEnum):
    START = "start"
    STARTED = "started"
    PAUSE = "pause"
    CLEAN = "clean"
    HALT = "halt"
    RESET = "reset"
    FAULT = "fault"


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.PAUSED, Trigger.START): State.STARTING,
    (State.STARTING, Trigger.STARTED): State.ACTIVE,
    (State.STARTING, Trigger.PAUSE): State.PAUSING,
    (State.ACTIVE, Trigger.PAUSE): State.PAUSING,
    (State.PAUSING, Trigger.CLEAN): State.PAUSED,
    (State.HALTING, Trigger.CLEAN): State.HALTED,
    (State.HALTED, Trigger.RESET): State.PAUSED,
    (State.FAULTED, Trigger.RESET): State.PAUSED,
    **{(state, Trigger.HALT): State.HALTING for state in State if state not in (State.HALTING, State.HALTED)},
    **{(state, Trigger.FAULT): State.FAULTED for state in (State.PAUSED, State.STARTING, State.ACTIVE, State.PAUSING)},
}
"""CLEAN means: no order of ours rests at the venue. A halt in progress outranks a fault: HALTING stays until clean."""

QUOTING = frozenset({State.ACTIVE})
"""The only states in which an order may be placed (Q15)."""


class TransitionRefused(EngineError):
    """The table has no such edge."""


class StateMachine:
    """Where a deployment stands and why. `observer(old, new, trigger, reason)` hears of every change."""

    def __init__(self, observer: Callable[[State, State, Trigger, str], None] | None = None) -> None:
        self.state = State.PAUSED
        self.reason = "not started"
        self._observers = [observer] if observer else []

    def watch(self, observer: Callable[[State, State, Trigger, str], None]) -> None:
        """Let one more hear of every change, after those that heard before."""
        self._observers.append(observer)

    def can(self, trigger: Trigger) -> bool:
        return (self.state, trigger) in TRANSITIONS

    def fire(self, trigger: Trigger, reason: str) -> State:
        """Take the edge `trigger` leaves by. Raises TransitionRefused when the table has none."""
        try:
            new = TRANSITIONS[self.state, trigger]
        except KeyError:
            raise TransitionRefused(f"cannot {trigger} while {self.state} ({self.reason})") from None
        old, self.state, self.reason = self.state, new, reason
        for observer in self._observers:
            observer(old, new, trigger, reason)
        return new

    @property
    def may_quote(self) -> bool:
        return self.state in QUOTING
