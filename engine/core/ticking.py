"""A service that does one thing at a fixed interval while ACTIVE: the frame of any tick service."""

from __future__ import annotations

from engine.core.component import Component
from engine.core.states import State, StateMachine, Trigger
from engine.metrics.events import StateChanged


class TickService(Component):
    """Subclasses write `tick`, and `prepare` and `stand_down` when there is something to make ready or to leave clean.

    `tick` runs only while ACTIVE, never twice at once. Start, pause, halt and reset may come at any moment, also in the
    middle of each other: a halt wins over everything.
    """

    def __init__(self, *, interval_s: float) -> None:
        self.interval_s = interval_s
        self.machine = StateMachine(self._changed)

    async def tick(self) -> None:
        raise NotImplementedError

    async def prepare(self) -> None:
        """Before ACTIVE: reconcile, clean up what a previous holder left. Raising leaves the service PAUSED."""

    async def stand_down(self, reason: str) -> None:
        """Leave nothing at any venue; return when that is certain. For pause, halt and unload; safe to repeat."""

    # Component

    async def load(self) -> None:
        self.runtime.scheduler.every(self.interval_s, self._tick_if_active, name=f"{self.name}.tick")

    async def unload(self) -> None:
        await self.stand_down("the service is unloaded")
        for trigger in (Trigger.PAUSE, Trigger.CLEAN):
            if self.machine.can(trigger):
                self.machine.fire(trigger, "the service was unloaded")

    # Service

    async def start(self, reason: str) -> None:
        if self.machine.state in (State.STARTING, State.ACTIVE):
            return
        self.machine.fire(Trigger.START, reason)
        try:
            await self.prepare()
        except BaseException:
            await self.pause("the start failed")
            raise
        if self.machine.can(Trigger.STARTED):  # else somebody paused or halted meanwhile
            self.machine.fire(Trigger.STARTED, reason)

    async def pause(self, reason: str) -> None:
        if self.machine.can(Trigger.PAUSE):
            self.machine.fire(Trigger.PAUSE, reason)
        await self._settle_from(State.PAUSING, reason)

    async def halt(self, reason: str) -> None:
        if self.machine.can(Trigger.HALT):
            self.machine.fire(Trigger.HALT, reason)
        await self._settle_from(State.HALTING, reason)

    async def reset(self, reason: str) -> None:
        if self.machine.can(Trigger.RESET):
            self.machine.fire(Trigger.RESET, reason)

    async def _settle_from(self, state: State, reason: str) -> None:
        """Stand down, and say CLEAN unless something stronger came in the meantime."""
        if self.machine.state is state:
            await self.stand_down(reason)
        if self.machine.state is state:
            self.machine.fire(Trigger.CLEAN, reason)

    async def _tick_if_active(self) -> None:
        if self.machine.state is State.ACTIVE:
            await self.tick()

    def _changed(self, old: State, new: State, trigger: Trigger, reason: str) -> None:
        ts_ns = self.runtime.clock.now_ns()
        self.runtime.record(StateChanged(ts_ns=ts_ns, old=old, new=new, trigger=trigger, reason=reason))
