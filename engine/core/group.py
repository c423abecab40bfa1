"""service.group: several services of one file, started and stopped as one.

What a person is shown is the worst of them, by name. One that stops by itself takes the others with it: halted with a
halt, paused with a pause. So PAUSED and HALTED mean what they say: nothing of any member quotes, and a hedge never
stands without what it hedges.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Annotated, Any, Protocol, runtime_checkable

from engine.core.component import Component
from engine.core.errors import EngineError, Refused
from engine.core.params import Items
from engine.core.service import Service, TakesOver
from engine.core.states import State, StateMachine, TransitionRefused, Trigger
from engine.metrics.events import StateChanged

WORST_FIRST = (
    State.FAULTED,
    State.HALTING,
    State.HALTED,
    State.PAUSING,
    State.STARTING,
    State.PAUSED,
    State.ACTIVE,
)
STOPPING = {State.HALTING: Trigger.HALT, State.PAUSING: Trigger.PAUSE}
"""States a member enters when it stops, and what brings the others there."""
STOPPED = {
    Trigger.HALT: frozenset({State.HALTING, State.HALTED}),
    Trigger.PAUSE: frozenset({State.PAUSING, State.PAUSED}),
}


class GroupMachine(StateMachine):
    """The worst state among the members. It takes no edge by itself: `fire` is for the members that have it."""

    def __init__(
        self, members: Sequence[Service], observer: Callable[[State, State, Trigger, str], None] | None = None
    ) -> None:
        super().__init__(observer)
        self._members = members
        self.is_starting = False
        """Members start side by side: until all have had their turn, one that is still PAUSED is on its way."""

    def can(self, trigger: Trigger) -> bool:
        return any(member.machine.can(trigger) for member in self._members)

    def fire(self, trigger: Trigger, reason: str) -> State:
        able = [member.machine for member in self._members if member.machine.can(trigger)]
        if not able:
            raise TransitionRefused(f"cannot {trigger} while {self.state} ({self.reason})")
        for machine in able:
            machine.fire(trigger, reason)
        return self.state

    def follow(self, trigger: Trigger) -> None:
        """Look at the members again after one of them changed by `trigger`."""
        worst = min(self._members, key=lambda member: WORST_FIRST.index(member.machine.state))
        state, reason = worst.machine.state, worst.machine.reason
        if any((member.machine.state, member.machine.reason) != (state, reason) for member in self._members):
            reason = f"{name_of(worst)}: {reason}"
        if self.is_starting and state is State.PAUSED:
            state = State.STARTING
        old, self.state, self.reason = self.state, state, reason
        if old is not state:
            for observer in self._observers:
                observer(old, state, trigger, reason)


@runtime_checkable
class _Sends(Protocol):
    """What sends orders: to an account, in a market."""

    exchange: object
    symbol: str


@runtime_checkable
class _HasExecutor(Protocol):
    executor: object


class Group(Component):
    """Run several services of one file as one: start, pause, halt and reset reach all, and if one stops, all stop."""

    def __init__(
        self, *, services: Annotated[Sequence[Service], Items(ge=1, help="Started and stopped together")]
    ) -> None:
        self.services = tuple(services)
        if len({id(service) for service in self.services}) < len(self.services):
            raise ValueError("a service can be in the group once only")
        self._machine = GroupMachine(self.services, self._changed)
        self.machine: StateMachine = self._machine
        self._loaded = False
        self._watching = False

    # Component

    async def load(self) -> None:
        self._refuse_shared_books()
        if not self._watching:
            for member in self.services:
                member.machine.watch(self._watcher(member))
        self._loaded = self._watching = True

    async def unload(self) -> None:
        self._loaded = False  # each member leaves by itself, after us; we go on watching how

    # Service

    async def start(self, reason: str) -> None:
        for member in self.services:
            if member.machine.state not in (State.PAUSED, State.STARTING, State.ACTIVE):
                raise TransitionRefused(
                    f"cannot start while {name_of(member)} is {member.machine.state} ({member.machine.reason})"
                )
        self._machine.is_starting = True
        try:
            await self._all("start", {member: member.start(reason) for member in self.services})
        finally:
            self._machine.is_starting = False
            await self._hold_back()
            self._machine.follow(Trigger.STARTED)

    async def pause(self, reason: str) -> None:
        await self._all("pause", {member: member.pause(reason) for member in self.services})

    async def halt(self, reason: str) -> None:
        await self._all("halt", {member: member.halt(reason) for member in self.services})

    async def reset(self, reason: str) -> None:
        for member in self.services:
            if member.machine.state is State.HALTING:
                raise TransitionRefused(f"cannot reset while {name_of(member)} is halting ({member.machine.reason})")
        await self._all("reset", {member: member.reset(reason) for member in self.services})

    async def clear_leftovers(self) -> None:
        able = [member for member in self.services if isinstance(member, TakesOver)]
        await self._all("clear", {member: member.clear_leftovers() for member in able})

    # Together

    async def _all(self, verb: str, calls: Mapping[Any, Coroutine[Any, Any, None]]) -> None:
        """Ask all side by side and wait for all, whatever some of them raise; then raise that."""
        results = await asyncio.gather(*calls.values(), return_exceptions=True)
        failed = {
            name_of(member): result
            for member, result in zip(calls, results, strict=True)
            if isinstance(result, BaseException)
        }
        for error in failed.values():
            if not isinstance(error, EngineError):
                raise error
        if failed:
            raise EngineError("; ".join(f"{name} did not {verb}: {error}" for name, error in failed.items()))

    async def _hold_back(self) -> None:
        """After a start: when one could not, the others do not go on without it."""
        idle = next((member for member in self.services if member.machine.state is State.PAUSED), None)
        if idle is not None:
            await self._stop_others(idle, Trigger.PAUSE)

    def _watcher(self, member: Service) -> Callable[[State, State, Trigger, str], None]:
        def watch(old: State, new: State, trigger: Trigger, reason: str) -> None:
            self._machine.follow(trigger)
            how = STOPPING.get(new)
            if how is not None and self._loaded:
                # Not in this turn: a trip may come in the middle of a member's tick. By command all are stopping
                # already when this is due, and nothing is left to do.
                async def stop_others() -> None:
                    await self._stop_others(member, how)

                self.runtime.scheduler.once(0, stop_others, name=f"{self.name} {how}")

        return watch

    async def _stop_others(self, first: Service, how: Trigger) -> None:
        if first.machine.state not in STOPPED[how]:
            return  # it has been brought back meanwhile
        because = f"{name_of(first)} stopped: {first.machine.reason}"
        able = [member for member in self.services if member is not first and member.machine.can(how)]
        if how is Trigger.HALT:
            await self._all("halt", {member: member.halt(because) for member in able})
        else:
            await self._all("pause", {member: member.pause(because) for member in able})

    def _refuse_shared_books(self) -> None:
        """Two that send to one market of one account would each take the other's orders for its own leftovers."""
        taken: dict[tuple[int, str], Service] = {}
        for member in self.services:
            sender = member.executor if isinstance(member, _HasExecutor) else member
            if isinstance(sender, _Sends):
                other = taken.setdefault((id(sender.exchange), sender.symbol), member)
                if other is not member:
                    raise Refused(
                        f"{name_of(other)} and {name_of(member)} trade {sender.symbol} on one account, and each would "
                        "take the other's orders for leftovers; let one service quote it"
                    )

    def _changed(self, old: State, new: State, trigger: Trigger, reason: str) -> None:
        ts_ns = self.runtime.clock.now_ns()
        self.runtime.record(StateChanged(ts_ns=ts_ns, old=old, new=new, trigger=trigger, reason=reason))


def name_of(service: object) -> str:
    """A service by the name the file gives it, else by its class."""
    return (isinstance(service, Component) and service.name) or type(service).__name__
